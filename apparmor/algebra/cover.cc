// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/cover.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace aa::apparmor {

namespace {

constexpr std::size_t kHitsOfARound = 64;  // what is left is found by the next round, which knows the patterns of this one
constexpr std::size_t kMostCuts = 48;      // places inside of a name where a pattern may begin
constexpr unsigned kMostRounds = 4;
constexpr std::size_t kTelling = std::size_t{1} << 18U;  // combinations of states, to find patterns for what makes a difference
constexpr std::size_t kTellingSteps = std::size_t{1} << 28U;
constexpr std::size_t kTold = 3;  // patterns of a kind that are told one by one

struct Hit {
    std::string text;
    Granted granted;
};

Operand all_of_inside(const Question& question) {
    Operand parts;
    for (const auto& operand : question.inside) parts.insert(parts.end(), operand.begin(), operand.end());
    return parts;
}

// --- what a text may be a case of ---

Glob with_tail(std::string_view head, bool across) {
    Glob glob = Glob::literal(head);
    return across ? glob.add_double_star() : glob.add_star();
}

void add_cuts_of_name(std::string_view path, std::size_t name, std::vector<Glob>& globs) {
    const std::size_t last = std::min(path.size(), name + kMostCuts);
    for (std::size_t cut = name + 1; cut < last; ++cut) {
        globs.push_back(with_tail(path.substr(0, cut), true));
        globs.push_back(with_tail(path.substr(0, cut), false));
    }
    // An ending of the name stays, as in "lib*.so". A long one would cost as much as its length times that of the path.
    const std::size_t first = path.size() - std::min(path.size() - name, kMostCuts);
    for (const std::size_t head : {name, path.rfind('.')}) {
        for (std::size_t tail = std::max({head, name + 1, first}); head != std::string_view::npos && head >= name && tail < path.size();
             ++tail) {
            Glob glob = Glob::literal(path.substr(0, head));
            glob.add_star().add(path.substr(tail));
            globs.push_back(std::move(glob));
        }
    }
}

// Patterns that PATH is a case of, the widest first, itself last.
std::vector<Glob> of_path(std::string_view path) {
    std::vector<Glob> globs;
    const std::size_t name = path.rfind('/', path.size() - 2) + 1;  // a directory's own slash is a part of its name
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos && slash + 1 < path.size();
         slash = path.find('/', slash + 1)) {
        globs.push_back(with_tail(path.substr(0, slash + 1), true));
        const std::size_t end = path.find('/', slash + 1);
        Glob star = with_tail(path.substr(0, slash + 1), false);
        if (end != std::string_view::npos) star.add(path.substr(end));
        globs.push_back(std::move(star));
    }
    if (name != 0 && name <= path.size()) add_cuts_of_name(path, name, globs);
    globs.push_back(Glob::literal(path));
    return globs;
}

// The same of a label or another piece: what begins as PEER does, or ends like it behind a separator of labels.
std::vector<Glob> of_peer(std::string_view peer) {
    std::vector<Glob> globs;
    for (std::size_t cut = 0; cut <= std::min(peer.size(), kMostCuts); ++cut) {
        Glob glob = Glob::literal(peer.substr(0, cut));
        globs.push_back(std::move(glob.add_anything()));
    }
    for (std::size_t at = peer.find("//"); at != std::string_view::npos; at = peer.find("//", at + 1)) {
        Glob around;
        globs.push_back(std::move(around.add_anything().add(peer.substr(at)).add_anything()));
        Glob behind;
        globs.push_back(std::move(behind.add_anything().add(peer.substr(at))));
    }
    globs.push_back(Glob::literal(peer));
    return globs;
}

class Coverer {
public:
    Coverer(const Question& question, Budget& budget, std::size_t most) : question_(question), budget_(budget), most_(most) {}

    Cover run() {
        // Whether there is a difference at all takes one walk, without a pattern; that is the proof. The rest is for people.
        auto hits = one_round(budget_, result_.proved);
        for (unsigned round = 1; !hits.empty() && result_.complete; ++round) {
            for (const auto& hit : hits) take(hit);
            bool ended = round < kMostRounds;
            hits = ended ? one_round(telling_, ended) : std::vector<Hit>();
            result_.complete = result_.complete && ended;
        }
        result_.complete = result_.complete && !folded_;
        return std::move(result_);
    }

private:
    // The shortest text for each reason that the patterns so far do not cover. ENDED: there was BUDGET for all.
    std::vector<Hit> one_round(Budget& budget, bool& ended) {
        auto operands = std::vector<Operand>{all_of_inside(question_)};
        operands.insert(operands.end(), question_.outside.begin(), question_.outside.end());
        std::vector<const Glob*> globs;
        for (const auto& glob : question_.besides) globs.push_back(&glob);
        for (const auto& pattern : result_.patterns) globs.push_back(&pattern.glob);
        Product product(question_.grammar, std::move(operands), std::move(globs), question_.alphabet, steps_, 1);
        std::vector<Hit> hits;
        std::set<std::pair<std::vector<StateId>, std::pair<std::uint32_t, std::uint32_t>>> seen;
        ended = product.walk(budget, [&](const Product::Place& place) {
            const Granted left = left_of(place);
            if (left.none() || !seen.emplace(place.reasons(), std::pair{left.owner, left.other}).second) return true;
            hits.push_back({place.text(), left});
            return hits.size() < kHitsOfARound;
        });
        return hits;
    }

    [[nodiscard]] Granted left_of(const Product::Place& place) const {
        Granted left = place.granted(0) & question_.mask & all_of(place.wanted());
        if (left.none()) return left;
        if (!question_.outside.empty()) left = left - place.granted(1);
        const std::size_t besides = question_.besides.size();
        for (std::size_t i = 0; i < besides; ++i) {
            if (place.matched(i)) return {};
        }
        for (std::size_t i = 0; i < result_.patterns.size() && !left.none(); ++i) {
            if (place.matched(besides + i)) left = left - result_.patterns[i].granted;
        }
        return left;
    }

    void take(const Hit& hit) {
        Granted left = hit.granted;
        for (const auto& pattern : result_.patterns) {
            if (pattern.glob.matches(hit.text)) left = left - pattern.granted;
        }
        if (left.none()) return;
        if (result_.patterns.size() >= most_) {
            result_.complete = false;
            return;
        }
        Pattern pattern{widest(hit.text, left), left, hit.text, false};
        if (!pattern.glob.is_literal() && !question_.outside.empty() && !all_of_glob(pattern.glob, left, true)) {
            // Some of what the rule allows was allowed before: where that is all but this text, the text says more.
            if (more_than(pattern.glob, hit.text, left)) {
                pattern.partly = true;
            } else {
                pattern.glob = Glob::literal(hit.text);
            }
        }
        if (question_.shape == Shape::paths) fold(pattern);
        result_.patterns.push_back(std::move(pattern));
    }

    // Where several patterns were needed for paths that differ in one name only, or are in one folder, those are told together: some of
    // what the pattern says is not granted then.
    void fold(Pattern& pattern) {
        auto shapes = alike(pattern.witness);
        if (shapes.empty()) return;  // of the root, or of a label
        const bool wide = pattern.glob.text() == shapes.front().text() || pattern.glob.text() == shapes.back().text();
        for (auto& shape : shapes) {
            if (++narrow_[{shape.text(), {pattern.granted.owner, pattern.granted.other}}] < kTold || pattern.partly || wide) continue;
            pattern.glob = std::move(shape);
            pattern.partly = true;
            folded_ = true;  // what else the pattern covers is not told
        }
        if (pattern.partly) drop_cases_of(pattern);
    }

    // Those that were told before; the first of them, which is the shortest, is the example of all.
    void drop_cases_of(Pattern& wider) {
        const std::string last = wider.witness;
        std::erase_if(result_.patterns, [&](const Pattern& pattern) {
            const bool is_case = pattern.granted == wider.granted && wider.glob.matches(pattern.witness) && !pattern.glob.matches(last);
            if (is_case && pattern.witness.size() < wider.witness.size()) wider.witness = pattern.witness;
            return is_case;
        });
    }

    // PATH with one of its names as `*`, the last one first; then all below its folder; and of a pair, all pairs.
    static std::vector<Glob> alike(std::string_view path) {
        std::vector<Glob> globs;
        if (const std::size_t second = path.find('\0'); second != std::string_view::npos) {
            const auto folder = [](std::string_view text) { return with_tail(text.substr(0, text.rfind('/', text.size() - 2) + 1), true); };
            if (path.size() < second + 3 || path[second + 1] != '/' || second < 2) return globs;
            Glob pair = folder(path.substr(0, second));
            globs.push_back(std::move(pair.add(path.substr(second, 1)).add(folder(path.substr(second + 1)))));
            return globs;
        }
        std::size_t end = path.size();
        for (std::size_t slash = path.rfind('/', end - 2); path.size() > 1 && slash != std::string_view::npos;
             slash = path.rfind('/', end - 1)) {
            const bool directory = end == path.size() && path.ends_with('/');
            Glob glob = with_tail(path.substr(0, slash + 1), false);
            globs.push_back(std::move(glob.add(directory ? std::string_view("/") : path.substr(end))));
            end = slash;
            if (slash == 0) break;
        }
        const std::size_t name = path.size() > 1 ? path.rfind('/', path.size() - 2) + 1 : 0;
        if (name != 0) globs.push_back(with_tail(path.substr(0, name), true));
        return globs;
    }

    // All below each of the folders that PATH is in, the outermost first; then what is alike.
    static std::vector<Glob> folders_and_alike(std::string_view path) {
        std::vector<Glob> globs;
        const auto first = path.substr(0, path.find('\0'));
        for (std::size_t slash = 0;
             first.size() == path.size() && slash + 1 < path.size() && slash != std::string_view::npos && path[slash] == '/';
             slash = path.find('/', slash + 1)) {
            globs.push_back(with_tail(path.substr(0, slash + 1), true));
        }
        auto others = alike(path);
        std::move(others.begin(), others.end(), std::back_inserter(globs));
        return globs;
    }

    [[nodiscard]] Glob widest(const std::string& text, Granted granted) {
        if (question_.shape == Shape::peer) return first_granted(of_peer(text), granted);
        // What makes a difference as a whole says more than the rule that it is a part of.
        for (auto& glob : question_.shape == Shape::paths ? folders_and_alike(text) : std::vector<Glob>()) {
            if (all_of_glob(glob, granted, true)) return std::move(glob);
        }
        std::vector<Glob> pieces;
        std::vector<std::string> literal = pieces_of(text);
        for (std::size_t at = 0; at < literal.size(); ++at) {
            const bool path = literal[at].starts_with('/');
            auto candidates = path ? of_path(literal[at]) : of_peer(literal[at]);
            if (question_.shape == Shape::fields || !path) {
                Glob anything;
                candidates.insert(candidates.begin(), std::move(anything.add_anything()));
            }
            pieces.push_back(widest_piece(pieces, std::move(candidates), literal, at, granted));
        }
        return joined(pieces, literal, literal.size());
    }

    // The first of CANDIDATES for piece AT with which all texts are granted, the pieces after it as they are.
    Glob widest_piece(std::vector<Glob>& pieces, std::vector<Glob> candidates, const std::vector<std::string>& literal, std::size_t at,
                      Granted granted) {
        for (auto& candidate : candidates) {
            pieces.push_back(candidate);
            const bool fits = all_of_glob(joined(pieces, literal, at + 1), granted, false);
            pieces.pop_back();
            if (fits) return std::move(candidate);
        }
        return Glob::literal(literal[at]);
    }

    static std::vector<std::string> pieces_of(const std::string& text) {
        std::vector<std::string> pieces(1);
        for (const char byte : text) {
            if (byte == '\0') {
                pieces.emplace_back();
            } else {
                pieces.back() += byte;
            }
        }
        return pieces;
    }

    static Glob joined(const std::vector<Glob>& pieces, const std::vector<std::string>& literal, std::size_t known) {
        Glob glob;
        for (std::size_t at = 0; at < literal.size(); ++at) {
            if (at > 0) glob.add(std::string_view("\0", 1));
            if (at < known) {
                glob.add(pieces[at]);
            } else {
                glob.add(literal[at]);
            }
        }
        return glob;
    }

    Glob first_granted(std::vector<Glob> candidates, Granted granted) {
        for (auto& candidate : candidates) {
            if (candidate.is_literal() || all_of_glob(candidate, granted, false)) return std::move(candidate);
        }
        return std::move(candidates.back());
    }

    // Whether GLOB matches a text other than TEXT that makes a difference, too.
    bool more_than(const Glob& glob, const std::string& text, Granted granted) {
        auto operands = std::vector<Operand>{all_of_inside(question_)};
        operands.insert(operands.end(), question_.outside.begin(), question_.outside.end());
        const Glob itself = Glob::literal(text);
        Product product(question_.grammar, std::move(operands), {&glob, &itself}, question_.alphabet, steps_, 1, 1);
        bool more = false;
        const bool ended = product.walk(telling_, [&](const Product::Place& place) {
            const Granted gained = (place.granted(0) - place.granted(1)) & granted & all_of(place.wanted());
            more = place.matched(0) && !place.matched(1) && !gained.none();
            return !more;
        });
        return more || !ended;
    }

    // Whether all inside grant GRANTED of every text that GLOB matches, and (NEW) the one outside nothing of it.
    bool all_of_glob(const Glob& glob, Granted granted, bool is_new) {
        auto operands = std::vector<Operand>{all_of_inside(question_)};
        if (is_new) operands.insert(operands.end(), question_.outside.begin(), question_.outside.end());
        const bool against = operands.size() > 1;
        Product product(question_.grammar, std::move(operands), {&glob}, question_.alphabet, steps_, 0, 1);
        bool all = true;
        const bool ended = product.walk(telling_, [&](const Product::Place& place) {
            const Granted wanted = granted & all_of(place.wanted());
            if (place.matched(0)) all = (wanted - place.granted(0)).none() && (!against || (wanted & place.granted(1)).none());
            return all;
        });
        return all && ended;
    }

    const Question& question_;
    Budget& budget_;
    Steps steps_;
    Budget telling_{kTelling, kTellingSteps};
    std::size_t most_;
    Cover result_;
    bool folded_ = false;
    std::map<std::pair<std::string, std::pair<std::uint32_t, std::uint32_t>>, std::size_t>
        narrow_;  // how many patterns were cases of a wider one, which is not all granted
};

}  // namespace

Cover cover(const Question& question, Budget& budget, std::size_t most) { return Coverer(question, budget, most).run(); }

}  // namespace aa::apparmor
