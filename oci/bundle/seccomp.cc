// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/seccomp.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace aa::oci {
namespace {

using json::Extent;
using json::Member;
using json::Reader;
using json::Text;

// The actions after which the kernel does not carry out the call. Any other one, a name from the future included, is
// taken for one that lets it through.
constexpr std::array<std::string_view, 5> kDenying{"SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
                                                   "SCMP_ACT_TRAP"};

bool lets_through(std::string_view action) { return std::find(kDenying.begin(), kDenying.end(), action) == kDenying.end(); }

// The 32-bit calls through which others are made. libseccomp writes a rule for `socket` as one on socketcall's argument
// too, so a rule that lets all of socketcall through would undo the denial, and one that does not is no loss.
struct Multiplexer {
    std::string_view name;
    std::span<const std::string_view> calls;
};
constexpr std::array<std::string_view, 20> kSocketCalls{
    "accept",   "accept4", "bind", "connect",  "getpeername", "getsockname", "getsockopt", "listen",   "recv",   "recvfrom",
    "recvmmsg", "recvmsg", "send", "sendmmsg", "sendmsg",     "sendto",      "setsockopt", "shutdown", "socket", "socketpair"};
constexpr std::array<std::string_view, 12> kIpcCalls{"msgctl", "msgget",     "msgrcv", "msgsnd", "semctl", "semget",
                                                     "semop",  "semtimedop", "shmat",  "shmctl", "shmdt",  "shmget"};
constexpr std::array<Multiplexer, 2> kMultiplexers{{{"socketcall", kSocketCalls}, {"ipc", kIpcCalls}}};

bool makes_any(const Multiplexer& multiplexer, std::span<const std::string> names) {
    const auto& calls = multiplexer.calls;
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return std::find(calls.begin(), calls.end(), name) != calls.end(); });
}

void read_names(Reader& reader, SeccompRule& rule) {
    if (!reader.null()) rule.names = reader.skip_strings();
}

void read_action(Reader& reader, SeccompRule& rule) {
    if (!reader.null()) rule.action = reader.string().decoded();
}

void read_conditions(Reader& reader, SeccompRule& rule) {
    if (reader.null()) return;
    (void)reader.array([&] {
        rule.conditional = true;
        (void)reader.skip();
    });
}

constexpr Member<SeccompRule> kRule[] = {{"names", read_names}, {"action", read_action}, {"args", read_conditions}};

void read_default_action(Reader& reader, Seccomp& seccomp) {
    if (!reader.null()) seccomp.default_action = reader.string().decoded();
}

void read_listener_path(Reader& reader, Seccomp& seccomp) {
    if (!reader.null()) seccomp.listener_path = reader.string().decoded();
}

void read_rules(Reader& reader, Seccomp& seccomp) {
    const std::size_t begin = reader.value_begin();
    if (!reader.null()) {
        (void)reader.array([&] {
            SeccompRule rule;
            rule.object = json::read_members(reader, kRule, rule).extent;
            seccomp.rules.push_back(std::move(rule));
        });
    }
    seccomp.syscalls = {begin, reader.position()};
}

constexpr Member<Seccomp> kSeccomp[] = {
    {"defaultAction", read_default_action}, {"listenerPath", read_listener_path}, {"syscalls", read_rules}};

// The strings of the array at PLACE of TEXT, which has been read before.
template <class OnName>
void for_each_name(std::string_view text, Extent place, OnName&& on_name) {
    Reader reader(text.substr(0, place.end), place.begin);
    (void)reader.array([&] {
        const std::size_t begin = reader.value_begin();
        const Text name = reader.string();
        on_name(name, Extent{begin, reader.position()});
    });
}

bool contains(std::span<const std::string> names, const Text& name) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& denied) { return name == denied; });
}

// Takes NAMES out of RULE; true if it has no name left, and is to be removed itself.
bool take_names(const SeccompRule& rule, std::string_view text, std::span<const std::string> names, Splices& splices) {
    std::vector<Extent> elements;
    std::vector<bool> removed;
    for_each_name(text, *rule.names, [&](const Text& name, Extent place) {
        elements.push_back(place);
        removed.push_back(contains(names, name));
    });
    const auto gone = static_cast<std::size_t>(std::count(removed.begin(), removed.end(), true));
    if (gone != 0 && gone == elements.size()) return true;
    if (gone != 0) splices.remove_elements(elements, removed);
    return false;
}

// Those of NAMES that are named by rules that MATTER. Each rule is read once: who asks for a container writes as many names as config.json holds.
template <class Matters>
std::vector<std::string> named_by(const Seccomp& seccomp, std::string_view text, std::span<const std::string> names, Matters&& matters) {
    std::vector<bool> found(names.size());
    for (const SeccompRule& rule : seccomp.rules) {
        if (!rule.names || !matters(rule)) continue;
        for_each_name(text, *rule.names, [&](const Text& name, Extent) {
            const auto at = std::find_if(names.begin(), names.end(), [&](const std::string& wanted) { return name == wanted; });
            if (at != names.end()) found[static_cast<std::size_t>(at - names.begin())] = true;
        });
    }
    std::vector<std::string> named;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (found[i]) named.push_back(names[i]);
    }
    return named;
}

// Those of NAMES that an unconditional rule denies.
std::vector<std::string> denied_of(const Seccomp& seccomp, std::string_view text, std::span<const std::string> names) {
    return named_by(seccomp, text, names, [](const SeccompRule& rule) { return !rule.conditional && !lets_through(rule.action); });
}

// Those of NAMES that a rule watches over (traces them, asks a supervisor) which the default would let through unseen.
std::vector<std::string> watched_of(const Seccomp& seccomp, std::string_view text, std::span<const std::string> names) {
    return named_by(seccomp, text, names, [&seccomp](const SeccompRule& rule) {
        return rule.action != "SCMP_ACT_ALLOW" && rule.action != seccomp.default_action && lets_through(rule.action);
    });
}

std::string string_array(std::span<const std::string> strings) {
    std::string out = "[";
    for (const std::string& string : strings) out += concat({out.size() == 1 ? "" : ",", "\"", json_escape(string), "\""});
    return out + "]";
}

std::string denying_rule(std::span<const std::string> names) {
    return concat({R"({"names":)", string_array(names), R"(,"action":"SCMP_ACT_ERRNO","errnoRet":1})"});  // 1: EPERM
}

// Adds RULE behind the last of the rules that stay.
void append_rule(const Seccomp& seccomp, const std::vector<bool>& removed, std::string_view text, std::string rule, Splices& splices) {
    if (!seccomp.syscalls) return splices.insert_members(*seccomp.place, seccomp.empty, concat({R"("syscalls":[)", rule, "]"}));
    if (text[seccomp.syscalls->begin] != '[') return splices.replace(*seccomp.syscalls, concat({"[", rule, "]"}));
    const auto last = std::find(removed.rbegin(), removed.rend(), false);
    if (last == removed.rend()) return splices.insert(seccomp.syscalls->begin + 1, std::move(rule));
    splices.insert(seccomp.rules[static_cast<std::size_t>(removed.rend() - last) - 1].object.end, "," + rule);
}

}  // namespace

Seccomp read_seccomp(Reader& reader) {
    Seccomp seccomp;
    const std::size_t begin = reader.value_begin();
    seccomp.present = !reader.null();
    if (seccomp.present) seccomp.empty = json::read_members(reader, kSeccomp, seccomp).empty;
    seccomp.place = {begin, reader.position()};
    return seccomp;
}

void deny_syscalls(const Seccomp& seccomp, std::string_view text, std::span<const std::string> names, Splices& splices) {
    if (names.empty() || !seccomp.present) return;
    std::vector<std::string> taken(names.begin(), names.end());
    std::vector<std::string> denied(names.begin(), names.end());
    std::vector<std::string> multiplexers;
    for (const Multiplexer& multiplexer : kMultiplexers) {
        if (makes_any(multiplexer, names)) multiplexers.emplace_back(multiplexer.name);
    }
    taken.insert(taken.end(), multiplexers.begin(), multiplexers.end());
    if (!multiplexers.empty()) {
        const auto watched = watched_of(seccomp, text, multiplexers);
        denied.insert(denied.end(), watched.begin(), watched.end());
    }
    std::vector<Extent> objects;
    std::vector<bool> removed;
    for (const SeccompRule& rule : seccomp.rules) {
        objects.push_back(rule.object);
        removed.push_back(rule.names && lets_through(rule.action) && take_names(rule, text, taken, splices));
    }
    splices.remove_elements(objects, removed);
    if (!lets_through(seccomp.default_action)) return;
    const auto already = denied_of(seccomp, text, denied);
    std::erase_if(denied, [&](const std::string& name) { return std::find(already.begin(), already.end(), name) != already.end(); });
    if (!denied.empty()) append_rule(seccomp, removed, text, denying_rule(denied), splices);
}

std::string new_seccomp(std::span<const std::string> names, std::span<const std::string> architectures) {
    return concat({R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":)", string_array(architectures), R"(,"syscalls":[)",
                   denying_rule(names), "]}"});
}

}  // namespace aa::oci
