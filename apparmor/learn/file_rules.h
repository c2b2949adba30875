// SPDX-License-Identifier: Apache-2.0
//
// Rules about files for what was seen: short, as a person would write them. Names lose what differs from one time to the next
// (name_pattern.h); a folder in which several files were made, or many were read, is one rule; and of one folder the files that are used in the
// same way are one. What is executed stays what was executed. For aa-shimctl only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "apparmor/learn/fact.h"

namespace aa::apparmor {

// The parts of a profile, in the order in which it has them.
enum class Area : std::uint8_t {
    sockets,
    capabilities,
    processes,
    programs,
    children,
    libraries,
    configuration,
    data,
    state,
    devices,
    kernel
};
inline constexpr std::size_t kAreas = 11;

// What was seen, and how often.
struct Seen {
    const Fact* fact = nullptr;
    std::uint64_t count = 0;
};

struct LearnedRule {
    Area area = Area::data;
    std::string text;  // without the comma
    std::vector<Seen> seen;
    std::string label = {};  // of the profile that has it, if that is a child
};

// The rules for FACTS, all of them of files with a name and no links, in order.
std::vector<LearnedRule> file_rules(const std::vector<Seen>& facts);

}  // namespace aa::apparmor
