// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/keep.h"

#include <fcntl.h>
#include <sys/utsname.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "apparmor/policy/loaded_policy.h"
#include "apparmor/policy/reader.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

constexpr std::size_t kMaxSource = std::size_t{64} << 20U;

std::string kernel_release() {
    struct utsname name {};
    return ::uname(&name) == 0 ? std::string(name.release) : std::string("unknown");
}

Result<void> keep_sources(History& history, const std::vector<apparmor::ProfileSource>& profiles, std::vector<KeptFile>& kept) {
    for (const auto& profile : profiles) {
        const bool known =
            profile.file.empty() || std::any_of(kept.begin(), kept.end(), [&](const KeptFile& file) { return file.path == profile.file; });
        if (known) continue;
        const Fd fd = TRY(open_file(AT_FDCWD, profile.file, O_RDONLY | O_NONBLOCK | O_NOCTTY));
        const auto text = TRY(read_file(fd.get(), kMaxSource, profile.file));
        kept.push_back({profile.file, TRY(history.keep(text.text()))});
    }
    return {};
}

// The profiles of one file are loaded in one piece, which each of them shows.
Result<void> keep_policies(History& history, const std::vector<apparmor::ProfileSource>& profiles, const apparmor::Kernel& kernel,
                           std::vector<KeptPolicy>& kept) {
    apparmor::LoadedPolicy loaded(kernel);
    for (const auto& profile : profiles) {
        if (profile.file.empty()) continue;
        const auto bytes = TRY(loaded.binary(profile.profile));
        const auto hash = TRY(history.keep(bytes));
        const auto known = std::find_if(kept.begin(), kept.end(), [&](const KeptPolicy& policy) { return policy.hash == hash; });
        if (known == kept.end()) {
            kept.push_back({{profile.profile}, hash});
        } else {
            known->profiles.push_back(profile.profile);
        }
    }
    return {};
}

// An error unless BYTES are the policy of every profile that POLICY names.
Result<void> require_profiles(const KeptPolicy& policy, std::string_view bytes) {
    const auto profiles = TRY(apparmor::read_policy(bytes, policy.hash));
    for (const auto& name : policy.profiles) {
        const bool holds = std::any_of(profiles.begin(), profiles.end(), [&](const auto& profile) { return profile.name == name; });
        if (!holds) return Error{ErrorKind::config, concat({"the policy ", policy.hash, " does not hold the profile ", quote(name)})};
    }
    return {};
}

}  // namespace

Result<KeptLoad> keep_load(History& history, const Ingredients& ingredients, const apparmor::Kernel* kernel, std::string_view compiled) {
    KeptLoad load;
    load.time = ::time(nullptr);
    for (const auto& file : ingredients.catalog) load.catalog.push_back({file.name, TRY(history.keep(file.text))});
    TRY(keep_sources(history, ingredients.profiles, load.sources));
    load.compiled = TRY(history.keep(compiled));
    if (kernel == nullptr) return load;
    load.kernel = kernel_release();
    if (const auto kept = keep_policies(history, ingredients.profiles, *kernel, load.policies); !kept) {
        load.policies.clear();
        load.missing = concat({"the kernel did not give the policy that was loaded: ", kept.error().message});
    }
    return load;
}

Result<KeptContents> read_contents(const History& history, const HistoryEntry& entry) {
    const auto number = decimal(static_cast<long long>(entry.number));
    if (const auto problem = history.problem_of(entry); !problem.empty()) {
        return Error{ErrorKind::config,
                     concat({"load ", number, " cannot be brought back: ", problem, "; 'aa-shimctl load --history' has others"})};
    }
    KeptContents contents;
    for (const auto& file : entry.load.catalog) contents.catalog.push_back({file.path, TRY(history.content(file.hash))});
    for (const auto& policy : entry.load.policies) {
        contents.policies.push_back(TRY(history.content(policy.hash)));
        TRY(require_profiles(policy, contents.policies.back()).context(concat({"load ", number, " cannot be brought back"})));
    }
    return contents;
}

std::vector<std::string> left_over(const KeptLoad& now, const KeptLoad& then) {
    std::vector<std::string> result;
    for (const auto& policy : now.policies) {
        for (const auto& profile : policy.profiles) {
            if (!then.brought(profile)) result.push_back(profile);
        }
    }
    return result;
}

}  // namespace aa::ctl
