// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/blame.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "apparmor/kernel/kernel.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/source/profile_source.h"
#include "apparmor/source/thing.h"
#include "base/text.h"
#include "ctl/policy/blame.h"

namespace aa::ctl {

namespace {

Result<std::string> features() { return apparmor::features_for(apparmor::Kernel().require_enabled().has_value()); }

// `audit deny`, or within a block `audit`: it denies and says so.
bool is_loud(const apparmor::SourceRule& rule) {
    const auto says = [](const std::string& text) {
        return text == "audit" || text.starts_with("audit ") || text.find(" audit ") != std::string::npos;
    };
    return says(rule.text) || std::any_of(rule.blocks.begin(), rule.blocks.end(), says);
}

}  // namespace

const Blame::Sources& Blame::sources(const std::string& label) {
    const auto known = by_label_.find(label);
    if (known != by_label_.end()) return known->second;
    auto read_now = read(label);
    return by_label_.emplace(label, read_now ? *std::move(read_now) : Sources()).first->second;
}

Result<Blame::Sources> Blame::read(const std::string& label) {
    const auto parser = TRY(apparmor::Parser::find());
    const auto compiled_for = TRY(features());
    apparmor::ProfileFiles files(parser, directories_);
    Sources result;
    for (const auto component : apparmor::components(label)) {
        const auto defining = TRY(files.defining(apparmor::top_level(component)));
        if (defining.empty()) return Error{ErrorKind::not_found, concat({"no source of ", quote(component)})};
        const auto text = TRY(apparmor::read_profile_text(defining.front(), component, apparmor::WantedRules::all));
        auto alone = TRY(apparmor::rules_alone(parser, text, component, compiled_for));
        std::move(alone.begin(), alone.end(), std::back_inserter(result.rules));
    }
    result.complete = true;
    return result;
}

Blame::Answer Blame::ask(const std::string& rule, const std::string& label) {
    Answer answer;
    const auto& of_label = sources(label);
    const auto parser = apparmor::Parser::find();
    const auto compiled_for = features();
    if (!of_label.complete || !parser || !compiled_for || asked_++ >= kMostAsked) return answer;
    const auto things = apparmor::compile_things(*parser, {&rule, 1}, label, *compiled_for);
    if (!things) return answer;
    const auto about = rules_about(things->front(), of_label.rules);
    if (!about) return answer;
    for (const auto& [source, denies] : *about) (denies ? answer.denying : answer.allowing).push_back(source);
    answer.known = true;
    return answer;
}

std::size_t Blame::quiet_rules(const std::string& label) {
    const auto& rules = sources(label).rules;
    return static_cast<std::size_t>(
        std::count_if(rules.begin(), rules.end(), [](const auto& one) { return one.denies && !is_loud(one.rule); }));
}

}  // namespace aa::ctl
