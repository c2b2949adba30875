// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/alphabet.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <numeric>
#include <optional>

namespace aa::apparmor {

namespace {

// Letters, then digits, then what else can be printed, then the rest.
unsigned rank(unsigned byte) {
    if (byte >= 'a' && byte <= 'z') return 0;
    if (byte >= 'A' && byte <= 'Z') return 1;
    if (byte >= '0' && byte <= '9') return 2;
    return byte > ' ' && byte < 0x7F ? 3 : 4;
}

// Of a base: its flags left out (apparmor/policy/automaton.h).
constexpr std::uint32_t kBaseMask = 0x00FFFFFF;

// The edges of AUTOMATON that bytes take, by states.
struct Edge {
    StateId from = kDeadState;
    StateId to = kDeadState;
    std::uint8_t column = 0;
    friend auto operator<=>(const Edge&, const Edge&) = default;
};

std::vector<Edge> edges_of(const Automaton& automaton) {
    const auto& tables = automaton.tables();
    std::vector<Edge> edges;
    for (std::size_t at = 0; at < tables.edges.size(); ++at) {
        const std::uint64_t word = tables.edges[at];
        const auto from = static_cast<StateId>(word >> 32U);
        const auto base = static_cast<std::uint32_t>(tables.states[from] >> 32U) & kBaseMask;
        if (from != kDeadState && at >= base && at - base < 256) {
            edges.push_back({from, static_cast<StateId>(word), static_cast<std::uint8_t>(at - base)});
        }
    }
    std::sort(edges.begin(), edges.end());
    return edges;
}

// The bytes of each column.
std::array<std::vector<std::uint8_t>, 256> columns_of(const Automaton& automaton) {
    const auto& classes = automaton.tables().classes;
    std::array<std::vector<std::uint8_t>, 256> columns;
    for (unsigned byte = 0; byte < columns.size(); ++byte) {
        const auto column = classes.empty() ? byte : (classes[byte / 8U] >> (8U * (byte % 8U))) & 0xFFU;
        columns[column].push_back(static_cast<std::uint8_t>(byte));
    }
    return columns;
}

}  // namespace

Alphabet::Alphabet() { size_[0] = static_cast<std::uint16_t>(kind_.size()); }

void Alphabet::tell_apart(std::span<const std::uint8_t> bytes) {
    std::array<std::uint16_t, 256> among{};
    for (const std::uint8_t byte : bytes) ++among[kind_[byte]];
    if (std::none_of(bytes.begin(), bytes.end(), [&](std::uint8_t byte) { return among[kind_[byte]] < size_[kind_[byte]]; })) return;
    std::array<bool, 256> is_among{};
    for (const std::uint8_t byte : bytes) is_among[byte] = true;
    std::array<std::array<std::optional<std::uint8_t>, 2>, 256> names;
    size_.fill(0);
    for (unsigned byte = 0; byte < kind_.size(); ++byte) {
        auto& name = names[kind_[byte]][is_among[byte] ? 1 : 0];
        if (!name) name = static_cast<std::uint8_t>(byte);
        kind_[byte] = *name;
        ++size_[*name];
    }
}

// The bytes with which a state has edges to the same one are told apart from all others: those without an edge do what the default does.
void Alphabet::split_by(const Automaton& automaton) {
    const auto columns = columns_of(automaton);
    const auto edges = edges_of(automaton);
    std::vector<std::uint8_t> together;
    for (auto edge = edges.begin(); edge != edges.end(); ++edge) {
        const auto& bytes = columns[edge->column];
        together.insert(together.end(), bytes.begin(), bytes.end());
        if (const auto next = edge + 1; next != edges.end() && next->from == edge->from && next->to == edge->to) continue;
        tell_apart(together);
        together.clear();
    }
}

void Alphabet::split_by(std::string_view bytes) {
    for (const char byte : bytes) {
        const auto one = static_cast<std::uint8_t>(byte);
        tell_apart({&one, 1});
    }
}

std::vector<std::uint8_t> Alphabet::kinds() const {
    std::array<std::uint8_t, 256> bytes{};
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    std::stable_sort(bytes.begin(), bytes.end(), [](std::uint8_t a, std::uint8_t b) { return rank(a) < rank(b); });
    std::array<bool, 256> seen{};
    std::vector<std::uint8_t> result;
    for (const std::uint8_t byte : bytes) {
        if (!seen[kind_[byte]]) result.push_back(byte);
        seen[kind_[byte]] = true;
    }
    return result;
}

}  // namespace aa::apparmor
