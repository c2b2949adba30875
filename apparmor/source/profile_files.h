// SPDX-License-Identifier: Apache-2.0
//
// Profile files: which of the files below some directories defines a profile of a given name. A file's name says nothing
// about the profiles in it; the only authority is the parser. It is asked about as few files as possible: those whose text
// holds the name, and the others only if that leaves a name without a file.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/source/parser_process.h"
#include "apparmor/source/word_index.h"
#include "base/result.h"

namespace aa::apparmor {

// What the parser says of one file.
struct FileNames {
    std::vector<std::string> names;
    std::vector<Complaint> complaints;  // why there are none, if the parser did not read the file
};

class ProfileFiles {
public:
    // The files below DIRECTORIES, without the places and names that AppArmor's own tools pass over (abstractions,
    // tunables, disable, backup files, …). A directory that is missing is empty.
    ProfileFiles(Parser parser, std::span<const std::string> directories);

    // The files that define PROFILE, in the order of the directories. One that others include is not among them if those define it:
    // the parser loads those, and what stands alone in the included one may mean something else, or nothing.
    Result<std::vector<std::string>> defining(std::string_view profile);

    // What the parser says of the files that would define PROFILE if they could be read: those called so, and those with a
    // header for it in their text. A profile of that name that is loaded already is not what the operator wrote since.
    Result<std::vector<Complaint>> broken(std::string_view profile);

    // The files that seem to hold a header of one of PROFILES.
    [[nodiscard]] std::vector<std::string> declaring(std::span<const std::string> profiles) const;

    // The complaint about a file that is called PROFILE but defines others, if that is why nothing defines it.
    Result<std::vector<Complaint>> misnamed(std::string_view profile);

    // The complaints about files that hold PROFILE and that the operator has disabled: the parser passes over them.
    [[nodiscard]] std::vector<Complaint> disabled(std::string_view profile) const;

    // The files that the host loads when it starts: those right in /etc/apparmor.d.
    [[nodiscard]] std::vector<std::string> at_boot() const;

    // Those, and every file of the directories that are not in /etc/apparmor.d.
    [[nodiscard]] std::vector<std::string> at_boot_and_own() const;

    // Every file below the directories, in their order.
    [[nodiscard]] std::vector<std::string> all_files() const;

    // The same without those that others of them include from below INCLUDES: parts of profiles, which need not stand alone.
    [[nodiscard]] std::vector<std::string> whole_files(const std::string& includes) const;

    // What the parser says of the file PATH. Variables in names are expanded, as the kernel will have them.
    Result<FileNames> names_in(const std::string& path);

    // Every name that the parser reports for these directories.
    Result<std::vector<std::string>> all_names();

    [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }

private:
    struct File {
        std::string path;
        std::string text;
    };
    using Includers = std::map<std::string, std::set<std::size_t>>;  // by what is included: which of the files do

    // Files are told by their numbers, ascending. Those whose text holds the name of PROFILE, and those that seem to hold its header.
    [[nodiscard]] std::vector<std::size_t> mentioning(std::string_view profile) const;
    [[nodiscard]] std::vector<std::size_t> declared_in(std::string_view profile) const;
    Result<std::vector<std::string>> defining_among(std::string_view profile, std::span<const std::size_t> files);
    Result<std::vector<std::string>> defining_around(std::string_view profile, const std::string& path);
    Result<std::vector<std::string>> without_included(std::string_view profile, const std::vector<std::string>& found);
    // Made when they are needed first: whoever only lists files needs neither.
    [[nodiscard]] const WordIndex& words() const;
    [[nodiscard]] const Includers& includers() const;

    Parser parser_;
    std::vector<std::string> directories_;
    std::vector<std::string> folders_;  // the directories with their subfolders
    std::vector<File> files_;
    std::map<std::string, FileNames> known_;
    std::optional<std::vector<std::string>> all_names_;
    mutable std::optional<WordIndex> words_;  // of the files' texts
    mutable std::optional<Includers> includers_;
};

// The link by which the operator has the parser pass over FILE ("disable") or load it in complain mode ("force-complain"), as
// aa-disable(8) and aa-complain(8) make them; empty: there is none. The name of the file counts, wherever it lies (apparmor_parser's
// parser_main.c, test_for_dir_mode).
std::string operators_link(std::string_view file, std::string_view kind);

}  // namespace aa::apparmor
