// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl denials: what AppArmor denied to containers, whose it is, which rule forbids it and which would allow it. Nothing is changed, but for what --reveal
// puts back.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/load.h"
#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/ending.h"
#include "ctl/cli/output.h"
#include "ctl/denials/kernel_log.h"
#include "ctl/denials/report.h"
#include "ctl/denials/reveal.h"
#include "shim/learning.h"

namespace aa::ctl {

namespace {

using apparmor::Event;
using apparmor::EventType;

struct Options {
    LogOptions log;
    std::string container, confinement;
    std::string reveal;  // a confinement; empty: none
    std::vector<std::string> profiles;

    [[nodiscard]] std::vector<std::string> directories() const { return profiles.empty() ? apparmor::profile_directories({}) : profiles; }
};

// What a profile forbade: what policy says of itself, and what rules want told, is no denial.
bool is_denial(const Event& event) {
    return event.type == EventType::denied || event.type == EventType::killed || event.type == EventType::allowed;
}

// Whether it is of a container that is learned from: under a twin, which complains about everything.
bool is_learned(const Event& event) {
    if (event.type != EventType::allowed) return false;
    const auto all = apparmor::components(event.label);
    return std::any_of(all.begin(), all.end(), shim::is_twin);
}

// Whether the catalog in force leaves it open which process an exec is.
bool hides_exec_processes() {
    const auto catalog = apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath));
    return catalog && !catalog->logs_exec_processes();
}

bool is_wanted(const Options& options, const Who& who) {
    const auto& container = options.container;
    if (!options.confinement.empty() && who.confinement != options.confinement) return false;
    return container.empty() || who.subject.name == container || (who.by != Who::By::nothing && who.container.starts_with(container));
}

class Command {
public:
    Command(const Context& context, const Options& options) : context_(context), options_(options), blame_(options.directories()) {}

    Result<void> run() {
        const TakeEvent take = [this](const Event& event) {
            add(event);
            return std::ferror(stdout) == 0;  // else nobody reads what comes
        };
        TRY(read_log(options_.log, read_, take));
        report();
        return {};
    }

private:
    void add(const Event& event) {
        if (!is_denial(event)) return;
        if (is_learned(event)) return groups_.add_learned();
        auto who = attribution().who(event);
        if (!is_wanted(options_, who)) return;
        const auto added = groups_.add(event, std::move(who));
        if (options_.log.follow && added.is_new) tell(*added.group);
    }

    // What is known now: while it is followed, as of this second.
    const Attribution& attribution() {
        const auto now = ::time(nullptr);
        if (!attribution_) {
            attribution_ = std::make_unique<Attribution>(Attribution::of_host());
        } else if (options_.log.follow && now != looked_) {
            attribution_->look_again();
        }
        looked_ = now;
        return *attribution_;
    }

    // As it comes.
    void tell(const Group& group) {
        const auto one = judged(group, blame_);
        if (context_.json) {
            say(json_of(one).dump(-1, ' ', false, Json::error_handler_t::replace));
        } else {
            say(whose_text(group));
            say(text_of(one));
        }
        (void)std::fflush(stdout);
    }

    void report() {
        if (options_.log.follow) {
            if (context_.json) say(json_of(read_, groups_).dump(-1, ' ', false, Json::error_handler_t::replace));
            if (!context_.json) tell_sum();
            return;
        }
        if (context_.json) {
            Json document = {{"ok", true}};
            document.update(json_of(read_, groups_));
            document["denials"] = Json::array();
            for (const auto& group : groups_.all()) document["denials"].push_back(json_of(judged(group, blame_)));
            document["quietDenyRules"] = Json::object();
            for (const auto& [label, count] : quiet_rules()) document["quietDenyRules"][label] = count;
            print(document);
            return;
        }
        tell_sum();
        std::map<std::string, std::vector<const Group*>> by_owner;
        std::vector<std::string> order;
        for (const auto& group : groups_.all()) {
            auto& same = by_owner[whose_text(group)];
            if (same.empty()) order.push_back(whose_text(group));
            same.push_back(&group);
        }
        for (const auto& owner : order) {
            say(owner);
            for (const auto* group : by_owner[owner]) say(text_of(judged(*group, blame_)));
        }
        for (const auto& [label, count] : quiet_rules()) {
            say(concat(
                {decimal(static_cast<long long>(count)), " deny rules of ", quote(label), " hide what they deny: it is on no record"}));
        }
    }

    void tell_sum() {
        say(text_of(read_, groups_));
        if (const auto hint = exec_hint(groups_); !hint.empty() && hides_exec_processes()) say(hint);
    }

    // Of each label that is shown and whose sources are at hand.
    std::map<std::string, std::size_t> quiet_rules() {
        std::map<std::string, std::size_t> result;
        for (const auto& group : groups_.all()) {
            const auto count = blame_.quiet_rules(group.first.label);
            if (count > 0) result[group.first.label] = count;
        }
        return result;
    }

    const Context& context_;
    const Options& options_;
    Blame blame_;
    LogRead read_;
    Groups groups_;
    std::unique_ptr<Attribution> attribution_;
    std::time_t looked_ = 0;
};

// Follows with the profiles of a confinement revealed, and puts them back however it ends: whoever would end us first is waited for.
int reveal(const Context& context, const Options& options) {
    block_end_signals();
    auto revealing = Revealing::begin(options.reveal, options.directories());
    if (!revealing) return fail(context, revealing.error());
    complain(concat({"note: ", decimal(static_cast<long long>(revealing->rules())), " deny rules of confinement ", quote(options.reveal),
                     " tell what they deny until this ends"}));
    const auto done = Command(context, options).run();
    const auto back = revealing->end();
    if (!back) return fail(context, Error(back.error()).context("the profiles are still revealed; run 'aa-shimctl load'"));
    for (const auto& remark : *back) complain("note: " + remark);
    return done ? kOk : fail(context, done.error());
}

int denials(const Context& context, const Options& options) {
    if (options.log.seconds != 0 && !options.log.follow)
        return fail(context, Error{ErrorKind::usage, "--for goes with --follow or --reveal: what was is read to its end"});
    if (options.log.follow && !options.log.since.empty()) {
        return fail(context, Error{ErrorKind::usage, "--since is about what was, and --follow about what comes: give one of them"});
    }
    if (!options.reveal.empty()) return reveal(context, options);
    const auto done = Command(context, options).run();
    return done ? kOk : fail(context, done.error());
}

}  // namespace

void add_denials(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("denials", "What AppArmor denied to containers, by which rule, and what would allow it");
    const auto options = std::make_shared<Options>();
    command.option("--since", options->log.since, "What came after TIME, as journalctl takes it").type_name("TIME");
    command.option("--container", options->container, "Of this container alone: its name, or the beginning of its ID")
        .type_name("CONTAINER");
    command.option("--confinement", options->confinement, "Of this confinement's containers alone").type_name("NAME");
    const auto follow = command.flag("--follow", options->log.follow, "What comes from now on, from the kernel, until it is ended");
    const auto reveal = command
                            .option("--reveal", options->reveal,
                                    "Follow, with the deny rules of this confinement's profiles telling what they deny meanwhile")
                            .type_name("NAME");
    command.option("--for", options->log.seconds, "End after so many seconds, with --follow or --reveal")
        .type_name("SECONDS")
        .within(1, 1'000'000);
    command.option("--file", options->log.file, "This log instead of the host's; -: standard input")
        .type_name("FILE")
        .excludes(follow)
        .excludes(reveal);
    command.option("--profiles", options->profiles, "Directories of the profiles' sources (default: as for load)")
        .type_name("PATH")
        .repeatable();
    command.callback([&context, options] {
        const bool reveals = !options->reveal.empty();
        options->log.follow = options->log.follow || reveals;
        const auto task = reveals ? Task::denials_reveal : options->log.follow ? Task::denials_follow : Task::denials;
        context.run(task, [&context, options] { return denials(context, *options); });
    });
}

}  // namespace aa::ctl
