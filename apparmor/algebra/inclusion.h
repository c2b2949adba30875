// SPDX-License-Identifier: Apache-2.0
//
// Whether everything that processes under one label can do is allowed under another, in one policy or in two: their own rules, and where
// their execs and changes of profile lead, however often. What is not is told with the way there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/algebra/rules.h"
#include "apparmor/policy/policy.h"
#include "base/result.h"

namespace aa::apparmor {

// A label in a policy, which must outlive the question.
struct LabelIn {
    Policy* policy = nullptr;
    std::string label;
};

struct Gain {
    Allowance allowance;
    std::string ours;    // the label under which it is allowed
    std::string theirs;  // the one under which it is not
    std::string way;     // how a process gets from the labels of the question to these: "exec /bin/sh, exec /bin/cat"; empty: by nothing
};

struct Inclusion {
    std::vector<Gain> gains;
    std::vector<std::string> unmediated;  // classes that nobody mediates
    std::vector<std::string> unproved;    // why the answer is not complete; empty: what is not in `gains` is not allowed
    bool all_listed = true;               // there are no other gains than these

    [[nodiscard]] bool included() const { return gains.empty() && unproved.empty(); }
};

// What OURS allows and THEIRS does not. A program that an exec rule lets out of the confinement altogether is a gain of its own.
// MOST is the number of patterns that are told of one class of one pair of labels. Errors as find_component()'s.
Result<Inclusion> inclusion(const LabelIn& ours, const LabelIn& theirs, Budget& budget, std::size_t most = kMostPatterns);

}  // namespace aa::apparmor
