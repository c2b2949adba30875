// SPDX-License-Identifier: Apache-2.0
//
// The file that a compiled catalog is: blocks with checksums, of which those that are needed are read, and tries that lead
// to them. Everything that is read was bounds-checked and checksummed first, so that a truncated or damaged file is refused
// and never misread. The format is described in docs/compiled-catalog.md.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace aa::apparmor {

// A stretch of a file that was read. Unlike a std::string's its bytes are not set to zero first.
class Window {
public:
    // Room for the SIZE bytes at OFFSET; what was there is gone.
    char* make(std::size_t offset, std::size_t size) {
        if (size > capacity_) {
            data_ = std::make_unique_for_overwrite<char[]>(size);
            capacity_ = size;
        }
        offset_ = offset;
        size_ = size;
        return data_.get();
    }
    void clear() { size_ = 0; }
    [[nodiscard]] bool has(std::size_t offset, std::size_t size) const {
        return offset >= offset_ && offset - offset_ <= size_ && size_ - (offset - offset_) >= size;
    }
    [[nodiscard]] std::string_view at(std::size_t offset, std::size_t size) const { return {data_.get() + (offset - offset_), size}; }

private:
    std::unique_ptr<char[]> data_;
    std::size_t offset_ = 0;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

// The text that a trie is searched for: one or two pieces, each followed by a NUL byte.
class KeyWalk {
public:
    KeyWalk() = default;
    explicit KeyWalk(std::string_view first) : pieces_{first, {}}, count_(1) {}
    KeyWalk(std::string_view first, std::string_view second) : pieces_{first, second}, count_(2) {}

    // The next character; -1 behind the last.
    int next() {
        if (piece_ == count_) return -1;
        const auto& piece = pieces_[piece_];
        if (at_ < piece.size()) return static_cast<unsigned char>(piece[at_++]);
        ++piece_;
        at_ = 0;
        return 0;
    }
    // Whether TEXT comes next; if so it is taken.
    bool skip(std::string_view text) {
        return std::all_of(text.begin(), text.end(), [&](char c) { return next() == static_cast<unsigned char>(c); });
    }

private:
    std::array<std::string_view, 2> pieces_;
    std::size_t count_ = 0;
    std::size_t piece_ = 0;
    std::size_t at_ = 0;
};

class BlockFile {
public:
    // Opens PATH and reads its beginning. Refused: missing (with what to type), not root's alone to write (its directory
    // too), truncated, of another version.
    static Result<BlockFile> open(const std::string& path);

    // The same over BYTES, which must outlive the value. NAME is what messages call them.
    static Result<BlockFile> view(std::string_view bytes, std::string name);

    [[nodiscard]] const std::string& name() const { return name_; }

    // The payload of the block at OFFSET, checked. It may lie in SCRATCH, and holds until that is used again.
    [[nodiscard]] Result<std::string_view> block(std::uint32_t offset, Window& scratch) const;

    // Adds to FOUND what the trie whose root is at OFFSET (0: an empty one) has under the beginnings of TEXT.
    [[nodiscard]] Result<void> search(std::uint32_t offset, KeyWalk text, Window& scratch, std::vector<std::uint32_t>& found) const;

    // Adds to FOUND all that the trie whose root is at OFFSET (0: an empty one) has.
    [[nodiscard]] Result<void> list(std::uint32_t offset, Window& scratch, std::vector<std::uint32_t>& found) const;

    [[nodiscard]] Error damaged(std::string_view problem) const;

private:
    BlockFile() = default;
    [[nodiscard]] Result<void> check_preamble();
    // SIZE bytes at OFFSET, both of which lie within the whole; the result may lie in SCRATCH, and holds until that is used again.
    [[nodiscard]] Result<std::string_view> part(std::size_t offset, std::size_t size, Window& scratch) const;
    [[nodiscard]] Result<void> read_at(std::size_t offset, std::size_t size, Window& scratch) const;

    std::string name_;
    Fd fd_;                    // of the file
    Window head_;              // its beginning
    std::string_view viewed_;  // in place of a file: all the bytes
    std::size_t size_ = 0;     // of the whole
};

}  // namespace aa::apparmor
