// SPDX-License-Identifier: Apache-2.0
//
// From a recording to a profile: rules for what a container needs in any case, and for what was seen; what no container should need stands
// apart. Programs that are executed get children where that is tighter (domains.h). Nothing is proposed that is not proved: the compiled
// profile allows all that was seen but what stands apart, nothing that no container should be able to do, and nothing beyond its bound. The
// same recording gives the same bytes. For aa-shimctl only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/learn/domains.h"
#include "apparmor/learn/evidence.h"
#include "apparmor/learn/file_rules.h"
#include "apparmor/learn/recording.h"
#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "base/capability_set.h"
#include "base/result.h"

namespace aa::apparmor {

struct ProposalSettings {
    std::string confinement;  // whose containers were observed
    std::string profile;      // the name of the proposed profile
    std::string existing;     // the text of the file that has it; empty: there is none yet
    AskedLabel bound;         // what it has to be within
    CapabilitySet ceiling;    // of the confinement: no capability beyond it is proposed
    Parser parser;
    std::string features;  // as Parser::compile() takes them
    std::vector<OutsideCommand> commands = {};
    bool no_new_privileges = false;  // the confinement sets it
};

// What is not proposed, and why.
struct Apart {
    Seen seen;
    std::string rule;  // what would allow it; empty: no rule would
    std::string why;
};

struct Proposal {
    std::string text;                // of the file; that which exists, if nothing is new
    std::vector<LearnedRule> rules;  // those that are new
    std::vector<Apart> apart;
    std::shared_ptr<const std::deque<Fact>> made;               // facts of these that are not of the recording
    CapabilitySet capabilities;                                 // that were used, and do not stand apart
    std::vector<std::pair<std::string, std::string>> children;  // the labels of new ones, and the programs that they are called after
    std::map<std::string, std::string> commands;                // from outside that are to run under one of these → that
    std::set<std::string> held_back;                            // programs that no-new-privileges keeps from one
    std::set<std::string> not_loaded;                           // programs that the bound does, as it does not let one map their code
};

// The proposal for RECORDING, which must outlive it. An error of kind config if it cannot be proved, with what is in the way.
Result<Proposal> propose(const Recording& recording, const ProposalSettings& settings);

// Whether NAME can be that of a profile here: of a confinement whose name is made of letters, digits and "._-".
bool is_plain_name(std::string_view name);

}  // namespace aa::apparmor
