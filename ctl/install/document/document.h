// SPDX-License-Identifier: Apache-2.0
//
// The kinds of documents that are changed, and how what we put into one comes out of it again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::ctl::install {

enum class DocumentKind {
    daemon_json,  // Docker's
    toml,         // what is ours is marked
    lines,        // a systemd unit, a template, YAML: what is ours is marked, and in one place
};

std::string_view name_of(DocumentKind kind);
std::optional<DocumentKind> document_kind(std::string_view name);

// What is on record of a file: its text before us, and what we made of it.
struct Recorded {
    std::optional<std::string> original, written;
};

// TEXT as it would be had we never changed it, as far as that can be told from TEXT itself and what is RECORDED of it. Nothing: what
// remains is nothing at all. NAME is what messages call the file.
Result<std::optional<std::string>> without_ours(DocumentKind kind, const std::string& text, const std::string& name,
                                                const Recorded& recorded);

// What of aa-shim is in TEXT, each with its place.
std::vector<std::string> found_of_ours(DocumentKind kind, const std::string& text, const std::string& name);

}  // namespace aa::ctl::install
