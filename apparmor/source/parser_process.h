// SPDX-License-Identifier: Apache-2.0
//
// apparmor_parser as a process, for aa-shimctl only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/catalog/json.h"
#include "apparmor/source/policy_cache.h"
#include "base/process.h"
#include "base/result.h"

namespace aa::apparmor {

class Parser {
public:
    // The parser of this host; an error that names the package to install if there is none.
    static Result<Parser> find();

    // The name by which it opens its standard input: a file of its own, so that it needs no right to look at us.
    static constexpr const char* kInput = "/proc/self/fd/0";

    explicit Parser(std::string path) : path_(std::move(path)) {}

    // The same, which looks for what files include in DIRECTORY first; with an empty one only where it does anyway, in /etc/apparmor.d.
    [[nodiscard]] Parser including(std::string directory) const;

    // The same, with what CACHE knows of its work; nullptr: nothing.
    [[nodiscard]] Parser remembering(std::shared_ptr<PolicyCache> cache) const;

    [[nodiscard]] const std::string& path() const { return path_; }

    // Whether it is known without a run what it makes of FILE for FEATURES (as for compile()); what that is; and the names in there.
    [[nodiscard]] bool knows(const std::string& file, const std::string& features) const;
    [[nodiscard]] std::optional<std::string> known_policy(const std::string& file, const std::string& features) const;
    [[nodiscard]] std::optional<std::vector<std::string>> known_names(const std::string& file) const;

    // Has the cache know what was made of files, by their paths, or the names in one (PolicyCache::keep()).
    void remember(const std::map<std::string, std::string>& policies, const std::string& features) const;
    void remember_names(const std::string& file, const std::vector<std::string>& names) const;

    // Compiles TEXT alone, without a cache; the compiled policy is its output, if it is wanted. FEATURES as for compile().
    [[nodiscard]] Result<CommandOutcome> compile_input(std::string text, const std::string& features, bool wants_output = true) const;

    // Runs it with ARGUMENTS, and INPUT as the file kInput, for as long as it takes; of its errors, the lines that say nothing about a profile are left out. An
    // error only if it cannot be run at all.
    [[nodiscard]] Result<CommandOutcome> run(const std::vector<std::string>& arguments, std::string input = {}) const;

    // The names that the profiles in PATHS (files, or directories without their subfolders) have, children as
    // "parent//child". Needs neither the kernel nor privileges; nothing is compiled.
    [[nodiscard]] Result<CommandOutcome> names(const std::vector<std::string>& paths) const;

    // Compiles FILES and throws the result away, or leaves it in CACHE, an empty directory, if no two of them have one name. FEATURES is a
    // features file to compile for, or empty for the running kernel; without either the parser would quietly compile for a kernel of 2010 (seen with
    // 3.0.8).
    [[nodiscard]] Result<CommandOutcome> compile(const std::vector<std::string>& files, const std::string& features,
                                                 const std::string& cache = {}) const;

    // Compiles FILES and loads them into the kernel: new profiles are added, present ones replaced, none is ever removed (a task whose profile
    // is removed runs on unconfined). Never from the parser's own cache: it knows a file by the last part of its path alone, and takes what is there
    // for a file that is older, so that another directory's profile, or the newer version of one that was put back, would be loaded (seen with
    // 3.0.8). policy_cache.h has one that goes by content.
    [[nodiscard]] Result<CommandOutcome> load(const std::vector<std::string>& files) const;

private:
    std::string path_;
    std::string includes_;  // a directory to look in for included files; empty: none
    std::shared_ptr<PolicyCache> cache_;
};

// The directory from which the file PATH, or those in the directory PATH, include others: the nearest one at or above it that has abstractions
// or tunables of its own, as an unpacked package or a source tree; empty: there is none.
std::string include_root(const std::string& path);

// A features file that comes with the parser's package, to compile for where the kernel has no AppArmor.
Result<std::string> packaged_features();

// What to compile for, as the parser takes it: nothing where a kernel with AppArmor RUNS here (it asks that), else
// packaged_features().
Result<std::string> features_for(bool runs);

// What a failed RUN over FILE says, each error at its own place: "AppArmor parser error for F in profile P at line N: TEXT"
// becomes P:N:1. Never empty.
std::vector<Complaint> parser_complaints(const CommandOutcome& run, const std::string& file);

}  // namespace aa::apparmor
