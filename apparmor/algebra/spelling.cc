// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/spelling.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "apparmor/algebra/grammar.h"
#include "apparmor/policy/automaton.h"
#include "base/capability_set.h"
#include "base/escape.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

using Names = std::span<const std::pair<std::uint32_t, std::string_view>>;

// Letters, each with the permissions that it implies (expand() of policy/database.cc says the same of compiled ones).
constexpr std::uint32_t kImpliedByWrite =
    permission::kAppend | permission::kCreate | permission::kDelete | permission::kChangeMode | permission::kChangeOwner;
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 7> kLetters = {{{permission::kRead, "r"},
                                                                                 {permission::kWrite, "w"},
                                                                                 {permission::kAppend, "a"},
                                                                                 {permission::kExec, "x"},
                                                                                 {permission::kMapExecutable, "m"},
                                                                                 {permission::kLock, "k"},
                                                                                 {permission::kLink, "l"}}};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 4> kFileWords = {{{permission::kCreate, "create"},
                                                                                   {permission::kDelete, "delete"},
                                                                                   {permission::kChangeMode, "chmod"},
                                                                                   {permission::kChangeOwner, "chown"}}};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 2> kSignalWords = {
    {{access::kSend, "send"}, {access::kReceive, "receive"}}};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 4> kPtraceWords = {
    {{access::kTrace, "trace"}, {access::kReadByTrace, "read"}, {access::kTracedBy, "tracedby"}, {access::kReadBy, "readby"}}};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 2> kIoUringWords = {
    {{access::kPollQueue, "sqpoll"}, {access::kOverrideCredentials, "override_creds"}}};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 12> kNetworkWords = {{{0x2, "send"},
                                                                                       {0x4, "receive"},
                                                                                       {0x10, "create"},
                                                                                       {0x20, "shutdown"},
                                                                                       {0x40, "connect"},
                                                                                       {0x100, "setattr"},
                                                                                       {0x200, "getattr"},
                                                                                       {0x100000, "accept"},
                                                                                       {0x200000, "bind"},
                                                                                       {0x400000, "listen"},
                                                                                       {0x1000000, "setopt"},
                                                                                       {0x2000000, "getopt"}}};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 4> kDbusWords = {
    {{0x2, "send"}, {0x4, "receive"}, {0x20, "eavesdrop"}, {0x40, "bind"}}};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 8> kQueueWords = {{{0x2, "write"},
                                                                                    {0x4, "read"},
                                                                                    {0x10, "create"},
                                                                                    {0x20, "delete"},
                                                                                    {0x40, "open"},
                                                                                    {0x100, "setattr"},
                                                                                    {0x200, "getattr"},
                                                                                    {0x8, "append"}}};

// Flags of mount(2), by the number of their bit (security/apparmor/mount.c passes the flags as they are).
constexpr std::array<std::string_view, 32> kMountFlags = {
    "ro",          "nosuid",     "nodev",   "noexec",     "sync",   "remount",  "mand", "dirsync",
    "nosymfollow", "",           "noatime", "nodiratime", "bind",   "move",     "rec",  "silent",
    "acl",         "unbindable", "private", "slave",      "shared", "relatime", "",     "iversion",
    "strictatime", "lazytime",   "",        "",           "",       "",         "",     ""};

// By number (linux/socket.h, AF_*).
constexpr std::array<std::string_view, kFamilies> kFamilyNames = {
    "unspec",     "unix",    "inet",     "ax25", "ipx",     "appletalk", "netrom",  "bridge",    "atmpvc", "x25",   "inet6", "rose",
    "decnet",     "netbeui", "security", "key",  "netlink", "packet",    "ash",     "econet",    "atmsvc", "rds",   "sna",   "irda",
    "pppox",      "wanpipe", "llc",      "ib",   "mpls",    "can",       "tipc",    "bluetooth", "iucv",   "rxrpc", "isdn",  "phonet",
    "ieee802154", "caif",    "alg",      "nfc",  "vsock",   "kcm",       "qipcrtr", "smc",       "xdp",    "mctp"};
constexpr std::array<std::string_view, 11> kTypeNames = {"", "stream", "dgram", "raw", "rdm", "seqpacket", "dccp", "", "", "", "packet"};
constexpr std::array<std::string_view, 36> kSignalNames = {"",     "hup",   "int",  "quit", "ill",  "trap", "abrt", "bus",    "fpe",
                                                           "kill", "usr1",  "segv", "usr2", "pipe", "alrm", "term", "stkflt", "chld",
                                                           "cont", "stop",  "stp",  "ttin", "ttou", "urg",  "xcpu", "xfsz",   "vtalrm",
                                                           "prof", "winch", "io",   "pwr",  "sys",  "emt",  "lost", "",       "exists"};

std::string words(Names names, std::uint32_t permissions) {
    std::vector<std::string> found;
    for (const auto& [bits, name] : names) {
        if ((permissions & bits) != 0) found.emplace_back(name);
        permissions &= ~bits;
    }
    if (permissions != 0) found.push_back(concat({"0x", hex64(permissions).substr(8)}));
    return concat({"(", join(found, ", "), ")"});
}

// What needs quotes in a rule gets them, and what people could not read is escaped.
std::string operand(std::string_view glob) {
    const std::string text = shown(glob);
    return text.find(' ') == std::string::npos && !text.empty() ? text : concat({"\"", text, "\""});
}

bool is_anything(std::string_view glob) { return glob == "**"; }

std::string with_peer(const std::string& rule, std::string_view key, std::string_view peer) {
    return is_anything(peer) || peer.empty() ? rule : concat({rule, " ", key, "=", operand(peer)});
}

std::vector<std::string_view> fields(std::string_view glob) {
    std::vector<std::string_view> result;
    for (std::size_t end = glob.find('\0'); end != std::string_view::npos; end = glob.find('\0')) {
        result.push_back(glob.substr(0, end));
        glob.remove_prefix(end + 1);
    }
    result.push_back(glob);
    return result;
}

std::string mount_flags(std::string_view bytes) {
    std::vector<std::string> names;
    // A literal part escapes its special characters; the numbers of flags are none of them but for a few that no kernel has.
    for (const char byte : bytes) {
        const auto number = static_cast<std::uint8_t>(byte);
        if (number == 0 || number > kMountFlags.size()) continue;
        const auto name = kMountFlags[number - 1U];
        names.push_back(name.empty() ? concat({"flag ", decimal(number - 1)}) : std::string(name));
    }
    if (bytes.find('\1') == std::string_view::npos) names.insert(names.begin(), "rw");
    return concat({" options=(", join(names, ", "), ")"});
}

}  // namespace

std::string file_letters(std::uint32_t permissions) {
    std::string letters;
    for (const auto& [bit, letter] : kLetters) {
        const bool implied = bit == permission::kAppend && (permissions & permission::kWrite) != 0;
        if ((permissions & bit) != 0 && !implied) letters += letter;
    }
    if ((permissions & permission::kWrite) != 0) permissions &= ~kImpliedByWrite;
    for (const auto& [bit, word] : kFileWords) {
        if ((permissions & bit) != 0) letters += concat({letters.empty() ? "" : " ", word});
    }
    return letters;
}

std::string file_rule(std::string_view glob, Granted granted) {
    const auto parts = fields(glob);
    const std::string owner = granted.other == 0 ? "owner " : granted.owner == 0 ? "not the owner: " : "";
    const std::uint32_t permissions = granted.other == 0 ? granted.owner : granted.other;
    if ((permissions & permission::kChangeProfile) != 0) return concat({"change_profile -> ", operand(parts.front())});
    if ((permissions & permission::kOnExec) != 0) {
        return concat({"change_profile ", operand(parts.front()), " -> ", operand(parts.back())});
    }
    if (parts.size() > 1) {
        const bool link = (permissions & permission::kLink) != 0;
        const bool free = (permissions & permission::kLock) != 0;  // of `subset`
        return concat({owner, link && !free ? "link subset " : "link ", operand(parts.front()), " -> ", operand(parts.back()),
                       link ? "" : " without subset"});
    }
    return concat({owner, file_letters(permissions), " ", operand(parts.front())});
}

std::string capability_rule(unsigned capability) {
    std::string rule = "capability ";
    for (const char c : capability_name(capability)) rule += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return rule;
}

std::string shown(std::string_view text) { return escape(text, {}, std::string_view::npos); }

std::string signal_name(std::uint8_t signal) {
    if (signal < kSignalNames.size() && !kSignalNames[signal].empty()) return std::string(kSignalNames[signal]);
    if (signal >= 128) return concat({"rtmin+", decimal(signal - 128)});
    return decimal(signal);
}

std::string signal_rule(std::uint32_t permissions, std::span<const std::uint8_t> signals, std::string_view peer) {
    std::vector<std::string> names;
    for (const std::uint8_t signal : signals) names.push_back(signal_name(signal));
    const std::string set = names.empty() ? std::string() : concat({" set=(", join(names, ", "), ")"});
    return with_peer(concat({"signal ", words(kSignalWords, permissions), set}), "peer", peer);
}

std::string ptrace_rule(std::uint32_t permissions, std::string_view peer) {
    return with_peer(concat({"ptrace ", words(kPtraceWords, permissions)}), "peer", peer);
}

std::string mount_rule(std::uint32_t permissions, std::string_view glob) {
    auto parts = fields(glob);
    parts.resize(5);
    if ((permissions & access::kUmount) != 0) return concat({"umount ", operand(parts[0])});
    if ((permissions & access::kPivotRoot) != 0) {
        return concat(
            {"pivot_root", is_anything(parts[1]) ? std::string() : concat({" oldroot=", operand(parts[1])}), " ", operand(parts[0])});
    }
    std::string rule = "mount";
    if (!is_anything(parts[2])) rule += concat({" fstype=", operand(parts[2])});
    if (!is_anything(parts[3])) rule += mount_flags(parts[3]);
    if (!is_anything(parts[1])) rule += concat({" ", operand(parts[1])});
    if (!is_anything(parts[0])) rule += concat({" -> ", operand(parts[0])});
    return rule;
}

std::uint32_t network_permissions() {
    std::uint32_t all = 0;
    for (const auto& [bit, name] : kNetworkWords) all |= bit;
    return all;
}

std::uint32_t text_permissions(std::uint8_t mediation_class) {
    constexpr std::uint32_t kAlwaysSet = 0x8000;  // by the compiler of AppArmor 5.0, in tables of permissions, whatever is allowed
    if (mediation_class != mediation::kDbus && mediation_class != mediation::kMessageQueue) return ~kAlwaysSet;
    std::uint32_t all = 0;
    for (const auto& [bit, name] : mediation_class == mediation::kDbus ? Names(kDbusWords) : Names(kQueueWords)) all |= bit;
    return all;
}

std::string_view family_name(std::uint16_t family) { return family < kFamilyNames.size() ? kFamilyNames[family] : std::string_view(); }
std::string_view socket_type_name(std::uint16_t type) { return type < kTypeNames.size() ? kTypeNames[type] : std::string_view(); }

std::string network_rule(std::uint32_t permissions, std::uint16_t family, std::uint16_t type) {
    const auto name = [](std::string_view known, std::uint16_t number) { return known.empty() ? decimal(number) : std::string(known); };
    const std::string some = permissions == network_permissions() ? std::string() : " " + words(kNetworkWords, permissions);
    const std::string of_family = family == kAnyFamily ? std::string() : " " + name(family_name(family), family);
    const std::string of_type = type == kAnyType ? std::string() : " " + name(socket_type_name(type), type);
    return concat({"network", some, of_family, of_type});
}

std::string io_uring_rule(std::uint32_t permissions, std::string_view label) {
    return with_peer(concat({"io_uring ", words(kIoUringWords, permissions)}), "label", label);
}

std::string other_rule(std::uint8_t mediation_class, std::uint32_t permissions, std::string_view glob) {
    std::vector<std::string> parts;
    for (const auto field : fields(glob)) parts.push_back(operand(field));
    const Names names = mediation_class == mediation::kDbus           ? Names(kDbusWords)
                        : mediation_class == mediation::kMessageQueue ? Names(kQueueWords)
                                                                      : Names();
    return concat({class_name(mediation_class), " ", words(names, permissions), " ", join(parts, " ")});
}

std::string class_name(std::uint8_t mediation_class) {
    switch (mediation_class) {
        case mediation::kFile:
            return "files";
        case mediation::kCapability:
            return "capabilities";
        case mediation::kMount:
            return "mount";
        case mediation::kPtrace:
            return "ptrace";
        case mediation::kSignal:
            return "signal";
        case mediation::kNetwork:
        case mediation::kNetworkV9:
            return "network";
        case mediation::kMessageQueue:
            return "mqueue";
        case mediation::kNamespace:
            return "userns";
        case mediation::kIoUring:
            return "io_uring";
        case mediation::kDbus:
            return "dbus";
        default:
            return concat({"class ", decimal(mediation_class)});
    }
}

}  // namespace aa::apparmor
