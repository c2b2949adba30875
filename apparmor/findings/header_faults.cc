// SPDX-License-Identifier: Apache-2.0
//
// Faults of blocks: the headers of profiles, their flags, and braces.
#include <algorithm>
#include <array>

#include "apparmor/findings/faults.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Of apparmor.d(5), 5.0; the last ones are newer than 3.0.
constexpr std::array<std::string_view, 23> kFlags = {"enforce",
                                                     "complain",
                                                     "kill",
                                                     "unconfined",
                                                     "audit",
                                                     "mediate_deleted",
                                                     "delegate_deleted",
                                                     "attach_disconnected",
                                                     "no_attach_disconnected",
                                                     "chroot_relative",
                                                     "namespace_relative",
                                                     "chroot_attach",
                                                     "chroot_no_attach",
                                                     "hat",
                                                     "debug",
                                                     "interruptible",
                                                     "prompt",
                                                     "default_allow",
                                                     "kill.signal",
                                                     "error",
                                                     "attach_disconnected.path",
                                                     "attach_disconnected.ipc",
                                                     "attach_disconnected.ipc_path"};

// `flags(enforce)`, `flags (enforce)`, `flags=enforce`.
std::optional<Fault> flags_spelling(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (!piece.is_header()) return std::nullopt;
    const auto found =
        std::find_if(piece.words.begin(), piece.words.end(), [](std::string_view word) { return word.starts_with("flags"); });
    if (found == piece.words.end()) return std::nullopt;
    const auto word = *found;
    const auto rest = word.substr(std::string_view("flags").size());
    Fault fault{"AA103", suspect.offset_of(word), concat({quote(word), " is not how a profile gets its flags"}),
                "what stands there is taken for something else", "write flags=(…), as in `profile NAME flags=(attach_disconnected) {`"};
    if (rest.starts_with('(')) {
        fault.fix = {suspect.behind(word.substr(0, word.size() - rest.size()), "=")};
    } else if (rest.size() > 1 && rest[0] == '=' && rest[1] != '(') {
        fault.fix = {suspect.before(rest.substr(1), "("), suspect.behind(word, ")")};
    } else if (rest.empty() && found + 1 != piece.words.end() && found[1].starts_with('(')) {
        fault.fix = {suspect.behind(word, "=")};
    } else {
        return std::nullopt;
    }
    return fault;
}

// `flags=(complain {`: what follows would be flags.
std::optional<Fault> unclosed_flags(const Suspect& suspect) {
    const auto& words = suspect.piece().words;
    const auto word = std::find_if(words.begin(), words.end(), [](std::string_view one) { return one.starts_with("flags=("); });
    if (word == words.end() || word->find(')') != std::string_view::npos) return std::nullopt;
    const std::size_t brace = word->find('{');
    const auto flags = word->substr(0, word->find_last_not_of(" \t\r", brace == std::string_view::npos ? brace : brace - 1) + 1);
    return Fault{"AA103",
                 suspect.offset_of(*word),
                 concat({quote(flags), " is not closed"}),
                 "what follows would be flags",
                 "put `)` behind the last flag",
                 {suspect.behind(flags, ")")}};
}

std::optional<Fault> unknown_flag(const Suspect& suspect) {
    auto flag = suspect.refusal.between("Invalid profile flag: ", "");
    if (flag.ends_with('.')) flag.pop_back();
    const auto& piece = suspect.piece();
    if (flag.empty() || !piece.is_header()) return std::nullopt;
    const auto header = suspect.text.substr(piece.begin, piece.words_end - piece.begin);
    const std::size_t at = header.rfind(flag);
    if (at == std::string_view::npos) return std::nullopt;
    const auto word = header.substr(at, flag.size());
    Fault fault{"AA104", suspect.offset_of(word), concat({quote(flag), " is no flag of a profile"}), "the profile is not loaded without it",
                ""};
    if (std::find(kFlags.begin(), kFlags.end(), flag) != kFlags.end()) {
        fault.problem = concat({"this apparmor_parser does not know the flag ", quote(flag)});
        fault.cure = "take it out, or use a newer AppArmor";
        return fault;
    }
    fault.cure = concat({"take it out, or spell it as apparmor.d(5) does", nearest(flag, kFlags)});
    const auto same = same_spelling(flag, kFlags);
    if (!same.empty()) fault.fix = {suspect.replaced(word, std::string(same))};
    if (same.empty()) fault.repair = {suspect.replaced(word, "audit")};
    return fault;
}

std::optional<Fault> contradicting_flags(const Suspect& suspect) {
    const auto flag = suspect.refusal.between("Profile flag '", "'");
    const auto other = suspect.refusal.between("conflicts with '", "'");
    if (other.empty() || !suspect.piece().is_header()) return std::nullopt;
    for (const auto word : suspect.piece().words) {
        const std::size_t at = word.find(flag);
        if (at == std::string_view::npos || !word.starts_with("flags")) continue;
        return Fault{"AA104",
                     suspect.offset_of(word) + at,
                     concat({"the flags ", quote(flag), " and ", quote(other), " contradict each other"}),
                     "a profile is in one mode",
                     "keep the one that is meant",
                     {},
                     {suspect.replaced(word, "flags=(audit)")}};
    }
    return std::nullopt;
}

bool is_flags(std::string_view word) { return word.starts_with("flags") || word.starts_with('(') || is_path_word(word); }

std::optional<Fault> name_of_words(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (!piece.is_header() || piece.end == Piece::End::missing) return std::nullopt;
    if (suspect.refusal.says("Profile attachment must begin with") && piece.words[0] == "profile" && piece.words.size() > 2 &&
        !is_flags(piece.words[2])) {
        const auto name = suspect.text.substr(suspect.offset_of(piece.words[1]), piece.words_end - suspect.offset_of(piece.words[1]));
        return Fault{"AA122",
                     suspect.offset_of(piece.words[2]),
                     concat({quote(piece.words[2]), " stands where the path belongs that the profile attaches to"}),
                     "a name with a space needs quotes, and an attachment begins with '/'",
                     concat({"write `profile \"", spelled_out(name), "\" {` if that is the name, or leave it out"}),
                     {},
                     {{suspect.offset_of(piece.words[2]), piece.words_end - suspect.offset_of(piece.words[2]), ""}}};
    }
    if (piece.words.size() == 1 && (piece.words[0] == "profile" || piece.words[0] == "hat") && suspect.refusal.says("expecting TOK_OPEN")) {
        return Fault{"AA122",
                     piece.begin,
                     concat({quote(piece.words[0]), " is not followed by a name"}),
                     "the brace would be the name",
                     concat({"write `", piece.words[0], " NAME {`"}),
                     {},
                     {suspect.behind(piece.words[0], " nameless")}};
    }
    if (!suspect.refusal.says("Profile names must begin with")) return std::nullopt;
    return Fault{"AA122",
                 piece.begin,
                 concat({quote(piece.words[0]), " begins no profile"}),
                 "a name that is no path needs the word `profile` before it",
                 concat({"write `profile ", spelled_out(piece.words[0]), " {`"}),
                 {suspect.before(piece.words[0], "profile ")}};
}

std::optional<Fault> missing_open(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (!piece.is_header() || piece.end != Piece::End::missing) return std::nullopt;
    return Fault{"AA102",
                 piece.begin,
                 concat({suspect.quoted(), " is not followed by '{'"}),
                 "the rules of a profile stand in braces",
                 "put `{` behind it, and `}` behind the last rule",
                 {suspect.behind(piece.words.back(), " {")}};
}

// A block that never ends: before the next profile that begins a line, or else at the end of the file.
std::optional<Fault> missing_close(const Suspect& suspect) {
    if (!suspect.refusal.says("unexpected end of file")) return std::nullopt;
    std::vector<const Piece*> open;
    for (const auto& piece : suspect.pieces) {
        if (piece.end == Piece::End::close && !open.empty()) open.pop_back();
        const bool begins_line = piece.begin == 0 || suspect.text[piece.begin - 1] == '\n';
        if (!open.empty() && piece.is_header() && begins_line && piece.words[0] != "hat" && !piece.words[0].starts_with('^')) {
            return Fault{"AA102",
                         open.back()->begin,
                         concat({quote(open.back()->words.empty() ? "{" : open.back()->words.back()), " has no '}' before ",
                                 quote(piece.words.back()), " begins"}),
                         "the next profile would be a child of this one",
                         "put `}` on a line of its own behind its last rule",
                         {{piece.begin, 0, concat({"}", line_end_of(suspect.text)})}}};
        }
        if (piece.end == Piece::End::open) open.push_back(&piece);
    }
    if (open.empty()) return std::nullopt;
    const auto header = open.back()->words.empty() ? std::string_view("{")
                                                   : suspect.text.substr(open.back()->begin, open.back()->words_end - open.back()->begin);
    const auto line_end = line_end_of(suspect.text);
    const bool has_end = suspect.text.empty() || suspect.text.ends_with('\n');
    return Fault{"AA102",
                 open.back()->begin,
                 concat({quote(header), " has no '}'"}),
                 "the file ends within its rules",
                 "put `}` behind its last rule",
                 {{suspect.text.size(), 0, concat({has_end ? "" : line_end, "}", line_end})}}};
}

std::optional<Fault> close_too_many(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (piece.end != Piece::End::close || !piece.words.empty() || !suspect.refusal.says("unexpected TOK_CLOSE")) return std::nullopt;
    std::size_t open = 0;
    for (const auto& before : suspect.pieces.first(suspect.index)) {
        if (before.end == Piece::End::open) ++open;
        if (before.end == Piece::End::close && open > 0) --open;
    }
    if (open > 0) return std::nullopt;
    Fault fault{"AA102", piece.begin, "'}' ends no block", "all blocks have ended before it",
                "take it out, or the one above that ends its block too early"};
    if (suspect.index + 1 == suspect.pieces.size()) fault.fix = {suspect.removed()};
    return fault;
}

constexpr std::array<Recognizer, 8> kRecognizers = {unclosed_flags, unknown_flag, contradicting_flags, missing_close,
                                                    close_too_many, missing_open, flags_spelling,      name_of_words};

}  // namespace

std::span<const Recognizer> header_recognizers() { return kRecognizers; }

}  // namespace aa::apparmor
