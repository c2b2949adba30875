// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl replay: what would the decisions on record be under another catalog? Nothing is changed.

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "apparmor/load.h"
#include "base/text.h"
#include "ctl/cli/output.h"
#include "ctl/explain/replay.h"

namespace aa::ctl {
namespace {

constexpr int kCannot = 2;  // whatever stands in the way: 1 says that something would change

struct Options {
    std::vector<std::string> catalog;
    std::vector<std::string> logs;
    bool journal = false;
    std::string since;
};

// Records that have the same said of them, with the first one as an example.
struct Group {
    std::string command;
    Replayed replayed;
    std::size_t count = 0;
    std::string example;
};

struct Report {
    std::size_t records = 0, strange = 0;
    std::vector<Group> groups;
    std::vector<std::string> unused;
    std::vector<std::string> notes;  // logs that hold nothing

    [[nodiscard]] std::size_t count(Change change) const {
        std::size_t sum = 0;
        for (const auto& group : groups) sum += group.replayed.change == change ? group.count : 0;
        return sum;
    }
    [[nodiscard]] bool changes() const { return count(Change::changed) + count(Change::now_refused) + count(Change::now_allowed) > 0; }
};

struct ChangeName {
    Change change;
    const char* name;   // for --json
    const char* title;  // for people
};
constexpr std::array kChanges{
    ChangeName{Change::now_refused, "nowRefused", "would be refused"},
    ChangeName{Change::changed, "changed", "would change"},
    ChangeName{Change::now_allowed, "nowAllowed", "would be allowed"},
    ChangeName{Change::cannot_tell, "cannotTell", "cannot tell"},
    ChangeName{Change::none, "unchanged", "would stay as they are"},
    ChangeName{Change::not_judged, "notJudged", "are of no decision of a catalog"},
};

std::string example_of(const DecisionRecord& record) {
    std::string text = concat({"container ", quote(record.text("container"))});
    for (const char* name : {"image", "pod", "program_path", "decision"}) {
        if (const auto value = record.get(name); value && !value->empty()) text += concat({", ", name, " ", quote(*value)});
    }
    return text;
}

void add(Report& report, const DecisionRecord& record, Replayed replayed) {
    const auto command = record.text("command");
    const bool alike = replayed.change == Change::none || replayed.change == Change::not_judged;
    if (alike) replayed = {replayed.change, {}, {}, {}};
    const auto known = std::find_if(report.groups.begin(), report.groups.end(), [&](const Group& group) {
        return group.command == command && group.replayed.change == replayed.change && group.replayed.before == replayed.before &&
               group.replayed.after == replayed.after && group.replayed.rule == replayed.rule;
    });
    if (known != report.groups.end()) {
        ++known->count;
    } else {
        report.groups.push_back({command, std::move(replayed), 1, example_of(record)});
    }
}

Result<Report> make_report(const Options& options) {
    const auto paths = options.catalog.empty() ? std::vector<std::string>{std::string(apparmor::kCatalogDirectory)} : options.catalog;
    const auto catalog = TRY(read_replay_catalog(paths));
    auto read = TRY(options.logs.empty() ? read_journal(options.since) : read_record_files(options.logs));
    ExplainedPolicy policy(&catalog.open);
    Replay replay(catalog, policy);
    Report report;
    report.records = read.records.size();
    report.strange = read.strange;
    report.notes = std::move(read.notes);
    for (const auto& record : read.records) add(report, record, replay.judge(record));
    std::stable_sort(report.groups.begin(), report.groups.end(),
                     [](const Group& one, const Group& other) { return one.count > other.count; });
    report.unused = replay.unused_rules();
    return report;
}

std::string number(std::size_t value) { return decimal(static_cast<long long>(value)); }

void print_text(const Report& report) {
    say(concat({number(report.records), " decisions on record",
                report.strange == 0 ? "" : concat({", and ", number(report.strange), " lines that are none"})}));
    for (const auto& note : report.notes) say(note);
    for (const auto& [change, name, title] : kChanges) {
        const auto count = report.count(change);
        if (count == 0) continue;
        say(concat({number(count), " ", title}));
        if (change == Change::none || change == Change::not_judged) continue;
        for (const auto& group : report.groups) {
            const auto& replayed = group.replayed;
            if (replayed.change != change) continue;
            const auto what = replayed.before.empty() ? replayed.after : concat({replayed.before, " -> ", replayed.after});
            say(concat({"  ", number(group.count), " x ", group.command, ": ", what}));
            say(concat({"      such as ", group.example, replayed.rule.empty() ? "" : "; by ", replayed.rule}));
        }
    }
    for (const auto& rule : report.unused) say(concat({"never used: the rule ", rule}));
}

Json to_json(const Report& report) {
    Json counts = Json::object();
    for (const auto& one : kChanges) counts[one.name] = report.count(one.change);
    Json groups = Json::array();
    for (const auto& group : report.groups) {
        const auto* const name =
            std::find_if(kChanges.begin(), kChanges.end(), [&](const auto& one) { return one.change == group.replayed.change; });
        groups.push_back({{"change", name->name},
                          {"command", group.command},
                          {"count", group.count},
                          {"before", group.replayed.before},
                          {"after", group.replayed.after},
                          {"rule", group.replayed.rule},
                          {"example", group.example}});
    }
    return {{"ok", true},           {"records", report.records},   {"strange", report.strange},
            {"counts", counts},     {"groups", std::move(groups)}, {"unusedRules", report.unused},
            {"notes", report.notes}};
}

int replay(const Context& context, const Options& options) {
    const auto report = make_report(options);
    if (!report) {
        (void)fail(context, report.error());
        return kCannot;
    }
    if (context.json) {
        print(to_json(*report));
    } else {
        print_text(*report);
    }
    return report->changes() ? kWrong : kOk;
}

}  // namespace

void add_replay(const CliCommand& app, Context& context) {
    const auto command =
        app.subcommand("replay", "Judge the decisions on record anew by a catalog that is not in force; nothing is changed");
    const auto options = std::make_shared<Options>();
    command.option("PATH", options->catalog, "Catalog files, or directories of them (default: /etc/aa-shim/catalog.d)");
    const auto log = command.option("--log", options->logs, "A file of decisions (\"decisionLog\") instead of the journal; may be repeated")
                         .type_name("FILE")
                         .repeatable();
    command.flag("--journal", options->journal, "The journal (default)").excludes(log);
    command.option("--since", options->since, "Of the journal, what came after TIME, as journalctl takes it")
        .type_name("TIME")
        .excludes(log);
    command.callback([&context, options] { context.run(Task::replay, [&context, options] { return replay(context, *options); }); });
}

}  // namespace aa::ctl
