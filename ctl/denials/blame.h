// SPDX-License-Identifier: Apache-2.0
//
// Which rules of the profiles at hand forbid what was denied, and which of them deny without a record.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/source/profile_files.h"
#include "apparmor/source/profile_rules.h"
#include "base/result.h"

namespace aa::ctl {

class Blame {
public:
    // The profiles that the files in DIRECTORIES define.
    explicit Blame(std::vector<std::string> directories) : directories_(std::move(directories)) {}

    struct Answer {
        bool known = false;                          // the sources are at hand, and the parser has taken the rule
        std::vector<apparmor::SourceRule> denying;   // rules that deny it by that word
        std::vector<apparmor::SourceRule> allowing;  // and such that allow it, as written now
    };
    // What the profiles of LABEL say of RULE. Each question takes a run of the parser: behind the first kMostAsked nothing is known.
    static constexpr std::size_t kMostAsked = 200;
    Answer ask(const std::string& rule, const std::string& label);

    // How many rules of the profiles of LABEL deny, and tell nobody.
    std::size_t quiet_rules(const std::string& label);

private:
    struct Sources {
        bool complete = false;  // all profiles of the label
        std::vector<apparmor::RuleAlone> rules;
    };
    const Sources& sources(const std::string& label);
    Result<Sources> read(const std::string& label);

    std::vector<std::string> directories_;
    std::map<std::string, Sources, std::less<>> by_label_;
    std::size_t asked_ = 0;
};

}  // namespace aa::ctl
