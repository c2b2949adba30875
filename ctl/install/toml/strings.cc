// SPDX-License-Identifier: Apache-2.0
//
// The four kinds of strings of TOML.
#include "base/text.h"
#include "ctl/install/toml/scanner.h"

namespace aa::ctl::install::toml {

namespace {

void append_utf8(std::string& out, unsigned long code) {
    const auto put = [&out](unsigned long byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0 | code >> 6U);
        put(0x80 | (code & 0x3fU));
    } else if (code < 0x10000) {
        put(0xe0 | code >> 12U);
        put(0x80 | (code >> 6U & 0x3fU));
        put(0x80 | (code & 0x3fU));
    } else {
        put(0xf0 | code >> 18U);
        put(0x80 | (code >> 12U & 0x3fU));
        put(0x80 | (code >> 6U & 0x3fU));
        put(0x80 | (code & 0x3fU));
    }
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

bool Scanner::any_string(std::string& into) {
    if (take("\"\"\"")) return (void)take_line_end(), basic_string(into, true);
    if (take("'''")) return (void)take_line_end(), literal_string(into, true);
    if (take("\"")) return basic_string(into, false);
    ++at_;
    return literal_string(into, false);
}

// Up to two quotes may stand right before the three that end a string of many lines.
bool Scanner::closing_quotes(std::string& into, char quote) {
    const std::string three(3, quote);
    if (!take(three)) return false;
    for (int more = 0; more < 2 && now() == quote; ++more, ++at_) into += quote;
    return true;
}

bool Scanner::string_byte(std::string& into, bool many_lines) {
    if (at_end()) return fail("the file ends within a string");
    if (many_lines && take_line_end()) {
        into += '\n';
        return true;
    }
    const auto byte = static_cast<unsigned char>(now());
    if (byte == '\n' || byte == '\r') return fail("the line ends within a string");
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return fail("a control character in a string");
    const std::size_t length = utf8_length(text_.substr(at_));
    if (length == 0) return fail("this is not UTF-8");
    into += text_.substr(at_, length);
    at_ += length;
    return true;
}

bool Scanner::basic_string(std::string& into, bool many_lines) {
    while (true) {
        if (many_lines ? closing_quotes(into, '"') : take("\"")) return true;
        if (take("\\")) {
            if (!escape(into, many_lines)) return false;
        } else if (!string_byte(into, many_lines)) {
            return false;
        }
    }
}

bool Scanner::literal_string(std::string& into, bool many_lines) {
    while (true) {
        if (many_lines ? closing_quotes(into, '\'') : take("'")) return true;
        if (!string_byte(into, many_lines)) return false;
    }
}

// What stands behind a backslash.
bool Scanner::escape(std::string& into, bool many_lines) {
    constexpr std::string_view kLetters = "btnfr\"\\";
    constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
    if (const auto letter = at_end() ? std::string_view::npos : kLetters.find(now()); letter != std::string_view::npos) {
        ++at_;
        into += kMeanings[letter];
        return true;
    }
    if (take("u")) return code_point(into, 4);
    if (take("U")) return code_point(into, 8);
    if (!many_lines) return fail("there is no such escape");
    // A backslash at the end of a line takes away all white space up to the next character.
    skip_blanks();
    if (!take_line_end()) return fail("there is no such escape");
    do {
        skip_blanks();
    } while (take_line_end());
    return true;
}

bool Scanner::code_point(std::string& into, unsigned digits) {
    unsigned long code = 0;
    for (unsigned i = 0; i < digits; ++i, ++at_) {
        const int digit = at_end() ? -1 : hex_digit(now());
        if (digit < 0) return fail("a hexadecimal digit was expected here");
        code = code << 4U | static_cast<unsigned>(digit);
    }
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return fail("there is no such character");
    append_utf8(into, code);
    return true;
}

}  // namespace aa::ctl::install::toml
