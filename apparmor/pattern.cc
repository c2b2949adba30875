// SPDX-License-Identifier: Apache-2.0
#include "apparmor/pattern.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMaxExpansions = 64;

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

bool is_wildcard(char c) { return c == '*' || c == '?' || c == '[' || c == '{'; }

// One member of a bracket expression: a character or a range, and where the next member begins.
struct Range {
    unsigned char low = 0;
    unsigned char high = 0;
    std::size_t next = 0;
};

// The character at AT, escaped or not; AT moves behind it, and beyond the end of P if P ends too early.
unsigned char take(std::string_view p, std::size_t& at) {
    if (at < p.size() && p[at] == '\\') ++at;
    const std::size_t here = at++;
    return here < p.size() ? static_cast<unsigned char>(p[here]) : 0;
}

Range bracket_member(std::string_view p, std::size_t at) {
    Range range;
    range.low = take(p, at);
    range.high = range.low;
    if (at + 1 < p.size() && p[at] == '-' && p[at + 1] != ']') range.high = take(p, ++at);
    range.next = at;
    return range;
}

// The position behind the bracket expression that begins at OPEN; FINDING is its flaw, if it has one.
std::size_t end_of_bracket(std::string_view p, std::size_t open, Finding& finding) {
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

bool in_bracket(std::string_view p, std::size_t open, unsigned char c, std::size_t& end) {
    std::size_t at = open + 1;
    const bool negated = p[at] == '^';
    if (negated) ++at;
    bool found = false;
    while (p[at] != ']') {
        const Range range = bracket_member(p, at);
        found = found || (range.low <= c && c <= range.high);
        at = range.next;
    }
    end = at + 1;
    return found != negated;
}

// Whether the run of stars that begins at AT stands for a whole path component.
bool is_component(std::string_view p, std::size_t at) {
    if (at == 0 || p[at - 1] != '/') return false;
    while (at < p.size() && p[at] == '*') ++at;
    return at == p.size() || p[at] == '/';
}

// All ways through a pattern at once: the states are positions in it, and every move that consumes nothing leads forward.
class Matcher {
public:
    Matcher(std::string_view pattern, const Scan& scan, std::size_t start) : p_(pattern), scan_(scan) { current().set(start); }

    bool run(std::string_view text) {
        for (const char c : text) {
            step(static_cast<unsigned char>(c));
            if (matched_) return true;
            if (!alive_) return false;
            turn_ ^= 1U;
        }
        return ends_here();
    }

private:
    void step(unsigned char c) {
        alive_ = false;
        for (std::size_t w = 0; w <= p_.size() / 64; ++w) next().word(w) = 0;
        each_state([&](std::size_t at) { consume(at, c); });
    }

    bool ends_here() {
        bool end = false;
        each_state([&](std::size_t at) { end = end || at == p_.size(); });
        return end;
    }

    // Calls VISIT for every current state, following the moves that consume nothing.
    template <class Visit>
    void each_state(Visit visit) {
        for (std::size_t w = 0; w <= p_.size() / 64; ++w) {
            std::uint64_t& word = current().word(w);
            while (word != 0) {
                const std::size_t at = w * 64 + static_cast<std::size_t>(std::countr_zero(word));
                word &= word - 1;
                if (at < p_.size()) follow(at);
                visit(at);
            }
        }
    }

    void follow(std::size_t at) {
        switch (p_[at]) {
            case '*':
                if (scan_.marked(at) || !is_component(p_, at)) current().set(at + 1);
                break;
            case '{':
                current().set(at + 1);
                for (std::size_t comma = end_of_alternative(at + 1); p_[comma] == ','; comma = end_of_alternative(comma + 1))
                    current().set(comma + 1);
                break;
            case ',':  // an alternative has matched: on to the next separator, and so to the closing brace
                if (scan_.marked(at)) current().set(end_of_alternative(at + 1));
                break;
            case '}':
                current().set(at + 1);
                break;
            default:
                break;
        }
    }

    // The separator or closing brace behind the alternative that begins at AT.
    [[nodiscard]] std::size_t end_of_alternative(std::size_t at) const {
        for (std::size_t depth = 0;;) {
            Finding ignored;
            const char c = p_[at];
            if (depth == 0 && (c == '}' || c == ',')) return at;
            if (c == '{') ++depth;
            if (c == '}') --depth;
            if (c == '[') {
                at = end_of_bracket(p_, at, ignored);
            } else {
                at += c == '\\' ? 2 : 1;
            }
        }
    }

    void consume(std::size_t at, unsigned char c) {
        if (at == p_.size()) return;
        switch (p_[at]) {
            case '*':
                consume_star(at, c);
                break;
            case '?':
                if (c != '/') to(at + 1);
                break;
            case '[': {
                std::size_t end = 0;
                if (in_bracket(p_, at, c, end)) to(end);
                break;
            }
            case '{':
            case '}':
                break;
            case '\\':
                if (static_cast<unsigned char>(p_[at + 1]) == c) to(at + 2);
                break;
            case ',':
                if (scan_.marked(at)) break;
                [[fallthrough]];
            default:
                if (static_cast<unsigned char>(p_[at]) == c) to(at + 1);
        }
    }

    void consume_star(std::size_t at, unsigned char c) {
        if (scan_.marked(at)) {  // the second half of `**` takes anything, and to the end if it is the end
            matched_ = matched_ || at + 1 == p_.size();
            to(at);
            return;
        }
        if (c == '/') return;
        const bool is_double = at + 1 < p_.size() && p_[at + 1] == '*' && scan_.marked(at + 1);
        if (!is_double) to(at);
        if (is_double || is_component(p_, at)) to(at + 1);
    }

    Positions& current() { return sets_[turn_]; }
    Positions& next() { return sets_[turn_ ^ 1U]; }

    void to(std::size_t at) {
        next().set(at);
        alive_ = true;
    }

    std::string_view p_;
    const Scan& scan_;
    std::array<Positions, 2> sets_;
    unsigned turn_ = 0;
    bool alive_ = false;
    bool matched_ = false;
};

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

std::string_view flaw_text(Flaw flaw) {
    switch (flaw) {
        case Flaw::none:
            return "";
        case Flaw::too_long:
            return "is longer than 4095 bytes";
        case Flaw::too_deep:
            return "nests braces deeper than 50";
        case Flaw::lone_backslash:
            return "ends in a backslash (write \\\\ for the character itself)";
        case Flaw::open_brace:
            return "has a '{' that is never closed";
        case Flaw::stray_brace:
            return "has a '}' that closes nothing (write \\} for the character itself)";
        case Flaw::one_alternative:
            return "has braces around a single alternative (write {a,b}, or \\{ for the character itself)";
        case Flaw::open_bracket:
            return "has a '[' that is never closed (write \\[ for the character itself)";
        case Flaw::stray_bracket:
            return "has a ']' that closes nothing (write \\] for the character itself)";
        case Flaw::empty_bracket:
            return "has an empty [] (write \\] for the character itself)";
        case Flaw::backwards:
            return "has a range in [] that runs backwards";
        case Flaw::wildcard_in_bracket:
            return "has a wildcard inside [] (write \\*, \\? or \\[ for the character itself)";
    }
    return "";
}

// Where the first outermost brace of a pattern, its separators and its end are.
using Cuts = std::vector<std::size_t>;

// Nothing if a star of P might begin or cease to stand for a whole component when a brace beside it is taken away.
std::optional<Cuts> find_cuts(std::string_view p, const Scan& scan) {
    const auto is_structure = [&](std::size_t at) {
        return at < p.size() && (p[at] == '{' || p[at] == '}' || (p[at] == ',' && scan.marked(at)));
    };
    Cuts cuts;
    std::size_t depth = 0;
    bool is_complete = false;
    bool after_structure = false;
    for (std::size_t at = 0; at < p.size();) {
        Finding ignored;
        if (p[at] == '*') {
            const auto end = std::min(p.find_first_not_of('*', at), p.size());
            const bool after_slash = at > 0 && p[at - 1] == '/';
            if (after_structure || (after_slash && is_structure(end))) return std::nullopt;
            at = end;
            continue;
        }
        after_structure = is_structure(at);
        if (p[at] == '}') --depth;
        if (after_structure && !is_complete && depth == (p[at] == ',' ? 1U : 0U)) cuts.push_back(at);
        is_complete = is_complete || (p[at] == '}' && depth == 0);
        if (p[at] == '{') ++depth;
        at = p[at] == '[' ? end_of_bracket(p, at, ignored) : at + (p[at] == '\\' ? 2 : 1);
    }
    return cuts;
}

// The brace-free patterns that PATTERN is the union of; none if they are too many or cannot be told.
std::vector<std::string> expand(std::string_view pattern) {
    std::vector<std::string> done;
    std::vector<std::string> open{std::string(pattern)};
    while (!open.empty()) {
        const std::string p = std::move(open.back());
        open.pop_back();
        const Scan scan(p);
        if (scan.finding().flaw != Flaw::none || done.size() + open.size() > kMaxExpansions) return {};
        const auto cuts = find_cuts(p, scan);
        if (!cuts) return {};
        if (cuts->empty()) done.push_back(p);
        for (std::size_t i = 0; i + 1 < cuts->size(); ++i) {
            const auto alternative = p.substr((*cuts)[i] + 1, (*cuts)[i + 1] - (*cuts)[i] - 1);
            open.push_back(concat({p.substr(0, cuts->front()), alternative, p.substr(cuts->back() + 1)}));
        }
    }
    return done;
}

// pattern_covers() for patterns without braces.
bool covers_plainly(const std::string& general, const std::string& specific) {
    if (general == specific) return true;
    const LiteralPrefix narrow = literal_prefix(specific);
    if (narrow.whole) return matches(general, narrow.text);
    const LiteralPrefix wide = literal_prefix(general);
    if (wide.whole || !narrow.text.starts_with(wide.text)) return false;
    const std::string_view tail = std::string_view(general).substr(walk_literals(general, [](char) { return true; }));
    if (tail != "*" && tail != "**") return false;
    const std::size_t wild = walk_literals(specific, [](char) { return true; });
    const std::string_view rest = std::string_view(specific).substr(wild);
    const std::string_view extra = std::string_view(narrow.text).substr(wide.text.size());
    if (is_component(general, general.size() - tail.size())) {
        const bool something = extra.empty() ? rest[0] == '?' || is_component(specific, wild) : extra[0] != '/';
        if (!something) return false;
    }
    if (tail == "**") return true;
    return extra.find('/') == std::string_view::npos && rest.find_first_of("/[") == std::string_view::npos &&
           rest.find("**") == std::string_view::npos;
}

}  // namespace

Result<void> check_pattern(std::string_view pattern) {
    const Finding finding = Scan(pattern).finding();
    if (finding.flaw == Flaw::none) return {};
    return Error{ErrorKind::config, concat({"the pattern ", quote(pattern), " ", flaw_text(finding.flaw), ", at its character ",
                                            decimal(static_cast<long long>(finding.at) + 1)})};
}

bool matches(std::string_view pattern, std::string_view text) {
    const Scan scan(pattern);
    if (scan.finding().flaw != Flaw::none) return false;
    std::size_t seen = 0;
    const std::size_t wild = walk_literals(pattern, [&](char c) { return seen < text.size() && text[seen] == c && ++seen != 0; });
    if (wild == pattern.size()) return seen == text.size();
    if (!is_wildcard(pattern[wild])) return false;
    return Matcher(pattern, scan, wild).run(text.substr(seen));
}

LiteralPrefix literal_prefix(std::string_view pattern) {
    LiteralPrefix prefix;
    const std::size_t wild = walk_literals(pattern, [&](char c) {
        prefix.text += c;
        return true;
    });
    prefix.whole = wild == pattern.size();
    return prefix;
}

bool pattern_covers(std::string_view general, std::string_view specific) {
    if (general == specific || general == "**") return true;
    const auto wide = expand(general);
    const auto narrow = expand(specific);
    if (narrow.empty()) return false;
    return std::ranges::all_of(
        narrow, [&](const auto& s) { return std::ranges::any_of(wide, [&](const auto& g) { return covers_plainly(g, s); }); });
}

}  // namespace aa::apparmor
