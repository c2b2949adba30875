// SPDX-License-Identifier: Apache-2.0
//
// What `aa-shimctl denials` prints. All bytes of records are foreign: they are escaped here, and nowhere else.
#pragma once

#include <optional>
#include <string>

#include "ctl/cli/output.h"
#include "ctl/denials/blame.h"
#include "ctl/denials/groups.h"
#include "ctl/denials/log.h"

namespace aa::ctl {

// GROUP with what BLAME knows of it.
struct Judged {
    const Group* group = nullptr;
    Blame::Answer forbidden;
};
Judged judged(const Group& group, Blame& blame);

// For people: a head for whose it is, a line for what was tried, one for each thing to know of it.
std::string whose_text(const Group& group);
std::string text_of(const Judged& one);
Json json_of(const Judged& one);

// What would tell which exec those processes of GROUPS were that have ended; empty if there are none.
std::string exec_hint(const Groups& groups);

// What is to know of the log: which it was, how many records, what is missing.
std::string text_of(const LogRead& read, const Groups& groups);
Json json_of(const LogRead& read, const Groups& groups);

}  // namespace aa::ctl
