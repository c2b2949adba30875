// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/faults.h"

#include <algorithm>

#include "base/escape.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::size_t kLongestWord = 256;

}  // namespace

std::string Refusal::between(std::string_view before, std::string_view after) const {
    const auto in = [&](std::string_view said) -> std::string {
        const std::size_t at = said.find(before);
        if (at == std::string_view::npos) return {};
        said.remove_prefix(at + before.size());
        return std::string(said.substr(0, after.empty() ? said.size() : said.find(after)));
    };
    auto found = in(message);
    for (auto said = more.begin(); found.empty() && said != more.end(); ++said) found = in(*said);
    return found;
}

std::string Suspect::quoted() const {
    if (piece().words.empty()) return quote(text.substr(piece().begin, piece().stop - piece().begin));
    std::string words;
    for (const auto word : piece().words) words.append(words.empty() ? "" : " ").append(word);
    return quote(words);
}

Edit Suspect::removed() const {
    std::size_t begin = piece().begin;
    std::size_t end = piece().stop;
    const std::size_t line_begin = text.substr(0, begin).find_last_not_of(" \t") + 1;
    const std::size_t line_end = std::min(text.find_first_not_of(" \t\r", end), text.size());
    const bool alone = (line_begin == 0 || text[line_begin - 1] == '\n') && (line_end == text.size() || text[line_end] == '\n');
    if (alone) {
        begin = line_begin;
        end = std::min(line_end + 1, text.size());
    }
    return {begin, end - begin, ""};
}

std::string spelled_out(std::string_view word) { return escape(word, {}, kLongestWord); }

std::string_view line_end_of(std::string_view text) {
    const std::size_t end = text.find('\n');
    return end != std::string_view::npos && end > 0 && text[end - 1] == '\r' ? "\r\n" : "\n";
}

std::string spelling(std::string_view word) {
    std::string result;
    for (const char c : word) {
        if (c != '-' && c != '_') result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return result.starts_with("cap") && word.size() > 4 && (word[3] == '_' || word[3] == '-') ? result.substr(3) : result;
}

std::string_view same_spelling(std::string_view word, std::span<const std::string_view> words) {
    const auto found = std::find_if(words.begin(), words.end(), [&](std::string_view known) { return spelling(known) == spelling(word); });
    return found == words.end() ? std::string_view() : *found;
}

std::string nearest(std::string_view word, std::span<const std::string_view> words) {
    auto near = same_spelling(word, words);
    if (near.empty()) near = closest(word, words);
    return near.empty() ? std::string() : concat({"; the nearest is ", quote(near)});
}

}  // namespace aa::apparmor
