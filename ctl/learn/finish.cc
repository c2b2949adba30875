// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/finish.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/audit/rule.h"
#include "apparmor/findings/profiles.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/source_policy.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/examine.h"
#include "ctl/catalog/formats.h"
#include "ctl/diff/profiles.h"
#include "ctl/learn/entry.h"

namespace aa::ctl::learned {

namespace {

constexpr std::size_t kMostProfile = 4UL << 20U;
constexpr std::string_view kPrefix = "aa-shim-learned-";

class Finishing {
public:
    Finishing(const std::string& confinement, const FinishOptions& options) : name_(confinement), options_(options) {}

    Result<Finished> run() {
        result_.recording = TRY(read_recordings(name_, options_.files));
        TRY(find_confinement());
        TRY(find_profile());
        add_first_programs();
        TRY(propose());
        TRY(change_entry());
        TRY(check());
        TRY(compare());
        return std::move(result_);
    }

private:
    Result<void> find_confinement() {
        sources_ = TRY(read_catalog_files({options_.catalog}, Trust::not_required));
        auto reading = apparmor::read_catalog(sources_);
        if (!reading.ok()) return Error{ErrorKind::config, reading.errors.front().text()};
        catalog_ = std::move(reading.catalog);
        confinement_ = catalog_.find(name_);
        if (confinement_ != nullptr) return {};
        std::vector<std::string_view> names;
        for (const auto& one : catalog_.confinements) names.push_back(one.name);
        const auto near = closest(name_, names);
        return Error{ErrorKind::not_found, concat({"the catalog has no confinement ", quote(name_),
                                                   near.empty() ? std::string() : concat({", did you mean ", quote(near), "?"})})};
    }

    // A profile that was learned before is added to; another one stays, and is left.
    Result<void> find_profile() {
        parser_ = TRY(apparmor::Parser::find());
        features_ = TRY(apparmor::features_for(apparmor::Kernel().require_enabled().has_value()));
        directories_ = apparmor::profile_directories(catalog_.profile_dirs, {{options_.profiles, "/etc/apparmor.d"}, {}, {}});
        const auto* now = std::get_if<std::string>(&confinement_->profile);
        if (now != nullptr) current_ = *now;
        result_.profile = concat({kPrefix, name_});
        auto& file = result_.profile_file;
        file.path = concat({options_.profiles, "/", result_.profile});
        const auto defining = TRY(apparmor::ProfileFiles(parser_, directories_).defining(result_.profile));
        if (defining.size() > 1) return Error{ErrorKind::config, concat({"profile ", quote(result_.profile), " is defined twice"})};
        if (!defining.empty()) file.path = defining.front();
        struct stat st {};
        file.is_new = ::lstat(file.path.c_str(), &st) != 0;
        if (!file.is_new) file.before = std::string(TRY(read_file_at(AT_FDCWD, file.path, kMostProfile)).text());
        if (!file.is_new && defining.empty())
            return Error{ErrorKind::config, concat({quote(file.path), " does not define the profile that it is called after: rename it"})};
        return {};
    }

    [[nodiscard]] CapabilitySet ceiling() const {
        const auto* set = std::get_if<CapabilitySet>(&confinement_->ceiling);
        return set == nullptr ? CapabilitySet::all() : *set;
    }

    // Where the first program has to be one that the profile executes, that was seen as well, though not by the kernel: the runtime executes
    // it before it has the label.
    void add_first_programs() {
        if (confinement_->start != apparmor::Start::from_profile) return;
        for (const auto& [program, count] : result_.recording.starts()) {
            if (!program.starts_with('/')) continue;
            apparmor::Event event;
            event.type = apparmor::EventType::audit;
            event.operation = "exec";
            event.label = result_.profile;
            event.name = program;
            event.requested = event.denied = "x";
            event.user = 0;
            event.owner = 1;
            result_.recording.add(event, {});
        }
    }

    Result<void> propose() {
        apparmor::SourcePolicy bound(parser_, directories_, features_);
        auto policy = bound.policy_of(options_.within);
        if (!policy) return std::move(policy).error().context(concat({"the bound ", quote(options_.within), " (--within)"}));
        auto proposal = TRY(apparmor::propose(
            result_.recording,
            {name_, result_.profile, result_.profile_file.before, {**policy, options_.within}, ceiling(), parser_, features_}));
        result_.profile_file.after = proposal.text;
        result_.proposal = std::move(proposal);
        return {};
    }

    // Patterns that mean one command each.
    std::vector<std::string> commands() {
        std::vector<std::string> result;
        for (const auto& [command, count] : result_.recording.execs()) {
            const bool is_plain = command.starts_with('/') && apparmor::exactly(command) == command;
            (is_plain ? result : result_.odd_commands).push_back(command);
        }
        return result;
    }

    // What was learned before is not taken away by what was seen today.
    Result<void> change_entry() {
        const auto source = std::find_if(sources_.begin(), sources_.end(),
                                         [&](const apparmor::CatalogSource& one) { return one.name == confinement_->origin.file; });
        if (source == sources_.end()) return Error{ErrorKind::bug, "the confinement is in no file"};
        const bool again = current_ == result_.profile;
        const auto used = result_.proposal.capabilities;
        const LearnedEntry entry{result_.profile, again ? ceiling() : used, commands()};
        auto& file = result_.catalog_file;
        file = {source->name, source->text, TRY(with_entry(*source, *confinement_, entry)), false};
        source->text = file.after;
        const auto reading = apparmor::read_catalog(sources_);
        if (reading.ok()) return {};
        return Error{ErrorKind::config, concat({"the catalog would be wrong with the entry: ", reading.errors.front().text()})};
    }

    // What `check --strict` would not let pass is not proposed.
    Result<void> check() {
        const apparmor::Search search{parser_, features_, directories_, nullptr};
        const apparmor::SourceText text{result_.profile_file.path, result_.profile_file.after};
        const auto findings = TRY(apparmor::find_in_profiles(search, {&text, 1}));
        const auto bad = std::find_if(findings.begin(), findings.end(), [](const apparmor::Finding& finding) {
            return severity(finding, Strictness::warnings_are_errors) == apparmor::Severity::error;
        });
        if (bad == findings.end()) return {};
        return Error{ErrorKind::config, concat({"nothing is proposed, as `check --strict` would refuse it: ", bad->text()})};
    }

    // A profile that is not at hand is not compared.
    Result<void> compare() {
        if (current_.empty()) return {};
        const bool again = current_ == result_.profile;
        apparmor::SourcePolicy old(parser_, directories_, features_);
        const auto before = old.policy_of(current_);
        if (!before || (again && result_.profile_file.is_new)) return {};
        apparmor::PolicySet after(TRY(apparmor::compile_text(parser_, result_.profile_file.after, result_.profile, features_)));
        apparmor::Budget budget;
        result_.gains = lines_of(TRY(apparmor::inclusion({&after, result_.profile}, {*before, current_}, budget)));
        result_.losses = lines_of(TRY(apparmor::inclusion({*before, current_}, {&after, result_.profile}, budget)));
        result_.compared = current_;
        return {};
    }

    const std::string& name_;
    const FinishOptions& options_;
    std::vector<apparmor::CatalogSource> sources_;
    apparmor::Catalog catalog_;
    const apparmor::Confinement* confinement_ = nullptr;
    std::string current_;  // the label that the confinement has; empty: none
    apparmor::Parser parser_{""};
    std::string features_;
    std::vector<std::string> directories_;
    Finished result_;
};

Result<void> run(const Context& context, const std::string& confinement, const FinishOptions& options) {
    if (!apparmor::is_plain_name(confinement))
        return Error{ErrorKind::usage,
                     concat({quote(confinement), " cannot be learned: a name of letters, digits, \".\", \"_\" and \"-\" can"})};
    if (!options.export_to.empty()) TRY(export_recording(TRY(read_recordings(confinement, options.files)), options.export_to));
    if (!options.finish) return {};
    const auto finished = TRY(Finishing(confinement, options).run());
    const bool write = options.write && finished.any();
    if (write) TRY(put(finished));
    report(context, finished, write);
    return {};
}

}  // namespace

void add_finish_options(const CliCommand& command, FinishOptions& options) {
    const auto finish = command.flag("--finish", options.finish, "Propose the profile and the catalog entry for what was recorded");
    command.flag("--write", options.write, "With --finish, put both in place; aa-shimctl load puts them in force").needs(finish);
    command.option("--within", options.within, "With --finish, propose nothing that the profile LABEL does not allow")
        .type_name("LABEL")
        .shows_default();
    command.option("--export", options.export_to, "Write the recording to FILE; -: standard output").type_name("FILE");
    command
        .option("--merge", options.files.merged,
                "A recording of another host, or the log of a node's agent, to take along; may be repeated")
        .type_name("FILE")
        .repeatable();
    command.option("--recording", options.files.recording, "This recording instead of the host's own").type_name("FILE");
    command.option("--catalog", options.catalog, "Directory of the catalog files").type_name("DIR").shows_default();
    command.option("--profiles", options.profiles, "Directory of the profile").type_name("DIR").shows_default();
}

int finish(const Context& context, const std::string& confinement, const FinishOptions& options) {
    if (!options.finish && options.export_to.empty())
        return fail(context, Error{ErrorKind::usage, "say what to do with the recordings: --finish, or --export FILE"});
    const auto done = run(context, confinement, options);
    return done ? kOk : fail(context, done.error());
}

}  // namespace aa::ctl::learned
