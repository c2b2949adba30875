// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/pieces.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "apparmor/source/profile_words.h"

namespace aa::apparmor {
namespace {

constexpr std::array<std::string_view, 10> kQualifiers = {"audit", "deny",   "allow", "owner",  "other",
                                                          "quiet", "prompt", "safe",  "unsafe", "access"};

bool is_one_of(std::string_view word, const auto& words) { return std::find(words.begin(), words.end(), word) != words.end(); }

bool is_qualifier(std::string_view word) { return is_one_of(word, kQualifiers) || word.starts_with("priority="); }

bool is_include_word(std::string_view word) {
    if (word.starts_with('#')) word.remove_prefix(1);
    return word == "include" || word.starts_with("include<") || word.starts_with("include\"");
}

std::size_t first_of(const std::vector<std::string_view>& words) {
    return static_cast<std::size_t>(std::find_if_not(words.begin(), words.end(), is_qualifier) - words.begin());
}

// Whether WORDS may be all of a rule or a header, so that what begins like a rule on the next line is one.
bool may_be_whole(const std::vector<std::string_view>& words) {
    if (words.empty() || words.back() == "->" || words.back().ends_with('=')) return false;
    return first_of(words) < words.size();
}

// Whether WORD at the beginning of a line, before NEXT, begins something: a path only where a mode follows, as it may belong to a rule that
// began before (`mount fstype=ext4⏎ /dev/sda -> /mnt,`).
bool begins_piece(std::string_view word, std::string_view next) {
    if (is_path_word(word)) return is_mode_word(next);
    if (is_mode_word(word)) return is_path_word(next);
    return is_keyword(word) || is_qualifier(word) || is_include_word(word) || word == "profile" || word == "hat" || word == "abi" ||
           word == "alias" || (word.starts_with('^') && word.size() > 1);
}

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    std::vector<Piece> read() {
        ProfileWords words(text_);
        while (const auto statement = words.next()) {
            if (const auto cut = unclosed(*statement)) {
                words = ProfileWords(text_.substr(base_ + *cut));
                base_ += *cut;
            }
        }
        return std::move(pieces_);
    }

private:
    // Takes STATEMENT. A quote or a list that is not closed would swallow the rest of the text: then the statement ends with that line,
    // and where the reading has to go on is told.
    std::optional<std::size_t> unclosed(const Statement& statement) {
        std::vector<std::string_view> words;
        for (std::size_t i = 0; i < statement.words.size(); ++i) {
            auto word = text_.substr(base_ + statement.offsets[i], statement.words[i].size());
            const std::size_t line_end = word.find('\n');
            const bool swallows = word.find('"') != std::string_view::npos || base_ + statement.stop == text_.size();
            words.push_back(line_end != std::string_view::npos && swallows ? word.substr(0, line_end) : word);
            if (words.back().size() == word.size()) continue;
            split(words, Piece::End::missing, offset_of(words.back()) + words.back().size());
            return statement.offsets[i] + line_end;
        }
        split(words, end_of(statement), base_ + statement.stop);
        return std::nullopt;
    }

    [[nodiscard]] Piece::End end_of(const Statement& statement) const {
        switch (statement.end) {
            case Statement::End::open:
                return Piece::End::open;
            case Statement::End::close:
                return Piece::End::close;
            case Statement::End::line:
                return base_ + statement.stop == text_.size() && !statement.is_include() && !is_assignment(statement) ? Piece::End::missing
                                                                                                                      : Piece::End::line;
            case Statement::End::rule:
                break;
        }
        const std::size_t stop = base_ + statement.stop;
        return stop > 0 && text_[stop - 1] == ',' ? Piece::End::comma : Piece::End::missing;
    }

    static bool is_assignment(const Statement& statement) {
        return statement.words.size() > 1 && (statement.words[1].starts_with('=') || statement.words[1].starts_with("+="));
    }

    // Adds the pieces that WORDS are, the last of which ends with END at STOP.
    void split(const std::vector<std::string_view>& words, Piece::End end, std::size_t stop) {
        std::vector<std::string_view> piece;
        for (std::size_t i = 0; i < words.size(); ++i) {
            const auto next = i + 1 < words.size() ? words[i + 1] : std::string_view();
            if (i > 0 && begins_line(words[i - 1], words[i]) && may_be_whole(piece) && begins_piece(words[i], next)) {
                const std::size_t piece_end = offset_of(piece.back()) + piece.back().size();
                add(std::exchange(piece, {}), is_include_word(words[i - 1]) ? Piece::End::line : Piece::End::missing, piece_end);
            }
            piece.push_back(words[i]);
            // An include has no end but that of its line, and after a rule without a comma it is not told from its words.
            const bool ends_line = i + 1 < words.size() && begins_line(words[i], words[i + 1]);
            if (ends_line && is_include_word(piece.front()))
                add(std::exchange(piece, {}), Piece::End::line, offset_of(words[i]) + words[i].size());
        }
        add(std::move(piece), end, stop);
    }

    void add(std::vector<std::string_view> words, Piece::End end, std::size_t stop) {
        Piece piece;
        piece.first = first_of(words);
        piece.begin = words.empty() ? stop - 1 : offset_of(words.front());
        piece.words_end = words.empty() ? piece.begin : offset_of(words.back()) + words.back().size();
        piece.words = std::move(words);
        piece.end = end;
        piece.stop = stop;
        if (end == Piece::End::close && depth_ > 0) --depth_;
        piece.depth = depth_;
        if (end == Piece::End::open) ++depth_;
        pieces_.push_back(std::move(piece));
    }

    [[nodiscard]] bool begins_line(std::string_view before, std::string_view word) const {
        const std::size_t from = offset_of(before) + before.size();
        return text_.substr(from, offset_of(word) - from).find('\n') != std::string_view::npos;
    }

    [[nodiscard]] std::size_t offset_of(std::string_view word) const { return static_cast<std::size_t>(word.data() - text_.data()); }

    std::string_view text_;
    std::size_t base_ = 0;  // where the part that is read began
    std::size_t depth_ = 0;
    std::vector<Piece> pieces_;
};

}  // namespace

bool Piece::has_qualifier(std::string_view word) const {
    const auto keyword = words.begin() + static_cast<std::ptrdiff_t>(first);
    return std::find(words.begin(), keyword, word) != keyword;
}

bool Piece::is_include() const { return !words.empty() && is_include_word(words[0]); }

bool Piece::is_header() const {
    if (words.empty() || is_include()) return false;
    const auto word = words[0];
    if (word == "profile" || word == "hat" || (word.starts_with('^') && word.size() > 1)) return true;
    if (end == End::open) return word != "if" && word != "else" && !is_qualifier(word);
    return end == End::missing && depth == 0 && is_path_word(word) && (words.size() == 1 || !is_mode_word(words[1]));
}

std::vector<Piece> pieces_of(std::string_view text) { return Reader(text).read(); }

Origin origin_of(const std::string& file, std::string_view text, std::size_t offset) {
    const auto before = text.substr(0, std::min(offset, text.size()));
    const std::size_t line_begin = before.rfind('\n') + 1;  // 0 without a line before
    return {file, static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1),
            static_cast<std::uint32_t>(before.size() - line_begin + 1)};
}

std::size_t line_offset(std::string_view text, std::size_t line) {
    std::size_t at = 0;
    for (; line > 1 && at < text.size(); --line) at = std::min(text.find('\n', at), text.size() - 1) + 1;
    return at;
}

const std::vector<std::string_view>& keywords() {
    static const std::vector<std::string_view> words = {
        "capability", "network", "signal", "ptrace",         "mount", "remount", "umount", "unmount",  "pivot_root", "dbus",
        "unix",       "file",    "link",   "change_profile", "set",   "userns",  "mqueue", "io_uring", "all",        "include",
        "profile",    "hat",     "deny",   "allow",          "audit", "owner",   "abi",    "alias"};
    return words;
}

bool is_keyword(std::string_view word) { return is_one_of(word, keywords()); }

bool is_path_word(std::string_view word) {
    return word.starts_with('/') || word.starts_with("@{") || word.starts_with("\"/") || word.starts_with("\"@{");
}

bool is_mode_word(std::string_view word) {
    return !word.empty() && word.size() <= 16 && !is_keyword(word) &&
           word.find_first_not_of("rwaxmlkipcuRWAXMLKIPCU") == std::string_view::npos;
}

}  // namespace aa::apparmor
