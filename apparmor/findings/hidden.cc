// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "apparmor/catalog/pattern.h"
#include "apparmor/findings/subject.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Programs that others need, and one that nobody has named: a rule that means it means all of a directory.
constexpr std::array<std::string_view, 8> kPrograms = {"/bin/sh",       "/usr/bin/sh",         "/usr/bin/env",           "/usr/bin/python3",
                                                       "/usr/bin/perl", "/usr/local/bin/node", "/usr/local/bin/python3", "/bin/busybox"};
constexpr std::array<std::string_view, 4> kAnyProgram = {"/bin/any-program-at-all", "/usr/bin/any-program-at-all",
                                                         "/usr/local/bin/any-program-at-all", "/usr/sbin/any-program-at-all"};
constexpr std::array<std::string_view, 5> kLibraryFiles = {"/etc/ld.so.cache", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts",
                                                           "/etc/passwd"};
// Where engines keep images and containers on the host.
constexpr std::array<std::string_view, 6> kStores = {
    "/var/lib/docker/overlay2/", "/var/lib/docker/volumes/", "/var/lib/containers/storage/",
    "/var/lib/containerd/",      "/run/containerd/",         "/var/lib/kubelet/pods/"};

bool takes(const FileRule& rule, std::string_view modes) { return rule.denies && rule.mode.find_first_of(modes) != std::string::npos; }

template <class Paths>
std::vector<std::string> meant(const FileRule& rule, const Paths& paths) {
    std::vector<std::string> result;
    for (const auto path : paths) {
        if (is_about(rule, path)) result.emplace_back(path);
    }
    return result;
}

std::string text_of(const SourceStatement& statement) { return concat({"`", join(statement.words, " "), "`"}); }

// Whether PROFILE itself says that the program at PATH is its business: by its name, or by a rule that allows to execute it.
bool needs(const SourceProfile& profile, std::string_view path) {
    if (profile.name == path || profile.attachment == path) return true;
    return std::any_of(profile.statements.begin(), profile.statements.end(), [&](const SourceStatement& statement) {
        const auto rule = file_rule(statement);
        return rule && !rule->denies && rule->path == path && rule->mode.find('x') != std::string::npos;
    });
}

void find_hidden_programs(const SourceProfile& profile, const SourceStatement& statement, const FileRule& rule, Findings& findings) {
    if (!takes(rule, "rmx")) return;
    std::vector<std::string> hidden;
    const bool all = !meant(rule, kAnyProgram).empty();
    for (auto& program : meant(rule, kPrograms)) {
        if (all || needs(profile, program)) hidden.push_back(std::move(program));
    }
    if (profile.is_named_by_path() && is_about(rule, profile.name) && std::find(hidden.begin(), hidden.end(), profile.name) == hidden.end())
        hidden.insert(hidden.begin(), profile.name);
    if (hidden.empty()) return;
    findings.push_back(
        {"AA406",
         statement.origin,
         concat({text_of(statement), " hides ", join(hidden, ", ")}),
         "a denial counts whatever else allows it, so that no process of the container starts such a program or interpreter",
         "leave the rule out, for what no rule allows is denied anyway, and allow the programs that are wanted, or name those that "
         "are not",
         {}});
}

void find_script(const Subject& subject, const SourceStatement& statement, const FileRule& rule, Findings& findings) {
    const bool script = rule.path.ends_with(".sh") || rule.path.find("entrypoint") != std::string::npos;
    if (rule.denies || !script || rule.mode.find('x') == std::string::npos) return;
    const auto& profile = subject.profile;
    const auto may_read = [&](const std::string& path) {
        return !profile.files.empty() &&
               (profile.files.permissions(profile.files.match(profile.files_start, path), true).allow & permission::kRead) != 0;
    };
    const auto path = literal_prefix(rule.path);
    if (!path.whole || may_read(path.text)) return;
    findings.push_back({"AA414",
                        statement.origin,
                        concat({quote(path.text), " may be executed, and not be read"}),
                        "of a script the interpreter is started, which then cannot open it",
                        concat({"add `", path.text, " r,`"}),
                        {}});
}

}  // namespace

bool is_about(const FileRule& rule, std::string_view path) {
    return rule.path.find("@{") == std::string::npos && check_pattern(rule.path) && matches(rule.path, path);
}

void find_hidden(const Subject& subject, Findings& findings) {
    if (subject.source == nullptr) return;
    for (const auto& statement : subject.source->statements) {
        const auto rule = file_rule(statement);
        if (!rule) continue;
        find_hidden_programs(*subject.source, statement, *rule, findings);
        find_script(subject, statement, *rule, findings);
        if (const auto hidden = meant(*rule, kLibraryFiles); takes(*rule, "r") && !hidden.empty()) {
            findings.push_back({"AA407",
                                statement.origin,
                                concat({text_of(statement), " hides ", join(hidden, ", ")}),
                                "C libraries look there for libraries, names and addresses, and a denial counts whatever else allows it",
                                "leave the rule out and allow what is wanted, or name the files that are to be hidden",
                                {}});
        }
        const auto is_store = [&](std::string_view store) { return rule->path.starts_with(store); };
        if (std::any_of(kStores.begin(), kStores.end(), is_store)) {
            findings.push_back({"AA413",
                                statement.origin,
                                concat({quote(rule->path), " is a path of the host"}),
                                "AppArmor sees the container's own paths, so the rule never applies",
                                "write the path as it is inside the container",
                                {}});
        }
    }
}

}  // namespace aa::apparmor
