// SPDX-License-Identifier: Apache-2.0
//
// What install did to the files of one engine, kept below /var/lib/aa-shim/install/ENGINE/: the bytes of each file as they were
// before, and those that were written. It is on the disk before the first file changes, so that after a crash at any point install
// or uninstall finds out which of the two a file holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/install/document/document.h"

namespace aa::ctl::install {

struct Link {
    std::string path, target;

    bool operator==(const Link&) const = default;
};

struct RecordedFile {
    std::string path;
    DocumentKind kind = DocumentKind::toml;
    std::optional<HostFile> original;  // nothing: there was no such file
    std::vector<std::string> written;  // the last one first; the one before it counts until that is on the disk

    [[nodiscard]] bool wrote(const std::string& text) const;
    bool operator==(const RecordedFile&) const = default;
};

struct Record {
    std::string engine;
    std::vector<RecordedFile> files;
    std::vector<Link> links;               // that were made
    std::vector<std::string> directories;  // that were made, each behind the one that it is in

    [[nodiscard]] const RecordedFile* file(std::string_view path) const;
    [[nodiscard]] bool has_link(const Link& link) const;
    [[nodiscard]] bool has_directory(std::string_view path) const;
    bool operator==(const Record&) const = default;
};

inline constexpr std::string_view kRecords = "/var/lib/aa-shim/install";

// Where the record of ENGINE is.
std::string record_directory(std::string_view engine);

// The record of ENGINE; nothing if there is none. One that cannot be understood is an error that says what to do.
Result<std::optional<Record>> read_record(const Host& host, const std::string& engine);

// The records of all other engines.
Result<std::vector<Record>> read_other_records(const Host& host, const std::string& engine);

// A record of all that either of the two has: what counts while one takes the other's place.
Record united(const Record& one, const Record& other);

// Writes the record; its directory must be there.
Result<void> write_record(const Host& host, const Record& record);
// Removes everything in the record's directory that KEPT, the record that stays, does not need; without one, everything.
Result<void> tidy_records(const Host& host, const std::string& engine, const std::optional<Record>& kept);

}  // namespace aa::ctl::install
