// SPDX-License-Identifier: Apache-2.0
//
// A cursor over the elements of compiled policy: each has a tag byte, and may have a name in front (the kernel's
// security/apparmor/policy_unpack.c reads them so). What is not what was expected leaves the cursor where it is, which is
// how the format leaves things out; what is cut off reads as not expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace aa::apparmor {

class PolicyCursor {
public:
    // NAME is what messages call BYTES.
    PolicyCursor(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {}

    [[nodiscard]] std::size_t position() const { return at_; }
    [[nodiscard]] std::size_t rest() const { return bytes_.size() - at_; }
    [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

    // An element called NAME, which may be empty: one without a name. (There the kernel would skip a name, and so take an
    // element that it does not know for one that it knows.)
    bool structure(std::string_view name = {}) { return take(kStruct, name, 0).has_value(); }
    bool structure_end() { return take(kStructEnd, {}, 0).has_value(); }
    // The number of its elements.
    std::optional<std::uint16_t> array(std::string_view name = {});
    bool array_end() { return take(kArrayEnd, {}, 0).has_value(); }
    std::optional<std::uint8_t> u8();
    std::optional<std::uint16_t> u16();
    std::optional<std::uint32_t> u32(std::string_view name = {});
    std::optional<std::uint64_t> u64();
    // A string without the NUL that ends it; it may hold others.
    std::optional<std::string_view> string(std::string_view name = {});
    std::optional<std::string_view> blob(std::string_view name = {});

    // What the next element is, for messages: "a string", "a struct 'x'", "the end".
    [[nodiscard]] std::string next() const;

    // Messages name this profile from now on; none if it is empty.
    void set_profile(std::string_view profile) { profile_ = profile; }
    // "NAME: profile 'x' at byte N: cannot evaluate the policy: PROBLEM"; byte AT, or where the cursor is.
    [[nodiscard]] Error error(std::string_view problem) const { return error_at(at_, problem); }
    [[nodiscard]] Error error_at(std::size_t at, std::string_view problem) const;
    // WHAT was expected, and is not there.
    [[nodiscard]] Error missing(std::string_view what) const;

private:
    enum Tag : std::uint8_t {
        kU8 = 0,
        kU16 = 1,
        kU32 = 2,
        kU64 = 3,
        kName = 4,
        kString = 5,
        kBlob = 6,
        kStruct = 7,
        kStructEnd = 8,
        kList = 9,
        kListEnd = 10,
        kArray = 11,
        kArrayEnd = 12
    };

    // The SIZE bytes that follow the tag, which has to come next, after the name.
    std::optional<std::string_view> take(Tag tag, std::string_view name, std::size_t size);
    // The same of an element that begins with its length, in WIDTH bytes.
    std::optional<std::string_view> take_counted(Tag tag, std::string_view name, std::size_t width);
    // Where the payload begins of an element TAG called NAME; nothing if it does not come next.
    [[nodiscard]] std::optional<std::size_t> payload(Tag tag, std::string_view name) const;
    // The name in front of the element at AT, and where that element is; nothing if what is there is cut off.
    [[nodiscard]] std::optional<std::pair<std::string_view, std::size_t>> name_at(std::size_t at) const;
    [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t width) const;

    std::string_view bytes_;
    std::string_view name_;
    std::string profile_;
    std::size_t at_ = 0;
};

}  // namespace aa::apparmor
