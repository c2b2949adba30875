// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "apparmor/findings/subject.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kByName = "containers name a profile, and are never matched by path";

std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

bool has_variable(std::string_view name) { return name.find("@{") != std::string_view::npos; }

bool is_beginning_of_unconfined(std::string_view name) { return !name.empty() && kUnconfined.starts_with(name); }

// Includes, variables and the abi stand outside of profiles in any file.
bool belongs_outside(const SourceStatement& statement) {
    const std::string_view first = statement.words.front();
    return first == "abi" || first == "alias" || first.starts_with('@') || first.starts_with('$') || first.starts_with("include") ||
           first.starts_with("#include");
}

}  // namespace

void find_names(const SourceFile& file, const SourceProfile& profile, Findings& findings) {
    if (profile.is_child()) return;
    if (has_variable(profile.name)) {
        findings.push_back({"AA204",
                            profile.origin,
                            concat({"the name ", quote(profile.name), " holds a variable"}),
                            "the kernel gets its value, which a catalog or `--security-opt apparmor=` has to spell and which another host "
                            "may set otherwise",
                            "give the profile a name without variables",
                            {}});
    } else if (profile.is_named_by_path()) {
        findings.push_back({"AA201",
                            profile.origin,
                            concat({"the profile is called ", quote(profile.name), ", after a path"}),
                            concat({"it confines that program of the host, and `apparmor=", base_name(file.file),
                                    "` finds no profile, for the name of a file does not count"}),
                            concat({"call it `profile ", base_name(file.file), " {`, or another name without slashes"}),
                            {}});
    } else if (!profile.attachment.empty()) {
        findings.push_back({"AA202",
                            profile.origin,
                            concat({"profile ", quote(profile.name), " attaches to ", quote(profile.attachment)}),
                            concat({kByName, ": the path does nothing for them, and confines that program of the host"}),
                            concat({"write `profile ", profile.name, " {`"}),
                            {}});
    }
}

void find_clashes(const std::vector<SourceFile>& files, Findings& findings) {
    std::map<std::string, const SourceFile*, std::less<>> known;
    for (const auto& file : files) {
        for (const auto& profile : file.profiles) {
            if (is_beginning_of_unconfined(profile.name)) {
                findings.push_back({"AA203",
                                    profile.origin,
                                    concat({"the profile is called ", quote(profile.name)}),
                                    "the kernel takes every beginning of \"unconfined\" for no profile at all",
                                    "give the profile another name",
                                    {}});
            }
            const auto [earlier, is_new] = known.try_emplace(profile.name, &file);
            if (is_new) continue;
            findings.push_back({"AA205",
                                profile.origin,
                                concat({"profile ", quote(profile.name), " is defined in ", quote(earlier->second->file), ", too"}),
                                "whichever is loaded last counts",
                                "remove or rename one",
                                {}});
        }
        if (!file.profiles.empty()) continue;
        for (const auto& statement : file.outside) {
            if (belongs_outside(statement)) continue;
            findings.push_back({"AA206",
                                statement.origin,
                                "the file has rules, and no profile",
                                "it can only be included by others",
                                "check the files that include it, or put `profile NAME { }` around the rules",
                                {}});
            break;
        }
    }
}

}  // namespace aa::apparmor
