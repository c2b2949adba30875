// SPDX-License-Identifier: Apache-2.0
//
// A strict JSON reader (RFC 8259) for documents that others wrote: one pass, no tree, no allocation, and the byte
// extents of what it read, so that an editor can change a value and leave every other byte alone.
//
// Refused, because the runtimes' parsers disagree about it (see docs/json.md): a byte order mark, invalid UTF-8, lone
// surrogates, an escaped NUL, comments, trailing commas, bytes after the value, nesting over kMaxDepth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace aa::oci::json {

inline constexpr unsigned kMaxDepth = 128;

// How many elements a document may have that are kept by who reads it: each takes memory, up to a hundred times its own bytes. A program's
// arguments are fewer (execve(2), "Limits on size of arguments and environment"). An object counts as kObjectWeight of them.
inline constexpr std::size_t kMaxElements = std::size_t{1} << 18;
inline constexpr std::size_t kObjectWeight = 8;

enum class Kind : std::uint8_t { object, array, string, number, boolean, null };

// The bytes [begin, end) of a document.
struct Extent {
    std::size_t begin = 0;
    std::size_t end = 0;
};

struct Value {
    Kind kind = Kind::null;
    Extent extent;
};

// A JSON string as it stands in the document.
class Text {
public:
    Text() = default;
    Text(std::string_view raw, bool escaped) : raw_(raw), escaped_(escaped) {}

    // The bytes between the quotes, escapes not decoded.
    [[nodiscard]] std::string_view raw() const { return raw_; }
    [[nodiscard]] bool escaped() const { return escaped_; }

    // The string that is meant, as UTF-8.
    [[nodiscard]] std::string decoded() const;

    // Whether the decoded string equals NAME, byte for byte.
    [[nodiscard]] bool operator==(std::string_view name) const { return escaped_ ? decoded() == name : raw_ == name; }

    // Whether Go's encoding/json would take this key for the field NAME (ASCII): equal but for case, U+017F standing for
    // `s` and U+212A for `k`. True for the exact spelling too.
    [[nodiscard]] bool folds_to(std::string_view name) const;

private:
    std::string_view raw_;
    bool escaped_ = false;
};

// Walks over one document. Errors stick: after the first, every call returns at once, and finish() tells it.
//
//     Reader reader(text);
//     reader.object([&](const Text& key) {
//         if (key == "pid") pid = reader.integer();
//         else reader.skip();
//     });
//     TRY(reader.finish());
class Reader {
public:
    // Reads TEXT, from the value at OFFSET on.
    explicit Reader(std::string_view text, std::size_t offset = 0);

    // The kind of the next value, judged by its first byte. One that begins no value is an error.
    Kind peek();

    // Where the next value begins (white space skipped), and where reading stands now.
    std::size_t value_begin();
    [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(cursor_ - begin_); }
    // Where TEXT, which this reader returned, begins: at its opening quote.
    [[nodiscard]] std::size_t begin_of(const Text& text) const { return static_cast<std::size_t>(text.raw().data() - begin_) - 1; }

    // Reads an object: ON_MEMBER(const Text& key) is called for each member and must consume the value. Returns the
    // extent of the object, braces included. Anything but an object is an error.
    template <class OnMember>
    Extent object(OnMember&& on_member) {
        const std::size_t begin = value_begin();
        if (!begin_object()) return {begin, begin};
        Text key;
        for (bool first = true; next_member(first, key); first = false) on_member(std::as_const(key));
        return {begin, position()};
    }

    // Reads an array: ON_ELEMENT() is called for each element and must consume it.
    template <class OnElement>
    Extent array(OnElement&& on_element) {
        const std::size_t begin = value_begin();
        if (!begin_array()) return {begin, begin};
        for (bool first = true; next_element(first); first = false) {
            count();
            on_element();
        }
        return {begin, position()};
    }

    Text string();
    bool boolean();
    // A number that is an integer in the range of int64_t, written without fraction or exponent; an error otherwise.
    std::int64_t integer();
    // Consumes `null` if that is what comes next.
    bool null();

    // Consumes one value of any kind, checked as strictly as everything else.
    Value skip();
    // Consumes an array of strings; anything else in it is an error.
    Extent skip_strings();

    // Consumes the array or object at which reading stands if it is byte for byte the one at EARLIER, which was read on the
    // same level: engines write one set of capabilities three times.
    bool repeats(Extent earlier);

    // Counts WEIGHT elements more; it is an error if the document has too many. Arrays and read_members() do that themselves.
    void count(std::size_t weight = 1) {
        elements_ += weight;
        if (elements_ > kMaxElements) fail_elements();
    }

    // Makes REASON the error of this document, at the place where reading stands or at OFFSET, unless it has one.
    void fail(std::string reason);
    void fail_at(std::size_t offset, std::string reason);
    [[nodiscard]] bool failed() const { return failed_; }

    // Success if there was no error and only white space is left. An error reads "line L, column C: REASON", both
    // counted from 1, columns in bytes.
    Result<void> finish();

private:
    bool begin_object();
    bool next_member(bool first, Text& key);
    bool begin_array();
    bool next_element(bool first);

    bool at(char c) const { return cursor_ != end_ && *cursor_ == c; }
    void skip_space();
    Kind next_kind();
    bool enter();
    bool next_item(bool first, char bracket);
    Text key();
    Text string_body();
    Text string_rest(const char* first);
    void escape();
    bool four_digits(unsigned& value);
    std::string_view number();
    bool digits();
    bool word(std::string_view expected);
    void skip_next(Kind kind);
    void skip_kind(Kind kind);
    void fail_expected(std::string_view what);
    void fail_depth();
    void fail_elements();

    const char* begin_;
    const char* cursor_;  // at end_ after an error, so that nothing more is read
    const char* end_;
    unsigned depth_ = 0;
    std::size_t elements_ = 0;
    bool failed_ = false;
    std::size_t error_offset_ = 0;
    std::string error_;
};

// A member that a reader of objects knows by name, and the function that reads its value into a T.
template <class T>
struct Member {
    std::string_view name;  // ASCII
    void (*read)(Reader& reader, T& into);
};

struct ObjectPlace {
    Extent extent;
    bool empty = true;  // no member at all
};

// Makes READER fail because KEY is there twice, or because it is NAME only to parsers that ignore case.
void fail_duplicate(Reader& reader, const Text& key, std::string_view name);
void fail_variant(Reader& reader, const Text& key, std::string_view name);

// Reads the object at which READER stands: each member that TABLE knows by its function, the others skipped. A known
// member that is there twice, or in a spelling that only some runtimes take for it, makes READER fail.
template <class T, std::size_t N>
ObjectPlace read_members(Reader& reader, const Member<T> (&table)[N], T& into) {
    static_assert(N <= 32);
    ObjectPlace place;
    std::uint32_t seen = 0;
    reader.count(kObjectWeight);
    place.extent = reader.object([&](const Text& key) {
        place.empty = false;
        for (std::size_t i = 0; i < N; ++i) {
            if (key == table[i].name) {
                if ((seen >> i & 1U) != 0) return fail_duplicate(reader, key, table[i].name);
                seen |= std::uint32_t{1} << i;
                return table[i].read(reader, into);
            }
        }
        for (const Member<T>& member : table) {
            if (key.folds_to(member.name)) return fail_variant(reader, key, member.name);
        }
        (void)reader.skip();
    });
    return place;
}

}  // namespace aa::oci::json
