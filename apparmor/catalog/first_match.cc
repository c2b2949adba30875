// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/first_match.h"

namespace aa::apparmor {
namespace {

// What an entry matches is decided by no later entry of the other list than this one.
struct Last {
    std::vector<std::size_t> of_before, of_after;
};

Last last_of(const FirstMatchLists& lists) {
    Last last{std::vector<std::size_t>(lists.before, lists.after), std::vector<std::size_t>(lists.after, lists.before)};
    std::vector<bool> paired(lists.after);
    for (std::size_t before = 0; before < lists.before; ++before) {
        const std::size_t same = lists.same(before);
        if (same < lists.after) {
            last.of_before[before] = same;
            last.of_after[same] = before;
            paired[same] = true;
            continue;
        }
        for (std::size_t after = 0; after < lists.after && last.of_before[before] == lists.after; ++after) {
            if (lists.after_covers(before, after)) last.of_before[before] = after;
        }
    }
    for (std::size_t after = 0; after < lists.after; ++after) {
        for (std::size_t before = 0; !paired[after] && before < lists.before && last.of_after[after] == lists.before; ++before) {
            if (lists.before_covers(before, after)) last.of_after[after] = before;
        }
    }
    return last;
}

}  // namespace

std::vector<Meeting> meetings(const FirstMatchLists& lists) {
    const auto last = last_of(lists);
    std::vector<Meeting> found;
    for (std::size_t after = 0; after < lists.after; ++after) {
        for (std::size_t before = 0; before < lists.before && before <= last.of_after[after]; ++before) {
            if (after <= last.of_before[before] && lists.may_both_match(before, after)) found.push_back({before, after});
        }
    }
    return found;
}

}  // namespace aa::apparmor
