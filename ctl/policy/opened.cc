// SPDX-License-Identifier: Apache-2.0
#include "ctl/policy/opened.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <set>
#include <string_view>

#include "apparmor/policy/loaded_policy.h"
#include "apparmor/policy/reader.h"
#include "apparmor/source/compiled_files.h"
#include "apparmor/source/profile_files.h"
#include "apparmor/source/profile_source.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/profiles.h"

namespace aa::ctl {

namespace {

constexpr std::size_t kMaxCompiled = 64UL << 20U;
// How every compiled policy begins: the element "version" (policy_unpack.c).
constexpr std::string_view kCompiledMark{"\x04\x08\x00version\x00", 11};

Result<std::vector<std::string>> files_of(const std::vector<std::string>& paths, const apparmor::Parser& parser) {
    std::vector<std::string> files;
    for (const auto& path : paths) {
        struct stat st {};
        if (::stat(path.c_str(), &st) != 0)
            return Error{ErrorKind::not_found, concat({"there is no profile file or directory ", quote(path)})};
        if (!S_ISDIR(st.st_mode)) {
            files.push_back(path);
            continue;
        }
        const auto found = apparmor::ProfileFiles(parser, {&path, 1}).whole_files(apparmor::include_directory_of(foreign_includes(path)));
        if (found.empty()) return Error{ErrorKind::config, concat({"the directory ", quote(path), " holds no profile file"})};
        files.insert(files.end(), found.begin(), found.end());
    }
    return files;
}

// The profiles of each of FILES.
std::vector<Result<std::vector<apparmor::Profile>>> profiles_of(const std::vector<std::string>& files, const apparmor::Parser& parser,
                                                                const std::string& features) {
    std::vector<Result<std::vector<apparmor::Profile>>> result;
    std::vector<std::string> sources;
    std::vector<std::size_t> places;  // of these in the result
    for (const auto& file : files) {
        const auto bytes = read_file_at(AT_FDCWD, file, kMaxCompiled);
        if (!bytes) {
            result.emplace_back(bytes.error());
        } else if (bytes->text().starts_with(kCompiledMark)) {
            result.push_back(apparmor::read_policy(bytes->text(), file));
        } else {
            sources.push_back(file);
            places.push_back(result.size());
            result.emplace_back(std::vector<apparmor::Profile>());
        }
    }
    auto compiled = apparmor::compile_each(parser, sources, features);
    for (std::size_t at = 0; at < places.size(); ++at) result[places[at]] = std::move(compiled[at]);
    return result;
}

// The parser's own words have neither cause nor cure.
std::string with_help(const std::string& problem) {
    const bool of_parser = problem.find("apparmor_parser: ") != std::string::npos;
    return of_parser ? concat({problem, " (`aa-shimctl check` of it says what that means)"}) : problem;
}

}  // namespace

Result<apparmor::ProfileText> read_text(const OpenedPolicy& opened, const std::string& file, const std::string& profile,
                                        apparmor::WantedRules wanted) {
    return apparmor::read_profile_text(file, profile, wanted, apparmor::include_directory_of(opened.includes));
}

bool complain_of_broken(const Context& context, const std::vector<std::string>& broken) {
    for (const auto& problem : broken) {
        if (!context.json) complain(concat({"aa-shimctl: left out: ", problem}));
    }
    return !broken.empty();
}

Result<OpenedPolicy> open_policy(const std::vector<std::string>& paths, const apparmor::Kernel& kernel) {
    OpenedPolicy opened;
    const auto enabled = kernel.require_enabled();
    opened.features = TRY(apparmor::features_for(enabled.has_value()));
    if (paths.empty()) {
        if (!enabled) {
            return Error{enabled.error().kind,
                         enabled.error().message + "; or give profile files, or a directory of them, with --profiles"};
        }
        if (::geteuid() != 0) return Error{ErrorKind::system, "the kernel shows its policy to root alone: run aa-shimctl as root"};
        opened.policy = std::make_unique<apparmor::LoadedPolicy>(kernel);
        return opened;
    }
    opened.includes = foreign_includes(paths.front());
    const auto parser = TRY(apparmor::Parser::find()).including(opened.includes);
    opened.files = TRY(files_of(paths, parser));
    std::vector<apparmor::Profile> profiles;
    for (auto& compiled : profiles_of(opened.files, parser, opened.features)) {
        if (!compiled) {
            opened.broken.push_back(with_help(compiled.error().message));
            if (opened.files.size() == 1) return Error{compiled.error().kind, opened.broken.front()};
            continue;
        }
        // The kernel puts what is loaded at the front of its lists.
        profiles.insert(profiles.begin(), std::make_move_iterator(compiled->rbegin()), std::make_move_iterator(compiled->rend()));
    }
    if (opened.broken.size() == opened.files.size()) return Error{ErrorKind::config, opened.broken.front()};
    std::set<std::string, std::less<>> names;
    for (const auto& profile : profiles) {
        if (!names.insert(profile.name).second)
            return Error{ErrorKind::config, concat({"profile ", quote(profile.name), " is defined twice"})};
    }
    opened.policy = std::make_unique<apparmor::PolicySet>(std::move(profiles), apparmor::KernelBehaviour::of_running_kernel());
    return opened;
}

}  // namespace aa::ctl
