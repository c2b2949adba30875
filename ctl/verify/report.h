// SPDX-License-Identifier: Apache-2.0
//
// A trial in words, and for --json.
#pragma once

#include <string>

#include "ctl/cli/output.h"
#include "ctl/verify/trial.h"

namespace aa::ctl::verify {

// One paragraph: how the container stood, or what is wrong.
std::string in_words(const Trial& trial);

Json to_json(const Trial& trial);

}  // namespace aa::ctl::verify
