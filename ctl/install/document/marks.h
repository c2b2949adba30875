// SPDX-License-Identifier: Apache-2.0
//
// Changes in a TOML document that stay recognizable: each stands between two comment lines of ours, and a line that was replaced is
// kept in one. Taking them out again needs nothing but the document, and leaves what others changed meanwhile.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ctl/install/toml/toml.h"
#include "oci/json/splice.h"

namespace aa::ctl::install {

// Keys with their values as TOML spells them.
using TomlPairs = std::vector<std::pair<std::string, std::string>>;

struct TomlTable {
    toml::Path path;
    TomlPairs pairs;
};

// TABLES as text, each after a header of its own.
std::string table_text(const std::vector<TomlTable>& tables, std::string_view line_end);

// The marked lines around BODY, which is empty or ends with LINE_END: for text that is no TOML document (a template).
std::string marked(std::string_view body, std::string_view line_end);

// TEXT with BODY, whose lines end with "\n", marked at its end, in the line ends of TEXT: for text that is no TOML document.
std::string with_marked_end(std::string_view text, std::string_view body);

// TEXT without everything that is marked, but for what others have put there since; WRITTEN is what we wrote, if that is known. Refused: a mark without its partner, and keys behind a marked table, which would
// become another table's.
Result<std::string> without_marked(std::string_view text, const std::string& name, const toml::Document* written = nullptr);
// The same for text that is no TOML document: marked lines at its end.
Result<std::string> without_marked_end(std::string_view text, const std::string& name);

// Collects changes to one document, and makes the new text of it.
class MarkedChanges {
public:
    explicit MarkedChanges(const toml::Document& document) : document_(document) {}

    // Gives TABLE's KEY the VALUE: in its place if it is there, else below the header of the table, else with a new header at
    // the end. Refused: a value of several lines, and a table that is written in a way in which it cannot be added to.
    Result<void> set(const toml::Path& table, const std::string& key, const std::string& value);

    // The same for every pair of TABLE, which is opened even if it has none.
    Result<void> add(const TomlTable& table);

    [[nodiscard]] std::string apply() const;

private:
    Result<void> require_open(const toml::Path& table) const;
    void replace(const toml::Entry& pair, const std::string& value);
    void insert_below(const toml::Entry& header, const std::string& line);
    TomlTable& appended(const toml::Path& path);

    const toml::Document& document_;
    oci::Splices splices_;
    std::vector<std::pair<const toml::Entry*, std::string>> below_;  // a header, and the lines that come below it
    std::vector<TomlTable> tables_;                                  // that come at the end
};

}  // namespace aa::ctl::install
