// SPDX-License-Identifier: Apache-2.0
//
// Which folders are used as a whole: several files were made in one, or many were read. For aa-shimctl only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace aa::apparmor {

// Folders and files by their parts (name_pattern.h).
using Parts = std::vector<std::string>;

class WholeFolders {
public:
    enum class Use { made, read, mapped };

    explicit WholeFolders(Use use) : use_(use) {}

    // The file of PARTS, called NAME, was used so.
    void add(const Parts& parts, const std::string& name);

    // The topmost folder above PARTS that is used as a whole; empty: none is.
    [[nodiscard]] Parts above(const Parts& parts) const;
    // Whether something below FOLDER is in a folder of its own.
    [[nodiscard]] bool is_deep(const Parts& folder) const;

private:
    struct Folder {
        std::set<std::string> files;    // in it, by their names
        std::set<std::string> folders;  // in it
        std::size_t below = 0;          // files, wherever
    };
    [[nodiscard]] bool is_whole(const Parts& parts, const Folder& folder) const;

    Use use_;
    std::map<Parts, Folder> folders_;
};

}  // namespace aa::apparmor
