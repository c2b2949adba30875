// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/pattern.h"

#include <array>
#include <bit>
#include <cstdint>

#include "apparmor/catalog/pattern_scan.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using namespace scan;

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

}  // namespace aa::apparmor
