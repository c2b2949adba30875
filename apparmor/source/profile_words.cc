// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/profile_words.h"

#include <algorithm>
#include <array>

namespace aa::apparmor {
namespace {

constexpr std::string_view kInclude = "include";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_assignment(const std::vector<std::string>& words) {
    if (!words[0].starts_with('@') && !words[0].starts_with('$')) return false;
    if (words.size() > 1 && (words[1].starts_with('=') || words[1].starts_with("+="))) return true;
    return words[0].find('=') != std::string::npos;
}

}  // namespace

bool Statement::is_include() const {
    if (words.empty()) return false;
    std::string_view first = words[0];
    if (first.starts_with('#')) first.remove_prefix(1);
    if (!first.starts_with(kInclude)) return false;
    first.remove_prefix(kInclude.size());
    return first.empty() || first[0] == '<' || first[0] == '"';
}

std::optional<Statement> ProfileWords::next() {
    Statement statement;
    const auto end = [&](Statement::End how) {
        statement.end = how;
        statement.stop = at_;
        return statement;
    };
    while (!ended()) {
        const char c = at(0);
        if (c == '\n' && !statement.words.empty() && (statement.is_include() || is_assignment(statement.words))) {
            return end(Statement::End::line);
        }
        if (is_space(c)) {
            advance();
        } else if (is_comment()) {
            skip_line();
        } else if (c == '}' && !statement.words.empty()) {
            return end(Statement::End::rule);  // its comma is missing: the parser will say so
        } else if (c == ',' || c == '{' || c == '}') {
            advance();
            if (c == ',' && statement.words.empty()) continue;
            return end(c == ',' ? Statement::End::rule : c == '{' ? Statement::End::open : Statement::End::close);
        } else {
            if (statement.words.empty()) {
                statement.line = line_;
                statement.column = column_;
            }
            statement.offsets.push_back(at_);
            statement.words.push_back(word());
        }
    }
    if (statement.words.empty()) return std::nullopt;
    return end(Statement::End::line);
}

bool ProfileWords::is_comment() const { return at(0) == '#' && !text_.substr(at_ + 1).starts_with(kInclude); }

void ProfileWords::advance() {
    if (at(0) == '\n') {
        ++line_;
        column_ = 0;
    }
    ++column_;
    ++at_;
}

void ProfileWords::skip_line() {
    while (!ended() && at(0) != '\n') advance();
}

// Whether the comma here is the end of a rule, and not a part of a pattern.
bool ProfileWords::ends_rule() const {
    const char c = at(1);
    return c == '\0' || is_space(c) || c == '"' || c == '!' || c == ',' || c == '#' || c == '}';
}

// One word, which ends before white space, before the comma of a rule, and before a brace that is not its own. White space
// stands in quotes, behind a backslash, and in a list in parentheses.
std::string ProfileWords::word() {
    const std::size_t begin = at_;
    bool quoted = false;
    int braces = 0;
    int parentheses = 0;
    while (!ended()) {
        const char c = at(0);
        const bool in_list = parentheses > 0;
        if (!quoted && !in_list && (is_space(c) || (c == '}' && braces == 0) || (c == ',' && braces == 0 && ends_rule()))) break;
        if (c == '\\' && at_ + 1 < text_.size()) advance();
        if (c == '"') quoted = !quoted;
        if (!quoted && c == '{') ++braces;
        if (!quoted && c == '}' && braces > 0) --braces;
        if (!quoted && c == '(' && (in_list || at_ == begin || text_[at_ - 1] == '=')) ++parentheses;
        if (!quoted && c == ')' && in_list) --parentheses;
        advance();
    }
    return std::string(text_.substr(begin, at_ - begin));
}

bool is_newer_rule(std::string_view word) {
    constexpr std::array<std::string_view, 4> kNewer = {"userns", "mqueue", "io_uring", "all"};
    return word.starts_with("priority=") || std::find(kNewer.begin(), kNewer.end(), word) != kNewer.end();
}

}  // namespace aa::apparmor
