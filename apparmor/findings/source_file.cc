// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/source_file.h"

#include <algorithm>
#include <array>

#include "apparmor/source/profile_words.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::array<std::string_view, 6> kQualifiers = {"audit", "deny", "allow", "owner", "other", "quiet"};

bool is_path(std::string_view word) { return word.starts_with('/') || word.starts_with("@{") || word.starts_with('"'); }

std::string unquoted(std::string_view word) {
    if (word.size() >= 2 && word.front() == '"' && word.back() == '"') word = word.substr(1, word.size() - 2);
    return std::string(word);
}

bool is_mode(std::string_view word) { return !word.empty() && word.find_first_not_of("rwaxmlkipcuPCU") == std::string_view::npos; }

// The words of LIST, "(a, b c)", which may follow "flags=".
std::vector<std::string> words_of_list(std::string_view list) {
    std::vector<std::string> words(1);
    for (const char c : list.substr(list.find('(') + 1)) {
        if (c == ')') break;
        if (c != ',' && c != ' ' && c != '\t' && c != '\n')
            words.back() += c;
        else if (!words.back().empty())
            words.emplace_back();
    }
    if (words.back().empty()) words.pop_back();
    return words;
}

class FileReader {
public:
    explicit FileReader(const SourceText& source) : text_(source.text) { file_.file = source.file; }

    SourceFile read() {
        ProfileWords words(text_);
        while (auto statement = words.next()) take(*std::move(statement));
        return std::move(file_);
    }

private:
    void take(Statement statement) {
        if (statement.end == Statement::End::close) {
            if (!blocks_.empty()) blocks_.pop_back();
            return;
        }
        SourceStatement taken{std::move(statement.words), {file_.file, statement.line, statement.column}};
        if (statement.end == Statement::End::open) {
            if (!open_profile(taken)) blocks_.push_back(profile());
        } else {
            (profile() == kNone ? file_.outside : file_.profiles[profile()].statements).push_back(std::move(taken));
        }
    }

    // The profile that a statement here belongs to.
    [[nodiscard]] std::size_t profile() const { return blocks_.empty() ? kNone : blocks_.back(); }

    bool open_profile(const SourceStatement& header) {
        const auto& words = header.words;
        std::size_t at = !words.empty() && (words[0] == "profile" || words[0] == "hat") ? 1 : 0;
        if (at >= words.size() || (at == 0 && !is_path(words[0]) && !words[0].starts_with('^'))) return false;
        SourceProfile profile;
        profile.name = unquoted(words[at].starts_with('^') ? std::string_view(words[at]).substr(1) : words[at]);
        if (this->profile() != kNone) profile.name = concat({file_.profiles[this->profile()].name, "//", profile.name});
        profile.origin = header.origin;
        for (++at; at < words.size(); ++at) {
            if (words[at].find('(') != std::string::npos && !words[at].starts_with("xattrs")) profile.flags = words_of_list(words[at]);
            if (is_path(words[at])) profile.attachment = unquoted(words[at]);
        }
        blocks_.push_back(file_.profiles.size());
        file_.profiles.push_back(std::move(profile));
        return true;
    }

    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    std::string_view text_;
    SourceFile file_;
    std::vector<std::size_t> blocks_;  // the profile that each open block belongs to
};

}  // namespace

std::optional<FileRule> file_rule(const SourceStatement& statement) {
    FileRule rule;
    auto word = statement.words.begin();
    const auto end = statement.words.end();
    for (; word != end; ++word) {
        if (*word == "deny") rule.denies = true;
        if (std::find(kQualifiers.begin(), kQualifiers.end(), *word) == kQualifiers.end() && !word->starts_with("priority=")) break;
    }
    if (word != end && *word == "file") ++word;
    if (end - word < 2) return std::nullopt;
    const bool path_first = is_path(word[0]);
    rule.path = unquoted(word[path_first ? 0 : 1]);
    rule.mode = word[path_first ? 1 : 0];
    if (!is_path(word[path_first ? 0 : 1]) || !is_mode(rule.mode)) return std::nullopt;
    return rule;
}

const SourceProfile* SourceFile::find(std::string_view name) const {
    const auto found = std::find_if(profiles.begin(), profiles.end(), [&](const SourceProfile& profile) { return profile.name == name; });
    return found == profiles.end() ? nullptr : &*found;
}

const SourceStatement* SourceFile::abi() const {
    const auto chooses = [](const SourceStatement& statement) {
        return statement.words.front() == "abi" ||
               std::find(statement.words.begin(), statement.words.end(), "<aa-shim/abi>") != statement.words.end();
    };
    const auto found = std::find_if(outside.begin(), outside.end(), chooses);
    return found == outside.end() ? nullptr : &*found;
}

SourceFile read_source_file(const SourceText& source) { return FileReader(source).read(); }

}  // namespace aa::apparmor
