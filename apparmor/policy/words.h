// SPDX-License-Identifier: Apache-2.0
//
// Words: a table of 64-bit numbers that may lie in a file. It is fetched in small pieces, each when something in it is first
// looked at, so that what a lookup costs depends on what it touches and not on the size of the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace aa::apparmor {

// Where the pieces of a table come from.
class WordSource {
public:
    WordSource() = default;
    WordSource(const WordSource&) = delete;
    WordSource& operator=(const WordSource&) = delete;
    virtual ~WordSource() = default;

    // The words of piece INDEX (Words::kPiece of them, but for the last piece), which stay valid as long as the source; nullptr
    // if they cannot be had: the source remembers why.
    virtual const std::uint64_t* piece(std::size_t index) = 0;
};

class Words {
public:
    static constexpr std::size_t kPiece = 128;  // one KiB

    Words() = default;
    // A table in memory.
    explicit Words(std::vector<std::uint64_t> words);
    // SIZE words that SOURCE has.
    Words(std::size_t size, std::shared_ptr<WordSource> source)
        : size_(size), source_(std::move(source)), pieces_((size + kPiece - 1) / kPiece, nullptr) {}

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }

    // The word at INDEX; 0 if there is none, or if its piece cannot be had.
    [[nodiscard]] std::uint64_t operator[](std::size_t index) const {
        if (index >= size_) return 0;
        const std::uint64_t*& words = pieces_[index / kPiece];
        if (words == nullptr) words = source_->piece(index / kPiece);
        return words == nullptr ? 0 : words[index % kPiece];
    }

private:
    std::size_t size_ = 0;
    std::shared_ptr<WordSource> source_;
    mutable std::vector<const std::uint64_t*> pieces_;  // fetched so far
};

}  // namespace aa::apparmor
