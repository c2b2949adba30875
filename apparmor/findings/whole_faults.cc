// SPDX-License-Identifier: Apache-2.0
//
// Faults that are of no rule alone: variables, and rules or profiles that contradict each other. The parser names no line for them.
#include <algorithm>
#include <set>

#include "apparmor/findings/faults.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// What <tunables/global> declares, 3.0 to 5.0; the last row since 4.1.
constexpr std::string_view kTunables[] = {"HOME",
                                          "HOMEDIRS",
                                          "PROC",
                                          "XDG_DESKTOP_DIR",
                                          "XDG_DOCUMENTS_DIR",
                                          "XDG_DOWNLOAD_DIR",
                                          "XDG_MUSIC_DIR",
                                          "XDG_PICTURES_DIR",
                                          "XDG_PUBLICSHARE_DIR",
                                          "XDG_TEMPLATES_DIR",
                                          "XDG_VIDEOS_DIR",
                                          "apparmorfs",
                                          "etc_ro",
                                          "etc_rw",
                                          "flatpak_exports_root",
                                          "multiarch",
                                          "pid",
                                          "pids",
                                          "run",
                                          "securityfs",
                                          "sys",
                                          "system_share_dirs",
                                          "tid",
                                          "uid",
                                          "uids",
                                          "user_share_dirs",
                                          "c",
                                          "d",
                                          "h",
                                          "hex",
                                          "int",
                                          "l",
                                          "rand",
                                          "w",
                                          "word"};
constexpr std::size_t kMostTransitions = 12;  // AA_EXEC_COUNT of the parser, 3.0 to 5.0

struct Text {
    std::string_view text;
    std::span<const Piece> pieces;

    [[nodiscard]] std::size_t offset_of(std::string_view word) const { return static_cast<std::size_t>(word.data() - text.data()); }
};

// Behind the comments, abi and includes at the top.
std::size_t above_profiles(const Text& file) {
    const auto found = std::find_if(file.pieces.begin(), file.pieces.end(), [](const Piece& piece) { return piece.keyword() != "abi"; });
    const std::size_t at = found == file.pieces.end() ? file.text.size() : found->begin;
    return file.text.substr(0, at).rfind('\n') + 1;
}

// The first word with @{NAME} that sets nothing, or nothing.
std::optional<std::size_t> use_of(const Text& file, std::string_view name) {
    const auto wanted = concat({"@{", name, "}"});
    for (const auto& piece : file.pieces) {
        for (const auto word : piece.words) {
            const std::size_t at = word.find(wanted);
            if (at != std::string_view::npos && piece.end != Piece::End::line) return file.offset_of(word) + at;
        }
    }
    return std::nullopt;
}

std::optional<std::size_t> first_include(const Text& file) {
    const auto found = std::find_if(file.pieces.begin(), file.pieces.end(), [](const Piece& piece) { return piece.is_include(); });
    return found == file.pieces.end() ? std::nullopt : std::optional(found->begin);
}

bool has_tunables(const Text& file) {
    return std::any_of(file.pieces.begin(), file.pieces.end(), [](const Piece& piece) {
        return piece.is_include() && piece.depth == 0 && piece.words.back().find("tunables/global") != std::string_view::npos;
    });
}

std::string variable_of(const Refusal& refusal) {
    auto name = refusal.between("Found reference to variable ", ",");  // 3.0 and 4.1
    if (name.empty()) name = refusal.between("Failed to find declaration for: ", "");
    if (name.starts_with("@{") && name.ends_with('}')) name = name.substr(2, name.size() - 3);
    return name;
}

std::optional<Fault> undeclared(const Text& file, const Refusal& refusal) {
    const auto name = variable_of(refusal);
    if (name.empty()) return std::nullopt;
    const auto use = use_of(file, name);
    const auto place = use ? use : first_include(file);
    if (!place) return std::nullopt;
    const std::size_t top = above_profiles(file);
    const auto line_end = line_end_of(file.text);
    const bool of_tunables = std::find(std::begin(kTunables), std::end(kTunables), name) != std::end(kTunables) && !has_tunables(file);
    Fault fault{"AA107", *place,
                concat({use ? "" : "what this includes needs ", "@{", spelled_out(name), "}",
                        use ? " is not declared" : ", which is not declared"}),
                "a path with it means nothing", ""};
    if (of_tunables) {
        fault.cure = "put `include <tunables/global>` above the profile";
        fault.fix = {{top, 0, concat({"include <tunables/global>", line_end})}};
    } else {
        fault.cure = concat({"declare it above the profile, as in `@{", spelled_out(name), "} = /path`, or include what declares it"});
        fault.repair = {{top, 0, concat({"@{", name, "} = /undeclared", line_end})}};
    }
    return fault;
}

// "variable @{X} was previously declared", and "… was not previously declared, but is being assigned additional values".
std::optional<Fault> assigned_wrongly(const Text& file, const Refusal& refusal) {
    const auto name = refusal.between("variable @{", "}");
    if (name.empty() || !refusal.says("previously declared")) return std::nullopt;
    const bool added = refusal.says("was not previously declared");
    const auto wanted = concat({"@{", name, "}"});
    const Piece* found = nullptr;
    for (const auto& piece : file.pieces) {
        if (piece.end == Piece::End::line && !piece.words.empty() && piece.words[0].starts_with(wanted) && (found == nullptr || !added))
            found = &piece;
    }
    if (found == nullptr) return std::nullopt;
    Fault fault{"AA126", found->begin, concat({wanted, added ? " gets a further value before it has one" : " is declared a second time"}),
                "a variable is declared once, with =, and extended with +=",
                added ? "write `=`" : "write `+=` to add to it, or take one of the two out"};
    if (added) fault.fix = {{file.text.find("+=", found->begin), 2, "="}};
    return fault;
}

std::optional<Fault> conflicting_rules(const Text& file, const Refusal& refusal) {
    const auto path = refusal.between("has merged rule ", " with conflicting x modifiers");
    if (path.empty()) return std::nullopt;
    const Piece* first = nullptr;
    for (const auto& piece : file.pieces) {
        const bool has = std::any_of(piece.words.begin(), piece.words.end(), [&](std::string_view word) {
            return word == path || (word.size() == path.size() + 2 && word.substr(1, path.size()) == path);
        });
        if (!has || piece.is_header()) continue;
        if (first == nullptr) {
            first = &piece;
            continue;
        }
        return Fault{
            "AA117", piece.begin,
            concat({quote(path), " is executed in another way here than in line ", decimal(origin_of({}, file.text, first->begin).line)}),
            "a program runs under one profile", "keep the rule that is meant"};
    }
    return std::nullopt;
}

// The rule with the first named transition that is one too many; those after it are, too.
std::optional<Fault> too_many_transitions(const Text& file, const Refusal& refusal) {
    if (!refusal.says("too many specified profile transitions")) return std::nullopt;
    const auto profile = refusal.between("Profile ", " has too many");
    std::set<std::string_view> targets;
    std::optional<Fault> fault;
    bool inside = false;
    for (const auto& piece : file.pieces) {
        if (piece.is_header()) {
            inside = std::any_of(piece.words.begin(), piece.words.end(), [&](std::string_view word) { return profile.ends_with(word); });
            targets.clear();
        }
        const auto arrow = std::find(piece.words.begin(), piece.words.end(), "->");
        if (!inside || piece.keyword() == "change_profile" || arrow == piece.words.end() || arrow + 1 == piece.words.end()) continue;
        targets.insert(arrow[1]);
        if (targets.size() <= kMostTransitions) continue;
        if (!fault) {
            fault = {"AA118", piece.begin, concat({"profile ", quote(profile), " names more than 12 profiles to execute into"}),
                     "a compiled profile has room for 12",
                     "let several programs share a profile, or name it by its attachment (`px` without ->)"};
        }
        fault->repair.push_back({piece.begin, piece.stop - piece.begin, ""});
    }
    return fault;
}

std::optional<Fault> same_name(const Text& file, const Refusal& refusal) {
    const auto profile = refusal.between("Multiple definitions for profile ", " exist");
    if (profile.empty()) return std::nullopt;
    const Piece* found = nullptr;
    for (const auto& piece : file.pieces) {
        if (piece.is_header() && profile.ends_with(piece.words[piece.words.size() > 1 && piece.words[0] == "profile" ? 1 : 0]))
            found = &piece;
    }
    if (found == nullptr) return std::nullopt;
    const auto name = found->words[found->words.size() > 1 && found->words[0] == "profile" ? 1 : 0];
    return Fault{"AA127",
                 found->begin,
                 concat({"profile ", quote(profile), " is defined a second time"}),
                 "a name means one profile",
                 "give one of them another name, or take it out",
                 {},
                 {{file.offset_of(name) + name.size(), 0, "-2"}}};
}

std::optional<Fault> unbalanced_pattern(const Text& file, const Refusal& refusal) {
    const auto pattern = refusal.between("Unable to parse input line '", "'");
    const std::size_t at = pattern.empty() ? std::string_view::npos : file.text.find(pattern);
    if (at == std::string_view::npos) return std::nullopt;
    const std::size_t line_begin = file.text.substr(0, at).rfind('\n') + 1;
    const std::size_t line_end = std::min(file.text.find_first_of("\r\n", at), file.text.size());
    return Fault{"AA119",
                 at,
                 concat({"the pattern ", quote(pattern), " is not balanced"}),
                 "{…} and […] come in pairs, and {…} holds at least two alternatives",
                 "close it, or write a backslash before a brace that is meant",
                 {},
                 {{line_begin, line_end - line_begin, ""}}};
}

}  // namespace

std::optional<Fault> whole_fault(std::string_view text, std::span<const Piece> pieces, const Refusal& refusal) {
    const Text file{text, pieces};
    for (const auto recognize : {assigned_wrongly, undeclared, conflicting_rules, too_many_transitions, same_name, unbalanced_pattern}) {
        if (auto fault = recognize(file, refusal)) return fault;
    }
    return std::nullopt;
}

}  // namespace aa::apparmor
