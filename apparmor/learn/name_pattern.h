// SPDX-License-Identifier: Apache-2.0
//
// Names of files as a person would write them in a profile: without what differs from one process, one host or one version to the next. All
// else of a name stands for itself, whatever it holds. For aa-shimctl only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aa::apparmor {

// What is done with a file, which says how freely its name may be read.
enum class NameUse : std::uint8_t {
    executed,  // its folders may have another version
    read,      // versions, hashes and numbers
    made,      // and what looks like chance
};

// The parts of the absolute NAME between slashes, each as a pattern between quotes; the last one of a directory ends with a slash, and the
// root has none.
std::vector<std::string> parts_of(std::string_view name, NameUse use);

// PARTS as a pattern of the profile language, in quotes where it needs them: "@{PROC}/@{pid}/status".
std::string spelled(const std::vector<std::string>& parts);

// A pattern for any of PARTS: "{group,passwd}".
std::string any_of(const std::vector<std::string>& parts);

}  // namespace aa::apparmor
