// SPDX-License-Identifier: Apache-2.0
//
// Two versions of a list of which the first entry that matches counts: which entry of the old one and which of the new one may both decide
// on one thing. Whatever is decided by an entry before, and by another one afterwards, is decided by such a pair.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace aa::apparmor {

struct Meeting {
    std::size_t before = 0;  // index of an entry of the old list
    std::size_t after = 0;   // of one of the new list
};

// The entries of two lists, by their indices.
struct FirstMatchLists {
    std::size_t before = 0, after = 0;  // how many there are
    // The entry of the new list that matches exactly what BEFORE does; `after` if there is none. No entry in front of it covers it.
    std::function<std::size_t(std::size_t before)> same;
    // Whether one entry certainly matches all that the other one does; whether both can match one thing.
    std::function<bool(std::size_t before, std::size_t after)> before_covers, after_covers, may_both_match;
};

// All pairs that may decide on one thing, those of the new list's first entries first. Never one too few.
std::vector<Meeting> meetings(const FirstMatchLists& lists);

}  // namespace aa::apparmor
