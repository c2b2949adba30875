// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/automaton.h"

#include <algorithm>
#include <array>

namespace aa::apparmor {
namespace {

constexpr std::uint32_t kBaseMask = 0x00FFFFFF;

std::uint32_t high(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32U); }
std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

// The states that a left match has passed through lately: the kernel looks for loops in as many (match.h, WB_HISTORY_SIZE).
class History {
public:
    explicit History(LoopDetection loops) : loops_(loops) {}
    void put(StateId state) { states_[at_] = state; }
    void advance() {
        at_ = (at_ + 1) % kSize;
        length_ = loops_ == LoopDetection::fixed ? std::min<std::uint32_t>(length_ + 1, kSize) : (length_ + 1) % kSize;
    }
    // How many steps ago, at most, STATE was left; false if it was not, or if it is a new one by its number.
    bool find_loop(StateId state, std::uint32_t& ago) const {
        if (states_[at_] < state) return false;
        const bool original = loops_ == LoopDetection::original;
        const std::uint32_t looked_at = original ? length_ + 1 : length_;
        for (ago = 0; ago < looked_at; ++ago) {
            if (states_[(at_ + kSize - ago) % kSize] == state) return true;
        }
        return original;
    }

private:
    static constexpr std::uint32_t kSize = 32;
    LoopDetection loops_;
    std::array<StateId, kSize> states_{};
    std::uint32_t at_ = 0;
    std::uint32_t length_ = 0;
};

}  // namespace

std::size_t Automaton::column(std::uint8_t byte) const {
    if (tables_.classes.empty()) return byte;
    return (tables_.classes[byte / 8U] >> (8U * (byte % 8U))) & 0xFFU;
}

bool Automaton::has_edge(StateId state, std::uint8_t byte) const {
    return high(tables_.edges[(high(tables_.states[state]) & kBaseMask) + column(byte)]) == state;
}

// COLUMN is kOutOfBandColumn for what is no byte: the edge in front of the base. The number of misses is limited by that of
// the states, so that tables from a damaged file cannot keep us here.
StateId Automaton::follow(StateId state, std::size_t column) const {
    for (std::size_t misses = size(); misses > 0; --misses) {
        const std::uint64_t word = tables_.states[state];
        const std::uint64_t edge = tables_.edges[(high(word) & kBaseMask) + column];
        if (high(edge) == state) return low(edge);
        state = low(word);
        if ((high(word) & kDifferential) == 0) return state;
    }
    return kDeadState;
}

StateId Automaton::step(StateId state, std::uint8_t byte) const { return follow(state, column(byte)); }

StateId Automaton::out_of_band(StateId state) const {
    if ((high(tables_.states[state]) & kOutOfBand) == 0) return kDeadState;
    return follow(state, kOutOfBandColumn);
}

StateId Automaton::match(StateId state, std::string_view text) const {
    for (const char c : text) {
        if (state == kDeadState) break;
        state = step(state, static_cast<std::uint8_t>(c));
    }
    return state;
}

StateId Automaton::step_undecoded(StateId state, std::uint8_t byte) const {
    const std::uint64_t word = tables_.states[state];
    const std::uint64_t edge = tables_.edges[(high(word) & kBaseMask) + column(byte)];
    return high(edge) == state ? low(edge) : low(word);
}

Automaton::LeftMatch Automaton::left_match(std::string_view text, LoopDetection loops) const {
    LeftMatch result{kStartState, 0};
    History history(loops);
    for (std::size_t i = 0; i < text.size(); ++i) {
        history.put(result.state);
        result.state = step_undecoded(result.state, static_cast<std::uint8_t>(text[i]));
        std::uint32_t ago = 0;
        if (history.find_loop(result.state, ago)) {
            result.state = match(result.state, text.substr(i + 1));
            result.length -= ago;
            break;
        }
        history.advance();
        ++result.length;
    }
    if (result.state == kDeadState) result.length = 0;
    return result;
}

Permissions Automaton::permissions(StateId state, bool owner) const {
    // The dead state's own entry may grant what is granted on everything; the kernel does not look at it.
    if (state == kDeadState) return {};
    const std::uint64_t accept = tables_.accept[state];
    const bool other = (accept & kOwnerPair) != 0 && !owner;
    const std::size_t first = 2 * ((accept & ~kOwnerPair) + (other ? 1 : 0));
    const std::uint64_t word = tables_.permissions[first];
    return {.allow = high(word), .target = low(word), .deny = high(tables_.permissions[first + 1])};
}

}  // namespace aa::apparmor
