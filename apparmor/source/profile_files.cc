// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/profile_files.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>

#include "apparmor/source/profile_rules.h"
#include "apparmor/source/profile_source.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxProfileFile = 4UL << 20U;
constexpr int kMaxDepth = 8;

// Folders of /etc/apparmor.d that hold pieces of profiles or settings, not profiles (apparmor.d(5), "FILES").
constexpr std::array<std::string_view, 10> kSupportFolders = {"abi",     "abstractions",   "apache2.d", "cache",          "cache.d",
                                                              "disable", "force-complain", "local",     "program-chunks", "tunables"};
// What packaging and editors leave behind; the parser passes over the same (is_blacklisted in its source).
constexpr std::array<std::string_view, 10> kLeftOver = {".dpkg-new", ".dpkg-old", ".dpkg-dist", ".dpkg-bak", ".dpkg-remove",
                                                        ".pacnew",   ".pacsave",  ".rpmnew",    ".rpmsave",  "~"};

bool is_support_folder(std::string_view name) {
    return name.starts_with('.') || std::find(kSupportFolders.begin(), kSupportFolders.end(), name) != kSupportFolders.end();
}

bool is_left_over(std::string_view name) {
    if (name.starts_with('.') || name == "README") return true;
    return std::any_of(kLeftOver.begin(), kLeftOver.end(), [&](std::string_view suffix) { return name.ends_with(suffix); });
}

// The entries of FOLDER by name, so that every run asks in the same order.
std::vector<fs::directory_entry> entries(const std::string& folder) {
    std::error_code error;
    std::vector<fs::directory_entry> result;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) result.push_back(*at);
    std::sort(result.begin(), result.end());
    return result;
}

// Calls FOLDER_FOUND and FILE_FOUND with the paths below FOLDER.
template <class FolderFound, class FileFound>
void walk(const std::string& folder, int depth, FolderFound folder_found, FileFound file_found) {
    folder_found(folder);
    for (const auto& entry : entries(folder)) {
        std::error_code error;
        const std::string name = entry.path().filename();
        if (entry.is_directory(error)) {
            if (depth < kMaxDepth && !entry.is_symlink(error) && !is_support_folder(name)) {
                walk(entry.path(), depth + 1, folder_found, file_found);
            }
        } else if (entry.is_regular_file(error) && !is_left_over(name)) {
            file_found(entry.path());
        }
    }
}

std::string text_of(const std::string& path) {
    const auto fd = open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) return {};
    const auto buffer = read_file(fd->get(), kMaxProfileFile, path);
    return buffer ? std::string(buffer->text()) : std::string();
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string list(const std::vector<std::string>& names) {
    std::string result;
    for (const auto& name : names) result += (result.empty() ? "" : ", ") + quote(name);
    return result;
}

// The text that a file with the profile NAME ("A", "A//child") holds somewhere, unless it composes the name of variables.
std::string_view mentioned_name(std::string_view profile) { return profile.substr(0, profile.find("//")); }

// Calls FOUND with each place in TEXT where the name of PROFILE, or of its parent, stands as a word, until it says true.
template <class Found>
bool any_mention(std::string_view text, std::string_view profile, Found found) {
    const std::string_view name = mentioned_name(profile);
    for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        const bool word = (at == 0 || !is_word_character(text[at - 1])) && (end == text.size() || !is_word_character(text[end]));
        if (word && found(at)) return true;
    }
    return false;
}

bool mentions(std::string_view text, std::string_view profile) {
    return any_mention(text, profile, [](std::size_t) { return true; });
}

// Whether a name that the parser reports holds a variable: it prints them as written (3.0.8 to 4.1), the kernel gets the value.
bool has_variable(std::string_view name) { return name.find("@{") != std::string_view::npos; }

// Whether TEXT seems to hold a header of PROFILE: its name at the beginning of a line or after the word "profile".
bool declares(std::string_view text, std::string_view profile) {
    return any_mention(text, profile, [&](std::size_t at) {
        std::string_view before = text.substr(0, at);
        before.remove_prefix(before.rfind('\n') + 1);
        while (!before.empty() && (before.back() == ' ' || before.back() == '\t' || before.back() == '"')) before.remove_suffix(1);
        return before.empty() || before.ends_with("profile");
    });
}

}  // namespace

ProfileFiles::ProfileFiles(Parser parser, std::span<const std::string> directories)
    : parser_(std::move(parser)), directories_(directories.begin(), directories.end()) {
    std::set<std::string> known;
    for (const auto& directory : directories_) {
        std::error_code error;
        if (!fs::is_directory(directory, error)) continue;
        walk(
            directory, 0, [&](const std::string& folder) { folders_.push_back(folder); },
            [&](const std::string& path) {
                if (known.insert(path).second) files_.push_back({path, text_of(path)});
            });
    }
}

const WordIndex& ProfileFiles::words() const {
    if (!words_) {
        words_.emplace();
        for (const auto& file : files_) words_->add(file.text);
    }
    return *words_;
}

namespace {

// The names that the profiles of the file at PATH get, in place of those with variables in them. A file that cannot be compiled keeps
// the latter: whoever wants to load it is told why.
Result<void> expand_names(const Parser& parser, const std::string& path, FileNames& found) {
    const auto compiled = compile_files(parser, {path}, TRY(packaged_features()));
    if (!compiled) return {};
    found.names.clear();
    for (const auto& profile : *compiled) found.names.push_back(profile.name);
    return {};
}

}  // namespace

std::string operators_link(std::string_view file, std::string_view kind) {
    auto link = concat({kIncludeDirectory, "/", kind, "/", file.substr(file.rfind('/') + 1)});
    std::error_code error;
    return fs::exists(link, error) ? link : std::string();
}

Result<FileNames> ProfileFiles::names_in(const std::string& path) {
    if (const auto found = known_.find(path); found != known_.end()) return found->second;
    if (auto names = parser_.known_names(path)) return known_.emplace(path, FileNames{*std::move(names), {}}).first->second;
    const auto run = TRY(parser_.names({path}));
    FileNames result;
    for (const auto line : lines(run.output)) result.names.emplace_back(line);
    if (std::any_of(result.names.begin(), result.names.end(), has_variable)) TRY(expand_names(parser_, path, result));
    // A file that the operator disabled is no failure: the parser says so and reports no names.
    if (!run.ok() || (result.names.empty() && !run.errors.empty())) result.complaints = parser_complaints(run, path);
    if (result.complaints.empty() && std::none_of(result.names.begin(), result.names.end(), has_variable))
        parser_.remember_names(path, result.names);
    return known_.emplace(path, std::move(result)).first->second;
}

Result<std::vector<std::string>> ProfileFiles::defining_among(std::string_view profile, std::span<const std::size_t> files) {
    std::vector<std::string> result;
    for (const std::size_t at : files) {
        if (holds(TRY(names_in(files_[at].path)).names, profile)) result.push_back(files_[at].path);
    }
    return result;
}

std::vector<std::size_t> ProfileFiles::mentioning(std::string_view profile) const {
    auto result = words().may_hold(mentioned_name(profile));
    std::erase_if(result, [&](std::size_t at) { return !mentions(files_[at].text, profile); });
    return result;
}

std::vector<std::size_t> ProfileFiles::declared_in(std::string_view profile) const {
    auto result = words().may_hold(mentioned_name(profile));
    std::erase_if(result, [&](std::size_t at) { return !declares(files_[at].text, profile); });
    return result;
}

Result<std::vector<std::string>> ProfileFiles::all_names() {
    if (all_names_) return *all_names_;
    std::vector<std::string> result;
    if (!folders_.empty()) {
        const auto run = TRY(parser_.names(folders_));
        for (const auto line : lines(run.output)) result.emplace_back(line);
        std::sort(result.begin(), result.end());  // the parser reads several files at a time
    }
    return all_names_.emplace(std::move(result));
}

const ProfileFiles::Includers& ProfileFiles::includers() const {
    if (!includers_) {
        includers_.emplace();
        for (std::size_t at = 0; at < files_.size(); ++at) {
            for (auto& path : included_paths(files_[at].text)) (*includers_)[std::move(path)].insert(at);
        }
    }
    return *includers_;
}

// The files that include the one at PATH, or all of its folder, and define PROFILE.
Result<std::vector<std::string>> ProfileFiles::defining_around(std::string_view profile, const std::string& path) {
    std::set<std::size_t> including;
    for (const auto& included : {path, path.substr(0, path.rfind('/'))}) {
        if (const auto found = includers().find(included); found != includers().end())
            including.insert(found->second.begin(), found->second.end());
    }
    std::vector<std::string> result;
    for (const std::size_t at : including) {
        const auto& file = files_[at].path;
        if (file != path && holds(TRY(names_in(file)).names, profile)) result.push_back(file);
    }
    return result;
}

// FOUND without the files that others include, with those others in their place.
Result<std::vector<std::string>> ProfileFiles::without_included(std::string_view profile, const std::vector<std::string>& found) {
    std::vector<std::string> result;
    std::vector<std::string> seen;
    std::vector<std::string> left(found.rbegin(), found.rend());
    while (!left.empty()) {
        const auto path = left.back();
        left.pop_back();
        if (holds(seen, path)) continue;
        seen.push_back(path);
        const auto outer = TRY(defining_around(profile, path));
        if (outer.empty()) result.push_back(path);
        left.insert(left.end(), outer.rbegin(), outer.rend());
    }
    return result;
}

Result<std::vector<std::string>> ProfileFiles::defining(std::string_view profile) {
    const auto mentioned = mentioning(profile);
    auto result = TRY(defining_among(profile, mentioned));
    if (!result.empty()) return without_included(profile, result);
    // One run over all folders tells whether a search file by file is worth its many runs.
    const auto names = TRY(all_names());
    if (!holds(names, profile) && std::none_of(names.begin(), names.end(), has_variable)) return result;
    std::vector<std::size_t> others;
    for (std::size_t at = 0; at < files_.size(); ++at) {
        if (!std::binary_search(mentioned.begin(), mentioned.end(), at)) others.push_back(at);
    }
    return without_included(profile, TRY(defining_among(profile, others)));
}

std::vector<Complaint> ProfileFiles::disabled(std::string_view profile) const {
    std::vector<Complaint> result;
    for (const std::size_t at : declared_in(profile)) {
        const auto& path = files_[at].path;
        const auto link = operators_link(path, "disable");
        if (link.empty()) continue;
        result.push_back({{path, 1, 1},
                          concat({"profile ", quote(profile), " is disabled: ", quote(link),
                                  " makes apparmor_parser pass over this file; remove it (aa-enforce ", path, ") or name another one"})});
    }
    return result;
}

std::vector<std::string> ProfileFiles::declaring(std::span<const std::string> profiles) const {
    std::set<std::size_t> declared;
    for (const auto& profile : profiles) {
        const auto found = declared_in(profile);
        declared.insert(found.begin(), found.end());
    }
    std::vector<std::string> result;
    for (const std::size_t at : declared) result.push_back(files_[at].path);
    return result;
}

std::vector<std::string> ProfileFiles::all_files() const {
    std::vector<std::string> result;
    for (const auto& file : files_) result.push_back(file.path);
    return result;
}

std::vector<std::string> ProfileFiles::whole_files(const std::string& includes) const {
    std::set<std::string, std::less<>> included;
    for (const auto& file : files_) {
        for (auto& path : included_paths(file.text, includes)) included.insert(std::move(path));
    }
    auto files = all_files();
    std::erase_if(files,
                  [&](const std::string& file) { return included.contains(file) || included.contains(file.substr(0, file.rfind('/'))); });
    return files;
}

std::vector<std::string> ProfileFiles::at_boot() const {
    std::vector<std::string> result;
    for (const auto& file : files_) {
        if (file.path.substr(0, file.path.rfind('/')) == kIncludeDirectory) result.push_back(file.path);
    }
    return result;
}

std::vector<std::string> ProfileFiles::at_boot_and_own() const {
    auto result = at_boot();
    for (const auto& file : files_) {
        if (!file.path.starts_with(concat({kIncludeDirectory, "/"}))) result.push_back(file.path);
    }
    return result;
}

Result<std::vector<Complaint>> ProfileFiles::broken(std::string_view profile) {
    std::vector<Complaint> result;
    const auto declared = declared_in(profile);
    for (std::size_t at = 0; at < files_.size(); ++at) {
        if (base_name(files_[at].path) != profile && !std::binary_search(declared.begin(), declared.end(), at)) continue;
        const auto found = TRY(names_in(files_[at].path));
        result.insert(result.end(), found.complaints.begin(), found.complaints.end());
    }
    return result;
}

Result<std::vector<Complaint>> ProfileFiles::misnamed(std::string_view profile) {
    std::vector<Complaint> result;
    for (const auto& file : files_) {
        if (base_name(file.path) != profile) continue;
        const auto found = TRY(names_in(file.path));
        const std::string holding = found.names.empty() ? std::string("no profile") : "the profile " + list(found.names);
        result.push_back({{file.path, 1, 1},
                          concat({"the file ", quote(file.path), " defines ", holding, ", not ", quote(profile),
                                  ": the name of a file does not count; name the profile in it 'profile ", profile, " {'"})});
    }
    return result;
}

}  // namespace aa::apparmor
