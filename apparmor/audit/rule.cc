// SPDX-License-Identifier: Apache-2.0
#include "apparmor/audit/rule.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::string_view kSpecial = "*?[]{}^\",";  // in a pattern, or between quotes

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+:%~").find(c) != std::string_view::npos;
}

std::string octal(char c) {
    const auto byte = static_cast<unsigned char>(c);
    const auto digit = [](unsigned value) { return static_cast<char>('0' + value); };
    return {'\\', digit(byte >> 6U), digit((byte >> 3U) & 7U), digit(byte & 7U)};
}

// " KEY=VALUE", if there is a value.
std::string with(std::string_view key, std::string_view value) {
    return value.empty() ? std::string() : concat({" ", key, "=", exactly(value)});
}

// "read, write" of "read write", or of letters that are words already.
std::string listed(std::string_view words) {
    std::string result;
    for (const char c : words) {
        if (c != ' ' && c != ',') {
            result += c;
        } else if (!result.empty() && !result.ends_with(", ")) {
            result += ", ";
        }
    }
    return result;
}

Remedy rule(std::string text) { return {std::move(text), {}, {}}; }
Remedy advice(std::string text) { return {{}, {}, std::move(text)}; }

Remedy of_file(const Event& event) {
    if (event.operation == "link") return rule(concat({"link ", exactly(event.name), " -> ", exactly(event.target)}));
    const auto letters = rule_letters(event.denied);
    if (letters.empty() || !event.name.starts_with('/')) return advice("the record does not say which file it was");
    const std::string_view owner = event.user == event.owner ? "owner " : "";
    auto remedy = rule(concat({owner, exactly(event.name), " ", letters}));
    if (event.operation == "exec")
        remedy.advice = "ix: under the same profile; Px or Cx in its place change to a profile or a child of its own";
    return remedy;
}

Remedy of_exec(const Event& event) {
    if (event.info != "profile transition not found") return of_file(event);
    const std::string target =
        event.target.empty() ? "that the rule for it names" : concat({quote(event.target), " that the rule for it names"});
    return advice(concat({"load the profile ", target, ", or change that rule"}));
}

Remedy of_change(const Event& event) {
    if (event.info == "label not found") return advice(concat({"load the profile ", quote(event.name)}));
    return rule(concat({"change_profile -> ", exactly(event.target.empty() ? event.name : event.target)}));
}

// What the kernel writes in digits, where it is not quoted as a whole (audit_string_contains_control()).
bool is_odd(std::string_view bytes) {
    return std::any_of(bytes.begin(), bytes.end(), [](char c) { return c < 0x21 || c > 0x7E || c == '"'; });
}

// The address of a socket. The kernel puts an abstract name between quotes even if it has to write it in digits (seen on 7.2): it is taken for
// such a one where it can be. A name that consists of these very digits looks the same.
std::string address_of(std::string_view value) {
    if (value == "none") return {};
    const auto bytes = value.starts_with('@') ? bytes_of_hex(value.substr(1)) : std::nullopt;
    return bytes && is_odd(*bytes) ? concat({"@", *bytes}) : std::string(value);
}

Remedy of_network(const Event& event) {
    const bool is_unix = event.family == "unix" && !(event.address.empty() && event.peer_address.empty() && event.peer.empty());
    if (!is_unix) return rule(concat({"network ", event.family, event.socket_type.empty() ? "" : " ", event.socket_type}));
    const auto address = with("addr", address_of(event.address));
    const auto peer_address = with("addr", address_of(event.peer_address));
    const auto label = with("label", event.peer);
    const auto peer = concat({label, label.empty() || peer_address.empty() ? "" : ",", peer_address});
    return rule(concat({"unix (", listed(event.denied.empty() ? event.requested : event.denied), ")", with("type", event.socket_type),
                        address, peer.empty() ? std::string() : concat({" peer=(", peer.substr(1), ")"})}));
}

// Whether the kernel has a name for SIGNAL; for what is none it writes "unknown(N)".
bool has_name(std::string_view signal) { return !signal.empty() && !signal.starts_with("unknown"); }

Remedy of_signal(const Event& event) {
    return rule(concat({"signal (", listed(event.denied), ")",
                        has_name(event.signal) ? concat({" set=(", event.signal, ")"}) : std::string(), with("peer", event.peer)}));
}

Remedy of_ptrace(const Event& event) { return rule(concat({"ptrace (", listed(event.denied), ")", with("peer", event.peer)})); }

Remedy of_mount(const Event& event) {
    if (event.operation == "umount") return rule(concat({"umount ", exactly(event.name)}));
    if (event.operation == "pivotroot") {
        return rule(concat({"pivot_root", with("oldroot", event.source), " ", exactly(event.name)}));
    }
    return rule(
        concat({"mount", with("fstype", event.file_system), event.flags.empty() ? "" : concat({" options=(", listed(event.flags), ")"}),
                event.source.empty() ? "" : " ", event.source.empty() ? "" : exactly(event.source), " -> ", exactly(event.name)}));
}

Remedy of_limit(const Event& event) {
    if (event.info == "cap_sys_resource") return rule("capability sys_resource");
    auto remedy = rule(concat({"set rlimit ", event.limit, " <= ", event.value}));
    remedy.advice = "in place of the rule about it that the profile has";
    return remedy;
}

Remedy of_bus(const Event& event) {
    const auto peer = concat({event.requested == "bind" ? "" : with("name", event.name),
                              event.name.empty() || event.peer.empty() ? "" : ",", with("label", event.peer)});
    const bool has_peer = event.requested == "send" || event.requested == "receive";
    return rule(
        concat({"dbus (", listed(event.requested), ")", with("bus", event.bus), event.requested == "bind" ? with("name", event.name) : "",
                with("path", event.path), with("interface", event.interface), with("member", event.member),
                has_peer && peer.size() > 1 ? concat({" peer=(", peer.substr(1), ")"}) : std::string()}));
}

// "uring_sqpoll" of `sqpoll`.
Remedy of_uring(const Event& event) {
    const auto what = listed(event.denied);
    return rule(
        concat({"io_uring (", what, ")", what == "override_creds" ? with("label", event.peer.empty() ? event.target : event.peer) : ""}));
}

Remedy of_queue(const Event& event) {
    const std::string_view type = event.mediation_class == "sysv_mqueue" ? "sysv" : "posix";
    return rule(concat(
        {"mqueue (", listed(event.denied), ") type=", type, event.name.empty() ? "" : " ", event.name.empty() ? "" : exactly(event.name)}));
}

Remedy of_capability(const Event& event) { return rule(concat({"capability ", event.capability})); }
Remedy of_user_namespace(const Event&) { return rule("userns"); }
Remedy of_hat(const Event&) { return advice("a hat of the profile is missing, or was never meant: no rule allows it"); }
Remedy of_policy(const Event&) { return advice("policy is loaded by the host's root alone: no rule allows it"); }

// What is asked for is told by the operation; by the class where that is one of many.
struct Kind {
    std::string_view operation;  // how it begins
    std::string_view mediation_class;
    Remedy (*remedy)(const Event&);
};
constexpr std::array kKinds = {
    Kind{"capable", "", of_capability},    Kind{"exec", "", of_exec},
    Kind{"change_profile", "", of_change}, Kind{"change_onexec", "", of_change},
    Kind{"stack", "", of_change},          Kind{"change_hat", "", of_hat},
    Kind{"profile_", "", of_policy},       Kind{"signal", "", of_signal},
    Kind{"ptrace", "", of_ptrace},         Kind{"mount", "", of_mount},
    Kind{"umount", "", of_mount},          Kind{"pivotroot", "", of_mount},
    Kind{"setrlimit", "", of_limit},       Kind{"userns_create", "", of_user_namespace},
    Kind{"uring_", "", of_uring},          Kind{"dbus_", "", of_bus},
    Kind{"", "posix_mqueue", of_queue},    Kind{"", "sysv_mqueue", of_queue},
};

// What goes into a rule as it stands are words of the kernel; a process may send others, in a record of its own.
bool has_plain_words(const Event& event) {
    const auto is_made_of = [](std::string_view text, std::string_view others) {
        return std::all_of(text.begin(), text.end(), [&](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
        });
    };
    for (const auto list : {&Event::denied, &Event::requested, &Event::flags}) {
        if (!is_made_of(event.*list, "_+-, ")) return false;
    }
    for (const auto word : {&Event::capability, &Event::family, &Event::socket_type, &Event::limit, &Event::value}) {
        if (!is_made_of(event.*word, "_+-")) return false;
    }
    return is_made_of(event.signal, "_+-") || !has_name(event.signal);
}

// Where the name was not found out, no rule is asked for.
Remedy of_lookup(const Event& event) {
    if (event.info.find("disconnected") != std::string::npos) {
        return {{},
                "attach_disconnected",
                "its name leads out of what the process sees mounted; with the flag it counts from /, and rules apply"};
    }
    if (event.info.find("deleted") != std::string::npos)
        return {{}, "mediate_deleted", "it was deleted; with the flag, rules for its name apply"};
    return advice(concat({"the kernel could not tell its name (", event.info, "): no rule applies"}));
}

}  // namespace

std::string rule_letters(std::string_view denied) {
    constexpr std::array<std::pair<char, std::string_view>, 6> kLetters = {
        {{'m', "m"}, {'r', "r"}, {'w', "wcd"}, {'a', "a"}, {'l', "l"}, {'k', "k"}}};
    std::string letters;
    for (const auto& [letter, meaning] : kLetters) {
        const bool any = denied.find_first_of(meaning) != std::string_view::npos;
        if (any && !(letter == 'a' && letters.find('w') != std::string::npos)) letters += letter;
    }
    if (denied.find('x') != std::string_view::npos) letters += "ix";
    return letters;
}

std::string exactly(std::string_view name) {
    if (!name.empty() && std::all_of(name.begin(), name.end(), is_plain)) return std::string(name);
    std::string text = "\"";
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7F || c == '\\') {
            text += octal(c);  // a backslash, too: before the closing quote, the parser would take it for that quote's
        } else {
            if (kSpecial.find(c) != std::string_view::npos) text += '\\';
            text += c;
        }
    }
    return text + '"';
}

Remedy remedy_for(const Event& event) {
    if (event.type != EventType::denied && event.type != EventType::killed && event.type != EventType::allowed) return {};
    if (!has_plain_words(event)) return advice("it has words in it that no kernel writes: no rule is made of them");
    if (event.info.starts_with("Failed name lookup")) return of_lookup(event);
    if (event.info == "no new privs")
        return advice("the process has no-new-privileges, which forbids to change the profile: no rule allows it");
    for (const auto& kind : kKinds) {
        if (event.operation.starts_with(kind.operation) &&
            (kind.mediation_class.empty() || event.mediation_class == kind.mediation_class)) {
            return kind.remedy(event);
        }
    }
    if (!event.family.empty()) return of_network(event);
    if (event.is_of_file()) return of_file(event);
    return advice(concat({"aa-shimctl knows no rule for ", quote(event.operation)}));
}

}  // namespace aa::apparmor
