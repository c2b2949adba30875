// SPDX-License-Identifier: Apache-2.0
#include "base/capability_set.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/text.h"

namespace aa {
namespace {

// By number, linux/capability.h. A table of our own, because libcap's constructor asks the kernel about each capability at
// every start of the program; a test holds it against libcap's.
constexpr std::array<std::string_view, CapabilitySet::kKnown> kNames{"CHOWN",
                                                                     "DAC_OVERRIDE",
                                                                     "DAC_READ_SEARCH",
                                                                     "FOWNER",
                                                                     "FSETID",
                                                                     "KILL",
                                                                     "SETGID",
                                                                     "SETUID",
                                                                     "SETPCAP",
                                                                     "LINUX_IMMUTABLE",
                                                                     "NET_BIND_SERVICE",
                                                                     "NET_BROADCAST",
                                                                     "NET_ADMIN",
                                                                     "NET_RAW",
                                                                     "IPC_LOCK",
                                                                     "IPC_OWNER",
                                                                     "SYS_MODULE",
                                                                     "SYS_RAWIO",
                                                                     "SYS_CHROOT",
                                                                     "SYS_PTRACE",
                                                                     "SYS_PACCT",
                                                                     "SYS_ADMIN",
                                                                     "SYS_BOOT",
                                                                     "SYS_NICE",
                                                                     "SYS_RESOURCE",
                                                                     "SYS_TIME",
                                                                     "SYS_TTY_CONFIG",
                                                                     "MKNOD",
                                                                     "LEASE",
                                                                     "AUDIT_WRITE",
                                                                     "AUDIT_CONTROL",
                                                                     "SETFCAP",
                                                                     "MAC_OVERRIDE",
                                                                     "MAC_ADMIN",
                                                                     "SYSLOG",
                                                                     "WAKE_ALARM",
                                                                     "BLOCK_SUSPEND",
                                                                     "AUDIT_READ",
                                                                     "PERFMON",
                                                                     "BPF",
                                                                     "CHECKPOINT_RESTORE"};

constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

constexpr bool same_name(std::string_view any_case, std::string_view upper_case) {
    if (any_case == upper_case) return true;  // as engines write it
    if (any_case.size() != upper_case.size()) return false;
    for (std::size_t i = 0; i < any_case.size(); ++i) {
        if (upper(any_case[i]) != upper_case[i]) return false;
    }
    return true;
}

constexpr std::size_t kLongestName = [] {
    std::size_t longest = 0;
    for (const auto name : kNames) longest = std::max(longest, name.size());
    return longest;
}();

// The names of each length, a bit for each by number: a container's config.json has some sixty names to look up.
constexpr auto kNamesOfLength = [] {
    std::array<std::uint64_t, kLongestName + 1> names{};
    for (unsigned i = 0; i < kNames.size(); ++i) names[kNames[i].size()] |= std::uint64_t{1} << i;
    return names;
}();

std::optional<unsigned> number_of_bare_name(std::string_view name) {
    if (name.size() > kLongestName) return std::nullopt;
    for (std::uint64_t left = kNamesOfLength[name.size()]; left != 0; left &= left - 1) {
        const auto number = static_cast<unsigned>(std::countr_zero(left));
        if (same_name(name, kNames[number])) return number;
    }
    return std::nullopt;
}

}  // namespace

std::optional<unsigned> capability_number(std::string_view name) {
    constexpr std::string_view kPrefix = "CAP_";
    if (!same_name(name.substr(0, kPrefix.size()), kPrefix)) return std::nullopt;
    return number_of_bare_name(name.substr(kPrefix.size()));
}

std::string_view capability_name(unsigned capability) { return capability < kNames.size() ? kNames[capability] : std::string_view{}; }

std::string CapabilitySet::names() const {
    if (empty()) return "none";
    std::string out;
    for (unsigned i = 0; i < 64; ++i) {
        if (!has(i)) continue;
        if (!out.empty()) out += ',';
        const auto name = capability_name(i);
        out += name.empty() ? decimal(i) : std::string(name);
    }
    return out;
}

std::optional<CapabilitySet> CapabilitySet::from_names(std::string_view list) {
    CapabilitySet set;
    if (list == "none") return set;
    while (true) {
        const std::size_t comma = list.find(',');
        const auto word = list.substr(0, comma);
        unsigned long long number = 0;
        if (parse_decimal(word, number) && number < 64) {
            set.add(static_cast<unsigned>(number));
        } else if (const auto known = number_of_bare_name(word)) {
            set.add(*known);
        } else {
            return std::nullopt;
        }
        if (comma == std::string_view::npos) return set;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace aa
