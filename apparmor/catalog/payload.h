// SPDX-License-Identifier: Apache-2.0
//
// Cursor: reads the payload of a block of the compiled catalog from its front.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/compiled_format.h"

namespace aa::apparmor {

// What lies beyond the payload's end reads as nothing, and makes ok() false for good.
class Cursor {
public:
    explicit Cursor(std::string_view payload) : rest_(payload) {}

    std::uint32_t u32() {
        const auto bytes = take(4);
        return bytes.size() == 4 ? format::load_u32(bytes.data()) : 0;
    }
    std::string_view text() { return take(u32()); }
    // A number of elements that follow, each at least four bytes long.
    std::uint32_t count() {
        const std::uint32_t n = u32();
        if (n <= rest_.size() / 4) return n;
        ok_ = false;
        return 0;
    }
    // One of the COUNT values of Enum.
    template <class Enum>
    Enum tag(std::uint32_t count) {
        const std::uint32_t value = u32();
        if (value >= count) ok_ = false;
        return static_cast<Enum>(value < count ? value : 0);
    }
    std::vector<std::string> texts() {
        std::vector<std::string> list(count());
        for (auto& item : list) item = text();
        return list;
    }
    Origin origin() {
        Origin origin;
        origin.file = text();
        origin.line = u32();
        origin.column = u32();
        return origin;
    }
    [[nodiscard]] bool ok() const { return ok_; }

private:
    std::string_view take(std::size_t size) {
        if (size > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    std::string_view rest_;
    bool ok_ = true;
};

// The outcome that CURSOR is at.
Outcome read_outcome(Cursor& cursor);

}  // namespace aa::apparmor
