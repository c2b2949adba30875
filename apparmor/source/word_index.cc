// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/word_index.h"

#include <algorithm>
#include <numeric>

namespace aa::apparmor {
namespace {

// Calls TAKE with each word of TEXT.
template <class Take>
void for_each_word(std::string_view text, Take take) {
    const auto* at = text.begin();
    while (at != text.end()) {
        const auto* const begin = std::find_if(at, text.end(), is_word_character);
        at = std::find_if_not(begin, text.end(), is_word_character);
        if (begin != at) take(std::string_view(begin, static_cast<std::size_t>(at - begin)));
    }
}

}  // namespace

bool is_word_character(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '-' || c == '.';
}

void WordIndex::add(std::string_view text) {
    for_each_word(text, [&](std::string_view word) {
        auto place = holding_.find(word);
        if (place == holding_.end()) place = holding_.emplace(word, std::vector<std::size_t>()).first;
        if (place->second.empty() || place->second.back() != texts_) place->second.push_back(texts_);
    });
    ++texts_;
}

std::vector<std::size_t> WordIndex::may_hold(std::string_view name) const {
    static const std::vector<std::size_t> kNone;
    const std::vector<std::size_t>* fewest = nullptr;
    for_each_word(name, [&](std::string_view word) {
        const auto place = holding_.find(word);
        const auto& holding = place == holding_.end() ? kNone : place->second;
        if (fewest == nullptr || holding.size() < fewest->size()) fewest = &holding;
    });
    if (fewest != nullptr) return *fewest;
    std::vector<std::size_t> all(texts_);  // a name without a word may be anywhere
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
}

}  // namespace aa::apparmor
