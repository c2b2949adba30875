// SPDX-License-Identifier: Apache-2.0
//
// Faults of includes.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "apparmor/findings/faults.h"
#include "apparmor/source/profile_source.h"
#include "apparmor/source/profile_words.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
constexpr int kMaxDepth = 16;

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// Whether what TEXT includes holds FILE, at any depth. The parser may have been told to look elsewhere than in kIncludeDirectory.
bool includes(std::string_view text, const std::string& file, int depth) {
    std::error_code error;
    for (const auto& path : included_paths(text)) {
        const auto below = path.substr(path.starts_with(kIncludeDirectory) ? kIncludeDirectory.size() : 0);
        if (path == file || file.starts_with(path + "/") || file.ends_with(below)) return true;
        if (depth < kMaxDepth && fs::is_regular_file(path, error) && includes(text_of(path), file, depth + 1)) return true;
    }
    return false;
}

// The rule that is newer than the parser, where REFUSAL is of one in an included file; empty: it is of none.
std::string newer_rule_in(const Refusal& refusal) {
    if (!refusal.says("syntax error")) return {};
    const auto text = text_of(refusal.file);
    for (const auto& piece : pieces_of(text)) {
        if (piece.words.empty() || origin_of({}, text, piece.begin).line != refusal.line) continue;
        const auto word = piece.words[0].starts_with("priority=") ? piece.words[0] : piece.keyword();
        if (is_newer_rule(word)) return std::string(word);
    }
    return {};
}

// The include or abi piece that holds PATH as its word; nothing if there is none.
const Piece* naming(std::span<const Piece> pieces, std::string_view path) {
    const auto found = std::find_if(pieces.begin(), pieces.end(), [&](const Piece& piece) {
        return (piece.is_include() || piece.keyword() == "abi") && piece.words.back().find(path) != std::string_view::npos;
    });
    return found == pieces.end() ? nullptr : &*found;
}

// The names in the folder of PATH below the include directory.
std::vector<std::string> neighbours(const std::string& path) {
    const fs::path folder = fs::path(kIncludeDirectory) / fs::path(path).parent_path();
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        names.push_back((fs::path(path).parent_path() / at->path().filename()).string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

Fault missing(std::string_view text, const Piece& piece, const std::string& path) {
    constexpr std::string_view kBegin = "etc/apparmor.d/";
    const std::size_t at = static_cast<std::size_t>(piece.words.back().data() - text.data()) + piece.words.back().find(path);
    const bool in_brackets = at > 0 && text[at - 1] == '<';
    const bool in_quotes = at > 0 && text[at - 1] == '"';
    const auto below = path.substr(path.starts_with('/') ? 1 : 0);
    Fault fault{"AA105", at, "", "what stands in <…> is looked for below /etc/apparmor.d", ""};
    if (in_brackets && below.starts_with(kBegin)) {
        fault.problem = concat({"'<", spelled_out(path), ">' names the folder twice"});
        fault.cure = concat({"write <", spelled_out(below.substr(kBegin.size())), ">"});
        fault.fix = {{at, path.size() - below.size() + kBegin.size(), ""}};
        return fault;
    }
    if (!in_brackets && !in_quotes && !path.starts_with('/')) {
        fault.problem = concat({quote(path), " is looked for in the folder that the parser happens to be started in"});
        fault.cure = concat({"write <", spelled_out(path), ">"});
        fault.fix = {{at, 0, "<"}, {at + path.size(), 0, ">"}};
        return fault;
    }
    const auto names = neighbours(path);
    fault.code = "AA106";
    fault.problem = concat({quote(path), " does not exist"});
    fault.why = "the whole file is refused for it";
    fault.cure = concat({piece.is_include() ? "name a file that is there, install what brings it, or write `include if exists`"
                                            : "name a file that is there",
                         nearest(path, std::vector<std::string_view>(names.begin(), names.end()))});
    return fault;
}

}  // namespace

std::optional<Fault> include_fault(std::string_view text, std::span<const Piece> pieces, const Refusal& refusal) {
    const auto path = refusal.between("Could not open '", "'");
    if (!path.empty() && refusal.file.empty()) {
        const auto* piece = naming(pieces, path);
        return piece == nullptr ? std::nullopt : std::optional(missing(text, *piece, path));
    }
    if (refusal.file.empty()) return std::nullopt;
    for (const auto& piece : pieces) {
        if (!piece.is_include() || !includes(text.substr(piece.begin, piece.words_end - piece.begin), refusal.file, 0)) continue;
        Fault fault{"AA130", piece.begin,
                    concat({"line ", decimal(static_cast<long long>(refusal.line)), " of ", quote(refusal.file),
                            ", which this includes, is refused"}),
                    "a profile is refused with what it includes", "check that file, or install its package anew"};
        if (const auto word = newer_rule_in(refusal); !word.empty()) {
            fault.problem += concat({": this apparmor_parser does not know ", quote(word)});
            fault.why = "the rule came with AppArmor 4";
            fault.cure = "include what this host's AppArmor has, or take the rule out there; what it would deny is allowed then";
        }
        return fault;
    }
    return std::nullopt;
}

}  // namespace aa::apparmor
