// SPDX-License-Identifier: Apache-2.0
//
// The last loads that were in force, on the disk, so that one can be brought back without its sources and without the parser:
//
//     objects/HASH      a content by its SHA-256: catalog files, compiled catalogs, profile files, binary policy
//     NUMBER-HASH       a load (kept_load.h), with the SHA-256 of its own text
//     pending           one that is about to be published
//
// All of it is root's alone. A load is written as `pending` behind its contents, before the catalog gets its place by a rename, and
// becomes an entry behind that: whoever is killed in between leaves a `pending` of which the catalog in force tells whether it
// came to be. To be used under lock_for_load().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ctl/catalog/kept_load.h"

namespace aa::ctl {

inline constexpr std::string_view kHistoryDirectory = "/var/lib/aa-shim/loads";
inline constexpr std::size_t kKeptLoads = 10;

// An entry; what cannot be believed is there, too, so that it is seen.
struct HistoryEntry {
    unsigned long long number = 0;
    KeptLoad load;
    std::string problem;  // why it cannot be believed; empty: its own text is whole
};

class History {
public:
    // The history in DIRECTORY, made if it is missing, once what a load that was killed has left is settled by PUBLISHED, the bytes
    // of the catalog in force (empty: there is none). An error if others than root could have written it.
    static Result<History> open(const std::string& directory, std::string_view published);

    // The entries, the newest first.
    [[nodiscard]] const std::vector<HistoryEntry>& entries() const { return entries_; }

    // The content HASH. An error of kind config if it is missing, or is another one.
    [[nodiscard]] Result<std::string> content(const std::string& hash) const;

    // Why LOAD cannot be brought back: the first of its contents that is missing or another one, or what it says itself. Empty: it can.
    [[nodiscard]] std::string problem_of(const HistoryEntry& entry) const;

    // Keeps CONTENT; its hash.
    Result<std::string> keep(std::string_view content);

    // Writes LOAD, whose contents are kept, as the one that is about to be published; it gets its number.
    Result<void> begin(KeptLoad load);

    // What was begun is in force. Removes what is older than the last loads, or says the same as the one behind it.
    Result<void> commit();

private:
    History(std::string path, Fd directory, Fd objects)
        : path_(std::move(path)), directory_(std::move(directory)), objects_(std::move(objects)) {}

    Result<void> read_entries();
    Result<void> settle(std::string_view published);
    Result<void> prune();
    [[nodiscard]] HistoryEntry read_entry(const std::string& name) const;
    [[nodiscard]] Result<std::vector<std::string>> names(int fd, const std::string& path) const;

    std::string path_;
    Fd directory_;
    Fd objects_;
    std::vector<HistoryEntry> entries_;
};

}  // namespace aa::ctl
