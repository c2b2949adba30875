// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/reveal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/load.h"
#include "apparmor/policy/loaded_policy.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/policy_abi.h"
#include "apparmor/source/profile_files.h"
#include "apparmor/source/profile_source.h"
#include "apparmor/source/revealed.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"
#include "ctl/catalog/revealed.h"
#include "shim/exec_decision.h"

namespace aa::ctl {

namespace {

// Where only root can write; used under lock_for_load().
constexpr const char* kWork = "/run/aa-shim/.reveal";

// An empty directory that is gone at the end.
class Work {
public:
    static Result<Work> make() {
        remove();
        if (::mkdir(kWork, 0700) != 0) return errno_error("make the directory", kWork, errno);
        return Work();
    }
    Work(Work&& other) noexcept : owns_(std::exchange(other.owns_, false)) {}
    Work& operator=(Work&&) = delete;
    ~Work() {
        if (owns_) remove();
    }

private:
    Work() = default;
    static void remove() {
        std::error_code ignored;
        std::filesystem::remove_all(kWork, ignored);
    }
    bool owns_ = true;
};

// The policy of FILE as `load` makes it, with what stands in DIRECTORY included before all else.
Result<std::string> compile(const std::string& file, const std::string& directory) {
    const auto parser = TRY(apparmor::Parser::find()).including(directory);
    auto run = TRY(parser.run({"--skip-kernel-load", "--skip-cache", "--quiet", "--stdout", file}));
    if (!run.ok()) return Error{ErrorKind::config, apparmor::parser_complaints(run, file).front().text()};
    return std::move(run.output);
}

// The profiles that are loaded for CONFINEMENT, without their children.
Result<std::set<std::string>> profiles_of(const std::string& name) {
    const auto catalog = TRY(apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath)));
    const auto all = TRY(catalog.confinements());
    const auto found = std::ranges::find(all, name, &apparmor::Confinement::name);
    if (found == all.end()) return Error{ErrorKind::usage, concat({"the catalog in force has no confinement ", quote(name)})};
    const auto* label = std::get_if<std::string>(&found->profile);
    if (label == nullptr) return Error{ErrorKind::config, concat({"confinement ", quote(name), " has no profile of its own"})};
    auto labels = shim::exec_rule_labels(*found, *label);
    labels.push_back(*label);
    std::set<std::string> profiles;
    for (const auto& one : labels) {
        for (const auto component : apparmor::components(one)) profiles.emplace(apparmor::top_level(component));
    }
    return profiles;
}

Error not_from(const std::string& file, std::string_view profile) {
    return {ErrorKind::config, concat({"the kernel has another ", quote(profile), " than ", quote(file),
                                       " makes: run 'aa-shimctl load' first, so that nothing but records changes"})};
}

Result<void> require_none_revealed(const apparmor::Kernel& kernel) {
    const auto left = still_revealed(TRY(read_revealed_record(std::string(kRevealedPath))), kernel);
    if (left.empty()) return {};
    return Error{ErrorKind::config,
                 concat({"profile ", quote(left.front().profile),
                         " is revealed already: end the 'aa-shimctl denials --reveal' that does it or, if it was killed, "
                         "run 'aa-shimctl load'"})};
}

}  // namespace

Result<Revealing> Revealing::begin(const std::string& confinement, const std::vector<std::string>& directories) {
    Revealing revealing;
    TRY(revealing.kernel_.require_enabled());
    if (::geteuid() != 0) return Error{ErrorKind::system, "only root can load AppArmor profiles: run aa-shimctl as root"};
    const auto lock = TRY(apparmor::lock_for_load(std::string(apparmor::kCatalogPath)));
    TRY(require_none_revealed(revealing.kernel_));
    const auto work = TRY(Work::make());
    apparmor::ProfileFiles files(TRY(apparmor::Parser::find()), directories);
    std::set<std::string> known;
    for (const auto& profile : TRY(profiles_of(confinement))) {
        const auto defining = TRY(files.defining(profile));
        if (defining.size() != 1)
            return Error{ErrorKind::config, concat({defining.empty() ? "no file" : "more than one file", " in ", join(directories, ", "),
                                                    " defines profile ", quote(profile), ": its source has to be at hand"})};
        if (known.insert(defining.front()).second) TRY(revealing.prepare(defining.front(), TRY(files.names_in(defining.front())).names));
    }
    TRY(revealing.put_in_place());
    return revealing;
}

Result<void> Revealing::prepare(const std::string& file, std::vector<std::string> profiles) {
    const auto place = concat({kWork, "/", decimal(static_cast<long long>(pieces_.size()))});
    TRY(apparmor::write_policy_abi(place + ".abi"));
    Piece piece{file, {}, TRY(compile(file, place + ".abi")), {}};
    for (auto& profile : profiles) {
        if (profile.find("//") != std::string::npos) continue;
        if (TRY(binary_policy(kernel_, profile)) != piece.before) return not_from(file, profile);
        piece.profiles.push_back(std::move(profile));
    }
    TRY(apparmor::write_policy_abi(place));
    const auto written = TRY(apparmor::write_revealed(file, place, std::string(apparmor::kIncludeDirectory)));
    piece.now = TRY(compile(written.path, place));
    rules_ += written.rules;
    pieces_.push_back(std::move(piece));
    return {};
}

Result<void> Revealing::put_in_place() {
    std::vector<RevealedProfile> record;
    for (const auto& piece : pieces_) {
        for (const auto& profile : piece.profiles) record.push_back({profile, sha256(piece.now)});
    }
    TRY(write_revealed_record(std::string(kRevealedPath), record));
    for (auto piece = pieces_.begin(); piece != pieces_.end(); ++piece) {
        auto done = kernel_.replace_policy(piece->now);
        if (done) continue;
        for (auto before = pieces_.begin(); before != piece; ++before) (void)kernel_.replace_policy(before->before);
        (void)forget_revealed(std::string(kRevealedPath), kernel_);
        return done;
    }
    return {};
}

Result<std::vector<std::string>> Revealing::end() {
    const auto lock = TRY(apparmor::lock_for_load(std::string(apparmor::kCatalogPath)));
    std::vector<std::string> remarks;
    for (const auto& piece : pieces_) {
        const auto& profile = piece.profiles.front();
        if (TRY(binary_policy(kernel_, profile)) == piece.now) {
            TRY(kernel_.replace_policy(piece.before));
        } else {
            remarks.push_back(concat({"profile ", quote(profile), " was loaded meanwhile, and stays as that left it"}));
        }
    }
    TRY(forget_revealed(std::string(kRevealedPath), kernel_));
    return remarks;
}

}  // namespace aa::ctl
