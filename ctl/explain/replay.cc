// SPDX-License-Identifier: Apache-2.0
#include "ctl/explain/replay.h"

#include <algorithm>

#include "apparmor/catalog/json.h"
#include "apparmor/catalog/pattern.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "ctl/catalog/examine.h"
#include "ctl/explain/given.h"
#include "shim/exec_decision.h"

namespace aa::ctl {
namespace {

using apparmor::Match;
using Names = std::set<std::string, std::less<>>;

// MATCH without the clauses about facts that are UNKNOWN, whose names are added to LEFT_OUT.
Match without_unknown(Match match, const Names& unknown, Names& left_out) {
    const auto drop = [&](auto& clause, bool is_given, const char* name) {
        if (!is_given || !unknown.contains(name)) return;
        left_out.emplace(name);
        clause = {};
    };
    drop(match.labels, !match.labels.empty(), "labels");
    drop(match.annotations, !match.annotations.empty(), "annotations");
    drop(match.engine, match.engine.has_value(), "engine");
    drop(match.handler, match.handler.has_value(), "handler");
    drop(match.kubernetes_namespace, match.kubernetes_namespace.has_value(), "namespace");
    drop(match.pod, match.pod.has_value(), "pod");
    drop(match.name, match.name.has_value(), "name");
    drop(match.image, match.image.has_value(), "image");
    drop(match.entrypoint, match.entrypoint.has_value(), "entrypoint");
    drop(match.user, match.user.has_value(), "user");
    drop(match.privileged, match.privileged.has_value(), "privileged");
    drop(match.host_path, match.host_path.has_value(), "hostPath");
    drop(match.host_path_outside, !match.host_path_outside.empty(), "hostPath");
    drop(match.device, match.device.has_value(), "device");
    drop(match.unmasked, match.unmasked.has_value(), "unmasked");
    drop(match.hooks, match.hooks.has_value(), "hooks");
    const bool usual = match.host_namespace == apparmor::HostNamespace::user || match.host_namespace == apparmor::HostNamespace::cgroup;
    drop(match.host_namespace, match.host_namespace.has_value(), usual ? "usualNamespace" : "hostNamespace");
    return match;
}

bool same(const apparmor::Outcome& one, const apparmor::Outcome& other) {
    if (one.index() != other.index()) return false;
    if (const auto* use = std::get_if<apparmor::Use>(&one)) return use->confinement == std::get<apparmor::Use>(other).confinement;
    if (const auto* reject = std::get_if<apparmor::Reject>(&one)) return reject->message == std::get<apparmor::Reject>(other).message;
    return true;
}

std::string listed(const Names& names) {
    const std::vector<std::string> list(names.begin(), names.end());
    return join(list, ", ");
}

std::string text_of(const std::string& confinement, const std::optional<std::string>& label, const std::string& ceiling) {
    if (confinement.empty()) return "left as its engine made it";
    return concat({confinement, ": ", label.value_or("no label"), " [", ceiling, "]"});
}

std::string ceiling_text(const std::optional<CapabilitySet>& ceiling) { return ceiling ? ceiling->names() : "all capabilities"; }

// A message without what is different each time: the decision, the container.
std::string reason_of(const DecisionRecord& record) {
    const auto message = record.text("message");
    constexpr std::string_view kHead = " refused (decision ";
    const std::size_t at = message.find(kHead);
    const std::size_t end = at == std::string::npos ? at : message.find("): ", at);
    return end == std::string::npos ? message : message.substr(end + 3);
}

Replayed cannot_tell(std::string why) { return {Change::cannot_tell, {}, std::move(why), {}}; }

Replayed compared(const DecisionRecord& record, std::string before, std::string after, std::string rule) {
    if (record.text("outcome") == "refused")
        return {Change::now_allowed, "refused: " + reason_of(record), std::move(after), std::move(rule)};
    const auto change = before == after ? Change::none : Change::changed;
    return {change, std::move(before), std::move(after), std::move(rule)};
}

// ERROR says no, or that it cannot be told.
Replayed refused(const DecisionRecord& record, std::string before, const Error& error, std::string rule) {
    if (error.kind != ErrorKind::denied && error.kind != ErrorKind::not_found) return cannot_tell(error.message);
    const bool was = record.text("outcome") == "refused";
    return {was ? Change::none : Change::now_refused, was ? "refused: " + reason_of(record) : std::move(before),
            "refused: " + error.message, std::move(rule)};
}

bool is_start(const std::string& command) { return command == "create" || command == "run" || command == "restore"; }

}  // namespace

Result<ReplayCatalog> read_replay_catalog(const std::vector<std::string>& paths) {
    auto reading = apparmor::read_catalog(TRY(read_catalog_files(paths, Trust::not_required)));
    for (const auto& error : reading.errors) complain(error.text());
    if (!reading.ok()) return Error{ErrorKind::config, "the catalog has errors: nothing can be judged by it"};
    return replay_catalog(std::move(reading.catalog));
}

Result<ReplayCatalog> replay_catalog(apparmor::Catalog written) {
    auto bytes = std::make_unique<std::string>(apparmor::compile_catalog(written));
    auto compiled = TRY(apparmor::CompiledCatalog::view(*bytes, "the catalog given"));
    OpenCatalog open{std::move(bytes), std::move(compiled), written.profile_dirs};
    return ReplayCatalog{std::move(written), std::move(open)};
}

Result<ReplayCatalog> replay_catalog_in_force() {
    auto open = TRY(open_catalog({}));
    auto written = TRY(open.catalog.written_again());
    return ReplayCatalog{std::move(written), std::move(open)};
}

// Asked of the code that decides: a catalog that has only this rule.
Result<bool> Replay::rule_matches(std::size_t rule, const Names& unknown, const apparmor::Facts& facts) {
    auto& bytes = single_rules_[{rule, listed(unknown)}];
    if (bytes.empty()) {
        apparmor::Catalog single;
        Names left_out;
        single.rules.push_back({without_unknown(catalog_.written.rules[rule].match, unknown, left_out), apparmor::Pass{}, {}, false, {}});
        single.otherwise = apparmor::Reject{"no"};
        bytes = apparmor::compile_catalog(single);
    }
    const auto catalog = TRY(apparmor::CompiledCatalog::view(bytes, "one rule"));
    const auto selection = TRY(catalog.select(facts));
    return std::holds_alternative<apparmor::Pass>(selection.outcome) && !selection.by_default;
}

Result<Replay::Choice> Replay::choose(const RecordedFacts& recorded, const apparmor::Facts& facts) {
    const auto& written = catalog_.written;
    const auto final = TRY(catalog_.open.catalog.select(facts));
    Choice choice{final.why, {}};
    for (std::size_t at = 0; at < written.rules.size(); ++at) {
        const auto& rule = written.rules[at];
        if (!TRY(rule_matches(at, recorded.unknown, facts))) continue;
        Names left_out;
        (void)without_unknown(rule.match, recorded.unknown, left_out);
        if (!rule.selectable.empty()) {
            choice.doubt = concat({"rule ", rule.origin.text(), " lets containers ask for a confinement, and requests are not on record"});
        }
        if (left_out.empty()) {
            used_.insert(rule.origin.text());
            return choice;
        }
        // Whether it does or not: perhaps the outcome is the same.
        used_.insert(rule.origin.text());
        if (choice.doubt.empty() && !same(rule.outcome, final.outcome)) {
            choice.doubt = concat({"rule ", rule.origin.text(), " asks for ", listed(left_out), ", which the record does not have"});
        }
    }
    return choice;
}

// The first program's label, if that is another than BASE and the record has what it depends on.
Result<std::optional<std::string>> Replay::start_label(const apparmor::Confinement& confinement, const std::string& base,
                                                       const RecordedFacts& recorded) {
    if (confinement.start != apparmor::Start::from_profile) return std::optional<std::string>();
    const auto& path = recorded.given.entrypoint;
    if (recorded.unknown.contains("entrypoint") || !path.starts_with('/')) {
        return Error{ErrorKind::config,
                     concat({"confinement ", quote(confinement.name), " asks for the first program, which the record does not have"})};
    }
    std::vector<std::string> reasons;
    const auto owned = shim::judge_start(confinement, base, {path, {path, true, {}}}, policy_, reasons);
    const auto other = shim::judge_start(confinement, base, {path, {path, false, {}}}, policy_, reasons);
    const bool agree = owned.has_value() == other.has_value() && (!owned || *owned == *other);
    if (!agree) return Error{ErrorKind::config, concat({"whether the first program ", quote(path), " is its user's own is not on record"})};
    return std::optional<std::string>(TRY(owned));
}

Result<Replayed> Replay::judge_start(const DecisionRecord& record) {
    if (!record.get("facts")) return Replayed{};
    const auto recorded = facts_on_record(record);
    const auto facts = TRY(given_facts(recorded.given, TRY(given_request(recorded.given)), Told::anything));
    const auto view = facts.view();
    const auto choice = TRY(choose(recorded, view.facts));
    if (!choice.doubt.empty()) return cannot_tell(choice.doubt);
    const auto was = record.get("profile");
    const auto before = text_of(record.text("confinement"), record.get("start_profile") ? record.get("start_profile") : was,
                                record.get("ceiling").value_or("all capabilities"));
    const bool was_off = record.text("outcome") == "allowed" && !record.text("confinement").empty() && !was;
    shim::Asked asked;
    if (const auto profile = record.get("asked_profile"); profile && !profile->empty()) asked.profile = profile;
    const auto decision = shim::judge_container(catalog_.open.catalog, view.facts, asked,
                                                was_off ? shim::AppArmorState::unavailable : shim::AppArmorState::available, policy_);
    if (!decision) return refused(record, before, decision.error(), choice.rule);
    if (decision->pass) return compared(record, before, text_of({}, {}, {}), choice.rule);
    const auto confinement = TRY(catalog_.open.catalog.confinement(decision->confinement));
    if (confinement.host.paths && recorded.unknown.contains("hostPath")) {
        return cannot_tell(concat(
            {"confinement ", quote(confinement.name), " bounds what is mounted from the host, of which the record has not all names"}));
    }
    auto label = decision->bounds.profile;
    if (label) {
        auto first = start_label(confinement, *label, recorded);
        if (!first) return refused(record, before, first.error(), choice.rule);
        if (*first) label = *first;
    }
    // What the engine asked for, on which the label depends, is on record of what was allowed.
    if (!record.get("asked_profile")) label = "a label that depends on what was asked for";
    if (label && was && apparmor::same_label(*label, was.value_or(""))) label = was;
    auto replayed = compared(record, before, text_of(decision->confinement, label, ceiling_text(decision->bounds.ceiling)), choice.rule);
    replayed.confinement = decision->confinement;
    return replayed;
}

Result<std::string> Replay::judge_program(const apparmor::Confinement& confinement, const std::string& base, const DecisionRecord& record) {
    if (!shim::looks_at_program(confinement)) return base;
    const auto path = record.get("program_path");
    if (!path)
        return Error{ErrorKind::config,
                     concat({"confinement ", quote(confinement.name), " asks for the program, whose path the record does not have"})};
    const auto& rules = confinement.exec_rules;
    const auto first = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) { return apparmor::matches(rule.command, *path); });
    if (first != rules.end()) used_.insert(first->origin.text());
    std::vector<std::string> reasons;
    return shim::judge_exec(confinement, base, {record.text("program"), {*path, record.text("program_owned") == "true", {}}}, policy_,
                            reasons);
}

// As in the container that runs: under the confinement and from the label with which it was started.
Result<Replayed> Replay::judge_exec(const DecisionRecord& record) {
    const auto base = record.get("base_profile");
    const auto name = record.text("confinement");
    if (!base || name.empty()) return Replayed{};
    const auto before = concat({name, ": ", record.text("profile")});
    const auto confinement = catalog_.open.catalog.confinement(name);
    if (!confinement) return refused(record, before, confinement.error(), {});
    auto label = judge_program(*confinement, *base, record);
    if (!label) return refused(record, before, label.error(), {});
    if (apparmor::same_label(*label, record.text("profile"))) label = record.text("profile");
    return compared(record, before, concat({name, ": ", *label}), {});
}

Replayed Replay::judge(const DecisionRecord& record) {
    const auto command = record.text("command");
    const bool judged = record.text("outcome") == "allowed" || record.text("reason") == "policy";
    if (!judged || (!is_start(command) && command != "exec")) return {};
    if (record.text("weakening") == "learning") return cannot_tell("the container was learned from, which forbade it next to nothing");
    auto result = command == "exec" ? judge_exec(record) : judge_start(record);
    return result ? *std::move(result) : cannot_tell(result.error().message);
}

std::vector<std::string> Replay::unused_rules() const {
    std::vector<std::string> result;
    const auto add = [&](const apparmor::Origin& origin) {
        if (!used_.contains(origin.text())) result.push_back(origin.text());
    };
    for (const auto& rule : catalog_.written.rules) add(rule.origin);
    for (const auto& confinement : catalog_.written.confinements) {
        for (const auto& rule : confinement.exec_rules) add(rule.origin);
    }
    return result;
}

}  // namespace aa::ctl
