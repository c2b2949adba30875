// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/alphabet.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace aa::apparmor {

namespace {

// Letters, then digits, then what else can be printed, then the rest.
unsigned rank(unsigned byte) {
    if (byte >= 'a' && byte <= 'z') return 0;
    if (byte >= 'A' && byte <= 'Z') return 1;
    if (byte >= '0' && byte <= '9') return 2;
    return byte > ' ' && byte < 0x7F ? 3 : 4;
}

}  // namespace

Alphabet::Alphabet() = default;

void Alphabet::split_by(const Automaton& automaton) {
    std::array<std::uint16_t, 256> refined{};
    std::map<std::pair<std::uint16_t, StateId>, std::uint16_t> names;
    for (StateId state = kStartState; state < automaton.size(); ++state) {
        names.clear();
        for (unsigned byte = 0; byte < 256; ++byte) {
            const std::pair key{kind_[byte], automaton.step(state, static_cast<std::uint8_t>(byte))};
            refined[byte] = names.emplace(key, static_cast<std::uint16_t>(names.size())).first->second;
        }
        kind_ = refined;
        if (names.size() == kind_.size()) return;  // there is nothing left to split
    }
}

void Alphabet::split_by(std::string_view bytes) {
    std::uint16_t next = static_cast<std::uint16_t>(1 + *std::max_element(kind_.begin(), kind_.end()));
    for (const char byte : bytes) kind_[static_cast<std::uint8_t>(byte)] = next++;
}

std::vector<std::uint8_t> Alphabet::kinds() const {
    std::array<std::uint8_t, 256> bytes{};
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    std::stable_sort(bytes.begin(), bytes.end(), [](std::uint8_t a, std::uint8_t b) { return rank(a) < rank(b); });
    std::vector<bool> seen(1U + *std::max_element(kind_.begin(), kind_.end()));
    std::vector<std::uint8_t> result;
    for (const std::uint8_t byte : bytes) {
        if (!seen[kind_[byte]]) result.push_back(byte);
        seen[kind_[byte]] = true;
    }
    return result;
}

}  // namespace aa::apparmor
