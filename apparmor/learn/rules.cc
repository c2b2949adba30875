// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "apparmor/audit/rule.h"
#include "apparmor/learn/evidence.h"
#include "apparmor/learn/name_pattern.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

using ByText = std::map<std::pair<Area, std::string>, std::vector<Seen>>;
// The words that rules of the same kind have between parentheses, by what stands around them.
struct Listed {
    std::set<std::string> words;
    std::vector<Seen> seen;
};
using ByKind = std::map<std::pair<std::string, std::string>, Listed>;

void add_words(std::set<std::string>& words, std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" ,"), text.size());
        if (end > 0) words.emplace(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

// An address that somebody chose; the kernel makes up five digits for who chooses none (unix(7), "Autobind feature").
bool is_chosen(std::string_view address) {
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    const bool is_made_up = address.size() == 6 && std::all_of(address.begin() + 1, address.end(), is_digit);
    return address.starts_with('@') && !is_made_up;
}

class Rules {
public:
    explicit Rules(std::string_view name) : name_(name) {}

    void add(const Seen& seen) {
        const auto& event = seen.fact->event;
        if (event.operation == "capable") {
            by_text_[{Area::capabilities, concat({"capability ", event.capability})}].push_back(seen);
        } else if (event.is_of_file() && event.operation == "link") {
            add_link(seen);
        } else if (event.is_of_file()) {
            files_.push_back(seen);
        } else if (event.operation == "signal" || event.operation == "ptrace") {
            add_peer(seen);
        } else if (!event.family.empty()) {
            add_socket(seen);
        } else {
            by_text_[{Area::processes, exact_rule(*seen.fact, name_)}].push_back(seen);
        }
    }

    std::vector<LearnedRule> all() {
        auto rules = file_rules(files_);
        for (auto& [key, seen] : by_text_) rules.push_back({key.first, key.second, std::move(seen)});
        const auto add = [&](Area area, ByKind& kinds) {
            for (auto& [around, listed] : kinds) {
                const std::vector<std::string> words(listed.words.begin(), listed.words.end());
                rules.push_back({area, concat({around.first, " (", join(words, ", "), ")", around.second}), std::move(listed.seen)});
            }
        };
        add(Area::processes, peers_);
        add(Area::sockets, sockets_);
        std::ranges::sort(rules, {}, [](const LearnedRule& rule) { return std::pair(rule.area, std::string_view(rule.text)); });
        return rules;
    }

private:
    void add_link(const Seen& seen) {
        const auto& event = seen.fact->event;
        const auto pattern = [](const std::string& name) { return spelled(parts_of(name, NameUse::made)); };
        const std::string_view owner = seen.fact->owned() ? "owner " : "";
        by_text_[{Area::state, concat({owner, "link subset ", pattern(event.name), " -> ", pattern(event.target)})}].push_back(seen);
    }

    // Among its own, whoever sends is one who receives.
    void add_peer(const Seen& seen) {
        const auto& event = seen.fact->event;
        const bool own = event.peer == kOwnLabel;
        const std::string which = own ? own_labels(name_) : exactly(event.peer);
        const auto set =
            own || event.signal.empty() || event.signal.starts_with("unknown") ? std::string() : concat({" set=(", event.signal, ")"});
        auto& listed = peers_[{event.operation, concat({set, " peer=", which})}];
        add_words(listed.words, event.denied);
        if (own && event.operation == "signal" && event.denied != "receive") listed.words.insert({"receive", "send"});
        if (own && event.operation == "ptrace")
            add_words(listed.words, event.denied.starts_with("trace") ? "trace tracedby" : "read readby");
        listed.seen.push_back(seen);
    }

    void add_socket(const Seen& seen) {
        const auto& event = seen.fact->event;
        const auto type = event.socket_type.empty() ? std::string() : concat({" ", event.socket_type});
        by_text_[{Area::sockets, concat({"network ", event.family, type})}].push_back(seen);
        if (event.family != "unix" || (event.address.empty() && event.peer_address.empty() && event.peer.empty())) return;
        auto around = event.socket_type.empty() ? std::string() : concat({" type=", event.socket_type});
        if (is_chosen(event.address)) around += concat({" addr=", exactly(event.address)});
        if (!event.peer.empty()) {
            const auto label = event.peer == kOwnLabel ? own_labels(name_) : exactly(event.peer);
            around += concat({" peer=(label=", label, ")"});
        }
        auto& listed = sockets_[{"unix", around}];
        add_words(listed.words, event.denied.empty() ? event.requested : event.denied);
        listed.seen.push_back(seen);
    }

    std::string_view name_;
    std::vector<Seen> files_;
    ByText by_text_;
    ByKind peers_, sockets_;
};

}  // namespace

std::vector<LearnedRule> learned_rules(const std::vector<Seen>& facts, std::string_view name) {
    Rules rules(name);
    for (const auto& one : facts) rules.add(one);
    return rules.all();
}

std::string own_labels(std::string_view name) { return concat({"\"{**//&,}", name, "{,//**}\""}); }

}  // namespace aa::apparmor
