// SPDX-License-Identifier: Apache-2.0
#include "ctl/policy/blame.h"

#include <iterator>
#include <utility>

#include "apparmor/algebra/rules.h"
#include "apparmor/source/profile_source.h"

namespace aa::ctl {

Result<std::vector<apparmor::RuleAlone>> rules_of_label(apparmor::Policy& policy, std::string_view label,
                                                        std::span<const std::string> files, const std::string& features,
                                                        const std::string& includes) {
    std::vector<apparmor::RuleAlone> result;
    const auto parser = TRY(apparmor::Parser::find()).including(includes);
    const auto root = apparmor::include_directory_of(includes);
    for (const auto* profile : TRY(apparmor::confining_profiles(policy, label))) {
        for (const auto& file : files) {
            const auto text = apparmor::read_profile_text(file, profile->name, apparmor::WantedRules::all, root);
            if (!text) continue;
            auto rules = TRY(apparmor::rules_alone(parser, *text, profile->name, features));
            std::move(rules.begin(), rules.end(), std::back_inserter(result));
        }
    }
    return result;
}

Result<std::vector<Blamed>> rules_about(const apparmor::Thing& thing, std::span<const apparmor::RuleAlone> rules) {
    std::vector<Blamed> result;
    apparmor::Budget budget;
    for (const auto& rule : rules) {
        if (TRY(apparmor::meets(thing, rule.profile, budget))) result.push_back({rule.rule, rule.denies});
    }
    return result;
}

}  // namespace aa::ctl
