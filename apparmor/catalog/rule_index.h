// SPDX-License-Identifier: Apache-2.0
//
// How rules are found by what they look at. Each clause with a literal beginning is a key: a text with which the fact must
// begin for the clause to hold. A rule is filed under the rarest of its keys.
#pragma once

#include <string>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/compiled_format.h"

namespace aa::apparmor {

// A text that ends in a NUL byte stands for the whole of the fact; a label's is its key, a NUL byte and its value.
struct IndexKey {
    format::Trie trie{};
    std::string text;

    friend bool operator==(const IndexKey&, const IndexKey&) = default;
    friend auto operator<=>(const IndexKey&, const IndexKey&) = default;
};

// All keys of MATCH.
std::vector<IndexKey> index_keys(const Match& match);

// The text clauses of MATCH in the order of format::Trie; null where one is not given.
std::array<const std::string*, format::kTextClauses> text_clauses(const Match& match);

// For each rule the key under which it is filed; nothing for a rule that has to be tried on every container.
std::vector<std::optional<IndexKey>> file_rules(const std::vector<Rule>& rules);

}  // namespace aa::apparmor
