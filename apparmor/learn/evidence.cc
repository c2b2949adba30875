// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/evidence.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "apparmor/algebra/rules.h"
#include "apparmor/audit/rule.h"
#include "apparmor/policy/transition.h"
#include "apparmor/source/thing.h"

namespace aa::apparmor {

namespace {

// Each leads out of the container, or to all of them; risk.cc says why.
constexpr std::array<std::string_view, 43> kNever = {
    "w /proc/sysrq-trigger",
    "r /proc/kcore",
    "r /proc/kmem",
    "rw /dev/mem",
    "rw /dev/kmem",
    "rw /dev/port",
    "rw /dev/kmsg",
    "r /proc/keys",
    "r /proc/key-users",
    "w /proc/sys/kernel/core_pattern",
    "w /proc/sys/kernel/modprobe",
    "w /proc/sys/fs/binfmt_misc/register",
    "w /sys/kernel/uevent_helper",
    "rw /sys/kernel/security/**",
    "rw /sys/kernel/debug/**",
    "rw /sys/firmware/**",
    "w /sys/fs/cgroup/**",
    "rw /dev/{sd,hd,vd,xvd}[a-z]*",
    "rw /dev/nvme*",
    "rw /dev/dm-*",
    "rw /dev/mapper/*",
    "rw /run/docker.sock",
    "rw /var/run/docker.sock",
    "rw /run/containerd/**",
    "rw /run/crio/**",
    "rw /run/podman/**",
    "rw /run/systemd/private",
    "rw /etc/aa-shim/**",
    "mount",
    "umount",
    "pivot_root",
    "userns",
    "change_profile",
    "ptrace (trace) peer=unconfined",
    "capability sys_admin",
    "capability sys_module",
    "capability sys_rawio",
    "capability sys_boot",
    "capability sys_ptrace",
    "capability mac_admin",
    "capability mac_override",
    "capability dac_read_search",
    "capability bpf",
};

// What of a record's letters is a permission of the kernel, for rules say them so.
std::uint32_t permissions_of(std::string_view denied) {
    constexpr std::array<std::pair<char, std::uint32_t>, 6> kLetters = {{{'r', permission::kRead},
                                                                         {'w', permission::kWrite},
                                                                         {'a', permission::kAppend},
                                                                         {'m', permission::kMapExecutable},
                                                                         {'k', permission::kLock},
                                                                         {'l', permission::kLink}}};
    const auto letters = rule_letters(denied);
    std::uint32_t permissions = 0;
    for (const auto& [letter, permission] : kLetters) permissions |= letters.find(letter) == std::string::npos ? 0 : permission;
    return permissions;
}

// A link is allowed by its own name, and by the pair of its names; with "subset", the file that it is of must allow all that the link does
// (security/apparmor/file.c, profile_path_link()).
bool allows_link(const Profile& profile, const Event& event, bool owned) {
    constexpr std::uint32_t kSubset = permission::kLock;                             // of a pair
    constexpr std::uint32_t kOfAny = permission::kLink | permission::kGetAttribute;  // what is not compared, and what all files allow
    if (profile.files.empty()) return false;
    const auto& files = profile.files;
    const auto state = files.match(profile.files_start, event.name);
    const auto link = files.permissions(state, owned);
    const auto pair = files.permissions(files.match(files.step(state, 0), event.target), owned);
    if ((link.allow & pair.allow & permission::kLink) == 0) return false;
    if ((pair.allow & kSubset) == 0) return true;
    const auto file = files.permissions(files.match(profile.files_start, event.target), owned);
    const bool executes_so = (link.allow & permission::kExec) == 0 || link.target == file.target;
    return (link.allow & ~kOfAny & ~file.allow) == 0 && executes_so;
}

Result<bool> allows_link(const Event& event, bool owned, const AskedLabel& asked) {
    const auto profiles = TRY(confining_profiles(asked.policy, asked.label));
    return std::all_of(profiles.begin(), profiles.end(), [&](const Profile* profile) { return allows_link(*profile, event, owned); });
}

bool is_link(const Fact& fact) { return fact.event.operation == "link" && fact.event.is_of_file(); }

Result<bool> allows_file(const Fact& fact, const AskedLabel& asked) {
    const auto& event = fact.event;
    if (is_link(fact)) return allows_link(event, fact.owned(), asked);
    const auto wanted = permissions_of(event.denied);
    const auto has = TRY(file_permissions(asked.policy, asked.label, event.name, fact.owned()));
    if ((has.allow & wanted) != wanted) return false;
    if (event.denied.find('x') == std::string::npos) return true;
    return TRY(exec_transition(asked.policy, asked.label, {event.name, fact.owned(), {}})).allowed;
}

// Those of RULES that the parser takes, by their text.
std::map<std::string, Thing> things_of(const std::vector<std::string>& rules, std::string_view label, const Parser& parser,
                                       const std::string& features) {
    std::map<std::string, Thing> result;
    const auto add = [&](std::vector<Thing> things) {
        for (auto& thing : things) result.emplace(thing.text, std::move(thing));
    };
    if (auto all = compile_things(parser, rules, label, features)) {
        add(*std::move(all));
        return result;
    }
    for (const auto& rule : rules) {
        if (auto one = compile_things(parser, {&rule, 1}, label, features)) add(*std::move(one));
    }
    return result;
}

// Whether the label allows RULE, of THINGS, or does not mediate its kind; not if the parser has no word for it.
Result<bool> allows_rule(const std::map<std::string, Thing>& things, const std::string& rule, const AskedLabel& asked, Budget& budget) {
    const auto thing = things.find(rule);
    if (thing == things.end()) return false;
    const auto verdict = TRY(ask(thing->second, asked.policy, asked.label, budget)).verdict;
    return verdict == Verdict::allowed || verdict == Verdict::unmediated;
}

}  // namespace

std::string exact_rule(const Fact& fact, std::string_view label) {
    auto event = fact.event;
    event.type = EventType::allowed;
    event.label = label;
    if (event.peer == kOwnLabel) event.peer = label;
    return remedy_for(event).rule;
}

Result<std::vector<bool>> allowed_facts(const std::vector<Seen>& facts, const AskedLabel& asked, const Parser& parser,
                                        const std::string& features) {
    std::vector<bool> result;
    std::vector<std::string> rules;
    for (const auto& one : facts) {
        if (!one.fact->event.is_of_file()) rules.push_back(exact_rule(*one.fact, asked.label));
    }
    std::erase(rules, std::string());
    std::ranges::sort(rules);
    rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
    const auto things = things_of(rules, asked.label, parser, features);
    Budget budget;
    result.reserve(facts.size());
    for (const auto& one : facts) {
        result.push_back(one.fact->event.is_of_file() ? TRY(allows_file(*one.fact, asked))
                                                      : TRY(allows_rule(things, exact_rule(*one.fact, asked.label), asked, budget)));
    }
    return result;
}

Result<std::vector<bool>> allowed_rules(const std::vector<std::string>& rules, const AskedLabel& asked, const Parser& parser,
                                        const std::string& features) {
    const auto things = things_of(rules, asked.label, parser, features);
    std::vector<bool> result;
    Budget budget;
    result.reserve(rules.size());
    for (const auto& rule : rules) result.push_back(TRY(allows_rule(things, rule, asked, budget)));
    return result;
}

Result<std::vector<std::string>> gained_of_never(const AskedLabel& now, const AskedLabel& before, const Parser& parser,
                                                 const std::string& features) {
    std::vector<std::string> found;
    Budget budget;
    const auto allows = [&](const AskedLabel& asked, const Thing& thing) -> Result<bool> {
        const auto verdict = TRY(ask(thing, asked.policy, asked.label, budget)).verdict;
        return verdict != Verdict::denied && verdict != Verdict::unmediated && verdict != Verdict::unasked;
    };
    for (const auto& [text, thing] : things_of({kNever.begin(), kNever.end()}, now.label, parser, features)) {
        if (TRY(allows(now, thing)) && !TRY(allows(before, thing))) found.push_back(text);
    }
    return found;
}

}  // namespace aa::apparmor
