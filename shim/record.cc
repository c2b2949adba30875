// SPDX-License-Identifier: Apache-2.0
#include "shim/record.h"

#include <algorithm>
#include <array>

#include "apparmor/catalog/catalog.h"
#include "base/text.h"

namespace aa::shim {
namespace {

constexpr std::string_view kId = "aa-shim/decision";
constexpr std::string_view kApplied = "aa-shim/applied";  // the confinement; empty: passed
constexpr std::string_view kProfile = "aa-shim/profile";  // empty: AppArmor was off
constexpr std::string_view kStart = "aa-shim/start";      // the first program's label; absent: the profile
constexpr std::string_view kCapabilities = "aa-shim/capabilities";
constexpr std::string_view kNoNewPrivileges = "aa-shim/no-new-privileges";
constexpr std::string_view kRule = "aa-shim/rule";
// Who it is, for the log: each only where the engine said it.
struct SubjectKey {
    std::string_view key;
    std::string Subject::*member;
};
constexpr std::array<SubjectKey, 5> kSubject{{
    {"aa-shim/engine", &Subject::engine},
    {"aa-shim/namespace", &Subject::kubernetes_namespace},
    {"aa-shim/pod", &Subject::pod},
    {"aa-shim/name", &Subject::name},
    {"aa-shim/image", &Subject::image},
}};
constexpr std::string_view kUnlimited = "unlimited";

bool is_id(std::string_view text) {
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.size() == 16 && std::all_of(text.begin(), text.end(), is_digit);
}

Error unreadable(std::string_view key, std::string_view value) {
    return {ErrorKind::config, concat({"the record of the decision has ", quote(value), " as '", key,
                                       "': the container was changed by "
                                       "somebody else; create it anew"})};
}

}  // namespace

Annotations to_annotations(const Decision& decision) {
    Annotations out{{std::string(kId), decision.id}, {std::string(kApplied), decision.confinement}, {std::string(kRule), decision.rule}};
    for (const auto& [key, member] : kSubject) {
        if (const auto& value = decision.subject.*member; !value.empty()) out.emplace_back(key, value);
    }
    if (decision.pass) return out;
    const auto& bounds = decision.bounds;
    out.emplace_back(kProfile, bounds.profile.value_or(""));
    if (decision.start_label) out.emplace_back(kStart, *decision.start_label);
    out.emplace_back(kCapabilities, bounds.ceiling ? bounds.ceiling->names() : std::string(kUnlimited));
    out.emplace_back(kNoNewPrivileges, bounds.no_new_privileges ? "true" : "false");
    return out;
}

Result<std::optional<Decision>> read_record(const oci::ContainerState& state) {
    Decision decision;
    decision.id = state.annotation(kId);
    if (decision.id.empty()) return std::optional<Decision>();
    decision.confinement = state.annotation(kApplied);
    decision.rule = state.annotation(kRule);
    for (const auto& [key, member] : kSubject) decision.subject.*member = state.annotation(key);
    decision.pass = decision.confinement.empty();
    if (decision.pass) return std::optional(std::move(decision));

    if (const auto profile = state.annotation(kProfile); !profile.empty()) decision.bounds.profile = profile;
    if (const auto start = state.annotation(kStart); !start.empty()) decision.start_label = start;
    const auto capabilities = state.annotation(kCapabilities);
    if (capabilities != kUnlimited) {
        decision.bounds.ceiling = CapabilitySet::from_names(capabilities);
        if (!decision.bounds.ceiling) return unreadable(kCapabilities, capabilities);
    }
    const auto no_new_privileges = state.annotation(kNoNewPrivileges);
    if (no_new_privileges != "true" && no_new_privileges != "false") return unreadable(kNoNewPrivileges, no_new_privileges);
    decision.bounds.no_new_privileges = no_new_privileges == "true";
    return std::optional(std::move(decision));
}

Result<void> check_reserved_annotations(const oci::Config& config, const Decision& decision) {
    const auto record = to_annotations(decision);
    for (const auto& annotation : config.annotations) {
        if (!annotation.key.starts_with(apparmor::kReservedPrefix) || annotation.key == apparmor::kRequestAnnotation) continue;
        const auto ours = std::find_if(record.begin(), record.end(), [&](const auto& entry) { return entry.first == annotation.key; });
        if (ours != record.end() && (ours->second == annotation.value || (ours->first == kId && is_id(annotation.value)))) continue;
        return Error{ErrorKind::denied, concat({"the container brings the annotation ", quote(annotation.key),
                                                ", which is reserved for aa-shim's "
                                                "own record: remove it (to ask for a confinement, use '",
                                                apparmor::kRequestAnnotation, "')"})};
    }
    return {};
}

std::optional<std::string> asked_profile(const oci::Config& config) {
    const auto start = config.annotation(kStart);
    const auto profile = config.annotation(kProfile);
    if (start && profile && config.process.apparmor_profile == *start) return std::string(*profile);
    return config.process.apparmor_profile;
}

}  // namespace aa::shim
