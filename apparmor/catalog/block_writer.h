// SPDX-License-Identifier: Apache-2.0
//
// Writes the file that a compiled catalog is: payloads in blocks with checksums, and tries that lead to them. What block_file
// and payload.h read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/compiled_format.h"

namespace aa::apparmor {

// A payload under construction.
class Payload {
public:
    Payload& u32(std::size_t value) {
        for (unsigned i = 0; i < 4; ++i) bytes_ += static_cast<char>((value >> (8U * i)) & 0xFFU);
        return *this;
    }
    template <class Enum>
    Payload& tag(Enum value) {
        return u32(static_cast<std::uint32_t>(value));
    }
    Payload& raw(std::string_view bytes) {
        bytes_ += bytes;
        return *this;
    }
    Payload& text(std::string_view text) { return u32(text.size()).raw(text); }
    Payload& texts(const std::vector<std::string>& list) {
        u32(list.size());
        for (const auto& item : list) text(item);
        return *this;
    }
    Payload& origin(const Origin& origin) { return text(origin.file).u32(origin.line).u32(origin.column); }

    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

// The file under construction: the preamble and the header come last, into the room that was left for them.
class BlockWriter {
public:
    explicit BlockWriter(std::size_t header_size) : bytes_(format::kPreamble + format::kBlockHead + header_size, '\0') {}

    // Adds a block, and tells where it lies.
    std::uint32_t add(const Payload& payload);

    // What it is long so far.
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

    // The whole file. HEADER is as long as was said.
    std::string finish(const Payload& header) &&;

private:
    std::string bytes_;
};

// What a trie leads to: a text, and the block that it belongs to.
struct Leaf {
    std::string text;
    std::uint32_t block = 0;

    friend auto operator<=>(const Leaf&, const Leaf&) = default;
};

// Writes the trie of LEAVES, and tells where its root lies; 0 if there are none.
std::uint32_t add_trie(BlockWriter& file, std::vector<Leaf> leaves);

}  // namespace aa::apparmor
