// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/shares.h"

#include <algorithm>
#include <utility>

namespace aa::apparmor {

namespace {

bool is_among_own(const Fact& fact) { return fact.event.peer == kOwnLabel; }

// How the other side of a signal or of tracing is told.
std::string other_side(const Event& event) {
    if (event.operation == "signal") return "receive";
    if (event.operation != "ptrace" || event.denied.ends_with("by")) return event.denied;
    return event.denied == "trace" ? "tracedby" : "readby";
}

}  // namespace

Shares::Shares(const std::vector<Seen>& facts, const Domains& domains) : domains_(domains), shares_(domains.all.size()) {
    for (const auto& one : facts) share(one);
}

void Shares::share(const Seen& seen) {
    const auto& fact = *seen.fact;
    const bool is_inherited = fact.event.operation == kInherited;
    auto takers = domains_with(fact);
    // It was opened under the profile itself. Who was not executed so that it counts, is that one's own.
    if (is_inherited) std::erase(takers, 0);
    if (takers.empty() && !is_inherited) takers.push_back(0);
    for (const auto at : takers) shares_[at].push_back(seen);
    if (is_among_own(fact)) mirror(seen, takers);
    if (fact.event.operation == "exec" && !takers.empty() && takers.front() == 0) load(seen);
}

std::vector<std::size_t> Shares::domains_with(const Fact& fact) const {
    const bool is_everybodys = fact.program.empty() && fact.event.operation != "exec";
    const auto program = executed_as(fact.program);
    std::vector<std::size_t> domains;
    for (std::size_t at = 0; at < shares_.size(); ++at) {
        if (is_everybodys || domains_.all[at].programs.contains(program)) domains.push_back(at);
    }
    return domains;
}

void Shares::mirror(const Seen& seen, const std::vector<std::size_t>& takers) {
    Fact fact = *seen.fact;
    fact.event.denied = other_side(fact.event);
    made_->push_back(std::move(fact));
    for (std::size_t at = 0; at < shares_.size(); ++at) {
        if (std::find(takers.begin(), takers.end(), at) == takers.end()) shares_[at].push_back({&made_->back(), seen.count});
    }
}

void Shares::load(const Seen& exec) {
    const auto child = domains_.executed.find(executed_as(exec.fact->event.name));
    if (child == domains_.executed.end()) return;
    made_->push_back(loading(*exec.fact));
    for (std::size_t at = 0; at < shares_.size(); ++at) {
        if (domains_.all[at].label == child->second) shares_[at].push_back({&made_->back(), exec.count});
    }
}

Fact loading(const Fact& exec) {
    Fact fact = exec;
    fact.program = fact.event.name;
    fact.event.operation = kInherited;
    fact.event.denied = "mr";
    return fact;
}

std::vector<Seen> without_foreign(const std::vector<Seen>& facts) {
    std::set<std::string> opened;
    for (const auto& one : facts) {
        if (one.fact->event.operation != kInherited) opened.insert(one.fact->event.name);
    }
    std::vector<Seen> rest;
    for (const auto& one : facts) {
        const auto& event = one.fact->event;
        const bool is_of_exec = event.denied.find('m') != std::string::npos;
        if (event.operation != kInherited || is_of_exec || opened.contains(event.name)) rest.push_back(one);
    }
    return rest;
}

Expanded::Expanded(const std::vector<Seen>& facts, const std::vector<std::string>& labels) : count_(facts.size()) {
    for (std::size_t at = 0; at < facts.size(); ++at) {
        if (!is_among_own(*facts[at].fact)) {
            facts_.push_back(facts[at]);
            of_.push_back(at);
            continue;
        }
        for (const auto& label : labels) {
            Fact fact = *facts[at].fact;
            fact.event.peer = label;
            made_.push_back(std::move(fact));
            facts_.push_back({&made_.back(), facts[at].count});
            of_.push_back(at);
        }
    }
}

std::vector<bool> Expanded::collected(const std::vector<bool>& answers) const {
    std::vector<bool> all(count_, true);
    for (std::size_t at = 0; at < answers.size(); ++at) all[of_[at]] = all[of_[at]] && answers[at];
    return all;
}

}  // namespace aa::apparmor
