// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/report.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "apparmor/algebra/spelling.h"
#include "base/text.h"
#include "base/time.h"

namespace aa::ctl {

namespace {

using apparmor::shown;

std::string number(unsigned long long value) { return decimal(static_cast<long long>(value)); }

std::string time_text(long long seconds) { return seconds == 0 ? std::string("at an unknown time") : rfc3339(seconds); }

const char* by_name(Who::By by) {
    switch (by) {
        case Who::By::process:
            return "process";
        case Who::By::exec:
            return "exec";
        case Who::By::label:
            return "label";
        case Who::By::nothing:
            break;
    }
    return "nothing";
}

// Why a group has no container.
std::string unattributed(const Who& who) {
    const std::string confinement = who.confinement.empty() ? "" : concat({", all of confinement ", quote(who.confinement)});
    if (who.candidates > 1) return concat({"not attributed (", number(who.candidates), " containers have this label", confinement, ")"});
    return "not attributed (no container on record has this label)";
}

std::string forbidden_text(const Judged& one) {
    const auto& answer = one.forbidden;
    std::string text;
    for (const auto& rule : answer.denying) text += concat({"\n      denied by ", shown(rule.origin.text()), ": ", shown(rule.text)});
    if (!answer.known || !answer.denying.empty()) return text;
    if (answer.allowing.empty()) return "\n      no rule allows it";
    for (const auto& rule : answer.allowing)
        text += concat({"\n      by now allowed, wholly or in part, by ", shown(rule.origin.text()), ": ", shown(rule.text)});
    return text;
}

Json json_of(const std::vector<apparmor::SourceRule>& rules) {
    Json list = Json::array();
    for (const auto& rule : rules) {
        list.push_back({{"file", rule.origin.file}, {"line", rule.origin.line}, {"column", rule.origin.column}, {"rule", rule.text}});
    }
    return list;
}

Json json_of(const Who& who) {
    Json document = {{"by", by_name(who.by)}, {"confinement", who.confinement}};
    if (who.by == Who::By::nothing) {
        document["candidates"] = who.candidates;
        return document;
    }
    const auto& subject = who.subject;
    document.update({{"container", who.container},
                     {"decision", who.decision},
                     {"execDecision", who.exec},
                     {"engine", subject.engine},
                     {"namespace", subject.kubernetes_namespace},
                     {"pod", subject.pod},
                     {"name", subject.name},
                     {"image", subject.image}});
    return document;
}

}  // namespace

Judged judged(const Group& group, Blame& blame) {
    Judged one{&group, {}};
    if (!group.remedy.rule.empty()) one.forbidden = blame.ask(group.remedy.rule, group.first.label);
    return one;
}

std::string whose_text(const Group& group) {
    const auto& who = group.who;
    const auto& subject = who.subject;
    std::string text;
    if (who.by == Who::By::nothing) {
        text = unattributed(who);
    } else {
        text = concat({"container ", quote(subject.name.empty() ? who.container : subject.name)});
        for (const auto& [name, value] : {std::pair<const char*, const std::string&>{"id", who.container},
                                          {"namespace", subject.kubernetes_namespace},
                                          {"pod", subject.pod},
                                          {"image", subject.image},
                                          {"confinement", who.confinement},
                                          {"decision", who.decision},
                                          {"exec, decision", who.exec}}) {
            if (!value.empty()) text += concat({", ", name, " ", quote(value)});
        }
        if (who.by == Who::By::label) text += " (by its label, which no other container on record has)";
    }
    return concat({text, ": profile ", quote(group.first.label)});
}

std::string text_of(const Judged& one) {
    const auto& group = *one.group;
    const auto& event = group.first;
    std::string text = concat({"  ", number(group.count), " x ", shown(what_was_tried(event)), " by ", quote(event.command)});
    if (event.type != apparmor::EventType::denied) text += concat({" [", apparmor::event_type_name(event.type), "]"});
    if (event.teller == apparmor::Teller::process) text += " (says a process, not the kernel)";
    text += concat({", ", time_text(group.from), group.from == group.to ? "" : concat({" to ", time_text(group.to)})});
    if (!event.info.empty()) text += concat({"\n      ", shown(event.info)});
    text += forbidden_text(one);
    const auto& remedy = group.remedy;
    if (!remedy.rule.empty()) text += concat({"\n      add: ", remedy.rule, ","});
    if (!remedy.flag.empty()) text += concat({"\n      add: flags=(", remedy.flag, ")"});
    if (!remedy.advice.empty()) text += concat({"\n      ", shown(remedy.advice)});
    if (!remedy.rule.empty() || !remedy.flag.empty()) {
        text += concat({"\n      risk: ", apparmor::risk_name(group.risked.risk), " (", group.risked.reason, ")"});
    }
    return text;
}

Json json_of(const Judged& one) {
    const auto& group = *one.group;
    const auto& event = group.first;
    const auto rule_or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
    return {{"who", json_of(group.who)},
            {"type", apparmor::event_type_name(event.type)},
            {"toldBy", event.teller == apparmor::Teller::kernel ? "kernel" : "process"},
            {"label", event.label},
            {"operation", event.operation},
            {"name", event.name},
            {"target", event.target},
            {"denied", event.denied.empty() ? event.requested : event.denied},
            {"info", event.info},
            {"command", event.command},
            {"pid", event.pid ? Json(*event.pid) : Json()},
            {"count", group.count},
            {"first", group.from == 0 ? Json() : Json(rfc3339(group.from))},
            {"last", group.to == 0 ? Json() : Json(rfc3339(group.to))},
            {"rule", rule_or_null(group.remedy.rule)},
            {"flag", rule_or_null(group.remedy.flag)},
            {"advice", rule_or_null(group.remedy.advice)},
            {"risk", apparmor::risk_name(group.risked.risk)},
            {"reason", group.risked.reason},
            {"sourcesKnown", one.forbidden.known},
            {"deniedBy", json_of(one.forbidden.denying)},
            {"allowedBy", json_of(one.forbidden.allowing)}};
}

std::string exec_hint(const Groups& groups) {
    const auto& all = groups.all();
    const bool any =
        std::any_of(all.begin(), all.end(), [](const Group& group) { return group.who.by == Who::By::label && group.who.exec.empty(); });
    if (!any) return {};
    return "processes that have ended are known by their container alone: with \"logExecProcesses\" in the catalog, execs to come are told "
           "apart";
}

std::string text_of(const LogRead& read, const Groups& groups) {
    const auto& losses = read.losses;
    std::string text = concat({read.name, ": ", number(read.records), " records of AppArmor"});
    const auto add = [&](unsigned long long value, std::string_view what) {
        if (value > 0) text += concat({"\n", number(value), " ", what});
    };
    add(read.damaged, concat({"records cannot be understood; the first: ", read.damage}));
    add(losses.suppressed, "messages the kernel did not print, as there were too many: some may have been records");
    add(losses.backlog, "records or more are lost: the kernel's audit queue was full");
    add(losses.overwritten, "messages of the kernel were overwritten before they were read: some may have been records");
    add(losses.overruns, "records are lost: they came faster than they were read");
    add(groups.learned(), "tell what containers do that are learned from, and are for 'aa-shimctl learn'");
    add(groups.left_out(), "records are of still other denials: there are too many kinds to show");
    return text;
}

Json json_of(const LogRead& read, const Groups& groups) {
    const auto& losses = read.losses;
    return {{"source", read.name},
            {"records", read.records},
            {"damaged", read.damaged},
            {"damage", read.damage},
            {"duplicates", read.twice},
            {"lost",
             {{"suppressed", losses.suppressed},
              {"backlog", losses.backlog},
              {"overwritten", losses.overwritten},
              {"overruns", losses.overruns}}},
            {"learned", groups.learned()},
            {"notGrouped", groups.left_out()}};
}

}  // namespace aa::ctl
