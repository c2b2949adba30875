// SPDX-License-Identifier: Apache-2.0
//
// What came of one case of a policy test.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/policy/blame.h"

namespace aa::ctl::test {

struct Outcome {
    bool passed = false;
    std::string expected;  // of a case that failed, in words: what differs
    std::string got;
    std::string why;            // may be empty
    std::vector<Blamed> rules;  // of profiles: those to blame, where that can be told
};

// Of a case that cannot be answered, which is no way to pass.
inline Outcome untold(std::string expected, const Error& error) {
    return {false, std::move(expected), "cannot be told", error.message, {}};
}

}  // namespace aa::ctl::test
