// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/compiled_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "apparmor/policy/reader.h"
#include "apparmor/source/profile_rules.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxCompiled = 64UL << 20U;

std::string base_name(const std::string& file) { return file.substr(file.rfind('/') + 1); }

// A directory for as long as it lives.
class Scratch {
public:
    static std::optional<Scratch> make() {
        std::error_code error;
        auto directory = (fs::temp_directory_path(error) / "aa-shimctl.XXXXXX").string();
        if (error || ::mkdtemp(directory.data()) == nullptr) return std::nullopt;
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

// Where the compiled form of a file is, by the file's name.
using CompiledFiles = std::map<std::string, std::string>;

// What the parser makes of FILES in one run, with DIRECTORY for its cache, which knows a file by its name alone.
CompiledFiles compiled_together(const Parser& parser, const std::vector<std::string>& files, const std::string& features,
                                const std::string& directory) {
    std::map<std::string, std::size_t> named;
    for (const auto& file : files) ++named[base_name(file)];
    std::vector<std::string> arguments = {"--skip-kernel-load", "--quiet", "--jobs=auto", "--write-cache", "--cache-loc=" + directory};
    if (!features.empty()) arguments.push_back("--features-file=" + features);
    const auto options = arguments.size();
    std::copy_if(files.begin(), files.end(), std::back_inserter(arguments), [&](const auto& file) { return named[base_name(file)] == 1; });
    CompiledFiles compiled;
    if (arguments.size() < options + 2 || !parser.run(arguments)) return compiled;  // one is as well compiled alone
    std::error_code error;
    for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        if (named.contains(at->path().filename()) && at->is_regular_file(error)) compiled.emplace(at->path().filename(), at->path());
    }
    return compiled;
}

}  // namespace

std::vector<Result<std::vector<Profile>>> compile_each(const Parser& parser, const std::vector<std::string>& files,
                                                       const std::string& features) {
    const auto scratch = Scratch::make();
    const auto together = scratch ? compiled_together(parser, files, features, scratch->directory()) : CompiledFiles();
    std::vector<Result<std::vector<Profile>>> result;
    for (const auto& file : files) {
        const auto found = together.find(base_name(file));
        auto bytes = found == together.end() ? Result<Buffer>(Error{ErrorKind::not_found, file})
                                             : read_file_at(AT_FDCWD, found->second, kMaxCompiled);
        // What was not taken is asked about alone, for the parser's messages do not always say which file they mean.
        result.push_back(bytes ? read_policy(bytes->text(), quote(file)) : compile_files(parser, {file}, features));
    }
    return result;
}

}  // namespace aa::apparmor
