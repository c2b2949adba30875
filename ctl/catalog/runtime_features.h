// SPDX-License-Identifier: Apache-2.0
//
// What the runtime in use says of itself (`RUNTIME features`, runtime-spec features.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::ctl {

// The annotations that the runtime in use interprets by its own word, its potentiallyUnsafeConfigAnnotations. None if there is no
// runtime yet, or one that does not know the command (runc before 1.1, crun before 1.8.6). An error: its answer cannot be understood.
Result<std::vector<std::string>> unsafe_annotations_of_runtime();

// The same, from the answer TEXT.
Result<std::vector<std::string>> read_unsafe_annotations(std::string_view text);

}  // namespace aa::ctl
