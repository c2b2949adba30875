// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/parser_inputs.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMaxFile = 4UL << 20U;
constexpr std::size_t kMaxFiles = 4096;  // that one file may have the parser read

constexpr std::string_view kNothing = "nothing";
constexpr std::string_view kFolder = "folder";
constexpr std::string_view kBlank = " \t";
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kWordEnd = " \t\r\n\"!<>";

bool is_word_character(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_'; }

std::string_view without(std::string_view text, std::string_view characters) {
    const std::size_t begin = text.find_first_not_of(characters);
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// What is behind the "if exists" that REST may begin with.
std::string_view behind_condition(std::string_view rest) {
    auto word = without(rest, kSpace);
    if (!word.starts_with("if")) return rest;
    word = without(word.substr(2), kSpace);
    return word.starts_with("exists") ? word.substr(6) : rest;
}

enum class Doubt : std::uint8_t { none, some };

// The path at the beginning of REST (<path>, "path" or path), if there is one.
Doubt take_path(std::string_view rest, std::vector<std::string>& paths) {
    rest = without(rest, kSpace);
    if (rest.empty()) return Doubt::none;
    std::string_view path;
    if (rest[0] == '<' || rest[0] == '"') {
        const std::size_t end = rest.find(rest[0] == '<' ? '>' : '"', 1);
        if (end == std::string_view::npos) return Doubt::some;
        path = without(rest.substr(1, end - 1), kBlank);
        path = path.substr(0, path.find_last_not_of(kBlank) + 1);
    } else {
        path = rest.substr(0, rest.find_first_of(kWordEnd));
        path = path.substr(0, path.find_last_not_of(',') + 1);
    }
    // Escapes are read by rules of their own; a quote in angles, a line's end or a variable is something else than it seems.
    if (path.find_first_of("\\\"\r\n\t") != std::string_view::npos || path.find("@{") != std::string_view::npos ||
        path.find(",,") != std::string_view::npos || path.find('\0') != std::string_view::npos) {
        return Doubt::some;
    }
    if (!path.empty()) paths.emplace_back(path);
    return Doubt::none;
}

// Whether the "include" at AT of TEXT may be the parser's word (parser_lex.l): one without a blank behind it only as "#include". In comments and in
// quotes, where it is none, it does no harm to think so.
bool is_include(std::string_view text, std::size_t at, std::size_t end) {
    const bool with_hash = at > 0 && text[at - 1] == '#';
    return with_hash || (end < text.size() && (kSpace.find(text[end]) != std::string_view::npos || text[end] == '<' || text[end] == '"'));
}

// "abi" as a word by itself: the parser takes the longest one.
bool is_abi(std::string_view text, std::size_t at, std::size_t end) {
    return (at == 0 || !is_word_character(text[at - 1])) && (end == text.size() || !is_word_character(text[end]));
}

template <class IsWord>
Doubt take_paths_behind(std::string_view text, std::string_view word, IsWord is_word, std::vector<std::string>& paths) {
    for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if (!is_word(text, at, end)) continue;
        const auto rest = text.substr(end);
        // A path may be called "if", too.
        if (take_path(rest, paths) == Doubt::some || take_path(behind_condition(rest), paths) == Doubt::some) return Doubt::some;
    }
    return Doubt::none;
}

std::string time_text(const timespec& time) { return concat({decimal(time.tv_sec), ".", decimal(time.tv_nsec)}); }

}  // namespace

std::string stamp_of(const struct stat& st) {
    return concat({decimal(static_cast<long long>(st.st_dev)), ":", decimal(static_cast<long long>(st.st_ino)), ":",
                   decimal(static_cast<long long>(st.st_size)), ":", time_text(st.st_mtim), ":", time_text(st.st_ctim)});
}

std::optional<std::vector<std::string>> mentioned_paths(std::string_view text) {
    std::vector<std::string> paths;
    if (take_paths_behind(text, "include", is_include, paths) == Doubt::some) return std::nullopt;
    if (take_paths_behind(text, "abi", is_abi, paths) == Doubt::some) return std::nullopt;
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    return paths;
}

void ParserInputs::add_places(const std::string& mentioned, std::vector<Lead>& leads) const {
    const auto add = [&](char why, const std::string& directory) { leads.push_back({why, concat({directory, "/", mentioned})}); };
    // In angles, an absolute one is looked for below the directories as well.
    if (mentioned.starts_with('/')) leads.push_back({'/', mentioned});
    if (!directories_.includes.empty()) add('i', directories_.includes);
    add('b', directories_.base);
    add('w', directories_.working);
}

std::optional<ParserInputs::Node> ParserInputs::read_file_node(int fd, const std::string& path) const {
    const auto bytes = read_file(fd, kMaxFile, path);
    if (!bytes) return std::nullopt;
    const auto mentioned = mentioned_paths(bytes->text());
    if (!mentioned) return std::nullopt;
    Node node{sha256(bytes->text()), {}, {}};
    for (const auto& one : *mentioned) add_places(one, node.leads);
    return node;
}

const std::optional<ParserInputs::Node>& ParserInputs::look_at(const std::string& path) {
    if (const auto found = nodes_.find(path); found != nodes_.end()) return found->second;
    auto& node = nodes_[path];
    const auto fd = open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) {
        if (fd.error().kind == ErrorKind::not_found) node = Node{std::string(kNothing), {}, {}};
        return node;
    }
    struct stat st {};
    if (::fstat(fd->get(), &st) != 0) return node;
    if (S_ISREG(st.st_mode)) {
        node = read_file_node(fd->get(), path);
    } else if (S_ISDIR(st.st_mode)) {
        // The parser reads the files right in it.
        auto list = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
        const auto names = list ? directory_names(*std::move(list), path) : Result<std::vector<std::string>>(list.error());
        if (!names) return node;
        node = Node{std::string(kFolder), {}, {}};
        for (const auto& name : *names) node->leads.push_back({'f', concat({path, "/", name})});
    }
    if (node) node->stamp = stamp_of(st);
    return node;
}

std::optional<InputState> ParserInputs::state_of(const std::string& file) {
    using Visit = std::pair<std::string, bool>;  // a path, and whether a folder lists it: a folder in a folder is not read
    std::set<Visit> seen{{file, false}};
    std::vector<Visit> left{{file, false}};
    while (!left.empty()) {
        const auto [path, listed] = std::move(left.back());
        left.pop_back();
        const auto& node = look_at(path);
        if (!node || seen.size() > kMaxFiles) return std::nullopt;
        const bool folder = node->state == kFolder;
        if (listed && folder) continue;
        for (const auto& next : node->leads) {
            if (const auto [place, is_new] = seen.emplace(next.path, folder); is_new) left.push_back(*place);
        }
    }
    std::string contents;
    std::string stamps;
    for (const auto& [path, listed] : seen) {
        const auto& node = *nodes_.at(path);
        if (node.state == kNothing) continue;
        contents += concat({path, " ", node.state, "\n"});
        stamps += node.stamp + "\n";
        if (listed && node.state == kFolder) continue;
        for (const auto& next : node.leads) {
            if (nodes_.at(next.path)->state != kNothing) contents += concat({" ", std::string_view(&next.why, 1), " ", next.path, "\n"});
        }
    }
    return InputState{sha256(contents), sha256(stamps)};
}

}  // namespace aa::apparmor
