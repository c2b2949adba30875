// SPDX-License-Identifier: Apache-2.0
//
// Finds the places in a TOML document (TOML 1.0) that an editor may want to change; every byte stays as it is. What is not
// understood for sure is an error with its place: engines read TOML with parsers of several makes and ages, so a document on which
// they might disagree (a table or key that is there twice, a table that is opened again after dotted keys made it) is refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/json/json.h"

namespace aa::ctl::install::toml {

using oci::json::Extent;
using Path = std::vector<std::string>;

enum class ValueKind { string, boolean, number, array, inline_table };

// One statement: a header, or a key with its value.
struct Entry {
    enum class Kind { table, array_table, pair };
    Kind kind = Kind::pair;
    Path path;                  // from the root of the document
    std::size_t own_parts = 0;  // how many of them stand in this statement's own key
    Extent lines;               // from the beginning of its line to behind the end of its last one
    Extent key;                 // a pair's key; what stands between the brackets of a header
    Extent value;               // of a pair
    ValueKind value_kind = ValueKind::number;
    std::vector<std::string> strings;  // the string that the value is, or those that it is an array of
    bool only_strings = false;         // the value is a string, or an array of nothing but strings
};

// A comment that has a line to itself, outside every value.
struct Comment {
    Extent lines;
    std::string_view text;  // from "#" to the end of the line, without white space at its end
};

struct Document {
    std::string_view text;
    std::string name;  // what messages call it
    std::vector<Entry> entries;
    std::vector<Comment> comments;

    // The pair or the table header (not one of an array of tables) with exactly this path; nullptr: there is none.
    [[nodiscard]] const Entry* pair(const Path& path) const;
    [[nodiscard]] const Entry* table(const Path& path) const;
    // The first statement that has PATH or something below it.
    [[nodiscard]] const Entry* below(const Path& path) const;
    // An Error at OFFSET: "NAME:LINE:COLUMN: REASON".
    [[nodiscard]] Error error(std::size_t offset, std::string_view reason) const;
    // How its lines end: "\r\n" if the first one does.
    [[nodiscard]] std::string_view line_end() const;
};

// Reads TEXT, which must outlive the document. NAME is what messages call it.
Result<Document> read(std::string_view text, std::string name);

// The value of PAIR as DOCUMENT has it.
std::string_view value_text(const Document& document, const Entry& pair);

// Whether PATH begins with PREFIX.
bool begins_with(const Path& path, const Path& prefix);

// The path of NAME in TABLE.
Path below(Path table, std::string_view name);

// "LINE:COLUMN" of OFFSET in TEXT, both from 1, columns in bytes.
std::string line_and_column(std::string_view text, std::size_t offset);

// PATH as a key: bare where that can be, else quoted.
std::string key(const Path& path);

// TEXT as a basic string, quotes included.
std::string quoted(std::string_view text);
// STRINGS as an array of basic strings.
std::string array(std::vector<std::string> strings);

}  // namespace aa::ctl::install::toml
