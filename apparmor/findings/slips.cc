// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/slips.h"

#include <algorithm>

#include "apparmor/findings/faults.h"
#include "apparmor/findings/pieces.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

class Slips {
public:
    Slips(const std::string& file, std::string_view text) : file_(file), text_(text) {}

    std::vector<Finding> find() {
        find_comments();
        std::vector<bool> headers;  // of the blocks around, whether each is a profile
        for (const auto& piece : pieces_of(text_)) {
            if (piece.end == Piece::End::close && !headers.empty()) headers.pop_back();
            if (piece.is_header()) {
                header(piece, static_cast<std::size_t>(std::count(headers.begin(), headers.end(), true)));
            } else {
                rule(piece);
            }
            if (piece.end == Piece::End::open) headers.push_back(piece.is_header());
        }
        return std::move(found_);
    }

private:
    // `# include <…>`, `#inlcude <…>`: comments that look like includes.
    void find_comments() {
        std::size_t at = 0;
        for (const auto line : lines(text_)) {
            const auto comment = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
            if (comment.starts_with('#')) find_include(comment, at + line.size() - comment.size());
            at += line.size() + 1;
        }
    }

    // COMMENT at OFFSET, if it is one.
    void find_include(std::string_view comment, std::size_t offset) {
        constexpr std::string_view kInclude[] = {"include"};
        const std::size_t begin = std::min(comment.find_first_not_of("# \t"), comment.size());
        const auto word = comment.substr(begin, std::min(comment.find_first_of(" \t<", begin), comment.size()) - begin);
        const auto rest = comment.substr(begin + word.size());
        const auto target = rest.substr(std::min(rest.find_first_not_of(" \t"), rest.size()));
        const std::size_t end = target.find('>');
        const bool takes_effect = begin == 1 && word == kInclude[0];
        if (takes_effect || !target.starts_with('<') || end == std::string_view::npos || closest(word, kInclude).empty()) return;
        add("AA140", offset, concat({quote(comment), " is a comment"}), "nothing is included",
            concat({"write `include ", spelled_out(target.substr(0, end + 1)), "` if it is meant to be"}));
    }

    void header(const Piece& piece, std::size_t parents) {
        if (parents >= 2) {
            add("AA141", piece.begin, concat({quote(name_of(piece)), " is a child of a child"}),
                "apparmor_parser 3.0 names it without its grandparent, later ones with it, so that no name means it everywhere",
                "make it a child of the outer profile");
        }
        for (const auto word : piece.words) {
            if (word != "flags=(enforce)") continue;
            add("AA142", offset_of(word), "flags=(enforce) says nothing", "a profile without it enforces, too", "take it out");
        }
    }

    void rule(const Piece& piece) {
        if (piece.is_include() || piece.end == Piece::End::line) return;
        for (std::size_t i = piece.first; i < piece.words.size(); ++i) {
            const auto word = piece.words[i];
            const bool beside_path =
                (i > 0 && is_path_word(piece.words[i - 1])) || (i + 1 < piece.words.size() && is_path_word(piece.words[i + 1]));
            if (is_path_word(word)) path(word);
            if (is_mode_word(word) && beside_path) mode(word);
        }
    }

    void path(std::string_view word) {
        const std::size_t dollar = word.find('$');
        if (dollar == std::string_view::npos || dollar + 1 == word.size()) return;
        const char next = word[dollar + 1];
        if ((next | 0x20) < 'a' || (next | 0x20) > 'z') return;
        add("AA144", offset_of(word) + dollar, concat({"the path ", quote(word), " has a variable of a shell"}),
            "AppArmor takes it letter by letter, and no file is called so", "write a variable of AppArmor, as in `@{HOME}`, or a pattern");
    }

    // Capital letters of old; P, C and U mean something.
    void mode(std::string_view word) {
        constexpr std::string_view kOld = "RWLMXI";
        std::string lower;
        for (const char c : word) lower += static_cast<char>(kOld.find(c) != std::string_view::npos ? c - 'A' + 'a' : c);
        if (lower == word) return;
        auto& finding = add("AA143", offset_of(word), concat({"the mode ", quote(word), " has capital letters"}),
                            "they mean the same as small ones, but where they stand before an x", concat({"write `", lower, "`"}));
        finding.fix = {{offset_of(word), word.size(), lower}};
    }

    static std::string_view name_of(const Piece& piece) {
        return piece.words[piece.words[0] == "profile" && piece.words.size() > 1 ? 1 : 0];
    }

    [[nodiscard]] std::size_t offset_of(std::string_view word) const { return static_cast<std::size_t>(word.data() - text_.data()); }

    Finding& add(std::string_view code, std::size_t at, std::string problem, std::string why, std::string cure) {
        return found_.emplace_back(Finding{code, origin_of(file_, text_, at), std::move(problem), std::move(why), std::move(cure), {}});
    }

    const std::string& file_;
    std::string_view text_;
    std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> slips(const std::string& file, std::string_view text) { return Slips(file, text).find(); }

}  // namespace aa::apparmor
