// SPDX-License-Identifier: Apache-2.0
//
// A catalog file as a document: JSON with `//` and `/* */` comments, in which every key and every value knows where it
// stands. It holds exactly what the file says: no key twice, no control character in any text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/json.h"

namespace aa::apparmor {

inline constexpr std::size_t kMaxCatalogFile = std::size_t{16} << 20U;  // bytes
inline constexpr std::size_t kMaxCatalogDepth = 32;

// Both count from 1; a column is a character, not a byte.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

struct Member;

struct Node {
    enum class Kind : std::uint8_t { null, boolean, integer, fraction, text, list, object };

    Kind kind = Kind::null;
    Place place;
    bool boolean = false;
    std::uint64_t integer = 0;  // of a number that is one, and not negative; others are fractions
    std::string text;
    std::vector<Node> items;
    std::vector<Member> members;

    // The value of KEY; null if there is none.
    [[nodiscard]] const Node* find(std::string_view key) const;
};

struct Member {
    std::string key;
    Place place;
    Node value;
};

// The document that SOURCE holds; nothing if it is not JSON. Adds to ERRORS what is wrong with it.
std::optional<Node> parse_document(const CatalogSource& source, std::vector<Complaint>& errors);

}  // namespace aa::apparmor
