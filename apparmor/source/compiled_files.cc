// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/compiled_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "apparmor/policy/reader.h"
#include "apparmor/source/profile_rules.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"

namespace aa::apparmor {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxCompiled = 64UL << 20U;

std::string base_name(const std::string& file) { return file.substr(file.rfind('/') + 1); }

// A directory in PARENT, or where temporary files are, for as long as it lives.
class Scratch {
public:
    static Result<Scratch> make(const std::string& parent) {
        std::error_code error;
        auto directory = ((parent.empty() ? fs::temp_directory_path(error) : fs::path(parent)) / "aa-shimctl.XXXXXX").string();
        if (error || ::mkdtemp(directory.data()) == nullptr)
            return errno_error("make the directory", directory, error ? error.value() : errno);
        return Scratch(std::move(directory));
    }
    Scratch(Scratch&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}
    Scratch& operator=(Scratch&&) = delete;
    ~Scratch() {
        std::error_code ignored;
        if (!directory_.empty()) fs::remove_all(directory_, ignored);
    }

    [[nodiscard]] const std::string& directory() const { return directory_; }

private:
    explicit Scratch(std::string directory) : directory_(std::move(directory)) {}
    std::string directory_;
};

// FILES in as few lists as can be, in none of which two have one name.
std::vector<std::vector<std::string>> with_single_names(const std::vector<std::string>& files) {
    std::vector<std::vector<std::string>> lists;
    std::map<std::string, std::size_t> named;
    for (const auto& file : files) {
        const std::size_t list = named[base_name(file)]++;
        if (list == lists.size()) lists.emplace_back();
        lists[list].push_back(file);
    }
    return lists;
}

// What the parser has left of FILES in DIRECTORY: it keeps them by name, in a folder for what they were compiled for.
void take_written(const std::vector<std::string>& files, const std::string& directory, Policies& policies) {
    std::map<std::string, std::string> places;
    std::error_code error;
    for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        if (at->is_regular_file(error)) places.emplace(at->path().filename(), at->path());
    }
    for (const auto& file : files) {
        const auto place = places.find(base_name(file));
        if (place == places.end()) continue;
        if (const auto bytes = read_file_at(AT_FDCWD, place->second, kMaxCompiled)) policies.emplace(file, bytes->text());
    }
}

// Where the policy of FILE is left in DIRECTORY.
std::string place_in(const std::string& directory, const std::string& file) { return concat({directory, "/", sha256(file)}); }

}  // namespace

Result<Compilation> compile_together(const Parser& parser, const std::vector<std::string>& files, const std::string& features,
                                     const std::string& directory) {
    Compilation result;
    (void)unknown_files(parser, files, features);  // what they are before counts
    for (const auto& list : with_single_names(files)) {
        const auto scratch = TRY(Scratch::make(directory));
        result.ok = TRY(parser.compile(list, features, scratch.directory())).ok() && result.ok;
        take_written(list, scratch.directory(), result.policies);
    }
    parser.remember(result.policies, features);
    return result;
}

Result<void> leave_policies(const Policies& policies, const std::string& directory) {
    for (const auto& [file, bytes] : policies) {
        const auto place = place_in(directory, file);
        const Fd fd = TRY(open_file(AT_FDCWD, place, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
        TRY(write_all(fd.get(), bytes).context(concat({"write ", quote(place)})));
    }
    return {};
}

std::optional<std::string> left_policy(const std::string& file, const std::string& directory) {
    if (directory.empty()) return std::nullopt;
    const auto bytes = read_file_at(AT_FDCWD, place_in(directory, file), kMaxCompiled);
    return bytes ? std::optional(std::string(bytes->text())) : std::nullopt;
}

std::vector<std::string> unknown_files(const Parser& parser, const std::vector<std::string>& files, const std::string& features) {
    std::vector<std::string> unknown;
    std::copy_if(files.begin(), files.end(), std::back_inserter(unknown), [&](const auto& file) { return !parser.knows(file, features); });
    return unknown;
}

std::vector<Result<std::vector<Profile>>> compile_each(const Parser& parser, const std::vector<std::string>& files,
                                                       const std::string& features) {
    const auto unknown = unknown_files(parser, files, features);
    // One is as well compiled alone, and so are all if this cannot be done.
    const auto compilation = unknown.size() > 1 ? compile_together(parser, unknown, features) : Result<Compilation>(Compilation());
    const auto together = compilation ? compilation->policies : Policies();
    std::vector<Result<std::vector<Profile>>> result;
    for (const auto& file : files) {
        const auto found = together.find(file);
        // What was not taken is asked about alone, for the parser's messages do not always say which file they mean.
        result.push_back(found == together.end() ? compile_files(parser, {file}, features) : read_policy(found->second, quote(file)));
    }
    return result;
}

}  // namespace aa::apparmor
