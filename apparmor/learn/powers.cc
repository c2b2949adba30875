// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/powers.h"

#include <algorithm>
#include <array>

namespace aa::apparmor {

namespace {

constexpr std::array<std::string_view, 5> kPassing = {"/tmp/", "/var/tmp/", "/dev/", "/proc/", "/memfd:"};
constexpr std::array<std::string_view, 4> kSecrets = {"/root/", "/home/", "/run/secrets/", "/var/run/secrets/"};

template <class Folders>
bool is_in(std::string_view name, const Folders& folders) {
    return std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) { return name.starts_with(folder); });
}

}  // namespace

std::string_view power_name(Power power) {
    switch (power) {
        case Power::capability:
            return "capabilities";
        case Power::network:
            return "network";
        case Power::writing:
            return "files that are written";
        case Power::secrets:
            break;
    }
    return "files of homes and secrets";
}

std::optional<Power> power_of(const Fact& fact) {
    constexpr std::string_view kWrites = "wacdl";
    const auto& event = fact.event;
    if (event.operation == "capable") return Power::capability;
    if (!event.is_of_file()) {
        const bool is_beyond = !event.family.empty() && event.family != "unix" && event.family != "netlink";
        return is_beyond ? std::optional(Power::network) : std::nullopt;
    }
    if (event.operation == kInherited) return std::nullopt;
    const bool is_written = event.denied.find_first_of(kWrites) != std::string::npos;
    if (is_written) return is_in(event.name, kPassing) ? std::nullopt : std::optional(Power::writing);
    return is_in(event.name, kSecrets) ? std::optional(Power::secrets) : std::nullopt;
}

}  // namespace aa::apparmor
