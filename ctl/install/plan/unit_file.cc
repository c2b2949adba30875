// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/unit_file.h"

#include <algorithm>

#include "base/text.h"

namespace aa::ctl::install {

namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    while (!text.empty() && kBlanks.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    return text;
}

bool is_comment(std::string_view line) { return line.starts_with('#') || line.starts_with(';'); }

// Adds a line to what goes on over several; whether the next one belongs to it, too.
bool add_line(UnitText& to, std::string_view line, std::string place) {
    const bool goes_on = line.ends_with('\\');
    if (goes_on) line.remove_suffix(1);
    if (!to.text.empty()) to.text += ' ';
    to.places.emplace_back(to.text.size(), std::move(place));
    to.text += trimmed(line);
    return goes_on;
}

}  // namespace

std::vector<UnitSetting> unit_settings(std::string_view text, const std::string& name, std::string_view section) {
    std::vector<UnitSetting> settings;
    std::string_view now;
    UnitSetting open;
    bool goes_on = false;
    long long number = 0;
    const auto close = [&] {
        if (!open.key.empty() && now == section) settings.push_back(std::move(open));
        open = {};
    };
    for (const auto raw : lines(text)) {
        ++number;
        const auto line = trimmed(raw);
        auto place = concat({name, ":", decimal(number)});
        if (is_comment(line) || (line.empty() && !goes_on)) continue;  // a comment may stand between lines that go on
        if (goes_on) {
            goes_on = add_line(open.value, line, std::move(place));
        } else if (line.starts_with('[') && !section.empty()) {
            now = line.substr(1, line.find(']') - 1);
            continue;
        } else if (const std::size_t equals = line.find('='); equals != std::string_view::npos) {
            open.key = trimmed(line.substr(0, equals));
            goes_on = add_line(open.value, trimmed(line.substr(equals + 1)), std::move(place));
        }
        if (!goes_on) close();
    }
    close();
    return settings;
}

std::vector<std::string> unit_words(std::string_view value) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = '\0';
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        if (c == '\\' && quote != '\'' && i + 1 < value.size()) {
            word += value[++i];
            in_word = true;
        } else if (quote != '\0' ? c == quote : c == '"' || c == '\'') {
            quote = quote == '\0' ? c : '\0';
            in_word = true;
        } else if (quote == '\0' && kBlanks.find(c) != std::string_view::npos) {
            if (in_word) words.push_back(std::move(word));
            word.clear();
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (in_word) words.push_back(std::move(word));
    return words;
}

std::string without_quotes(std::string_view value) {
    const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    return std::string(quoted ? value.substr(1, value.size() - 2) : value);
}

}  // namespace aa::ctl::install
