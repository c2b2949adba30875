// SPDX-License-Identifier: Apache-2.0
//
// Events that have the same said of them, as one. How many groups there are is bounded, whatever is denied: what does not fit is counted.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "apparmor/audit/record.h"
#include "apparmor/audit/risk.h"
#include "apparmor/audit/rule.h"
#include "ctl/denials/who.h"

namespace aa::ctl {

struct Group {
    Who who;
    apparmor::Event first;  // the first one, as an example
    apparmor::Remedy remedy;
    apparmor::Risked risked;
    std::size_t count = 0;
    long long from = 0, to = 0;  // seconds since the epoch; 0: not known
};

class Groups {
public:
    static constexpr std::size_t kMost = 5000;

    // The group that EVENT is now in, whether it is a new one; none, if there is no room.
    struct Added {
        const Group* group = nullptr;
        bool is_new = false;
    };
    Added add(const apparmor::Event& event, Who who);

    // Of an event that tells what a container does that is learned from, which is no denial: no group has it.
    void add_learned() { ++learned_; }
    [[nodiscard]] std::size_t learned() const { return learned_; }

    // In the order in which they were met.
    [[nodiscard]] const std::vector<Group>& all() const { return groups_; }
    [[nodiscard]] std::size_t left_out() const { return left_out_; }

private:
    std::vector<Group> groups_;
    std::map<std::string, std::size_t, std::less<>> by_key_;
    std::size_t left_out_ = 0;
    std::size_t learned_ = 0;
};

// What was tried, in words: "open r /etc/shadow".
std::string what_was_tried(const apparmor::Event& event);

}  // namespace aa::ctl
