// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/host.h"

#include <algorithm>
#include <array>
#include <limits>

#include "apparmor/catalog/pattern.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::array<std::string_view, kHostNamespaces> kNames{"pid", "network", "ipc", "uts", "cgroup", "user", "mount"};
constexpr std::string_view kAccess = "rwm";

Error no_grant(std::string_view text, std::string_view problem) {
    return {ErrorKind::config, concat({quote(text), " ", problem,
                                       ": write \"/dev/NAME\" or \"TYPE MAJOR:MINOR\", where TYPE is b, c or a and '*' stands for any "
                                       "number, and behind it, if not all is meant, \" r\", \" w\", \" m\" or several of these"})};
}

// "*" or a number.
bool parse_number(std::string_view text, std::optional<std::int64_t>& number) {
    if (text == "*") return true;
    unsigned long long value = 0;
    if (!parse_decimal(text, value) || value > std::numeric_limits<std::uint32_t>::max()) return false;
    number = static_cast<std::int64_t>(value);
    return true;
}

bool parse_numbers(std::string_view text, DeviceGrant& grant) {
    const auto colon = text.find(':');
    if (text.size() < 5 || std::string_view("abc").find(text[0]) == text.npos || text[1] != ' ' || colon == text.npos) return false;
    grant.type = text[0];
    return parse_number(text.substr(2, colon - 2), grant.major) && parse_number(text.substr(colon + 1), grant.minor);
}

std::string number_text(const std::optional<std::int64_t>& number) { return number ? decimal(*number) : std::string("*"); }

}  // namespace

std::string_view name_of(HostNamespace space) { return kNames[static_cast<std::size_t>(space)]; }

std::optional<HostNamespace> host_namespace(std::string_view name) {
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<HostNamespace>(found - kNames.begin());
}

std::string names_of_namespaces(std::uint32_t spaces) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if ((spaces >> i & 1U) != 0) names.emplace_back(kNames[i]);
    }
    return join(names, ", ");
}

Result<DeviceGrant> parse_device_grant(std::string_view text) {
    DeviceGrant grant;
    const auto space = text.rfind(' ');
    const auto last = space == text.npos ? std::string_view() : text.substr(space + 1);
    const bool has_access = !last.empty() && last.find_first_not_of(kAccess) == last.npos;
    const auto what = has_access ? text.substr(0, space) : text;
    if (has_access) grant.access = last;
    if (what.starts_with('/')) {
        if (what.find(' ') != what.npos) return no_grant(text, "is no device");
        grant.path = what;
        if (auto checked = check_pattern(what); !checked) return std::move(checked).error();
        if (!literal_prefix(what).text.starts_with("/dev/")) return no_grant(text, "is no device: their names begin with '/dev/'");
    } else if (!parse_numbers(what, grant)) {
        return no_grant(text, "is no device");
    }
    if (grant.path.empty() && grant.type == 'a' && (grant.major || grant.minor)) return no_grant(text, "names devices of type a by number");
    return grant;
}

std::string to_text(const DeviceGrant& grant) {
    const auto access = grant.access == kAccess ? std::string() : concat({" ", grant.access});
    if (!grant.path.empty()) return grant.path + access;
    return concat({std::string_view(&grant.type, 1), " ", number_text(grant.major), ":", number_text(grant.minor), access});
}

}  // namespace aa::apparmor
