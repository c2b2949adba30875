// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/profile_source.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "apparmor/source/profile_words.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 4UL << 20U;
constexpr std::size_t kMaxIncludeDepth = 32;

// Words before the path of a file rule, and before a block of rules (apparmor.d(5); the last ones since 3.1 and 4.1).
constexpr std::array<std::string_view, 10> kQualifiers = {"audit", "deny",   "allow", "owner",  "other",
                                                          "safe",  "unsafe", "quiet", "prompt", "access"};

bool is_qualifier(std::string_view word) {
    return word.starts_with("priority=") || std::find(kQualifiers.begin(), kQualifiers.end(), word) != kQualifiers.end();
}

bool is_path(std::string_view word) { return word.starts_with('/') || word.starts_with("@{") || word.starts_with('"'); }

std::string unquoted(std::string_view word) {
    if (word.size() >= 2 && word.front() == '"' && word.back() == '"') word = word.substr(1, word.size() - 2);
    return std::string(word);
}

// The name that the header WORDS of a block gives a profile or hat; nothing if the block is none.
std::optional<std::string> profile_name(const std::vector<std::string>& words) {
    if (words.empty()) return std::nullopt;
    const auto& first = words[0];
    if ((first == "profile" || first == "hat") && words.size() > 1) return unquoted(words[1]);
    if (first.starts_with('^')) return unquoted(std::string_view(first).substr(1));
    if (is_path(first)) return unquoted(first);
    return std::nullopt;
}

// What an include statement names.
struct Include {
    bool below_directory = false;  // <…>
    bool may_be_missing = false;
    std::string path;
};

std::optional<Include> include_of(const std::vector<std::string>& words) {
    Include include;
    std::string_view rest;
    std::size_t at = 1;
    for (const std::string_view keyword : {"#include", "include"}) {
        if (words[0].starts_with(keyword)) {
            rest = std::string_view(words[0]).substr(keyword.size());
            break;
        }
    }
    if (rest.empty() && words.size() > 2 && words[1] == "if" && words[2] == "exists") {
        include.may_be_missing = true;
        at = 3;
    }
    if (rest.empty() && at < words.size()) rest = words[at];
    include.below_directory = rest.starts_with('<') && rest.ends_with('>') && rest.size() > 2;
    include.path = include.below_directory ? std::string(rest.substr(1, rest.size() - 2)) : unquoted(rest);
    if (include.path.empty()) return std::nullopt;
    return include;
}

// Walks over the text of a profile file and all that it includes.
class Walk {
public:
    Walk(std::string_view profile, WantedRules wanted, const std::string& include_directory)
        : profile_(profile), wanted_(wanted), include_directory_(include_directory) {}

    Result<void> file(const std::string& path) {
        if (depth_ == kMaxIncludeDepth) return Error{ErrorKind::config, concat({quote(path), " is included in a circle, or too deeply"})};
        const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
        const auto buffer = TRY(read_file(fd.get(), kMaxFile, path));
        ProfileWords words(buffer.text());
        ++depth_;
        while (const auto statement = words.next()) TRY(take(*statement, path));
        --depth_;
        return {};
    }

    Result<ProfileText> result() {
        if (found_) return std::move(text_);
        return Error{ErrorKind::not_found, concat({"no header there spells the name ", quote(profile_)})};
    }

private:
    struct Block {
        std::optional<std::string> profile;  // in full
        std::string header;                  // as it must stand for the rule to mean the same
    };

    Result<void> take(const Statement& statement, const std::string& path) {
        switch (statement.end) {
            case Statement::End::open:
                open(statement.words);
                return {};
            case Statement::End::close:
                close();
                return {};
            case Statement::End::rule:
            case Statement::End::line:
                break;
        }
        if (blocks_.empty() && depth_ == 1)
            text_.preamble += join(statement.words, " ") + (statement.end == Statement::End::rule ? ",\n" : "\n");
        if (statement.is_include()) return include(statement.words);
        if (in_profile() && statement.end == Statement::End::rule && (wanted_ == WantedRules::all || is_exec_rule(statement.words))) {
            add_rule(statement, path);
        }
        return {};
    }

    void open(const std::vector<std::string>& words) {
        Block block{profile_name(words), join(words, " ")};
        if (block.profile) {
            if (const auto* parent = innermost()) block.profile = concat({*parent, "//", *block.profile});
            found_ = found_ || *block.profile == profile_;
        } else if (words.empty()) {
            block.header = "audit";  // a bare block of rules
        } else if (words[0] == "else") {
            block.header = concat({last_condition_, " ", block.header});
        }
        blocks_.push_back(std::move(block));
    }

    void close() {
        if (blocks_.empty()) return;
        if (const auto& header = blocks_.back().header; header.starts_with("if")) last_condition_ = header + " { }";
        blocks_.pop_back();
    }

    [[nodiscard]] const std::string* innermost() const {
        for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
            if (block->profile) return &*block->profile;
        }
        return nullptr;
    }

    [[nodiscard]] bool in_profile() const {
        const auto* name = innermost();
        return name != nullptr && *name == profile_;
    }

    void add_rule(const Statement& statement, const std::string& path) {
        SourceRule rule{join(statement.words, " "), {}, {path, statement.line, statement.column}};
        for (const auto& block : blocks_) {
            if (block.profile) rule.blocks.clear();
            if (!block.profile) rule.blocks.push_back(block.header);
        }
        text_.rules.push_back(std::move(rule));
    }

    Result<void> include(const std::vector<std::string>& words) {
        const auto include = include_of(words);
        if (!include) return {};
        const bool absolute = include->path.starts_with('/');
        const std::string path = absolute ? include->path : concat({include_directory_, "/", include->path});
        std::error_code error;
        if (fs::is_directory(path, error)) return directory(path);
        if (include->may_be_missing && !fs::exists(path, error)) return {};
        return file(path);
    }

    Result<void> directory(const std::string& path) {
        std::error_code error;
        std::vector<std::string> files;
        for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
            const std::string name = at->path().filename();
            if (!name.starts_with('.') && !name.ends_with('~') && at->is_regular_file(error)) files.push_back(at->path());
        }
        std::sort(files.begin(), files.end());
        for (const auto& name : files) TRY(file(name));
        return {};
    }

    std::string profile_;
    WantedRules wanted_;
    const std::string& include_directory_;
    ProfileText text_;
    bool found_ = false;
    std::size_t depth_ = 0;
    std::vector<Block> blocks_;
    std::string last_condition_;  // of an `if` block that has just ended, with an empty body
};

}  // namespace

std::vector<std::string> included_paths(std::string_view text, const std::string& include_directory) {
    std::vector<std::string> paths;
    ProfileWords words(text);
    while (const auto statement = words.next()) {
        if (!statement->is_include()) continue;
        const auto include = include_of(statement->words);
        if (!include) continue;
        paths.push_back(include->path.starts_with('/') ? include->path : concat({include_directory, "/", include->path}));
        while (paths.back().ends_with('/')) paths.back().pop_back();
    }
    return paths;
}

bool is_exec_mode(std::string_view word) {
    return word.find('x') != std::string_view::npos && word.find_first_not_of("rwaxmlkipcuPCU") == std::string_view::npos;
}

bool is_exec_rule(const std::vector<std::string>& words) {
    auto at = std::find_if_not(words.begin(), words.end(), is_qualifier);
    const auto left = [&] { return words.end() - at; };
    if (left() == 1) return *at == "file" || *at == "all";
    if (left() > 0 && *at == "file") ++at;
    if (left() < 2) return false;
    return (is_path(at[0]) && is_exec_mode(at[1])) || (is_exec_mode(at[0]) && is_path(at[1]));
}

Result<ProfileText> read_profile_text(const std::string& file, std::string_view profile, WantedRules wanted,
                                      const std::string& include_directory) {
    Walk walk(profile, wanted, include_directory);
    TRY(walk.file(file));
    return walk.result().context(quote(file));
}

}  // namespace aa::apparmor
