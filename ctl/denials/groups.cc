// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/groups.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aa::ctl {

namespace {

using apparmor::Event;

// Parts end with a NUL, which no part has: they cannot be mistaken for each other.
std::string key_of(const Event& event, const apparmor::Remedy& remedy, const Who& who) {
    std::string key;
    const auto type = std::string(apparmor::event_type_name(event.type)) + (event.teller == apparmor::Teller::kernel ? "" : "?");
    for (const std::string* part : {&who.container, &who.decision, &who.exec, &type, &event.label, &event.policy_namespace,
                                    &event.operation, &event.info, &event.name, &remedy.rule, &remedy.flag, &remedy.advice}) {
        key += *part;
        key += '\0';
    }
    return key;
}

}  // namespace

Groups::Added Groups::add(const Event& event, Who who) {
    auto remedy = apparmor::remedy_for(event);
    auto key = key_of(event, remedy, who);
    auto known = by_key_.find(key);
    const bool is_new = known == by_key_.end();
    if (is_new && groups_.size() == kMost) {
        ++left_out_;
        return {};
    }
    if (is_new) {
        known = by_key_.emplace(std::move(key), groups_.size()).first;
        groups_.push_back({std::move(who), event, std::move(remedy), apparmor::risk_of(event), 0, event.seconds, event.seconds});
    }
    auto& group = groups_[known->second];
    ++group.count;
    if (event.seconds != 0) {
        group.from = group.from == 0 ? event.seconds : std::min(group.from, event.seconds);
        group.to = std::max(group.to, event.seconds);
    }
    return {&group, is_new};
}

std::string what_was_tried(const Event& event) {
    std::string text = event.operation;
    const auto add = [&](std::string_view before, const std::string& value) {
        if (!value.empty()) text += concat({before, value});
    };
    add(" ", event.denied.empty() ? event.requested : event.denied);
    add(" ", event.capability);
    add(" ", event.family);
    add(" ", event.socket_type);
    add(" ", event.signal);
    add(" ", event.limit);
    add(" ", event.source);
    add(event.source.empty() ? " " : " on ", event.name);
    if (event.target != event.name) add(" -> ", event.target);
    add(" of ", event.peer);
    return text;
}

}  // namespace aa::ctl
