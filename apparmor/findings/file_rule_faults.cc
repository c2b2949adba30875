// SPDX-License-Identifier: Apache-2.0
//
// Faults of rules about files, and of what stands between rules.
#include <algorithm>
#include <array>

#include "apparmor/findings/faults.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kModes = "rwaxmlkipcuPCU";
constexpr std::string_view kQualifiersOfExec = "ipcuPCU";

std::string without(std::string_view word, std::string_view letters) {
    std::string result(word);
    result.erase(std::remove_if(result.begin(), result.end(), [&](char c) { return letters.find(c) != std::string_view::npos; }),
                 result.end());
    return result;
}

// The path and the mode of a rule, in whichever order; an empty one is not there.
struct FileRule {
    std::string_view path, mode;
};

FileRule file_rule(const Piece& piece) {
    auto at = piece.words.begin() + static_cast<std::ptrdiff_t>(piece.first);
    if (at != piece.words.end() && *at == "file") ++at;
    const auto left = piece.words.end() - at;
    if (left > 0 && is_path_word(at[0])) return {at[0], left > 1 ? at[1] : std::string_view()};
    if (left > 1 && is_path_word(at[1]) && is_mode_word(at[0])) return {at[1], at[0]};
    return {};
}

std::optional<Fault> exec_in_deny(const Suspect& suspect) {
    const auto rule = file_rule(suspect.piece());
    if (!suspect.refusal.says("in deny rules 'x' must not be preceded") || rule.mode.find_first_of("xX") == std::string_view::npos)
        return std::nullopt;
    const auto plain = without(rule.mode, kQualifiersOfExec);
    if (!suspect.piece().has_qualifier("deny") || plain == rule.mode) return std::nullopt;
    return Fault{"AA101",
                 suspect.offset_of(rule.mode),
                 concat({suspect.quoted(), " chooses a way to execute"}),
                 "what is denied is not executed in any way",
                 concat({"write `", plain, "`"}),
                 {suspect.replaced(rule.mode, plain)}};
}

std::optional<Fault> bare_exec(const Suspect& suspect) {
    const auto rule = file_rule(suspect.piece());
    if (!suspect.refusal.says("'x' must be preceded") || rule.mode.find('x') == std::string_view::npos) return std::nullopt;
    return Fault{"AA115", suspect.offset_of(rule.mode), concat({suspect.quoted(), " does not say what a program runs under"}),
                 "an x needs a way: i (this profile), c (a child), p (another profile) or u (none)",
                 concat({"write `", without(rule.mode, "x"), "ix` to stay in this profile"})};
}

std::optional<Fault> contradicting_modes(const Suspect& suspect) {
    const auto rule = file_rule(suspect.piece());
    if (rule.mode.empty()) return std::nullopt;
    if (suspect.refusal.says("'a' and 'w' perms are mutually exclusive") && rule.mode.find('a') != std::string_view::npos) {
        return Fault{"AA116",
                     suspect.offset_of(rule.mode),
                     concat({suspect.quoted(), " has both a and w"}),
                     "who may write may append",
                     concat({"write `", without(rule.mode, "aA"), "`"}),
                     {suspect.replaced(rule.mode, without(rule.mode, "aA"))}};
    }
    if (!suspect.refusal.says("conflicting qualifier already specified")) return std::nullopt;
    return Fault{"AA116", suspect.offset_of(rule.mode), concat({suspect.quoted(), " has two ways to execute"}),
                 "a program runs under one profile", "write one of ix, px, cx, ux, or a pair that apparmor.d(5) lists, such as pix"};
}

std::optional<Fault> glued_arrow(const Suspect& suspect) {
    const auto rule = file_rule(suspect.piece());
    const std::size_t at = rule.mode.find("->");
    if (at == std::string_view::npos || at == 0) return std::nullopt;
    const bool last = at + 2 == rule.mode.size();
    return Fault{"AA114",
                 suspect.offset_of(rule.mode),
                 concat({suspect.quoted(), " has no space before '->'"}),
                 "the arrow would be a part of the mode",
                 "write it with a space on both sides",
                 {suspect.replaced(rule.mode.substr(at, 2), last ? " ->" : " -> ")}};
}

std::optional<Fault> spaced_path(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const auto rule = file_rule(piece);
    const auto last = piece.words.empty() ? std::string_view() : piece.words.back();
    if (!suspect.refusal.says("expecting TOK_MODE") || rule.path.empty() || is_mode_word(rule.mode) || !is_mode_word(last))
        return std::nullopt;
    if (piece.end == Piece::End::missing || last.data() <= rule.mode.data() || rule.path.front() == '"') return std::nullopt;
    const auto before = piece.words[piece.words.size() - 2];
    const std::size_t begin = suspect.offset_of(rule.path);
    const std::size_t length = suspect.offset_of(before) + before.size() - begin;
    const auto path = suspect.text.substr(begin, length);
    Fault fault{"AA124", begin, concat({"the path ", quote(path), " has a space"}), "a space ends a path", ""};
    if (path.find_first_of("\"\n") != std::string_view::npos) {
        fault.cure = "write the path without it, or in quotes";
    } else {
        fault.cure = "put the path in quotes";
        fault.fix = {{begin, 0, "\""}, {begin + length, 0, "\""}};
    }
    return fault;
}

// To the end of the line: where words are not what they look like, neither are pieces.
Edit rest_of_line(const Suspect& suspect) {
    const std::size_t begin = suspect.piece().begin;
    return {begin, std::min(suspect.text.find_first_of("\r\n", begin), suspect.text.size()) - begin, ""};
}

std::optional<Fault> unbalanced(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    for (const auto word : piece.words) {
        const auto count = [&](char c) { return std::count(word.begin(), word.end(), c); };
        const std::size_t at = suspect.offset_of(word);
        const std::size_t next = at + word.size();
        if (count('{') > count('}') && word.ends_with(',') && suspect.text.substr(next).starts_with(' ')) {
            const std::size_t space = std::min(suspect.text.find_first_not_of(' ', next), suspect.text.size()) - next;
            return Fault{"AA124",
                         next,
                         concat({quote(word), " is followed by a space"}),
                         "a space ends a path",
                         "write alternatives without spaces, as in `/{bin,sbin}/x`",
                         {{next, space, ""}}};
        }
        if (piece.end == Piece::End::missing && count('"') % 2 != 0) {
            return Fault{"AA119",
                         at,
                         concat({quote(word), " has a quote that is not closed"}),
                         "the quote ends with the line",
                         "put `\"` on both sides of the path",
                         {},
                         {rest_of_line(suspect)}};
        }
        if (word.starts_with("@{") && count('}') == 0) {
            return Fault{"AA119",
                         at,
                         concat({quote(word), " is not closed"}),
                         "the name of a variable stands in braces",
                         "write `@{NAME}`",
                         {},
                         {rest_of_line(suspect)}};
        }
    }
    return std::nullopt;
}

// A variable that is set within a profile: as if it were set above.
std::optional<Fault> variable_in_profile(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const bool assigns = suspect.refusal.says("unexpected TOK_EQUALS") || suspect.refusal.says("unexpected TOK_ADD_ASSIGN");
    if (!assigns || piece.depth == 0 || piece.words.empty() || !piece.words[0].starts_with("@{")) return std::nullopt;
    const auto text = suspect.text.substr(piece.begin, piece.words_end - piece.begin);
    return Fault{"AA126",
                 piece.begin,
                 concat({suspect.quoted(), " stands in a profile"}),
                 "variables are declared above all profiles",
                 "put it there",
                 {},
                 {{0, 0, concat({text, line_end_of(suspect.text)})}, {piece.begin, piece.stop - piece.begin, "\n"}}};
}

std::optional<Fault> unknown_mode(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const auto rule = file_rule(piece);
    if (rule.path.empty() || !suspect.refusal.says("syntax error")) return std::nullopt;
    if (rule.mode.empty() || rule.mode == "->") {
        if (piece.end == Piece::End::missing || piece.is_header() || !suspect.refusal.says("expecting TOK_MODE")) return std::nullopt;
        if (rule.path == "/**" || rule.path == "/*" || rule.path == "/") return std::nullopt;
        return Fault{"AA114", suspect.offset_of(rule.path), concat({suspect.quoted(), " does not say what is allowed or denied"}),
                     "a rule about a file needs a mode", "write it behind the path: r, w, a, m, k, l, ix, …"};
    }
    if (rule.mode.ends_with(';') || rule.mode.find_first_not_of(kModes) == std::string_view::npos || rule.mode.starts_with('='))
        return std::nullopt;
    if (is_mode_word(rule.mode) && !suspect.refusal.says("expecting TOK_MODE")) return std::nullopt;
    return Fault{"AA114", suspect.offset_of(rule.mode), concat({quote(rule.mode), " is no mode of a file"}),
                 "a mode is made of the letters r, w, a, m, k, l, and one way to execute: ix, px, cx, ux",
                 spelling(rule.mode) == "read"    ? "write `r`"
                 : spelling(rule.mode) == "write" ? "write `w`"
                                                  : "write those that are meant"};
}

// `deny *),`: the default, spelled out.
std::optional<Fault> catch_all(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (piece.words.empty() || piece.is_header() || piece.end == Piece::End::missing) return std::nullopt;
    const auto word = piece.keyword();
    const auto last = piece.words.back();
    const bool bare = word.empty();
    const bool star = word == "*" || word == "**" || word == "*)" || (word == "/" && last.starts_with('*'));
    const bool all_paths = (word == "/**" || word == "/*" || word == "/") && piece.words.size() == piece.first + 1;
    if (!bare && !star && !all_paths) return std::nullopt;
    const bool denies = piece.has_qualifier("deny");
    Fault fault{"AA109", piece.begin, concat({suspect.quoted(), " is no rule for everything"}), "AppArmor has no such rule",
                denies ? "take it out: what no rule allows is denied" : "write what the program needs; `file,` allows all files"};
    // A mode may have been forgotten behind a path.
    if (denies && !all_paths) fault.fix = {suspect.removed()};
    return fault;
}

std::optional<Fault> relative_path(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const auto word = piece.keyword();
    if (piece.is_header() || piece.words.size() < piece.first + 2) return std::nullopt;
    const auto other = piece.words[piece.first + 1];
    const auto path = is_mode_word(other) ? word : is_mode_word(word) ? other : std::string_view();
    const bool like_path = path.find_first_of("/.*~$") != std::string_view::npos;
    if (!like_path || is_path_word(path) || path.starts_with('"')) return std::nullopt;
    const bool home = path.starts_with("~/") || path.starts_with("$HOME/");
    return Fault{
        "AA121", suspect.offset_of(path), concat({quote(path), " does not begin with '/'"}), "rules are about whole paths",
        home ? concat({"write `@{HOME}", spelled_out(path.substr(path.find('/'))), "`, and `include <tunables/global>` above the profile"})
             : concat({"write the whole path, or `/**/", spelled_out(path), "` for it in every folder"})};
}

std::optional<Fault> foreign_comment(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (piece.words.empty() || (!piece.words[0].starts_with("//") && !piece.words[0].starts_with("/*"))) return std::nullopt;
    if (piece.words.size() > 1 && is_mode_word(piece.words[1])) return std::nullopt;
    const auto line = suspect.text.substr(piece.begin, suspect.text.find('\n', piece.begin) - piece.begin);
    Fault fault{"AA123",
                piece.begin,
                concat({quote(piece.words[0]), " begins no comment"}),
                "it is read as the path of a rule",
                "begin each line of a comment with '#'",
                {},
                {{piece.begin, 2, "# "}}};
    if (line.find(',') == std::string_view::npos) fault.fix = {{piece.begin, 2, "#"}};
    return fault;
}

std::optional<Fault> missing_comma(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (piece.words.empty() || piece.end != Piece::End::missing || piece.is_header() || piece.is_include()) return std::nullopt;
    const auto last = piece.words.back();
    Fault fault{"AA110", suspect.offset_of(last) + last.size(), concat({suspect.quoted(), " does not end with a comma"}),
                "the next line is read as a part of it", "put `,` behind it"};
    fault.fix = {last.ends_with(';') ? suspect.replaced(last.substr(last.size() - 1), ",") : suspect.behind(last, ",")};
    return fault;
}

std::optional<Fault> comma_too_many(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const bool assignment = suspect.refusal.says("do not accept trailing commas");
    if (!assignment && !suspect.refusal.says("unexpected TOK_END_OF_RULE")) return std::nullopt;
    std::size_t comma = std::string_view::npos;
    if (assignment && !piece.words.empty() && suspect.text[piece.stop - 1] == ',') comma = piece.stop - 1;
    if (piece.is_include() && piece.end == Piece::End::comma) comma = piece.stop - 1;
    const std::size_t next = suspect.text.find_first_not_of(" \t\r\n", piece.stop);
    if (next < suspect.text.size() && suspect.text[next] == ',') comma = next;
    if (comma == std::string_view::npos) return std::nullopt;
    return Fault{
        "AA111",       comma,           "a comma stands where no rule ends", "rules end with one, includes and variables with none",
        "take it out", {{comma, 1, ""}}};
}

constexpr std::string_view kNoBreakSpace = "\xc2\xa0";

// A space from a web page, which the parser takes for a letter.
std::optional<Fault> foreign_space(const Suspect& suspect) {
    if (!suspect.refusal.says("syntax error")) return std::nullopt;
    for (const auto word : suspect.piece().words) {
        const std::size_t at = word.find(kNoBreakSpace);
        if (at == std::string_view::npos || word.front() == '"') continue;
        const auto space = word.substr(at, kNoBreakSpace.size());
        return Fault{"AA128",
                     suspect.offset_of(space),
                     concat({"after ", quote(word.substr(0, at)), " comes a no-break space"}),
                     "it does not part words",
                     "type a plain space",
                     {suspect.replaced(space, " ")}};
    }
    return std::nullopt;
}

// A byte that is no ASCII where rules are: a typographic quote, the mark before a UTF-8 text.
std::optional<Fault> foreign_character(const Suspect& suspect) {
    constexpr std::string_view kMark = "\xef\xbb\xbf";
    if (!suspect.refusal.says("Lexer found unexpected character") || suspect.refusal.line == 0) return std::nullopt;
    const std::size_t begin = line_offset(suspect.text, suspect.refusal.line);
    const auto line = suspect.text.substr(begin, suspect.text.find('\n', begin) - begin);
    const auto found = std::find_if(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    if (found == line.end()) return std::nullopt;
    const auto rest = line.substr(static_cast<std::size_t>(found - line.begin()));
    const auto character = rest.substr(0, std::max<std::size_t>(utf8_length(rest), 1));
    Fault fault{"AA128",
                suspect.offset_of(rest),
                concat({quote(character), " is no character of a profile"}),
                "outside of quotes and comments there are ASCII characters only",
                "type it anew: quotes are \", spaces are plain",
                {},
                {suspect.replaced(character, "")}};
    if (character == kMark) {
        fault.problem = "the file begins with a byte order mark";
        fault.cure = "save it as UTF-8 without one";
        fault.fix = {suspect.replaced(character, "")};
    } else if (character == kNoBreakSpace) {
        fault.problem = "here is a no-break space";
        fault.fix = {suspect.replaced(character, " ")};
    }
    return fault;
}

constexpr std::array<Recognizer, 15> kRecognizers = {
    foreign_space, foreign_character, foreign_comment, unbalanced,  variable_in_profile, exec_in_deny,  bare_exec,     contradicting_modes,
    missing_comma, glued_arrow,       catch_all,       spaced_path, unknown_mode,        relative_path, comma_too_many};

}  // namespace

std::span<const Recognizer> file_rule_recognizers() { return kRecognizers; }

}  // namespace aa::apparmor
