// SPDX-License-Identifier: Apache-2.0
//
// A compiled catalog as it was written: the way back from compile.cc.
#include <utility>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/payload.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using format::Trie;

void read_texts(std::uint32_t clauses, Cursor& cursor, Match& match) {
    constexpr std::array<std::optional<std::string> Match::*, format::kTextClauses> kMembers{
        &Match::engine, &Match::handler, &Match::kubernetes_namespace, &Match::pod, &Match::name, &Match::image, &Match::entrypoint};
    for (std::size_t i = 0; i < kMembers.size(); ++i) {
        if (((clauses >> i) & 1U) != 0) match.*kMembers[i] = std::string(cursor.text());
    }
}

std::vector<std::pair<std::string, std::string>> read_pairs(Cursor& cursor) {
    std::vector<std::pair<std::string, std::string>> pairs(cursor.count());
    for (auto& [key, pattern] : pairs) {
        key = cursor.text();
        pattern = cursor.text();
    }
    return pairs;
}

Match read_match(Cursor& cursor) {
    Match match;
    const auto clauses = cursor.u32();
    const auto given = [clauses](std::uint32_t clause) { return (clauses & clause) != 0; };
    const auto user = cursor.u32();
    if (given(format::bit(Trie::user))) match.user = user;
    if (given(format::kHasPrivileged)) match.privileged = given(format::kPrivileged);
    if (given(format::kSandbox)) match.sandbox = true;
    if (given(format::kHasUnmasked)) match.unmasked = given(format::kUnmasked);
    if (given(format::kHasHooks)) match.hooks = given(format::kHooks);
    read_texts(clauses, cursor, match);
    if (given(format::bit(Trie::label))) match.labels = read_pairs(cursor);
    if (given(format::bit(Trie::annotation))) match.annotations = read_pairs(cursor);
    if (given(format::kHostPath)) match.host_path = std::string(cursor.text());
    if (given(format::kHostPathOutside)) match.host_path_outside = cursor.texts();
    if (given(format::kDevice)) match.device = std::string(cursor.text());
    if (given(format::kHasHostNamespace)) match.host_namespace = cursor.tag<HostNamespace>(kHostNamespaces);
    return match;
}

}  // namespace

Result<Rule> CompiledCatalog::rule_at(std::uint32_t offset, Window& scratch) const {
    Cursor cursor(TRY(file_->block(offset, scratch)));
    Rule rule;
    rule.match = read_match(cursor);
    rule.outcome = read_outcome(cursor);
    rule.selectable = cursor.texts();
    rule.origin = cursor.origin();
    if (!cursor.ok()) return file_->damaged("is damaged: a rule ends too early");
    return rule;
}

Result<Catalog> CompiledCatalog::written_again() const {
    Window scratch;
    Catalog catalog;
    catalog.confinements = TRY(confinements());
    for (const auto offset : TRY(rule_offsets(scratch))) catalog.rules.push_back(TRY(rule_at(offset, scratch)));
    auto otherwise = TRY(rule_at(otherwise_, scratch));
    catalog.otherwise = std::move(otherwise.outcome);
    catalog.otherwise_origin = std::move(otherwise.origin);
    catalog.otherwise_selectable = std::move(otherwise.selectable);
    catalog.without_apparmor = without_apparmor();
    catalog.decision_log = decision_log();
    catalog.log_exec_processes = logs_exec_processes();
    catalog.compare_execs = compare_execs();
    catalog.unsafe_annotations = unsafe_annotations();
    return catalog;
}

}  // namespace aa::apparmor
