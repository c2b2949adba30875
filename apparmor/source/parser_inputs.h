// SPDX-License-Identifier: Apache-2.0
//
// Which files apparmor_parser may read for a file of profiles: the file itself, and what it includes, or names as its abi, through any depth.
// Never fewer than the parser reads: what merely looks like an include counts, and so does whatever is there to be found in any of the
// directories in which it could be looked for. So two equal digests mean one preprocessed text. For aa-shimctl only.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aa::apparmor {

// The paths that TEXT may have the parser open, as they stand there. Nothing if one is not surely understood (escapes, variables).
std::optional<std::vector<std::string>> mentioned_paths(std::string_view text);

// What changes with every change of the file that ST is of: its identity, size and times.
std::string stamp_of(const struct stat& st);

// All that the parser may read for one file.
struct InputState {
    std::string digest;  // of every path with what is there; equal ones are equal inputs
    std::string stamp;   // of the files' identities and times: with one that is equal later, nothing was changed and put back in between
    friend bool operator==(const InputState&, const InputState&) = default;
};

// Where the parser looks for what is not an absolute path, as far as these are there: first in one directory that it is told (`--Include`), then in
// its base; for what stands without angles in our working directory.
struct SearchDirectories {
    std::string includes;  // empty: none
    std::string base;
    std::string working;
};

class ParserInputs {
public:
    explicit ParserInputs(SearchDirectories directories) : directories_(std::move(directories)) {}

    // The state of all that the parser may read for FILE; each file is read once for as long as this lives. Nothing if that is not surely all,
    // or a part of it cannot be read.
    std::optional<InputState> state_of(const std::string& file);

private:
    // A file that another one may have the parser read, and why it would be looked for in this place.
    struct Lead {
        char why = '\0';
        std::string path;
    };
    // What is at a path.
    struct Node {
        std::string state;
        std::string stamp;  // see InputState
        std::vector<Lead> leads;
    };
    const std::optional<Node>& look_at(const std::string& path);
    [[nodiscard]] std::optional<Node> read_file_node(int fd, const std::string& path) const;
    void add_places(const std::string& mentioned, std::vector<Lead>& leads) const;

    SearchDirectories directories_;
    std::map<std::string, std::optional<Node>> nodes_;  // by path
};

}  // namespace aa::apparmor
