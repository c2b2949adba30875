// SPDX-License-Identifier: Apache-2.0
//
// Profile source: the rules that the text of a profile holds, each with the place where a person wrote it, in an included file perhaps. The text is read no further than that (words, blocks, includes): what a rule means, and
// whether it matches a path, is for apparmor_parser to say (profile_rules.h). For aa-shimctl only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "base/result.h"

namespace aa::apparmor {

// A rule that grants or denies something.
struct SourceRule {
    std::string text;                 // on one line, without the comma at its end: "owner /srv/** Pix -> kid"
    std::vector<std::string> blocks;  // what stands around it in the profile, outermost first: "audit", "if $debug"
    Origin origin;
};

struct ProfileText {
    std::string preamble;           // what the profiles of the file share: abi, variables, aliases, includes
    std::vector<SourceRule> rules;  // of this profile, in the order in which the parser meets them
};

// Where `include <…>` looks (apparmor.d(5), "#include mechanism").
inline constexpr std::string_view kIncludeDirectory = "/etc/apparmor.d";

// The directory to look in where INCLUDES, as Parser::including() takes it, names one before that or is empty.
inline std::string include_directory_of(const std::string& includes) {
    return includes.empty() ? std::string(kIncludeDirectory) : includes;
}

// Which rules are wanted: all, or those that grant or deny to execute files.
enum class WantedRules : std::uint8_t { exec, all };

// The rules of PROFILE ("web", "web//child") in FILE. An error of kind not_found if FILE has no header that spells this
// name (variables in a header are not expanded); a file that cannot be read or is included in a circle is an error, too.
Result<ProfileText> read_profile_text(const std::string& file, std::string_view profile, WantedRules wanted = WantedRules::exec,
                                      const std::string& include_directory = std::string(kIncludeDirectory));

// The files and folders that the statements of TEXT include, absolute. A file of a folder is included with it.
std::vector<std::string> included_paths(std::string_view text, const std::string& include_directory = std::string(kIncludeDirectory));

// Whether WORD is the mode of a rule about executing files: "rix", "Px".
bool is_exec_mode(std::string_view word);

// Whether the words of a rule grant or deny to execute files: "file", "all", or a path and a mode with an x in either order,
// behind qualifiers.
bool is_exec_rule(const std::vector<std::string>& words);

}  // namespace aa::apparmor
