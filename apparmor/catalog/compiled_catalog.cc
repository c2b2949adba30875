// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/compiled_catalog.h"

#include <algorithm>
#include <utility>

#include "apparmor/catalog/compiled_format.h"
#include "apparmor/catalog/pattern.h"
#include "apparmor/catalog/payload.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using format::Trie;

// Whether PATTERN holds for a fact; one that is not known holds for nothing.
bool holds(std::string_view pattern, std::string_view fact) { return !fact.empty() && matches(pattern, fact); }

bool image_holds(std::string_view pattern, const Facts& facts) { return holds(pattern, facts.image) || holds(pattern, facts.image_full); }

std::string_view text_fact(std::size_t clause, const Facts& facts) {
    switch (static_cast<Trie>(clause)) {
        case Trie::engine:
            return facts.engine;
        case Trie::handler:
            return facts.handler;
        case Trie::kubernetes_namespace:
            return facts.kubernetes_namespace;
        case Trie::pod:
            return facts.pod;
        case Trie::name:
            return facts.name;
        case Trie::image:
            return facts.image;
        case Trie::entrypoint:
            return facts.entrypoint;
        case Trie::label:
        case Trie::annotation:
        case Trie::user:
        case Trie::confinement:
            break;
    }
    return {};
}

bool text_clauses_hold(std::uint32_t clauses, Cursor& cursor, const Facts& facts) {
    for (std::size_t i = 0; i < format::kTextClauses; ++i) {
        if (((clauses >> i) & 1U) == 0) continue;
        const auto pattern = cursor.text();
        const bool held = static_cast<Trie>(i) == Trie::image ? image_holds(pattern, facts) : holds(pattern, text_fact(i, facts));
        if (!held) return false;
    }
    return true;
}

// Whether each of the key → pattern clauses at CURSOR holds for one of PAIRS.
bool pairs_hold(Cursor& cursor, std::span<const FactPair> pairs) {
    for (auto n = cursor.count(); n > 0; --n) {
        const auto key = cursor.text();
        const auto pattern = cursor.text();
        const auto held = [&](const FactPair& pair) { return pair.first == key && matches(pattern, pair.second); };
        if (!std::any_of(pairs.begin(), pairs.end(), held)) return false;
    }
    return true;
}

// Whether a place of the host is reached by some path that matches PATTERN.
bool some_path_holds(std::string_view pattern, const Facts& facts) {
    return std::any_of(facts.host_paths.begin(), facts.host_paths.end(), [&](const std::vector<std::string>& place) {
        return std::any_of(place.begin(), place.end(), [&](const std::string& path) { return matches(pattern, path); });
    });
}

// Whether a place of the host is reached by some path that matches none of PATTERNS.
bool some_path_is_outside(const std::vector<std::string>& patterns, const Facts& facts) {
    const auto is_outside = [&](const std::string& path) {
        return std::none_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches(pattern, path); });
    };
    return std::any_of(facts.host_paths.begin(), facts.host_paths.end(),
                       [&](const std::vector<std::string>& place) { return std::any_of(place.begin(), place.end(), is_outside); });
}

bool some_device_holds(std::string_view pattern, const Facts& facts) {
    return std::any_of(facts.devices.begin(), facts.devices.end(),
                       [&](const DeviceFact& device) { return holds(pattern, device.path) || holds(pattern, device.numbers); });
}

// What the request brings from the host.
bool host_clauses_hold(std::uint32_t clauses, Cursor& cursor, const Facts& facts) {
    const auto given = [clauses](std::uint32_t clause) { return (clauses & clause) != 0; };
    if (given(format::kHasUnmasked) && facts.unmasked != given(format::kUnmasked)) return false;
    if (given(format::kHasHooks) && facts.hooks != given(format::kHooks)) return false;
    if (given(format::kHostPath) && !some_path_holds(cursor.text(), facts)) return false;
    if (given(format::kHostPathOutside) && !some_path_is_outside(cursor.texts(), facts)) return false;
    if (given(format::kDevice) && !some_device_holds(cursor.text(), facts)) return false;
    return !given(format::kHasHostNamespace) || (facts.host_namespaces & bit(cursor.tag<HostNamespace>(kHostNamespaces))) != 0;
}

// Whether the clauses at CURSOR hold for FACTS. If so, CURSOR is behind them.
bool clauses_hold(std::uint32_t clauses, std::uint32_t user, Cursor& cursor, const Facts& facts) {
    if (((clauses & format::kSandbox) != 0) != facts.sandbox) return false;
    if ((clauses & format::bit(Trie::user)) != 0 && facts.user != user) return false;
    if ((clauses & format::kHasPrivileged) != 0 && facts.privileged != ((clauses & format::kPrivileged) != 0)) return false;
    if (!text_clauses_hold(clauses, cursor, facts)) return false;
    if ((clauses & format::bit(Trie::label)) != 0 && !pairs_hold(cursor, facts.labels)) return false;
    if ((clauses & format::bit(Trie::annotation)) != 0 && !pairs_hold(cursor, facts.annotations)) return false;
    return host_clauses_hold(clauses, cursor, facts);
}

// Reads what follows a rule's clauses. WHAT names the rule in `why`.
Selection read_selection(Cursor& cursor, std::string_view what) {
    Selection selection;
    selection.outcome = read_outcome(cursor);
    selection.selectable = cursor.texts();
    selection.why = concat({what, cursor.origin().text()});
    return selection;
}

CeilingChoice read_ceiling(Cursor& cursor) {
    const auto kind = cursor.tag<format::CeilingKind>(3);
    const std::uint64_t low = cursor.u32();
    const std::uint64_t high = cursor.u32();
    switch (kind) {
        case format::CeilingKind::set:
            return CapabilitySet(low | (high << 32U));
        case format::CeilingKind::from_profile:
            return FromProfile{CapabilitySet(low | (high << 32U))};
        case format::CeilingKind::all:
            break;
    }
    return AllCapabilities{};
}

ExecRule read_exec_rule(Cursor& cursor) {
    ExecRule rule;
    rule.command = cursor.text();
    const auto action = cursor.tag<format::ExecAction>(2);
    std::string text(cursor.text());
    if (action == format::ExecAction::deny) {
        rule.action = ExecRule::Deny{std::move(text)};
    } else {
        rule.action = std::move(text);
    }
    rule.origin = cursor.origin();
    return rule;
}

RuntimeAnnotation read_runtime_annotation(Cursor& cursor) {
    RuntimeAnnotation annotation{std::string(cursor.text()), std::nullopt};
    const bool has_value = cursor.u32() != 0;
    const auto value = cursor.text();
    if (has_value) annotation.value = value;
    return annotation;
}

HostCeilings read_host(Cursor& cursor, bool& readable) {
    HostCeilings host;
    const auto given = cursor.u32();
    const auto namespaces = cursor.u32();
    auto paths = cursor.texts();
    std::vector<DeviceGrant> devices;
    for (auto n = cursor.count(); n > 0; --n) {
        auto grant = parse_device_grant(cursor.text());
        readable = readable && grant;
        if (grant) devices.push_back(*std::move(grant));
    }
    if ((given & format::kHasPaths) != 0) host.paths = std::move(paths);
    if ((given & format::kHasDevices) != 0) host.devices = std::move(devices);
    if ((given & format::kHasNamespaces) != 0) host.namespaces = namespaces;
    host.protected_paths = (given & format::kProtectedPaths) != 0;
    host.keep_masked = (given & format::kKeepMasked) != 0;
    return host;
}

// Nothing if what CURSOR is at is no confinement.
std::optional<Confinement> read_confinement(Cursor& cursor) {
    Confinement confinement;
    confinement.name = cursor.text();
    const bool unconfined = cursor.u32() != 0;
    std::string profile(cursor.text());
    if (unconfined) {
        confinement.profile = Unconfined{};
    } else {
        confinement.profile = std::move(profile);
    }
    confinement.combine = cursor.tag<Combine>(3);
    confinement.ceiling = read_ceiling(cursor);
    confinement.no_new_privileges = cursor.u32() != 0;
    confinement.deny_syscalls = cursor.texts();
    for (auto n = cursor.count(); n > 0; --n) confinement.exec_rules.push_back(read_exec_rule(cursor));
    confinement.exec_otherwise = cursor.tag<ExecOtherwise>(3);
    confinement.exec_unconfined = cursor.u32() != 0;
    confinement.refuse_exec = cursor.tag<RefuseExec>(2);
    confinement.start = cursor.tag<Start>(2);
    confinement.restore = cursor.tag<Restore>(2);
    for (auto n = cursor.count(); n > 0; --n) confinement.runtime_annotations.push_back(read_runtime_annotation(cursor));
    bool readable = true;
    confinement.host = read_host(cursor, readable);
    confinement.origin = cursor.origin();
    if (!readable || !cursor.ok()) return std::nullopt;
    return confinement;
}

Error confinement_is_damaged(const BlockFile& file) { return file.damaged("is damaged: a confinement is not what it should be"); }

// Puts OFFSETS in order, each once.
void make_distinct(std::vector<std::uint32_t>& offsets) {
    std::sort(offsets.begin(), offsets.end());
    offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
}

}  // namespace

Outcome read_outcome(Cursor& cursor) {
    const auto kind = cursor.tag<format::OutcomeKind>(3);
    const auto text = cursor.text();
    switch (kind) {
        case format::OutcomeKind::use:
            return Use{std::string(text)};
        case format::OutcomeKind::reject:
            return Reject{std::string(text)};
        case format::OutcomeKind::pass:
            break;
    }
    return Pass{};
}

Result<CompiledCatalog> CompiledCatalog::open(const std::string& path) {
    CompiledCatalog catalog(TRY(BlockFile::open(path)));
    TRY(catalog.read_header());
    return catalog;
}

Result<CompiledCatalog> CompiledCatalog::view(std::string_view bytes, std::string name) {
    CompiledCatalog catalog(TRY(BlockFile::view(bytes, std::move(name))));
    TRY(catalog.read_header());
    return catalog;
}

Result<void> CompiledCatalog::read_header() {
    Window scratch;
    Cursor cursor(TRY(file_->block(format::kPreamble, scratch)));
    flags_ = cursor.u32();
    otherwise_ = cursor.u32();
    always_ = cursor.u32();
    policy_ = cursor.u32();
    for (auto& trie : tries_) trie = cursor.u32();
    decision_log_ = cursor.text();
    architectures_ = cursor.texts();
    unsafe_annotations_ = cursor.texts();
    if (!cursor.ok()) return file_->damaged("has a damaged header");
    return {};
}

Result<void> CompiledCatalog::read_always(Window& scratch, std::vector<std::uint32_t>& found) const {
    Cursor cursor(TRY(file_->block(always_, scratch)));
    for (auto n = cursor.count(); n > 0; --n) found.push_back(cursor.u32());
    if (!cursor.ok()) return file_->damaged("is damaged: a part of its index ends too early");
    return {};
}

Result<std::vector<std::uint32_t>> CompiledCatalog::candidates(const Facts& facts, Window& scratch) const {
    std::vector<std::uint32_t> found;
    const auto search = [&](Trie trie, KeyWalk text) {
        return file_->search(tries_[static_cast<std::size_t>(trie)], text, scratch, found);
    };
    for (std::size_t i = 0; i < format::kTextClauses; ++i) TRY(search(static_cast<Trie>(i), KeyWalk(text_fact(i, facts))));
    TRY(search(Trie::image, KeyWalk(facts.image_full)));
    for (const auto& [key, value] : facts.labels) TRY(search(Trie::label, KeyWalk(key, value)));
    for (const auto& [key, value] : facts.annotations) TRY(search(Trie::annotation, KeyWalk(key, value)));
    if (facts.user) TRY(search(Trie::user, KeyWalk(decimal(*facts.user))));
    if (always_ != 0) TRY(read_always(scratch, found));
    // Rules lie in the file in the order in which they are tried.
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

Result<std::optional<Selection>> CompiledCatalog::try_rule(std::uint32_t offset, const Facts& facts, Window& scratch) const {
    Cursor cursor(TRY(file_->block(offset, scratch)));
    const auto clauses = cursor.u32();
    const auto user = cursor.u32();
    std::optional<Selection> selection;
    if (clauses_hold(clauses, user, cursor, facts)) selection = read_selection(cursor, "rule ");
    if (!cursor.ok()) return file_->damaged("is damaged: a rule ends too early");
    return selection;
}

Result<Selection> CompiledCatalog::otherwise(Window& scratch) const {
    Cursor cursor(TRY(file_->block(otherwise_, scratch)));
    cursor.u32();
    cursor.u32();
    auto selection = read_selection(cursor, "otherwise, ");
    if (!cursor.ok()) return file_->damaged("is damaged: its \"otherwise\" ends too early");
    return selection;
}

Result<Selection> CompiledCatalog::select(const Facts& facts) const {
    Window scratch;
    for (const auto offset : TRY(candidates(facts, scratch))) {
        auto selection = TRY(try_rule(offset, facts, scratch));
        if (selection) return *std::move(selection);
    }
    if (facts.sandbox) return Selection{Pass{}, {}, "the default for a pod's sandbox", true};
    return otherwise(scratch);
}

Result<Confinement> CompiledCatalog::confinement_at(std::uint32_t offset, Window& scratch) const {
    Cursor cursor(TRY(file_->block(offset, scratch)));
    auto confinement = read_confinement(cursor);
    if (!confinement) return confinement_is_damaged(*file_);
    return *std::move(confinement);
}

Result<Confinement> CompiledCatalog::confinement(std::string_view name) const {
    std::vector<std::uint32_t> found;
    Window scratch;
    TRY(file_->search(tries_[static_cast<std::size_t>(Trie::confinement)], KeyWalk(name), scratch, found));
    if (found.empty()) {
        return Error{ErrorKind::not_found, concat({"the compiled catalog ", quote(file_->name()), " has no confinement ", quote(name)})};
    }
    auto confinement = TRY(confinement_at(found.front(), scratch));
    if (confinement.name != name) return confinement_is_damaged(*file_);
    return confinement;
}

Result<std::vector<std::uint32_t>> CompiledCatalog::confinement_offsets(Window& scratch) const {
    std::vector<std::uint32_t> offsets;
    TRY(file_->list(tries_[static_cast<std::size_t>(Trie::confinement)], scratch, offsets));
    make_distinct(offsets);
    return offsets;
}

Result<std::vector<Confinement>> CompiledCatalog::confinements() const {
    std::vector<Confinement> result;
    Window scratch;
    for (const auto offset : TRY(confinement_offsets(scratch))) result.push_back(TRY(confinement_at(offset, scratch)));
    return result;
}

Result<std::vector<std::uint32_t>> CompiledCatalog::rule_offsets(Window& scratch) const {
    std::vector<std::uint32_t> rules;
    for (std::size_t i = 0; i < kTries; ++i) {
        if (static_cast<Trie>(i) != Trie::confinement) TRY(file_->list(tries_[i], scratch, rules));
    }
    if (always_ != 0) TRY(read_always(scratch, rules));
    make_distinct(rules);
    return rules;
}

Result<CatalogSize> CompiledCatalog::size() const {
    Window scratch;
    const auto rules = TRY(rule_offsets(scratch)).size();
    return CatalogSize{rules, TRY(confinement_offsets(scratch)).size()};
}

bool CompiledCatalog::needs_entrypoint() const { return (flags_ & format::kNeedsEntrypoint) != 0; }

bool CompiledCatalog::needs_device_names() const { return (flags_ & format::kNeedsDeviceNames) != 0; }

CompareExecs CompiledCatalog::compare_execs() const {
    return (flags_ & format::kComparesExecsAfter) != 0 ? CompareExecs::after : CompareExecs::before;
}

bool CompiledCatalog::logs_exec_processes() const { return (flags_ & format::kLogsExecProcesses) != 0; }

bool CompiledCatalog::needs_engine_record() const { return (flags_ & format::kNeedsEngineRecord) != 0; }

WithoutAppArmor CompiledCatalog::without_apparmor() const {
    return (flags_ & format::kCapabilitiesOnly) != 0 ? WithoutAppArmor::capabilities_only : WithoutAppArmor::refuse;
}

}  // namespace aa::apparmor
