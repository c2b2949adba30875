// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/profiles.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "apparmor/findings/against_catalog.h"
#include "apparmor/findings/as_meant.h"
#include "apparmor/findings/slips.h"
#include "apparmor/findings/subject.h"
#include "apparmor/findings/syntax.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/load.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/reader.h"
#include "apparmor/source/compiled_files.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/source_policy.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Profiles that containers run under, each with the place to speak of it.
using Used = std::map<std::string, Origin, std::less<>>;

// Whether the file FILE is called after PATH, as those of the host's programs are: "usr.bin.man" for /usr/bin/man.
bool is_called_after(std::string_view file, std::string_view path) {
    file = file.substr(file.rfind('/') + 1);
    const std::string_view program = path.substr(path.rfind('/') + 1);
    const std::string_view top = file.substr(0, file.find('.'));
    return file.ends_with(concat({".", program})) && path.find(top) != std::string_view::npos;
}

bool is_for_containers(const SourceFile& file, const SourceProfile& profile) {
    if (profile.is_child() || !profile.attachment.empty()) return false;
    return !profile.is_named_by_path() || !is_called_after(file.file, profile.name);
}

// Goes on from USED to the children of those profiles, and to what their rules name.
void add_reached(const std::vector<const Profile*>& all, Used& used) {
    for (std::size_t before = 0; before != used.size();) {
        before = used.size();
        for (const Profile* profile : all) {
            const auto found = used.find(profile->name);
            if (found == used.end()) {
                if (const auto parent = used.find(profile->parent()); parent != used.end()) used.emplace(profile->name, parent->second);
                continue;
            }
            for (const std::string_view target : profile->targets) {
                for (const auto component : components(target.substr(target.starts_with('&') ? 1 : 0)))
                    used.emplace(component, found->second);
            }
        }
    }
}

class ProfileSearch {
public:
    ProfileSearch(const Search& search, std::span<const SourceText> files)
        : search_(search), texts_(files), policy_(search.parser, search.directories, search.features) {}

    Result<std::vector<Finding>> run() {
        for (const auto& text : texts_) files_.push_back(read(text));
        find_clashes(files_, findings_);
        TRY(compile_all());
        find_living();
        return std::move(findings_);
    }

private:
    // A header without its brace is one all the same.
    static SourceFile read(const SourceText& text) {
        auto file = read_source_file(text);
        return file.profiles.empty() ? read_source_file({text.file, as_meant(text.text)}) : file;
    }

    // In one run what the parser takes; of the others it is asked what it has against them.
    Result<void> compile_all() {
        std::vector<std::size_t> places;
        std::vector<std::string> files;
        for (std::size_t i = 0; i < files_.size(); ++i) {
            if (files_[i].profiles.empty()) {
                TRY(look_for_names(texts_[i].file, files_[i]));
                continue;
            }
            places.push_back(i);
            files.push_back(texts_[i].file);
        }
        const bool many = files.size() > 1;
        auto compiled = many ? compile_each(search_.parser, files, search_.features) : std::vector<Result<std::vector<Profile>>>();
        for (std::size_t at = 0; at < places.size(); ++at) {
            if (!many || !compiled[at] || compiled[at]->empty()) {
                TRY(compile(places[at]));
                continue;
            }
            add_sorted(slips(texts_[places[at]].file, texts_[places[at]].text));
            policy_.add(*std::move(compiled[at]));
        }
        return {};
    }

    // A file with nothing of its own may include profiles. One with rules is told of by find_clashes().
    Result<void> look_for_names(const std::string& path, const SourceFile& file) {
        if (std::ranges::any_of(findings_, [&](const Finding& finding) { return finding.origin.file == path; })) return {};
        const auto names = TRY(search_.parser.names({path}));
        if (!names.ok()) {
            for (auto& complaint : parser_complaints(names, path))
                findings_.push_back({complaint.code, std::move(complaint.origin), std::move(complaint.problem), {}, {}, {}});
        } else if (names.output.empty()) {
            findings_.push_back({"AA208",
                                 {file.file, 1, 1},
                                 "the file defines no profile",
                                 "nothing is loaded of it, and nothing is confined by it",
                                 "write a profile into it, name the file that has one, or take the file away",
                                 {}});
        }
        return {};
    }

    void add_sorted(std::vector<Finding> faults) {
        sort_findings(faults);
        std::ranges::move(faults, std::back_inserter(findings_));
    }

    Result<void> compile(std::size_t index) {
        const auto& [file, text] = texts_[index];
        if (!reads_input_) reads_input_ = TRY(search_.parser.run({"--names", "--quiet", Parser::kInput})).ok();
        if (!*reads_input_) return compile_by_path(index);
        const auto run = TRY(search_.parser.compile_input(text, search_.features));
        add_sorted(run.ok() ? slips(file, text) : TRY(syntax_findings(search_.parser, file, text, search_.features)));
        add_policy(index, run.ok() ? read_policy(run.output, file) : compile_as_meant(search_.parser, text, search_.features));
        return {};
    }

    // Takes PROFILES, what the parser made of a file. Others may be fine where these cannot be evaluated.
    void add_policy(std::size_t index, Result<std::vector<Profile>> profiles) {
        if (profiles) {
            policy_.add(*std::move(profiles));
            return;
        }
        findings_.push_back({"AA207",
                             files_[index].profiles.front().origin,
                             profiles.error().message,
                             "what its profiles allow is not looked at, and no confinement can use one of a policy namespace",
                             "put profiles for containers into no namespace",
                             {}});
    }

    // Below a root without /proc the parser has no name for its input.
    Result<void> compile_by_path(std::size_t index) {
        const auto& file = texts_[index].file;
        const auto run = TRY(search_.parser.compile({file}, search_.features));
        if (run.ok()) {
            add_policy(index, compile_files(search_.parser, {file}, search_.features));
            return {};
        }
        for (auto& complaint : parser_complaints(run, file))
            findings_.push_back({complaint.code, std::move(complaint.origin), std::move(complaint.problem), {}, {}, {}});
        return {};
    }

    Used used() {
        Used used;
        if (search_.catalog != nullptr) {
            for (const auto& named : named_profiles(*search_.catalog)) used.emplace(named.profile, named.origin);
            return used;
        }
        for (const auto& file : files_) {
            for (const auto& profile : file.profiles) {
                if (is_for_containers(file, profile)) used.emplace(profile.name, profile.origin);
            }
        }
        return used;
    }

    // The policy with all that USED names and that has a file.
    Policy* policy_with(const Used& used) {
        Policy* policy = nullptr;
        for (const std::string_view name : {"runc", "crun"}) (void)policy_.policy_of(name);  // find_deaf() asks for them
        for (const auto& [name, origin] : used) {
            if (const auto found = policy_.policy_of(name)) policy = *found;
        }
        return policy;
    }

    void find_living() {
        auto names = used();
        Policy* policy = policy_with(names);
        add_reached(policy_.profiles(), names);
        Places places;
        for (const auto& [name, origin] : names) {
            const auto* source = look_at_source(name);
            places.emplace(name, source != nullptr ? source->origin : origin);
            if (policy != nullptr) look_at(*policy, name, source, places.at(name));
        }
        if (policy == nullptr) return;
        find_wider_moves(policy_.profiles(), free_to_move(places), findings_);
        if (search_.catalog == nullptr) return;
        for (const auto& confinement : search_.catalog->confinements) {
            find_against_ceiling(confinement, *policy, findings_);
            find_against_catalog(confinement, *policy, findings_);
            find_wider_exec_rules(confinement, *policy, findings_);
        }
        find_wider_profiles(*search_.catalog, *policy, findings_);
    }

    // Of USED those whose processes may have more after an exec: the kernel refuses it to one that has no-new-privileges (AA411 says so).
    [[nodiscard]] Places free_to_move(Places used) const {
        if (search_.catalog == nullptr) return used;
        std::map<std::string, bool, std::less<>> held;  // whether all confinements that name it have it
        for (const auto& confinement : search_.catalog->confinements) {
            const auto* label = std::get_if<std::string>(&confinement.profile);
            if (label == nullptr) continue;
            for (const auto component : components(*label)) {
                bool& all = held.try_emplace(std::string(component), true).first->second;
                all = all && confinement.no_new_privileges;
            }
        }
        std::erase_if(used, [&](const auto& place) {
            const auto found = held.find(place.first);
            const auto parent = held.find(top_level(place.first));
            return (found != held.end() && found->second) || (found == held.end() && parent != held.end() && parent->second);
        });
        return used;
    }

    // The profile NAME as it is written; nullptr if it is in none of the files.
    const SourceProfile* look_at_source(const std::string& name) {
        for (const auto& file : files_) {
            const auto* source = file.find(name);
            if (source == nullptr) continue;
            find_names(file, *source, findings_);
            find_abi(file, *source, findings_);
            return source;
        }
        return nullptr;
    }

    void look_at(Policy& policy, const std::string& name, const SourceProfile* source, const Origin& origin) {
        const auto profile = policy.find(name);
        if (!profile || *profile == nullptr) return;
        const Subject subject{policy, **profile, source, origin, search_.catalog};
        find_flags(subject, findings_);
        if (!subject.enforces()) return;
        for (const auto& find : {find_deaf, find_unreadable, find_unnamed, find_hidden, find_lost_execs}) find(subject, findings_);
    }

    const Search& search_;
    std::span<const SourceText> texts_;
    std::vector<SourceFile> files_;
    std::optional<bool> reads_input_;  // whether the parser can open its input
    SourcePolicy policy_;
    std::vector<Finding> findings_;
};

}  // namespace

Result<std::vector<Finding>> find_in_profiles(const Search& search, std::span<const SourceText> files) {
    return ProfileSearch(search, files).run();
}

std::vector<Finding> find_in_policy(const Catalog& catalog, Policy& policy) {
    std::vector<Finding> findings;
    for (const auto& named : named_profiles(catalog)) {
        const auto profile = policy.find(named.profile);
        if (!profile || *profile == nullptr) continue;
        const Subject subject{policy, **profile, nullptr, named.origin, &catalog};
        if (!subject.enforces()) continue;
        for (const auto& find : {find_flags, find_deaf, find_unreadable, find_unnamed, find_lost_execs}) find(subject, findings);
    }
    for (const auto& confinement : catalog.confinements) find_against_catalog(confinement, policy, findings);
    return findings;
}

}  // namespace aa::apparmor
