// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl status: how every container on this host stands to what the operator decided, by what the kernel says of its processes
// now; and those that went around aa-shim.
#include "ctl/status/survey.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

namespace {

using status::ContainerReport;
using status::ProcessReport;
using status::Survey;

// "shop/web/nginx", "nginx", or the beginning of the ID where the engine gave no name.
std::string shown_name(const ContainerReport& report) {
    constexpr std::size_t kShortId = 12;
    const auto& subject = report.subject;
    auto name = subject.name.empty() ? report.id.substr(0, kShortId) : subject.name;
    if (subject.pod.empty()) return name;
    return concat({subject.kubernetes_namespace, "/", subject.pod, "/", name});
}

std::string profile_of(const ContainerReport& report) {
    if (report.decision && report.decision->bounds.profile) return *report.decision->bounds.profile;
    return report.processes.empty() ? std::string() : report.processes.front().label;
}

// ---- text

constexpr std::size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

Row row_of(const ContainerReport& report) {
    const auto confinement = report.decision ? report.decision->confinement : std::string();
    return {name_of(report.standing), report.subject.engine,
            shown_name(report),       confinement,
            profile_of(report),       decimal(static_cast<long long>(report.processes.size()))};
}

std::string padded(const Row& row, const std::array<std::size_t, kColumns>& widths) {
    std::string line;
    for (std::size_t i = 0; i < kColumns; ++i) {
        const auto& cell = row[i].empty() ? std::string("-") : row[i];
        line += cell;
        if (i + 1 < kColumns) line.append(widths[i] - cell.size() + 2, ' ');
    }
    return line;
}

std::string in_words(const ProcessReport& process) { return concat({"process ", decimal(process.pid), " (", quote(process.command), ")"}); }

void say_containers(const std::vector<ContainerReport>& containers) {
    std::vector<Row> rows = {{"STANDING", "ENGINE", "CONTAINER", "CONFINEMENT", "PROFILE", "PROCESSES"}};
    for (const auto& report : containers) rows.push_back(row_of(report));
    std::array<std::size_t, kColumns> widths{};
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max({widths[i], row[i].size(), std::size_t{1}});
    }
    say(padded(rows.front(), widths));
    for (std::size_t i = 0; i < containers.size(); ++i) {
        say(padded(rows[i + 1], widths));
        if (!containers[i].problem.empty()) say("  " + containers[i].problem);
        for (const auto& process : containers[i].processes) {
            if (process.deviation) say(concat({"  ", in_words(process), ": ", *process.deviation}));
        }
    }
}

std::string utc(long long seconds) {
    const auto time = static_cast<time_t>(seconds);
    struct tm parts {};
    std::array<char, 32> text{};
    if (::gmtime_r(&time, &parts) == nullptr || ::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) return "?";
    return text.data();
}

void say_host(const Survey& survey) {
    if (const auto& catalog = survey.catalog) {
        say(concat({"The catalog is in force since ", utc(catalog->loaded), ": ", decimal(static_cast<long long>(catalog->size.rules)),
                    " rules, ", decimal(static_cast<long long>(catalog->size.confinements)), " confinements."}));
    } else {
        say("No catalog is in force: " + survey.no_catalog);
    }
    if (survey.apparmor_off) say(*survey.apparmor_off);
    for (const auto& profile : survey.unloaded) {
        say(concat({profile, " is not loaded, and what it is decided for is refused: run 'aa-shimctl load'"}));
    }
    for (const auto& profile : survey.revealed) {
        say(concat(
            {"note: profile ", quote(profile),
             " tells what its deny rules deny, unlike its source: 'aa-shimctl denials --reveal' does that and puts it back or, if it was "
             "killed, 'aa-shimctl load'"}));
    }
}

void say_twins(const std::vector<Twin>& twins) {
    for (const auto& twin : twins) {
        const auto confinement = concat({"Confinement ", quote(twin.confinement)});
        if (twin.in_place && twin.complains) {
            say(concat(
                {confinement,
                 twin.is_learned ? " is learned from in place: " : " was learned from in place, by a command that was killed: ", "profile ",
                 quote(twin.name), " itself forbids next to nothing", twin.is_learned ? "." : "; run 'aa-shimctl load'"}));
        } else if (twin.is_learned) {
            say(concat(
                {confinement, " is learned from: containers that start under ", quote(twin.name), " are forbidden next to nothing."}));
        } else if (twin.complains) {
            say(concat({confinement, " was learned from, by a command that was killed, and ", quote(twin.name),
                        " still forbids next to nothing: run 'aa-shimctl load'"}));
        }
    }
}

void say_strangers(const std::vector<ProcessReport>& strangers) {
    for (const auto& process : strangers) {
        const auto label = process.label.empty() ? std::string() : concat({", label ", quote(process.label)});
        say(concat({"note: ", in_words(process), label, " has a PID namespace that belongs to no container known here"}));
    }
}

// ---- JSON

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json to_json(const ProcessReport& process) {
    Json document = {{"pid", process.pid}, {"command", process.command}, {"label", text_or_null(process.label)}};
    document["deviation"] = process.deviation ? Json(*process.deviation) : Json();
    return document;
}

Json to_json(const std::vector<ProcessReport>& processes) {
    Json document = Json::array();
    for (const auto& process : processes) document.push_back(to_json(process));
    return document;
}

Json to_json(const shim::Decision& decision) {
    const auto& bounds = decision.bounds;
    return {{"id", decision.id},
            {"rule", decision.rule},
            {"confinement", text_or_null(decision.confinement)},
            {"profile", bounds.profile ? Json(*bounds.profile) : Json()},
            {"start", decision.start_label ? Json(*decision.start_label) : Json()},
            {"capabilities", decision.pass || !bounds.ceiling ? Json() : Json(bounds.ceiling->names())},
            {"noNewPrivileges", bounds.no_new_privileges},
            {"learning", text_or_null(decision.learning)}};
}

Json to_json(const ContainerReport& report) {
    const auto& subject = report.subject;
    Json document = {{"root", report.root},
                     {"id", report.id},
                     {"engine", text_or_null(subject.engine)},
                     {"namespace", text_or_null(subject.kubernetes_namespace)},
                     {"pod", text_or_null(subject.pod)},
                     {"name", text_or_null(subject.name)},
                     {"image", text_or_null(subject.image)},
                     {"standing", name_of(report.standing)},
                     {"problem", text_or_null(report.problem)}};
    document["decision"] = report.decision ? to_json(*report.decision) : Json();
    document["processes"] = to_json(report.processes);
    return document;
}

Json to_json(const Survey& survey) {
    Json document = {{"ok", survey.ok()}, {"apparmor", survey.apparmor_off ? "off" : "on"}, {"catalog", nullptr}};
    document["noAppArmor"] = text_or_null(survey.apparmor_off.value_or(std::string()));
    if (const auto& catalog = survey.catalog) document["catalog"] = {{"hash", catalog->hash}, {"loaded", catalog->loaded}};
    document["noCatalog"] = text_or_null(survey.no_catalog);
    document["unloaded"] = survey.unloaded;
    document["revealed"] = survey.revealed;
    document["twins"] = Json::array();
    for (const auto& twin : survey.twins) {
        document["twins"].push_back({{"profile", twin.name},
                                     {"confinement", twin.confinement},
                                     {"complains", twin.complains},
                                     {"learning", twin.is_learned},
                                     {"inPlace", twin.in_place}});
    }
    Json containers = Json::array();
    for (const auto& report : survey.containers) containers.push_back(to_json(report));
    document["containers"] = std::move(containers);
    document["strangers"] = to_json(survey.strangers);
    return document;
}

int run(const Context& context, const status::SurveyOptions& options) {
    const auto survey = status::take_survey(options);
    if (!survey) return fail(context, survey.error());
    if (context.json) {
        print(to_json(*survey));
    } else {
        say_host(*survey);
        say_twins(survey->twins);
        if (!survey->containers.empty()) say_containers(survey->containers);
        if (survey->containers.empty()) say("No container is running.");
        say_strangers(survey->strangers);
    }
    return survey->ok() ? kOk : kWrong;
}

}  // namespace

void add_status(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("status", "Compare every running container with what was decided on it");
    const auto options = std::make_shared<status::SurveyOptions>();
    command.option("CONTAINER", options->containers, "Look at these only: IDs, names, or state directories");
    command.option("--root", options->root, "Look for containers below this directory, the runtime's --root").type_name("DIR");
    command.flag("--require-all", options->require_all, "A pod of another RuntimeClass is a fault, too");
    command.callback([&context, options] { context.run(Task::status, [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
