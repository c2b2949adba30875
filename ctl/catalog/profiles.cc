// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/profiles.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "apparmor/findings/profiles.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_files.h"
#include "apparmor/source/profile_source.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxProfileFile = 4UL << 20U;

Result<std::string> text_of(const std::string& path) {
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return std::string(TRY(read_file(fd.get(), kMaxProfileFile, path)).text());
}

// As much of the file at PATH as a source may have: compiled profiles may be larger.
Result<std::string> beginning_of(const std::string& path) {
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    std::string text(kMaxProfileFile, '\0');
    const ssize_t count = ::pread(fd.get(), text.data(), text.size(), 0);
    if (count < 0) return errno_error("read", path, errno);
    text.resize(static_cast<std::size_t>(count));
    return text;
}

// TEXT without the white space and the comments of JSON that it begins with.
std::string_view behind_comments(std::string_view text) {
    for (;;) {
        const std::size_t begin = text.find_first_not_of(" \t\r\n");
        if (begin == std::string_view::npos) return {};
        text.remove_prefix(begin);
        const bool line = text.starts_with("//");
        if (!line && !text.starts_with("/*")) return text;
        const std::size_t end = text.find(line ? "\n" : "*/");
        if (end == std::string_view::npos) return {};
        text.remove_prefix(end + (line ? 1 : 2));
    }
}

}  // namespace

std::string foreign_includes(const std::string& path) {
    auto root = apparmor::include_root(path);
    for (const auto& directory : apparmor::LoadSettings().directories) {
        if (root == directory || root.starts_with(directory + "/")) return {};
    }
    return root;
}

bool is_catalog_file(const std::string& path) {
    std::error_code error;
    if (path.ends_with(".json") || !fs::is_regular_file(path, error)) return true;
    const auto text = beginning_of(path);
    return !text || behind_comments(*text).starts_with('{');
}

bool is_catalog(const std::string& path) {
    std::error_code error;
    if (!fs::exists(path, error)) return path.ends_with(".json");
    if (!fs::is_directory(path, error)) return is_catalog_file(path);
    const fs::directory_iterator files(path, error);
    return !error && std::any_of(begin(files), end(files), [](const auto& file) { return file.path().extension() == ".json"; });
}

namespace {

// Whether TEXT can be what somebody wrote: the parser itself takes bytes that nobody can for the name of a rule.
bool is_text(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](unsigned char c) {
        const bool space = c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
        return c == 0x7F || (c < ' ' && !space);
    });
}

Result<ProfileCheck> check_files(const std::vector<std::string>& files, std::vector<std::string> directories,
                                 const apparmor::Catalog* catalog, const std::string& includes = {}) {
    const bool has_kernel = apparmor::Kernel().require_enabled().has_value();
    const apparmor::Search search{TRY(apparmor::Parser::find()).including(includes).remembering(apparmor::host_policy_cache()),
                                  TRY(apparmor::features_for(has_kernel)), std::move(directories), catalog};
    ProfileCheck result;
    for (const auto& file : files) result.texts.push_back({file, TRY(text_of(file))});
    result.findings = TRY(apparmor::find_in_profiles(search, result.texts));
    return result;
}

bool is_called(const std::string& file, std::string_view name) { return file.substr(file.rfind('/') + 1) == name; }

}  // namespace

std::optional<apparmor::Finding> no_text(const std::string& file, std::string_view text) {
    if (is_text(text)) return std::nullopt;
    return apparmor::Finding{"AA100", {file, 1, 1}, "the file is no text", "it holds control characters", "name the source of a profile",
                             {}};
}

Result<ProfileCheck> check_profiles_of(const Examination& examination, const apparmor::LoadSettings& settings) {
    const auto directories = apparmor::profile_directories(examination.catalog.profile_dirs, settings);
    const auto all = apparmor::ProfileFiles(TRY(apparmor::Parser::find()), directories).all_files();
    std::vector<std::string> files;
    for (const auto& file : all) {
        const bool counts = std::any_of(examination.sources.begin(), examination.sources.end(),
                                        [&](const apparmor::ProfileSource& source) {
                                            return source.file == file || (source.file.empty() && is_called(file, source.profile));
                                        }) ||
                            std::any_of(examination.findings.begin(), examination.findings.end(),
                                        [&](const apparmor::Finding& finding) { return finding.origin.file == file; });
        if (counts) files.push_back(file);
    }
    return check_files(files, directories, &examination.catalog);
}

Result<ProfileCheck> check_profile_files(const std::vector<std::string>& files) {
    auto result = TRY(check_files(files, {std::string(apparmor::kIncludeDirectory)}, nullptr, foreign_includes(files.front())));
    for (const auto& text : result.texts) {
        auto finding = no_text(text.file, text.text);
        if (!finding) continue;
        std::erase_if(result.findings, [&](const apparmor::Finding& other) { return other.origin.file == text.file; });
        result.findings.push_back(*std::move(finding));
    }
    return result;
}

Result<ProfileCheck> check_profile_directory(const std::string& directory) {
    std::error_code error;
    if (!fs::is_directory(directory, error)) return errno_error("look for profiles in", directory, error ? error.value() : ENOTDIR);
    std::vector<std::string> directories{directory};
    const auto includes = foreign_includes(directory);
    const auto parser = TRY(apparmor::Parser::find()).including(includes);
    const auto files = apparmor::ProfileFiles(parser, directories).whole_files(apparmor::include_directory_of(includes));
    if (files.empty()) return Error{ErrorKind::config, concat({quote(directory), " holds no file of profiles"})};
    directories.emplace_back(apparmor::kIncludeDirectory);
    return check_files(files, std::move(directories), nullptr, includes);
}

}  // namespace aa::ctl
