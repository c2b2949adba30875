// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <span>

#include "apparmor/catalog/block_writer.h"
#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/compiled_format.h"
#include "apparmor/catalog/pattern.h"
#include "apparmor/catalog/policy_snapshot.h"
#include "apparmor/catalog/rule_index.h"
#include "apparmor/catalog/syscalls.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using format::Trie;

void write_outcome(Payload& payload, const Outcome& outcome) {
    if (const auto* use = std::get_if<Use>(&outcome)) {
        payload.tag(format::OutcomeKind::use).text(use->confinement);
    } else if (const auto* reject = std::get_if<Reject>(&outcome)) {
        payload.tag(format::OutcomeKind::reject).text(reject->message);
    } else {
        payload.tag(format::OutcomeKind::pass).text("");
    }
}

void write_pairs(Payload& payload, const std::vector<std::pair<std::string, std::string>>& pairs) {
    if (pairs.empty()) return;
    payload.u32(pairs.size());
    for (const auto& [key, pattern] : pairs) payload.text(key).text(pattern);
}

std::uint32_t clause_bits(const Match& match) {
    std::uint32_t bits = 0;
    const auto texts = text_clauses(match);
    for (std::size_t i = 0; i < texts.size(); ++i) bits |= texts[i] != nullptr ? 1U << i : 0U;
    if (!match.labels.empty()) bits |= format::bit(Trie::label);
    if (!match.annotations.empty()) bits |= format::bit(Trie::annotation);
    if (match.user) bits |= format::bit(Trie::user);
    if (match.privileged) bits |= format::kHasPrivileged | (*match.privileged ? format::kPrivileged : 0U);
    if (match.sandbox.value_or(false)) bits |= format::kSandbox;
    if (match.host_path) bits |= format::kHostPath;
    if (!match.host_path_outside.empty()) bits |= format::kHostPathOutside;
    if (match.device) bits |= format::kDevice;
    if (match.host_namespace) bits |= format::kHasHostNamespace;
    if (match.unmasked) bits |= format::kHasUnmasked | (*match.unmasked ? format::kUnmasked : 0U);
    if (match.hooks) bits |= format::kHasHooks | (*match.hooks ? format::kHooks : 0U);
    return bits;
}

void write_host_clauses(Payload& payload, const Match& match) {
    if (match.host_path) payload.text(*match.host_path);
    if (!match.host_path_outside.empty()) payload.texts(match.host_path_outside);
    if (match.device) payload.text(*match.device);
    if (match.host_namespace) payload.tag(*match.host_namespace);
}

Payload rule_payload(const Rule& rule) {
    Payload payload;
    payload.u32(clause_bits(rule.match)).u32(rule.match.user.value_or(0));
    for (const auto* pattern : text_clauses(rule.match)) {
        if (pattern != nullptr) payload.text(*pattern);
    }
    write_pairs(payload, rule.match.labels);
    write_pairs(payload, rule.match.annotations);
    write_host_clauses(payload, rule.match);
    write_outcome(payload, rule.outcome);
    payload.texts(rule.selectable).origin(rule.origin);
    return payload;
}

void write_ceiling(Payload& payload, const CeilingChoice& ceiling) {
    const auto* set = std::get_if<CapabilitySet>(&ceiling);
    const auto kind = set != nullptr                                      ? format::CeilingKind::set
                      : std::get_if<AllCapabilities>(&ceiling) != nullptr ? format::CeilingKind::all
                                                                          : format::CeilingKind::from_profile;
    const auto* from_profile = std::get_if<FromProfile>(&ceiling);
    const std::uint64_t mask = set != nullptr ? set->mask() : from_profile != nullptr ? from_profile->evaluated.mask() : 0;
    payload.tag(kind).u32(mask & 0xFFFFFFFFU).u32(mask >> 32U);
}

void write_host(Payload& payload, const HostCeilings& host) {
    std::vector<std::string> devices;
    if (host.devices) std::ranges::transform(*host.devices, std::back_inserter(devices), to_text);
    payload.u32((host.paths ? format::kHasPaths : 0U) | (host.protected_paths ? format::kProtectedPaths : 0U) |
                (host.devices ? format::kHasDevices : 0U) | (host.namespaces ? format::kHasNamespaces : 0U) |
                (host.keep_masked ? format::kKeepMasked : 0U));
    payload.u32(host.namespaces.value_or(0)).texts(host.paths.value_or(std::vector<std::string>())).texts(devices);
}

Payload confinement_payload(const Confinement& confinement) {
    Payload payload;
    const auto* profile = std::get_if<std::string>(&confinement.profile);
    payload.text(confinement.name).u32(profile == nullptr ? 1 : 0).text(profile != nullptr ? *profile : "").tag(confinement.combine);
    write_ceiling(payload, confinement.ceiling);
    payload.u32(confinement.no_new_privileges ? 1 : 0).texts(confinement.deny_syscalls).u32(confinement.exec_rules.size());
    for (const auto& rule : confinement.exec_rules) {
        const auto* deny = std::get_if<ExecRule::Deny>(&rule.action);
        payload.text(rule.command).tag(deny != nullptr ? format::ExecAction::deny : format::ExecAction::profile);
        payload.text(deny != nullptr ? deny->message : *std::get_if<std::string>(&rule.action)).origin(rule.origin);
    }
    payload.tag(confinement.exec_otherwise).u32(confinement.exec_unconfined ? 1 : 0).tag(confinement.refuse_exec);
    payload.tag(confinement.start).tag(confinement.restore);
    payload.u32(confinement.runtime_annotations.size());
    for (const auto& [key, value] : confinement.runtime_annotations) payload.text(key).u32(value ? 1 : 0).text(value.value_or(""));
    write_host(payload, confinement.host);
    payload.origin(confinement.origin);
    return payload;
}

bool needs_engine_record(const Match& match) { return match.image || match.name || match.privileged || !match.labels.empty(); }

// Whether CATALOG knows devices by the names that the host gives them, which takes looking for these.
bool needs_device_names(const Catalog& catalog) {
    const auto has_name = [](const DeviceGrant& grant) { return !grant.path.empty(); };
    return std::ranges::any_of(catalog.rules, [](const Rule& rule) { return rule.match.device.has_value(); }) ||
           std::ranges::any_of(catalog.confinements, [&](const Confinement& confinement) {
               return confinement.host.devices && std::ranges::any_of(*confinement.host.devices, has_name);
           });
}

// Where the parts of the file lie, for its header.
struct Places {
    std::uint32_t otherwise = 0;
    std::uint32_t always = 0;
    std::uint32_t policy = 0;
    std::array<std::uint32_t, format::kTries> tries{};
};

Payload header_payload(const Catalog& catalog, const Places& places) {
    Payload header;
    const bool engine = std::ranges::any_of(catalog.rules, [](const Rule& rule) { return needs_engine_record(rule.match); });
    const bool capabilities_only = catalog.without_apparmor == WithoutAppArmor::capabilities_only;
    const bool entrypoint = std::ranges::any_of(catalog.rules, [](const Rule& rule) { return rule.match.entrypoint.has_value(); });
    header.u32((engine ? format::kNeedsEngineRecord : 0U) | (capabilities_only ? format::kCapabilitiesOnly : 0U) |
               (entrypoint ? format::kNeedsEntrypoint : 0U) | (needs_device_names(catalog) ? format::kNeedsDeviceNames : 0U) |
               (catalog.log_exec_processes ? format::kLogsExecProcesses : 0U) |
               (catalog.compare_execs == CompareExecs::after ? format::kComparesExecsAfter : 0U));
    header.u32(places.otherwise).u32(places.always).u32(places.policy);
    for (const auto trie : places.tries) header.u32(trie);
    header.text(catalog.decision_log).texts(machine_architectures()).texts(catalog.unsafe_annotations);
    return header;
}

std::uint32_t add_confinements(BlockWriter& file, const Catalog& catalog) {
    std::vector<Leaf> leaves;
    for (const auto& confinement : catalog.confinements) {
        leaves.push_back({confinement.name + '\0', file.add(confinement_payload(confinement))});
    }
    return add_trie(file, std::move(leaves));
}

// Adds the rules in their order, so that the order of their blocks is the order in which they are tried.
std::uint32_t add_rules(BlockWriter& file, const Catalog& catalog, std::array<std::vector<Leaf>, format::kTries>& leaves) {
    const auto keys = file_rules(catalog.rules);
    std::vector<std::uint32_t> always;
    for (std::size_t i = 0; i < catalog.rules.size(); ++i) {
        const auto block = file.add(rule_payload(catalog.rules[i]));
        if (keys[i]) {
            leaves[static_cast<std::size_t>(keys[i]->trie)].push_back({keys[i]->text, block});
        } else {
            always.push_back(block);
        }
    }
    if (always.empty()) return 0;
    Payload payload;
    payload.u32(always.size());
    for (const auto block : always) payload.u32(block);
    return file.add(payload);
}

}  // namespace

std::array<const std::string*, format::kTextClauses> text_clauses(const Match& match) {
    const auto pointer = [](const std::optional<std::string>& pattern) { return pattern ? &*pattern : nullptr; };
    return {pointer(match.engine), pointer(match.handler),   pointer(match.kubernetes_namespace), pointer(match.pod), pointer(match.name),
            pointer(match.image),  pointer(match.entrypoint)};
}

std::vector<IndexKey> index_keys(const Match& match) {
    std::vector<IndexKey> keys;
    const auto literal = [](const std::string& pattern) {
        auto prefix = literal_prefix(pattern);
        if (prefix.whole) prefix.text += '\0';
        return prefix.text;
    };
    const auto texts = text_clauses(match);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (texts[i] == nullptr) continue;
        auto text = literal(*texts[i]);
        if (!text.empty()) keys.push_back({static_cast<Trie>(i), std::move(text)});
    }
    for (const auto& [key, pattern] : match.labels) keys.push_back({Trie::label, key + '\0' + literal(pattern)});
    for (const auto& [key, pattern] : match.annotations) keys.push_back({Trie::annotation, key + '\0' + literal(pattern)});
    if (match.user) keys.push_back({Trie::user, decimal(*match.user) + '\0'});
    return keys;
}

std::vector<std::optional<IndexKey>> file_rules(const std::vector<Rule>& rules) {
    std::vector<std::vector<IndexKey>> all;
    std::map<IndexKey, std::size_t> uses;
    for (const auto& rule : rules) {
        all.push_back(index_keys(rule.match));
        for (const auto& key : all.back()) ++uses[key];
    }
    const auto is_rarer = [&](const IndexKey& a, const IndexKey& b) {
        const auto [in_a, in_b] = std::pair(uses[a], uses[b]);
        return in_a != in_b ? in_a < in_b : a.text.size() > b.text.size();
    };
    std::vector<std::optional<IndexKey>> filed;
    for (const auto& keys : all) {
        const auto rarest = std::ranges::min_element(keys, is_rarer);
        filed.push_back(rarest == keys.end() ? std::nullopt : std::optional(*rarest));
    }
    return filed;
}

std::string compile_catalog(const Catalog& catalog, const PolicySnapshot* snapshot) {
    BlockWriter file(header_payload(catalog, {}).bytes().size());
    Places places;
    std::array<std::vector<Leaf>, format::kTries> leaves;
    // Each container needs these, so they stand first.
    places.tries[static_cast<std::size_t>(Trie::confinement)] = add_confinements(file, catalog);
    if (snapshot != nullptr) places.policy = add_policy(file, *snapshot);
    Rule otherwise;
    otherwise.outcome = catalog.otherwise;
    otherwise.selectable = catalog.otherwise_selectable;
    otherwise.origin = catalog.otherwise_origin;
    places.otherwise = file.add(rule_payload(otherwise));
    places.always = add_rules(file, catalog, leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        if (!leaves[i].empty()) places.tries[i] = add_trie(file, std::move(leaves[i]));
    }
    return std::move(file).finish(header_payload(catalog, places));
}

}  // namespace aa::apparmor
