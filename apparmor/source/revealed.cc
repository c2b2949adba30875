// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/revealed.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "apparmor/source/profile_source.h"
#include "apparmor/source/profile_words.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 4UL << 20U;
constexpr mode_t kOwnersAlone = 0600;

// Where in TEXT the word `deny` of STATEMENT begins, if it denies without `audit`; qualifiers stand before everything else (apparmor.d(5)).
std::size_t quiet_denial(const Statement& statement) {
    const auto& words = statement.words;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "deny") return statement.offsets[i];
        if (!words[i].starts_with("priority=")) break;
    }
    return std::string_view::npos;
}

bool is_audit_block(const Statement& statement) { return !statement.words.empty() && statement.words.front() == "audit"; }

Result<std::string> text_of(const std::string& path) {
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return std::string(TRY(read_file(fd.get(), kMaxFile, path)).text());
}

Result<void> write(const fs::path& path, std::string_view text) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return errno_error("make the directory", path.parent_path().string(), error.value());
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kOwnersAlone));
    return write_all(fd.get(), text).context(quote(path.string()));
}

class Copies {
public:
    Copies(const std::string& directory, const std::string& include_directory)
        : directory_(directory), include_directory_(include_directory) {}

    Result<void> file(const std::string& from, const fs::path& to) {
        const auto made = revealed(TRY(text_of(from)));
        TRY(write(to, made.text));
        rules_ += made.rules;
        for (const auto& included : included_paths(made.text, include_directory_)) TRY(include(included));
        return {};
    }

    [[nodiscard]] std::size_t rules() const { return rules_; }

private:
    // A folder that is found in one place is not looked for in the next: all of it is copied.
    Result<void> include(const std::string& path) {
        std::error_code error;
        if (!path.starts_with(include_directory_ + "/") || !fs::exists(path, error) || !known_.insert(path).second) return {};
        const auto copy = fs::path(directory_) / fs::path(path.substr(include_directory_.size() + 1));
        if (fs::is_regular_file(copy, error)) return {};  // what stands there already comes before it
        if (!fs::is_directory(path, error)) return file(path, copy);
        fs::create_directories(copy, error);
        for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
            if (at->is_regular_file(error)) TRY(include(at->path()));
        }
        return error ? Result<void>(errno_error("list", path, error.value())) : Result<void>();
    }

    const std::string& directory_;
    const std::string& include_directory_;
    std::set<std::string> known_;
    std::size_t rules_ = 0;
};

}  // namespace

RevealedText revealed(std::string_view text) {
    std::vector<std::size_t> places;
    std::vector<bool> loud;  // of the blocks that are open: whether all in them is audited
    ProfileWords words(text);
    while (const auto statement = words.next()) {
        if (statement->end == Statement::End::close) {
            if (!loud.empty()) loud.pop_back();
            continue;
        }
        const bool around = !loud.empty() && loud.back();
        const auto place = quiet_denial(*statement);
        if (place != std::string_view::npos && !around) places.push_back(place);
        if (statement->end == Statement::End::open) {
            loud.push_back(around || is_audit_block(*statement) || place != std::string_view::npos);
        }
    }
    RevealedText result{std::string(text), places.size()};
    for (auto place = places.rbegin(); place != places.rend(); ++place) result.text.insert(*place, "audit ");
    return result;
}

Result<RevealedFile> write_revealed(const std::string& file, const std::string& directory, const std::string& include_directory) {
    const std::string path = concat({directory, "/profiles/", file.substr(file.rfind('/') + 1)});
    Copies copies(directory, include_directory);
    TRY(copies.file(file, path));
    return RevealedFile{path, copies.rules()};
}

}  // namespace aa::apparmor
