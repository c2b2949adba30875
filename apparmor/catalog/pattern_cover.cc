// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apparmor/catalog/pattern.h"
#include "apparmor/catalog/pattern_scan.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using namespace scan;

constexpr std::size_t kMaxExpansions = 64;

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

// A piece of a pattern without braces. A bracket counts as any character, a slash included ("[^a]").
struct Piece {
    enum class Kind : std::uint8_t { character, one, any, star, stars } kind = Kind::character;
    char character = 0;

    [[nodiscard]] bool is_anything() const { return kind == Kind::any || kind == Kind::stars; }
    [[nodiscard]] bool repeats() const { return kind == Kind::star || kind == Kind::stars; }
};

std::vector<Piece> pieces_of(std::string_view p) {
    std::vector<Piece> pieces;
    for (std::size_t at = 0; at < p.size();) {
        Finding ignored;
        if (p[at] == '*') {
            const auto end = std::min(p.find_first_not_of('*', at), p.size());
            pieces.push_back({end - at > 1 ? Piece::Kind::stars : Piece::Kind::star, 0});
            at = end;
        } else if (p[at] == '?' || p[at] == '[') {
            pieces.push_back({p[at] == '?' ? Piece::Kind::one : Piece::Kind::any, 0});
            at = p[at] == '[' ? end_of_bracket(p, at, ignored) : at + 1;
        } else {
            const bool escaped = p[at] == '\\' && at + 1 < p.size();
            pieces.push_back({Piece::Kind::character, p[at + (escaped ? 1 : 0)]});
            at += escaped ? 2 : 1;
        }
    }
    return pieces;
}

// Whether a character of PIECE may be one of OTHER.
bool may_be(const Piece& piece, const Piece& other) {
    if (piece.is_anything() || other.is_anything()) return true;
    if (piece.kind == Piece::Kind::character && other.kind == Piece::Kind::character) return piece.character == other.character;
    if (piece.kind == Piece::Kind::character) return piece.character != '/';
    return other.kind != Piece::Kind::character || other.character != '/';
}

// Whether some text may match both, from the pieces on at which the position (I, J) is.
bool may_meet_plainly(const std::vector<Piece>& one, const std::vector<Piece>& other) {
    const std::size_t width = other.size() + 1;
    std::vector<bool> seen((one.size() + 1) * width);
    std::vector<std::pair<std::size_t, std::size_t>> open{{0, 0}};
    const auto go = [&](std::size_t i, std::size_t j) {
        if (seen[i * width + j]) return;
        seen[i * width + j] = true;
        open.emplace_back(i, j);
    };
    while (!open.empty()) {
        const auto [i, j] = open.back();
        open.pop_back();
        if (i == one.size() && j == other.size()) return true;
        if (i < one.size() && one[i].repeats()) go(i + 1, j);
        if (j < other.size() && other[j].repeats()) go(i, j + 1);
        if (i == one.size() || j == other.size() || !may_be(one[i], other[j])) continue;
        go(one[i].repeats() ? i : i + 1, other[j].repeats() ? j : j + 1);
    }
    return false;
}

}  // namespace

bool patterns_may_meet(std::string_view one, std::string_view other) {
    const auto first = expand(one);
    const auto second = expand(other);
    if (first.empty() || second.empty()) return true;
    return std::ranges::any_of(first, [&](const auto& a) {
        return std::ranges::any_of(second, [&](const auto& b) { return may_meet_plainly(pieces_of(a), pieces_of(b)); });
    });
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
