// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/words.h"

namespace aa::apparmor {
namespace {

class WordsInMemory : public WordSource {
public:
    explicit WordsInMemory(std::vector<std::uint64_t> words) : words_(std::move(words)) {}
    const std::uint64_t* piece(std::size_t index) override { return words_.data() + index * Words::kPiece; }

private:
    std::vector<std::uint64_t> words_;
};

}  // namespace

Words::Words(std::vector<std::uint64_t> words) : size_(words.size()), pieces_((size_ + kPiece - 1) / kPiece, nullptr) {
    source_ = std::make_shared<WordsInMemory>(std::move(words));
}

}  // namespace aa::apparmor
