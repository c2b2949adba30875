// SPDX-License-Identifier: Apache-2.0
//
// The grammar of patterns, for the files that implement them: where a pattern's parts begin and end, and what is wrong with
// it. Everything else relies on a pattern in which Scan finds no flaw.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apparmor/catalog/pattern.h"

namespace aa::apparmor::scan {

// A set of positions in a pattern, its end included.
class Positions {
public:
    void set(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
    [[nodiscard]] bool has(std::size_t i) const { return ((words_[i / 64] >> (i % 64)) & 1U) != 0; }
    [[nodiscard]] std::uint64_t& word(std::size_t w) { return words_[w]; }

private:
    std::array<std::uint64_t, kMaxPattern / 64 + 1> words_{};
};

enum class Flaw {
    none,
    too_long,
    too_deep,
    lone_backslash,
    open_brace,
    stray_brace,
    one_alternative,
    open_bracket,
    stray_bracket,
    empty_bracket,
    backwards,
    wildcard_in_bracket
};

struct Finding {
    Flaw flaw = Flaw::none;
    std::size_t at = 0;
};

inline bool is_wildcard(char c) { return c == '*' || c == '?' || c == '[' || c == '{'; }

// One member of a bracket expression: a character or a range, and where the next member begins.
struct Range {
    unsigned char low = 0;
    unsigned char high = 0;
    std::size_t next = 0;
};

// The character at AT, escaped or not; AT moves behind it, and beyond the end of P if P ends too early.
inline unsigned char take(std::string_view p, std::size_t& at) {
    if (at < p.size() && p[at] == '\\') ++at;
    const std::size_t here = at++;
    return here < p.size() ? static_cast<unsigned char>(p[here]) : 0;
}

inline Range bracket_member(std::string_view p, std::size_t at) {
    Range range;
    range.low = take(p, at);
    range.high = range.low;
    if (at + 1 < p.size() && p[at] == '-' && p[at + 1] != ']') range.high = take(p, ++at);
    range.next = at;
    return range;
}

// The position behind the bracket expression that begins at OPEN; FINDING is its flaw, if it has one.
inline std::size_t end_of_bracket(std::string_view p, std::size_t open, Finding& finding) {
    std::size_t at = open + 1;
    if (at < p.size() && p[at] == '^') ++at;
    const std::size_t first = at;
    while (at < p.size() && p[at] != ']') {
        // apparmor_parser gives these a meaning of its own inside brackets: not a meaning that anybody has in mind.
        if (is_wildcard(p[at]) && p[at] != '{') finding = {Flaw::wildcard_in_bracket, at};
        const Range range = bracket_member(p, at);
        if (range.high < range.low) finding = {Flaw::backwards, at};
        at = range.next;
    }
    if (at >= p.size()) finding = {Flaw::open_bracket, open};
    if (at == first && at < p.size()) finding = {Flaw::empty_bracket, open};
    return std::min(at + 1, p.size());
}

// Goes through a pattern once: finds its flaws, and marks the characters whose meaning depends on what stands before
// them: a `,` that separates alternatives, a `*` that is the second of a `**`.
class Scan {
public:
    explicit Scan(std::string_view pattern) : p_(pattern) {
        if (p_.size() > kMaxPattern - 1) {
            finding_ = {Flaw::too_long, kMaxPattern - 1};
            return;
        }
        for (std::size_t at = 0; at < p_.size() && finding_.flaw == Flaw::none;) at = token(at);
        if (finding_.flaw == Flaw::none && depth_ > 0) finding_ = {Flaw::open_brace, open_[depth_ - 1].at};
    }

    [[nodiscard]] const Finding& finding() const { return finding_; }
    [[nodiscard]] bool marked(std::size_t at) const { return marks_.has(at); }

private:
    std::size_t token(std::size_t at) {
        switch (p_[at]) {
            case '\\':
                if (at + 1 == p_.size()) finding_ = {Flaw::lone_backslash, at};
                return at + 2;
            case '*':
                if (at + 1 == p_.size() || p_[at + 1] != '*') return at + 1;
                marks_.set(at + 1);
                return at + 2;
            case '[':
                return end_of_bracket(p_, at, finding_);
            case ']':
                finding_ = {Flaw::stray_bracket, at};
                return at + 1;
            case '{':
                open_brace(at);
                return at + 1;
            case ',':
                if (depth_ > 0) {
                    marks_.set(at);
                    open_[depth_ - 1].alternatives = true;
                }
                return at + 1;
            case '}':
                close_brace(at);
                return at + 1;
            default:
                return at + 1;
        }
    }

    void open_brace(std::size_t at) {
        if (depth_ == open_.size()) {
            finding_ = {Flaw::too_deep, at};
            return;
        }
        open_[depth_++] = {static_cast<std::uint16_t>(at), false};
    }

    void close_brace(std::size_t at) {
        if (depth_ == 0) {
            finding_ = {Flaw::stray_brace, at};
            return;
        }
        --depth_;
        if (!open_[depth_].alternatives) finding_ = {Flaw::one_alternative, open_[depth_].at};
    }

    struct Open {
        std::uint16_t at;
        bool alternatives;
    };
    std::string_view p_;
    Finding finding_;
    Positions marks_;
    std::array<Open, kMaxPatternDepth> open_{};
    std::size_t depth_ = 0;
};

// Whether the run of stars that begins at AT stands for a whole path component.
inline bool is_component(std::string_view p, std::size_t at) {
    if (at == 0 || p[at - 1] != '/') return false;
    while (at < p.size() && p[at] == '*') ++at;
    return at == p.size() || p[at] == '/';
}

// Calls LITERAL for each character of PATTERN up to the first wildcard, as long as that says true. The position reached.
template <class Literal>
std::size_t walk_literals(std::string_view pattern, Literal literal) {
    std::size_t at = 0;
    while (at < pattern.size() && !is_wildcard(pattern[at])) {
        const bool escaped = pattern[at] == '\\' && at + 1 < pattern.size();
        if (!literal(pattern[at + (escaped ? 1 : 0)])) break;
        at += escaped ? 2 : 1;
    }
    return at;
}

}  // namespace aa::apparmor::scan
