// SPDX-License-Identifier: Apache-2.0
//
// What of a ConfigMap marks confinements as ones to learn from (docs/kubernetes.md): its file `learning.json`, which is no part of the catalog.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shim/learning.h"

namespace aa::ctl::node {

inline constexpr std::string_view kMarks = "learning.json";

// Containers of a confinement, those of FILTER alone, are learned from until a time, in seconds since the epoch.
struct Mark {
    std::string confinement;
    shim::LearningFilter filter;
    long long until = 0;

    friend bool operator==(const Mark&, const Mark&) = default;
};

// What TEXT, that file's, marks. An error of kind config, with the place, for all that is not understood, and for a time that is more than
// seven days after NOW: all of it or nothing is followed.
Result<std::vector<Mark>> read_marks(const std::string& text, long long now);

// The same of the volume DIRECTORY (delivery.h); what has no such file marks nothing.
Result<std::vector<Mark>> marks_in(const std::string& directory, long long now);

}  // namespace aa::ctl::node
