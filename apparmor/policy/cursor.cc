// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/cursor.h"

#include <array>

#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::array<std::string_view, 13> kTags = {"a number of 8 bits",
                                                    "a number of 16 bits",
                                                    "a number of 32 bits",
                                                    "a number of 64 bits",
                                                    "a name",
                                                    "a string",
                                                    "a blob",
                                                    "a struct",
                                                    "the end of a struct",
                                                    "a list",
                                                    "the end of a list",
                                                    "an array",
                                                    "the end of an array"};

}  // namespace

std::uint64_t PolicyCursor::number(std::size_t at, std::size_t width) const {
    std::uint64_t value = 0;
    for (std::size_t i = width; i > 0; --i) value = (value << 8U) | static_cast<unsigned char>(bytes_[at + i - 1]);
    return value;
}

std::optional<std::pair<std::string_view, std::size_t>> PolicyCursor::name_at(std::size_t at) const {
    if (at >= bytes_.size()) return {};
    if (static_cast<std::uint8_t>(bytes_[at]) != kName) return std::pair(std::string_view(), at);
    const std::size_t begin = at + 3;
    if (begin > bytes_.size()) return {};
    const std::size_t length = number(at + 1, 2);
    // An element follows a name, so that a name never ends where the bytes do.
    if (length == 0 || length >= bytes_.size() - begin || bytes_[begin + length - 1] != '\0') return {};
    return std::pair(bytes_.substr(begin, length - 1), begin + length);
}

std::optional<std::size_t> PolicyCursor::payload(Tag tag, std::string_view name) const {
    const auto found = name_at(at_);
    if (!found || found->first != name) return {};
    if (static_cast<std::uint8_t>(bytes_[found->second]) != tag) return {};
    return found->second + 1;
}

std::optional<std::string_view> PolicyCursor::take(Tag tag, std::string_view name, std::size_t size) {
    const auto begin = payload(tag, name);
    if (!begin || size > bytes_.size() - *begin) return {};
    at_ = *begin + size;
    return bytes_.substr(*begin, size);
}

std::optional<std::string_view> PolicyCursor::take_counted(Tag tag, std::string_view name, std::size_t width) {
    const auto begin = payload(tag, name);
    if (!begin || width > bytes_.size() - *begin) return {};
    const std::uint64_t size = number(*begin, width);
    if (size > bytes_.size() - *begin - width) return {};
    at_ = *begin + width + size;
    return bytes_.substr(*begin + width, size);
}

std::optional<std::uint8_t> PolicyCursor::u8() {
    if (!take(kU8, {}, 1)) return {};
    return static_cast<std::uint8_t>(number(at_ - 1, 1));
}

std::optional<std::uint16_t> PolicyCursor::u16() {
    if (!take(kU16, {}, 2)) return {};
    return static_cast<std::uint16_t>(number(at_ - 2, 2));
}

std::optional<std::uint32_t> PolicyCursor::u32(std::string_view name) {
    if (!take(kU32, name, 4)) return {};
    return static_cast<std::uint32_t>(number(at_ - 4, 4));
}

std::optional<std::uint64_t> PolicyCursor::u64() {
    if (!take(kU64, {}, 8)) return {};
    return number(at_ - 8, 8);
}

std::optional<std::uint16_t> PolicyCursor::array(std::string_view name) {
    if (!take(kArray, name, 2)) return {};
    return static_cast<std::uint16_t>(number(at_ - 2, 2));
}

std::optional<std::string_view> PolicyCursor::string(std::string_view name) {
    const std::size_t before = at_;
    const auto text = take_counted(kString, name, 2);
    if (text && !text->empty() && text->back() == '\0') return text->substr(0, text->size() - 1);
    at_ = before;
    return {};
}

std::optional<std::string_view> PolicyCursor::blob(std::string_view name) { return take_counted(kBlob, name, 4); }

std::string PolicyCursor::next() const {
    if (at_end()) return "the end";
    const auto found = name_at(at_);
    if (!found) return "a name that is cut off";
    const auto tag = static_cast<std::uint8_t>(bytes_[found->second]);
    std::string text = tag < kTags.size() ? std::string(kTags[tag]) : concat({"an unknown tag ", decimal(tag)});
    if (!found->first.empty()) text.append(" ").append(quote(found->first));
    return text;
}

Error PolicyCursor::error_at(std::size_t at, std::string_view problem) const {
    const std::string place = decimal(static_cast<long long>(at));
    if (profile_.empty()) return {ErrorKind::config, concat({name_, ": at byte ", place, ": cannot evaluate the policy: ", problem})};
    return {ErrorKind::config,
            concat({name_, ": profile ", quote(profile_), " at byte ", place, ": cannot evaluate the policy: ", problem})};
}

Error PolicyCursor::missing(std::string_view what) const { return error(concat({"expected ", what, ", found ", next()})); }

}  // namespace aa::apparmor
