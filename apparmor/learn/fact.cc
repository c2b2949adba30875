// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/fact.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "apparmor/kernel/profile_name.h"

namespace aa::apparmor {

namespace {

constexpr std::string_view kProcess = "1";

bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Takes the part of PATH up to the next slash.
std::string_view take_part(std::string_view& path) {
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    return part;
}

// Puts what follows PREFIX in REST at the end of RESULT, a number as 1; false if REST does not begin with that.
bool take_process(std::string_view prefix, std::string_view& rest, std::string& result) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    const auto part = take_part(rest);
    result += prefix;
    result += is_number(part) ? kProcess : part;
    return true;
}

// Whether LABEL is PROFILE or a stack with it, as of every container where crun has a profile of its own.
bool is_of(std::string_view label, std::string_view profile) {
    const auto parts = components(label);
    return std::find(parts.begin(), parts.end(), profile) != parts.end();
}

// The labels are one where a process acts on itself, or on another one of its kind. A record has of its own label the component that tells
// it, and all of the peer's.
void forget_label(Event& event, const std::string& label) {
    if (is_of(event.peer, label)) event.peer = kOwnLabel;
    // Of an exec that does not change the label the kernel tells it as the target.
    if (is_of(event.target, label)) event.target.clear();
    event.label = kOwnLabel;
}

}  // namespace

bool is_observation(EventType type) {
    return type == EventType::allowed || type == EventType::audit || type == EventType::denied || type == EventType::killed;
}

std::string without_processes(std::string_view name) {
    std::string result;
    if (take_process("/proc/", name, result)) (void)take_process("/task/", name, result);
    result += name;
    return result;
}

bool FactOrder::operator()(const Fact& a, const Fact& b) const {
    if (a.program != b.program) return a.program < b.program;
    for (const auto& text : kFactTexts) {
        if (a.event.*text.member != b.event.*text.member) return a.event.*text.member < b.event.*text.member;
    }
    const auto rest = [](const Fact& fact) { return std::tuple(fact.event.type, fact.event.teller, fact.event.owner); };
    return rest(a) < rest(b);
}

std::optional<Fact> fact_of(const Event& event, std::string_view program) {
    if (!is_observation(event.type) || event.label.empty()) return std::nullopt;
    Fact fact;
    fact.program = program;
    fact.event.type = event.type;
    fact.event.teller = event.teller;
    for (const auto& text : kFactTexts) fact.event.*text.member = event.*text.member;
    forget_label(fact.event, event.label);
    // What is told though it was allowed has no other mask.
    if (fact.event.denied.empty() && event.type == EventType::audit) fact.event.denied = event.requested;
    if (!fact.event.denied.empty()) fact.event.requested.clear();
    if (event.is_of_file()) {
        fact.event.user = 0;
        fact.event.owner = event.user == event.owner ? 0 : 1;
        fact.event.name = without_processes(event.name);
    }
    return fact;
}

}  // namespace aa::apparmor
