// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/toml/scanner.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aa::ctl::install::toml {

namespace {

constexpr unsigned kDeepest = 64;
constexpr std::size_t kMostParts = 64;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Scanner::Scanner(std::string_view text, std::string name) : text_(text) {
    document_.text = text;
    document_.name = std::move(name);
}

bool Scanner::fail_at(std::size_t offset, std::string_view reason) {
    if (!failed_) {
        failed_ = true;
        error_offset_ = offset;
        error_ = reason;
    }
    return false;
}

bool Scanner::take(std::string_view expected) {
    if (!ahead(expected)) return false;
    at_ += expected.size();
    return true;
}

bool Scanner::take_line_end() { return take("\n") || take("\r\n"); }

void Scanner::skip_blanks() {
    while (now() == ' ' || now() == '\t') ++at_;
}

Result<Document> Scanner::read() {
    while (!failed_ && !at_end()) {
        line_begin_ = at_;
        skip_blanks();
        if (at_end() || take_line_end()) continue;
        if (now() == '#') {
            const std::size_t begin = at_;
            if (!comment()) break;
            auto text = text_.substr(begin, at_ - begin);
            while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
            (void)take_line_end();
            document_.comments.push_back({{line_begin_, at_}, text});
        } else if (!statement()) {
            break;
        }
    }
    if (failed_) return document_.error(error_offset_, error_);
    return std::move(document_);
}

// From "#" up to the end of the line, which stays.
bool Scanner::comment() {
    while (!at_end() && now() != '\n' && !ahead("\r\n")) {
        const auto byte = static_cast<unsigned char>(now());
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return fail("a control character in a comment");
        const std::size_t length = utf8_length(text_.substr(at_));
        if (length == 0) return fail("this is not UTF-8");
        at_ += length;
    }
    return true;
}

bool Scanner::statement() {
    Entry entry;
    if (!(now() == '[' ? header(entry) : pair(entry)) || !end_of_statement(entry)) return false;
    document_.entries.push_back(std::move(entry));
    return true;
}

bool Scanner::end_of_statement(Entry& entry) {
    skip_blanks();
    if (now() == '#' && !comment()) return false;
    if (!take_line_end() && !at_end()) return fail("the end of the line was expected here");
    entry.lines = {line_begin_, at_};
    return true;
}

bool Scanner::header(Entry& entry) {
    const std::size_t begin = at_;
    const bool of_array = take("[[");
    if (!of_array) ++at_;
    entry.kind = of_array ? Entry::Kind::array_table : Entry::Kind::table;
    entry.key.begin = at_;
    if (!dotted_key(entry.path)) return false;
    entry.key.end = at_;
    if (!take(of_array ? "]]" : "]")) return fail(of_array ? "']]' was expected here" : "']' was expected here");
    entry.own_parts = entry.path.size();
    const auto why = of_array ? names_.open_array_table(entry.path) : names_.open_table(entry.path);
    if (!why.empty()) return fail_at(begin, concat({quote(key(entry.path)), ": ", why}));
    table_ = entry.path;
    return true;
}

bool Scanner::pair(Entry& entry) {
    entry.key.begin = at_;
    Path own;
    if (!dotted_key(own)) return false;
    entry.key.end = at_;
    while (text_[entry.key.end - 1] == ' ' || text_[entry.key.end - 1] == '\t') --entry.key.end;
    if (!take("=")) return fail("'=' was expected here");
    skip_blanks();
    entry.own_parts = own.size();
    entry.path = table_;
    entry.path.insert(entry.path.end(), own.begin(), own.end());
    const auto why = names_.set(entry.path, entry.own_parts);
    if (!why.empty()) return fail_at(entry.key.begin, concat({quote(key(entry.path)), ": ", why}));
    entry.value.begin = at_;
    if (!value(entry, 0)) return false;
    entry.value.end = at_;
    return true;
}

// With the blanks around it.
bool Scanner::dotted_key(Path& into) {
    do {
        skip_blanks();
        std::string part;
        if (!key_part(part)) return false;
        if (into.size() == kMostParts) return fail("a key with so many parts is not what it seems");
        into.push_back(std::move(part));
        skip_blanks();
    } while (take("."));
    return true;
}

bool Scanner::key_part(std::string& into) {
    if (ahead("\"\"\"") || ahead("'''")) return fail("a key cannot go over several lines");
    if (take("\"")) return basic_string(into, false);
    if (take("'")) return literal_string(into, false);
    const std::size_t begin = at_;
    while (!at_end() && is_bare_key_character(now())) ++at_;
    into = text_.substr(begin, at_ - begin);
    return at_ != begin || fail("a key was expected here");
}

bool Scanner::value(Entry& entry, unsigned depth) {
    if (depth > kDeepest) return fail("this is nested too deep");
    if (now() == '"' || now() == '\'') {
        entry.value_kind = ValueKind::string;
        entry.only_strings = true;
        entry.strings.emplace_back();
        return any_string(entry.strings.back());
    }
    if (now() == '[') return array(entry, depth);
    if (now() == '{') return inline_table(entry, depth);
    return word(entry);
}

// A boolean, a number or a date: which number it is does not matter to anybody here.
bool Scanner::word(Entry& entry) {
    const std::size_t begin = at_;
    while (!at_end() && (is_bare_key_character(now()) || now() == '+' || now() == '.' || now() == ':')) ++at_;
    const auto found = text_.substr(begin, at_ - begin);
    entry.value_kind = found == "true" || found == "false" ? ValueKind::boolean : ValueKind::number;
    if (entry.value_kind == ValueKind::boolean) return true;
    const auto unsigned_part = found.substr(found.starts_with('+') || found.starts_with('-') ? 1 : 0);
    if (!unsigned_part.empty() && (is_digit(unsigned_part[0]) || unsigned_part == "inf" || unsigned_part == "nan")) return true;
    return fail_at(begin, "a value was expected here");
}

// White space, line ends and comments, as they may stand in an array.
bool Scanner::space_and_comments() {
    while (true) {
        skip_blanks();
        if (now() == '#' && !comment()) return false;
        if (!take_line_end()) return true;
    }
}

bool Scanner::array(Entry& entry, unsigned depth) {
    ++at_;
    std::vector<std::string> strings;
    bool only_strings = true;
    if (!space_and_comments()) return false;
    while (!take("]")) {
        Entry element;
        if (!value(element, depth + 1) || !space_and_comments()) return false;
        only_strings = only_strings && element.value_kind == ValueKind::string;
        if (only_strings) strings.push_back(std::move(element.strings.back()));
        if (!take(",") && now() != ']') return fail("',' or ']' was expected here");
        if (!space_and_comments()) return false;
    }
    entry.value_kind = ValueKind::array;
    entry.only_strings = only_strings;
    entry.strings = std::move(strings);
    return true;
}

bool Scanner::inline_table(Entry& entry, unsigned depth) {
    ++at_;
    Names names;
    skip_blanks();
    for (bool first = true; !take("}"); first = false) {
        if (!first && !take(",")) return fail("',' or '}' was expected here");
        const std::size_t begin = at_;
        Path path;
        Entry member;
        if (!dotted_key(path)) return false;
        if (!take("=")) return fail("'=' was expected here");
        const auto why = names.set(path, path.size());
        if (!why.empty()) return fail_at(begin, concat({quote(key(path)), ": ", why}));
        skip_blanks();
        if (!value(member, depth + 1)) return false;
        skip_blanks();
    }
    entry.value_kind = ValueKind::inline_table;
    entry.only_strings = false;
    entry.strings.clear();
    return true;
}

}  // namespace aa::ctl::install::toml
