// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <map>
#include <span>

#include "apparmor/compiled_catalog.h"
#include "apparmor/compiled_format.h"
#include "apparmor/pattern.h"
#include "apparmor/rule_index.h"
#include "apparmor/syscalls.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using format::Trie;

// A payload under construction.
class Payload {
public:
    Payload& u32(std::size_t value) {
        for (unsigned i = 0; i < 4; ++i) bytes_ += static_cast<char>((value >> (8U * i)) & 0xFFU);
        return *this;
    }
    template <class Enum>
    Payload& tag(Enum value) {
        return u32(static_cast<std::uint32_t>(value));
    }
    Payload& raw(std::string_view bytes) {
        bytes_ += bytes;
        return *this;
    }
    Payload& text(std::string_view text) { return u32(text.size()).raw(text); }
    Payload& texts(const std::vector<std::string>& list) {
        u32(list.size());
        for (const auto& item : list) text(item);
        return *this;
    }
    Payload& origin(const Origin& origin) { return text(origin.file).u32(origin.line).u32(origin.column); }

    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

// The file under construction: the preamble and the header come last, into the room that was left for them.
class File {
public:
    explicit File(std::size_t header_size) : bytes_(format::kPreamble + format::kBlockHead + header_size, '\0') {}

    std::uint32_t add(const Payload& payload) {
        const std::size_t offset = bytes_.size();
        bytes_ += sealed(payload, offset);
        return static_cast<std::uint32_t>(offset);
    }

    std::string finish(const Payload& header) && {
        Payload start;
        start.raw(format::kMagic).u32(format::kVersion).u32(bytes_.size()).raw(sealed(header, format::kPreamble));
        bytes_.replace(0, start.bytes().size(), start.bytes());
        return std::move(bytes_);
    }

private:
    static std::string sealed(const Payload& payload, std::size_t offset) {
        Payload block;
        const auto sum = format::checksum(payload.bytes(), static_cast<std::uint32_t>(offset));
        block.u32(payload.bytes().size()).u32(sum & 0xFFFFFFFFU).u32(sum >> 32U);
        return block.raw(payload.bytes()).bytes();
    }

    std::string bytes_;
};

// What a trie leads to: a text, and the block that it belongs to.
struct Leaf {
    std::string text;
    std::uint32_t block = 0;

    friend auto operator<=>(const Leaf&, const Leaf&) = default;
};

std::size_t common_prefix(std::string_view a, std::string_view b) {
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Writes the trie of the sorted LEAVES, of whose texts the first DEPTH bytes are known, and tells where its node lies.
std::uint32_t add_trie(File& file, std::span<const Leaf> leaves, std::size_t depth) {
    const std::string_view first = leaves.front().text;
    const std::size_t reach = common_prefix(first, leaves.back().text);
    const auto ended = std::ranges::find_if(leaves, [&](const Leaf& leaf) { return leaf.text.size() > reach; }) - leaves.begin();
    Payload children;
    std::string branches;
    for (auto rest = leaves.subspan(static_cast<std::size_t>(ended)); !rest.empty();) {
        const char branch = rest.front().text[reach];
        const auto same = std::ranges::find_if(rest, [&](const Leaf& leaf) { return leaf.text[reach] != branch; }) - rest.begin();
        children.u32(add_trie(file, rest.first(static_cast<std::size_t>(same)), reach + 1));
        branches += branch;
        rest = rest.subspan(static_cast<std::size_t>(same));
    }
    Payload node;
    node.text(first.substr(depth, reach - depth)).u32(static_cast<std::size_t>(ended));
    for (const auto& leaf : leaves.first(static_cast<std::size_t>(ended))) node.u32(leaf.block);
    return file.add(node.text(branches).raw(children.bytes()));
}

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
    return bits;
}

Payload rule_payload(const Rule& rule) {
    Payload payload;
    payload.u32(clause_bits(rule.match)).u32(rule.match.user.value_or(0));
    for (const auto* pattern : text_clauses(rule.match)) {
        if (pattern != nullptr) payload.text(*pattern);
    }
    write_pairs(payload, rule.match.labels);
    write_pairs(payload, rule.match.annotations);
    write_outcome(payload, rule.outcome);
    payload.texts(rule.selectable).origin(rule.origin);
    return payload;
}

void write_ceiling(Payload& payload, const CeilingChoice& ceiling) {
    const auto* set = std::get_if<CapabilitySet>(&ceiling);
    const auto kind = set != nullptr                                      ? format::CeilingKind::set
                      : std::get_if<AllCapabilities>(&ceiling) != nullptr ? format::CeilingKind::all
                                                                          : format::CeilingKind::from_profile;
    const std::uint64_t mask = set != nullptr ? set->mask() : 0;
    payload.tag(kind).u32(mask & 0xFFFFFFFFU).u32(mask >> 32U);
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
    payload.tag(confinement.exec_otherwise).tag(confinement.start).origin(confinement.origin);
    return payload;
}

bool needs_engine_record(const Match& match) { return match.image || match.name || match.privileged || !match.labels.empty(); }

// Where the parts of the file lie, for its header.
struct Places {
    std::uint32_t otherwise = 0;
    std::uint32_t always = 0;
    std::array<std::uint32_t, format::kTries> tries{};
};

Payload header_payload(const Catalog& catalog, const Places& places) {
    Payload header;
    const bool engine = std::ranges::any_of(catalog.rules, [](const Rule& rule) { return needs_engine_record(rule.match); });
    const bool capabilities_only = catalog.without_apparmor == WithoutAppArmor::capabilities_only;
    header.u32((engine ? format::kNeedsEngineRecord : 0U) | (capabilities_only ? format::kCapabilitiesOnly : 0U));
    header.u32(places.otherwise).u32(places.always);
    for (const auto trie : places.tries) header.u32(trie);
    header.text(catalog.decision_log).texts(machine_architectures());
    return header;
}

std::uint32_t add_confinements(File& file, const Catalog& catalog) {
    std::vector<Leaf> leaves;
    for (const auto& confinement : catalog.confinements) {
        leaves.push_back({confinement.name + '\0', file.add(confinement_payload(confinement))});
    }
    std::ranges::sort(leaves);
    return leaves.empty() ? 0 : add_trie(file, leaves, 0);
}

// Adds the rules in their order, so that the order of their blocks is the order in which they are tried.
std::uint32_t add_rules(File& file, const Catalog& catalog, std::array<std::vector<Leaf>, format::kTries>& leaves) {
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

std::string compile_catalog(const Catalog& catalog) {
    File file(header_payload(catalog, {}).bytes().size());
    Places places;
    std::array<std::vector<Leaf>, format::kTries> leaves;
    // Each container needs these, so they stand first.
    places.tries[static_cast<std::size_t>(Trie::confinement)] = add_confinements(file, catalog);
    Rule otherwise;
    otherwise.outcome = catalog.otherwise;
    otherwise.selectable = catalog.otherwise_selectable;
    otherwise.origin = catalog.otherwise_origin;
    places.otherwise = file.add(rule_payload(otherwise));
    places.always = add_rules(file, catalog, leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        if (leaves[i].empty()) continue;
        std::ranges::sort(leaves[i]);
        places.tries[i] = add_trie(file, leaves[i], 0);
    }
    return std::move(file).finish(header_payload(catalog, places));
}

}  // namespace aa::apparmor
