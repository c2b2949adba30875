// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/mended.h"

#include <numeric>

namespace aa::apparmor {

Mended::Mended(std::string_view text) : text_(text), from_(text.size() + 1) { std::iota(from_.begin(), from_.end(), std::size_t{0}); }

void Mended::apply(const Edit& edit) {
    const auto at = from_.begin() + static_cast<std::ptrdiff_t>(edit.offset);
    const std::size_t place = *at;
    from_.insert(from_.erase(at, at + static_cast<std::ptrdiff_t>(edit.length)), edit.text.size(), place);
    text_.replace(edit.offset, edit.length, edit.text);
}

void Mended::blank(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
        if (text_[i] != '\n' && text_[i] != '\r') text_[i] = ' ';
    }
}

std::optional<Edit> Mended::original(const Edit& edit) const {
    const std::size_t begin = from_[edit.offset];
    if (from_[edit.offset + edit.length] - begin != edit.length) return std::nullopt;
    return Edit{begin, edit.length, edit.text};
}

}  // namespace aa::apparmor
