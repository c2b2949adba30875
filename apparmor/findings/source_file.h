// SPDX-License-Identifier: Apache-2.0
//
// A file of profiles as its author sees it: which profiles it has, with their headers and their own rules, each at its place.
// What a rule means is for the compiled policy to say. For aa-shimctl only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/findings/silence.h"

namespace aa::apparmor {

struct SourceStatement {
    std::vector<std::string> words;
    Origin origin;
};

// A rule about files: "deny /etc/** r".
struct FileRule {
    bool denies = false;
    std::string path;  // pattern, without quotes; may hold variables
    std::string mode;
};

// What STATEMENT says about files; nothing if it is no such rule, or one about all files.
std::optional<FileRule> file_rule(const SourceStatement& statement);

struct SourceProfile {
    std::string name;                         // in full, as written: variables are not expanded
    std::string attachment;                   // behind the name; a name that is a path attaches by itself
    std::vector<std::string> flags;           // "attach_disconnected", "complain"
    std::vector<SourceStatement> statements;  // without those of its children, and of what it includes
    Origin origin;                            // of its header

    [[nodiscard]] bool is_child() const { return name.find("//") != std::string::npos; }
    [[nodiscard]] bool is_named_by_path() const { return name.starts_with('/') || name.starts_with("@{"); }
};

struct SourceFile {
    std::string file;
    std::vector<SourceProfile> profiles;
    std::vector<SourceStatement> outside;  // of all profiles: includes, abi, variables, and what belongs nowhere

    [[nodiscard]] const SourceProfile* find(std::string_view name) const;
    // The statement that chooses the feature abi; nothing if there is none.
    [[nodiscard]] const SourceStatement* abi() const;
};

SourceFile read_source_file(const SourceText& source);

}  // namespace aa::apparmor
