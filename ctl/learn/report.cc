// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/profile_text.h"
#include "base/diff.h"
#include "base/text.h"
#include "ctl/catalog/formats.h"
#include "ctl/learn/finish.h"

namespace aa::ctl::learned {

namespace {

std::string times(std::uint64_t count) { return concat({std::to_string(count), count == 1 ? " time" : " times"}); }

std::string diff_of(const FileChange& change) {
    return unified_diff(change.before, change.after, change.is_new ? "/dev/null" : change.path, change.path);
}

std::string rule_of(const apparmor::Apart& apart) { return apart.rule.empty() ? apart.seen.fact->event.operation : apart.rule; }

std::uint64_t lost(const apparmor::RecordingLosses& losses) {
    std::uint64_t sum = 0;
    for (const auto& field : apparmor::kLossFields) sum += losses.*field.member;
    return sum;
}

Json to_json(const FileChange& change) {
    return {{"file", change.path}, {"new", change.is_new}, {"changes", change.any()}, {"text", change.after}};
}

Json to_json(const Finished& finished, bool written) {
    Json rules = Json::array();
    for (const auto& rule : finished.proposal.rules) {
        rules.push_back({{"rule", rule.text}, {"seen", apparmor::what_was_seen(rule.seen)}});
        if (!rule.label.empty()) rules.back()["profile"] = rule.label;
    }
    Json children = Json::array();
    for (const auto& [label, program] : finished.proposal.children) children.push_back({{"profile", label}, {"program", program}});
    Json apart = Json::array();
    for (const auto& one : finished.proposal.apart) apart.push_back({{"rule", rule_of(one)}, {"count", one.seen.count}, {"why", one.why}});
    Json losses;
    for (const auto& field : apparmor::kLossFields) losses[std::string(field.name)] = finished.recording.losses().*field.member;
    return {{"ok", true},
            {"profile", finished.profile},
            {"written", written},
            {"profileFile", to_json(finished.profile_file)},
            {"catalogFile", to_json(finished.catalog_file)},
            {"rules", rules},
            {"children", children},
            {"heldBack", finished.proposal.held_back},
            {"notLoaded", finished.proposal.not_loaded},
            {"apart", apart},
            {"oddCommands", finished.odd_commands},
            {"comparedWith", finished.compared},
            {"gains", finished.gains},
            {"losses", finished.losses},
            {"lost", losses}};
}

void say_list(const std::string& title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    say(title);
    for (const auto& line : lines) say("  " + line);
}

void say_apart(const Finished& finished) {
    std::vector<std::string> lines;
    for (const auto& one : finished.proposal.apart)
        lines.push_back(concat({rule_of(one), "  (", one.why, "; ", times(one.seen.count), ")"}));
    say_list("Not proposed; who wants it allowed writes it down:", lines);
    std::vector<std::string> odd;
    for (const auto& command : finished.odd_commands) odd.push_back(quote(command));
    say_list("Executed from outside, and not in the table, as its name is no plain one:", odd);
}

// Which programs get a child, and which would if they could.
void say_children(const apparmor::Proposal& proposal) {
    std::vector<std::string> lines;
    for (const auto& [label, program] : proposal.children) lines.push_back(concat({quote(program), " under ", quote(label)}));
    say_list("Under a profile of their own, with what they execute:", lines);
    lines.clear();
    for (const auto& program : proposal.held_back) lines.push_back(quote(program));
    say_list(
        "Under the profile itself (ix), as no-new-privileges, where it is set or not known not to be, lets no exec change the profile:",
        lines);
    lines.clear();
    for (const auto& program : proposal.not_loaded) lines.push_back(quote(program));
    say_list("Under the profile itself (ix), as the bound (--within) does not let a profile of their own load them (mr):", lines);
}

}  // namespace

void report(const Context& context, const Finished& finished, bool written) {
    if (context.json) return print(to_json(finished, written));
    if (const auto count = lost(finished.recording.losses()); count > 0)
        complain(concat({"note: ", std::to_string(count), " observations were lost, so that something may be missing: learn for longer"}));
    for (const auto* change : {&finished.profile_file, &finished.catalog_file}) {
        if (change->any()) say(diff_of(*change));
    }
    if (!finished.compared.empty()) {
        say_list(concat({"Gained against ", quote(finished.compared), ":"}), finished.gains);
        say_list(concat({"Lost against ", quote(finished.compared), ":"}), finished.losses);
    }
    say_children(finished.proposal);
    say_apart(finished);
    if (!finished.any()) return say("Nothing is new: what was seen is allowed.");
    say(written ? "Written; `aa-shimctl load` puts it in force."
                : "Nothing was changed; --write puts both files in place, `aa-shimctl load` in force.");
}

}  // namespace aa::ctl::learned
