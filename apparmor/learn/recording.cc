// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/recording.h"

#include <limits>
#include <utility>

namespace aa::apparmor {

namespace {

// Counts stay at the largest one that there is.
void add_to(std::uint64_t& count, std::uint64_t more) {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    count = more > kMost - count ? kMost : count + more;
}

std::size_t size_of(const Fact& fact) {
    std::size_t size = fact.program.size();
    for (const auto& text : kFactTexts) size += (fact.event.*text.member).size();
    return size;
}

}  // namespace

void Recording::add(const Event& event, std::string_view program) {
    if (auto fact = fact_of(event, program)) count(*std::move(fact), 1);
}

void Recording::add_start(std::string_view program, bool may_gain) {
    count(starts_, program, 1);
    add_to(gaining_, may_gain ? 1 : 0);
}

void Recording::add_exec(std::string_view command, bool may_gain) {
    count(execs_, command, 1);
    add_to(gaining_, may_gain ? 1 : 0);
}

bool Recording::all_may_gain() const {
    std::uint64_t all = 0;
    for (const auto* counts : {&starts_, &execs_}) {
        for (const auto& [program, times] : *counts) add_to(all, times);
    }
    return all > 0 && all == gaining_;
}

void Recording::add(const RecordingLosses& losses) {
    for (const auto& field : kLossFields) add_to(losses_.*field.member, losses.*field.member);
}

void Recording::merge(const Recording& other) {
    for (const auto& [fact, times] : other.facts_) count(fact, times);
    for (const auto& [program, times] : other.starts_) count(starts_, program, times);
    for (const auto& [command, times] : other.execs_) count(execs_, command, times);
    add(other.losses_);
    add_to(gaining_, other.gaining_);
}

bool Recording::take_room(std::size_t size) {
    if (size > kMostText || size > kMostTexts - texts_) return false;
    texts_ += size;
    return true;
}

void Recording::count(Counts& counts, std::string_view program, std::uint64_t times) {
    const auto known = counts.find(program);
    if (known != counts.end()) return add_to(known->second, times);
    if (counts.size() == kMostPrograms || !take_room(program.size())) return add_to(losses_.unrecorded, times);
    counts.emplace(program, times);
}

void Recording::count(Fact fact, std::uint64_t times) {
    const auto known = facts_.find(fact);
    if (known != facts_.end()) return add_to(known->second, times);
    if (facts_.size() == kMostFacts || !take_room(size_of(fact))) return add_to(losses_.unrecorded, times);
    facts_.emplace(std::move(fact), times);
}

}  // namespace aa::apparmor
