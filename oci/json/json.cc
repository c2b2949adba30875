// SPDX-License-Identifier: Apache-2.0
#include "oci/json/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/text.h"

namespace aa::oci::json {
namespace {

constexpr Kind kNoKind{255};

// How many bytes at the front of the kBlock bytes at P a string simply passes over: anything but a quote, a backslash, a
// control character, or a byte that is not ASCII.
#ifdef __SSE2__
constexpr std::ptrdiff_t kBlock = 16;

inline std::ptrdiff_t plain_prefix(const char* p) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const __m128i other = _mm_cmplt_epi8(block, _mm_set1_epi8(' '));  // signed: what is not ASCII is negative
    const int hits = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
    return std::countr_zero(static_cast<unsigned>(hits) | 1U << kBlock);
}
#else
constexpr std::ptrdiff_t kBlock = 1;

inline std::ptrdiff_t plain_prefix(const char* p) {
    const auto byte = static_cast<unsigned char>(*p);
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' ? 1 : 0;
}
#endif

// The first byte from CURSOR on that a string does not simply pass over, or one before which fewer than kBlock are left.
inline const char* end_of_plain(const char* cursor, const char* end) {
    while (end - cursor >= kBlock) {
        const std::ptrdiff_t plain = plain_prefix(cursor);
        cursor += plain;
        if (plain != kBlock) break;
    }
    return cursor;
}

constexpr std::array<Kind, 256> kinds_by_first_byte() {
    std::array<Kind, 256> kinds{};
    kinds.fill(kNoKind);
    kinds['{'] = Kind::object;
    kinds['['] = Kind::array;
    kinds['"'] = Kind::string;
    kinds['t'] = kinds['f'] = Kind::boolean;
    kinds['n'] = Kind::null;
    kinds['-'] = Kind::number;
    for (unsigned digit = '0'; digit <= '9'; ++digit) kinds[digit] = Kind::number;
    return kinds;
}
constexpr std::array<Kind, 256> kKinds = kinds_by_first_byte();
constexpr std::array<std::string_view, 6> kKindNames{"an object", "an array", "a string", "a number", "a boolean", "null"};

constexpr unsigned kHighSurrogate = 0xD800;
constexpr unsigned kLowSurrogate = 0xDC00;
bool is_surrogate(unsigned code, unsigned first) { return code >= first && code < first + 0x400; }

}  // namespace

Reader::Reader(std::string_view text, std::size_t offset) : begin_(text.data()), cursor_(begin_ + offset), end_(begin_ + text.size()) {
    if (text.starts_with("\xEF\xBB\xBF")) fail("the document begins with a byte order mark; remove it");
}

void Reader::fail(std::string reason) { fail_at(position(), std::move(reason)); }

void Reader::fail_at(std::size_t offset, std::string reason) {
    if (failed_) return;
    failed_ = true;
    error_offset_ = offset;
    error_ = std::move(reason);
    cursor_ = end_;
}

void Reader::fail_expected(std::string_view what) {
    if (failed_) return;
    if (cursor_ == end_) return fail(concat({"expected ", what, ", found the end of the document"}));
    const Kind kind = kKinds[static_cast<unsigned char>(*cursor_)];
    const std::string found = kind == kNoKind ? quote({cursor_, 1}) : std::string(kKindNames[static_cast<std::size_t>(kind)]);
    fail(concat({"expected ", what, ", found ", found}));
}

void Reader::fail_depth() { fail("nested deeper than " + decimal(kMaxDepth) + " levels"); }

void Reader::fail_elements() {
    fail("more than " + decimal(static_cast<long long>(kMaxElements)) + " elements, of which an object is " +
         decimal(static_cast<long long>(kObjectWeight)));
}

Result<void> Reader::finish() {
    skip_space();
    if (!failed_ && cursor_ != end_) fail("the document goes on after its value; remove what follows");
    if (!failed_) return {};
    const std::string_view before(begin_, error_offset_);
    long long line = 1;
    for (const char c : before) line += c == '\n' ? 1 : 0;
    const std::size_t newline = before.rfind('\n');
    const std::size_t column = newline == std::string_view::npos ? error_offset_ + 1 : error_offset_ - newline;
    return Error{ErrorKind::config, concat({"line ", decimal(line), ", column ", decimal(static_cast<long long>(column)), ": ", error_})};
}

inline void Reader::skip_space() {
    while (cursor_ != end_ && *cursor_ <= ' ' && (*cursor_ == ' ' || *cursor_ == '\n' || *cursor_ == '\t' || *cursor_ == '\r')) ++cursor_;
}

std::size_t Reader::value_begin() {
    skip_space();
    return position();
}

inline Kind Reader::next_kind() {
    skip_space();
    return cursor_ == end_ ? kNoKind : kKinds[static_cast<unsigned char>(*cursor_)];
}

Kind Reader::peek() {
    const Kind kind = next_kind();
    if (kind != kNoKind) return kind;
    fail_expected("a value");
    return Kind::null;
}

// Enters the object or array whose bracket is the next byte.
inline bool Reader::enter() {
    if (depth_ == kMaxDepth) return fail_depth(), false;
    ++depth_;
    ++cursor_;
    return true;
}

bool Reader::begin_object() {
    if (next_kind() != Kind::object) return fail_expected("an object"), false;
    return enter();
}

bool Reader::begin_array() {
    if (next_kind() != Kind::array) return fail_expected("an array"), false;
    return enter();
}

// Consumes the value of KIND at which reading stands. Most are strings, which need no call.
inline void Reader::skip_next(Kind kind) {
    if (kind == Kind::string) {
        (void)string_body();
    } else {
        skip_kind(kind);
    }
}

// Whether another item of an object or array follows, after the comma that it needs; BRACKET ends the list.
inline bool Reader::next_item(bool first, char bracket) {
    skip_space();
    if (!first && at(',')) {
        ++cursor_;
        return true;
    }
    if (at(bracket)) {
        ++cursor_;
        --depth_;
        return false;
    }
    if (first) return !failed_;
    return fail_expected(bracket == '}' ? "',' or '}'" : "',' or ']'"), false;
}

inline Text Reader::key() {
    if (next_kind() != Kind::string) return fail_expected("a key"), Text();
    const Text key = string_body();
    skip_space();
    if (!at(':')) return fail_expected("':'"), key;
    ++cursor_;
    return key;
}

bool Reader::next_member(bool first, Text& key) {
    if (!next_item(first, '}')) return false;
    key = this->key();
    return !failed_;
}

// A comma with nothing behind it is found by whoever reads the element.
bool Reader::next_element(bool first) { return next_item(first, ']'); }

Text Reader::string() {
    if (next_kind() != Kind::string) return fail_expected("a string"), Text();
    return string_body();
}

// Reads a string whose opening quote is the next byte. Nearly all are short and plain.
inline Text Reader::string_body() {
    const char* const first = ++cursor_;
    cursor_ = end_of_plain(cursor_, end_);
    if (!at('"')) return string_rest(first);
    return {{first, static_cast<std::size_t>(cursor_++ - first)}, false};
}

// Reads the rest of the string that began at FIRST.
Text Reader::string_rest(const char* first) {
    bool escaped = false;
    while (cursor_ != end_) {
        if (*cursor_ == '"') return {{first, static_cast<std::size_t>(cursor_++ - first)}, escaped};
        if (*cursor_ == '\\') {
            escaped = true;
            escape();
        } else if (static_cast<unsigned char>(*cursor_) < 0x20) {
            fail("a control character in a string");
        } else if (const std::size_t length = utf8_length({cursor_, static_cast<std::size_t>(end_ - cursor_)}); length != 0) {
            cursor_ = end_of_plain(cursor_ + length, end_);
        } else {
            fail("a byte that is not UTF-8");
        }
    }
    fail("the document ends inside a string");
    return {};
}

// Passes over the escape at which reading stands.
void Reader::escape() {
    const char kind = end_ - cursor_ < 2 ? '\0' : cursor_[1];
    if (kind == '\0') return fail("the document ends inside a string");
    if (kind != 'u') {
        if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) return fail("an unknown escape in a string");
        cursor_ += 2;
        return;
    }
    unsigned code = 0;
    unsigned low = 0;
    const std::size_t begin = position();
    if (!four_digits(code)) return fail_at(begin, "an escape without four hexadecimal digits");
    if (code == 0) return fail_at(begin, "an escaped NUL in a string");
    const bool high = is_surrogate(code, kHighSurrogate);
    const bool pair = high && four_digits(low) && is_surrogate(low, kLowSurrogate);
    if (is_surrogate(code, kLowSurrogate) || (high && !pair)) fail_at(begin, "half of a surrogate pair in a string");
}

// Reads `\uXXXX`.
bool Reader::four_digits(unsigned& value) {
    if (end_ - cursor_ < 6 || cursor_[0] != '\\' || cursor_[1] != 'u') return false;
    const auto [stop, error] = std::from_chars(cursor_ + 2, cursor_ + 6, value, 16);
    if (error != std::errc() || stop != cursor_ + 6) return false;
    cursor_ += 6;
    return true;
}

bool Reader::word(std::string_view expected) {
    if (!std::string_view(cursor_, static_cast<std::size_t>(end_ - cursor_)).starts_with(expected)) return false;
    cursor_ += expected.size();
    return true;
}

bool Reader::boolean() {
    skip_space();
    if (word("true")) return true;
    if (!word("false")) fail_expected("true or false");
    return false;
}

bool Reader::null() { return next_kind() == Kind::null && word("null"); }

bool Reader::digits() {
    const char* const first = cursor_;
    while (cursor_ != end_ && *cursor_ >= '0' && *cursor_ <= '9') ++cursor_;
    return cursor_ != first;
}

std::string_view Reader::number() {
    const char* const first = cursor_;
    if (at('-')) ++cursor_;
    const char* const integer = cursor_;
    bool valid = digits() && (*integer != '0' || cursor_ - integer == 1);
    if (at('.')) {
        ++cursor_;
        valid = digits() && valid;
    }
    if (at('e') || at('E')) {
        ++cursor_;
        if (at('+') || at('-')) ++cursor_;
        valid = digits() && valid;
    }
    if (!valid) return fail_at(static_cast<std::size_t>(first - begin_), "a malformed number"), std::string_view();
    return {first, static_cast<std::size_t>(cursor_ - first)};
}

std::int64_t Reader::integer() {
    if (peek() != Kind::number) return fail_expected("an integer"), 0;
    const std::size_t begin = position();
    const std::string_view text = number();
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (stop != text.data() + text.size()) fail_at(begin, "expected an integer without fraction or exponent");
    if (error != std::errc()) fail_at(begin, "an integer that does not fit into 64 bits");
    return failed_ ? 0 : value;
}

void Reader::skip_kind(Kind kind) {
    switch (kind) {
        case Kind::string:
            (void)string_body();
            return;
        case Kind::object:
            if (!enter()) return;
            for (bool first = true; next_item(first, '}'); first = false) {
                (void)key();
                skip_next(next_kind());
            }
            return;
        case Kind::array:
            if (!enter()) return;
            for (bool first = true; next_item(first, ']'); first = false) skip_next(next_kind());
            return;
        case Kind::number:
            (void)number();
            return;
        case Kind::boolean:
            (void)boolean();
            return;
        case Kind::null:
            if (word("null")) return;
            break;
    }
    fail_expected("a value");
}

Value Reader::skip() {
    const Kind kind = next_kind();
    const std::size_t begin = position();
    skip_kind(kind);
    return {kind, {begin, position()}};
}

bool Reader::repeats(Extent earlier) {
    skip_space();
    const std::string_view value(begin_ + earlier.begin, earlier.end - earlier.begin);
    return word(value);
}

Extent Reader::skip_strings() {
    const std::size_t begin = value_begin();
    if (!begin_array()) return {begin, begin};
    for (bool first = true; next_item(first, ']'); first = false) {
        count();
        if (next_kind() == Kind::string) {
            (void)string_body();
        } else {
            fail_expected("a string");
        }
    }
    return {begin, position()};
}

void fail_duplicate(Reader& reader, const Text& key, std::string_view name) {
    reader.fail_at(reader.begin_of(key), concat({"the key ", quote(name), " is there twice; runtimes disagree about which one counts"}));
}

void fail_variant(Reader& reader, const Text& key, std::string_view name) {
    reader.fail_at(reader.begin_of(key), concat({"the key ", quote(key.decoded()), " is ", quote(name),
                                                 " to some runtimes and not to others; spell it ", quote(name)}));
}

}  // namespace aa::oci::json
