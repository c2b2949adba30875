// SPDX-License-Identifier: Apache-2.0
//
// What the bytes between two quotes mean, and which of them Go takes for the same key. The reader has checked them.
#include <algorithm>
#include <charconv>

#include "oci/json/json.h"

namespace aa::oci::json {
namespace {

void append_utf8(std::string& out, unsigned code) {
    const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

// The value of four hexadecimal digits that are known to be there.
unsigned hex4(std::string_view digits) {
    unsigned value = 0;
    (void)std::from_chars(digits.data(), digits.data() + 4, value, 16);
    return value;
}

constexpr unsigned kHighSurrogate = 0xD800;
constexpr unsigned kLowSurrogate = 0xDC00;

// Appends what the escape at the front of RAW means, and returns its length.
std::size_t append_escape(std::string& out, std::string_view raw) {
    constexpr std::string_view kLetters = "bfnrt";
    constexpr std::string_view kMeant = "\b\f\n\r\t";
    if (raw[1] != 'u') {
        const std::size_t letter = kLetters.find(raw[1]);
        out.push_back(letter == std::string_view::npos ? raw[1] : kMeant[letter]);
        return 2;
    }
    const unsigned code = hex4(raw.substr(2));
    const bool is_high = code >= kHighSurrogate && code < kLowSurrogate;
    if (!is_high) return append_utf8(out, code), 6;
    append_utf8(out, 0x10000 + (code - kHighSurrogate) * 0x400 + hex4(raw.substr(8)) - kLowSurrogate);
    return 12;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// Whether TEXT, a decoded key, is NAME to Go (encoding/json/fold.go: the orbit of unicode.SimpleFold).
bool folds(std::string_view text, std::string_view name) {
    for (const char wanted : name) {
        if (lower(wanted) == 's' && text.starts_with("\u017f")) {
            text.remove_prefix(2);
        } else if (lower(wanted) == 'k' && text.starts_with("\u212a")) {
            text.remove_prefix(3);
        } else if (!text.empty() && lower(text.front()) == lower(wanted)) {
            text.remove_prefix(1);
        } else {
            return false;
        }
    }
    return text.empty();
}

}  // namespace

std::string Text::decoded() const {
    if (!escaped_) return std::string(raw_);
    std::string out;
    out.reserve(raw_.size());
    for (std::string_view rest = raw_; !rest.empty();) {
        const std::size_t plain = std::min(rest.find('\\'), rest.size());
        out.append(rest.substr(0, plain));
        rest.remove_prefix(plain);
        if (!rest.empty()) rest.remove_prefix(append_escape(out, rest));
    }
    return out;
}

bool Text::folds_to(std::string_view name) const {
    if (escaped_) return folds(decoded(), name);
    return raw_.size() >= name.size() && folds(raw_, name);
}

}  // namespace aa::oci::json
