// SPDX-License-Identifier: Apache-2.0
//
// Cases about profiles: what a label may do, may not do wherever its processes get, and whether it stays within another. Answered by the
// algebra, for all that the words of a case cover.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/algebra/product.h"
#include "apparmor/catalog/json.h"
#include "apparmor/policy/policy.h"
#include "apparmor/policy/reachable.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/thing.h"
#include "base/result.h"
#include "ctl/explain/policy.h"
#include "ctl/test/cases.h"
#include "ctl/test/outcome.h"

namespace aa::ctl::test {

class ProfileAnswers {
public:
    // By POLICY, which must outlive it and is compiled for FEATURES.
    ProfileAnswers(ExplainedPolicy& policy, apparmor::Parser parser, std::string features)
        : policy_(policy), parser_(std::move(parser)), features_(std::move(features)) {}

    // Compiles whatever CASES ask and whichever labels they are about, each once. Complains about what cannot be asked.
    std::vector<apparmor::Complaint> prepare(std::span<const Case> cases);

    // The answer to a case that was prepared.
    Outcome answer(const ProfileCase& wanted);

private:
    Result<Outcome> answer_may(const ProfileCase& wanted);
    Result<Outcome> answer_may_not(const ProfileCase& wanted);
    Result<Outcome> answer_within(const ProfileCase& wanted);
    Result<const apparmor::Reachable*> reachable(const std::string& label);
    // How processes of LABEL get to a profile that is not known, in words; empty: they do not.
    Result<std::string> unknown_way(apparmor::Policy& policy, const std::string& label, apparmor::Budget& budget);
    const std::vector<apparmor::RuleAlone>& source_rules(const std::string& label);
    std::vector<Blamed> to_blame(const std::string& label, const std::string& witness, const apparmor::Thing* thing, bool denies);

    ExplainedPolicy& policy_;
    apparmor::Parser parser_;
    std::string features_;
    std::map<std::string, apparmor::Thing, std::less<>> things_;  // by their text, with the label's name in it
    std::map<std::string, apparmor::Reachable, std::less<>> reachable_;
    std::map<std::string, std::string, std::less<>> unknown_ways_;
    std::map<std::string, std::vector<apparmor::RuleAlone>, std::less<>> source_rules_;
};

}  // namespace aa::ctl::test
