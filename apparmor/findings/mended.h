// SPDX-License-Identifier: Apache-2.0
//
// A copy of a text that edits are made in, one after the other, each told by its place in the copy as it is then. What is still the
// original's is known.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"

namespace aa::apparmor {

class Mended {
public:
    explicit Mended(std::string_view text);

    [[nodiscard]] const std::string& text() const { return text_; }

    void apply(const Edit& edit);

    // Puts spaces over [BEGIN, END), line ends apart: lines keep their numbers.
    void blank(std::size_t begin, std::size_t end);

    // Where OFFSET of the copy is in the original: of what was put in, the place where it was put.
    [[nodiscard]] std::size_t original(std::size_t offset) const { return from_[offset]; }

    // EDIT as one of the original; nothing if it touches what is not the original's any more.
    [[nodiscard]] std::optional<Edit> original(const Edit& edit) const;

private:
    std::string text_;
    std::vector<std::size_t> from_;  // for each byte of the copy, and its end
};

}  // namespace aa::apparmor
