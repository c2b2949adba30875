// SPDX-License-Identifier: Apache-2.0
//
// Profile files: which of the files below some directories defines a profile of a given name. A file's name says nothing
// about the profiles in it; the only authority is the parser. It is asked about as few files as possible: those whose text
// holds the name, and the others only if that leaves a name without a file.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/source/parser_process.h"
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

    // The files that define PROFILE, in the order of the directories.
    Result<std::vector<std::string>> defining(std::string_view profile);

    // What the parser says of the files that would define PROFILE if they could be read: those called so, and those with a
    // header for it in their text. A profile of that name that is loaded already is not what the operator wrote since.
    Result<std::vector<Complaint>> broken(std::string_view profile);

    // The complaint about a file that is called PROFILE but defines others, if that is why nothing defines it.
    Result<std::vector<Complaint>> misnamed(std::string_view profile);

    // What the parser says of the file PATH.
    Result<FileNames> names_in(const std::string& path);

    // Every name that the parser reports for these directories.
    Result<std::vector<std::string>> all_names();

    [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }

private:
    struct File {
        std::string path;
        std::string text;
    };
    Result<std::vector<std::string>> defining_among(std::string_view profile, bool mentioning);

    Parser parser_;
    std::vector<std::string> directories_;
    std::vector<std::string> folders_;  // the directories with their subfolders
    std::vector<File> files_;
    std::map<std::string, FileNames> known_;
};

}  // namespace aa::apparmor
