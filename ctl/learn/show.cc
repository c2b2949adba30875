// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/show.h"

#include "base/text.h"
#include "base/time.h"

namespace aa::ctl {
namespace {

std::string number(std::uint64_t value) { return decimal(static_cast<long long>(value)); }

Json losses_json(const apparmor::RecordingLosses& losses) {
    Json document = Json::object();
    for (const auto& field : apparmor::kLossFields) document[field.name] = losses.*field.member;
    return document;
}

std::string losses_text(const apparmor::RecordingLosses& losses) {
    std::string text;
    for (const auto& field : apparmor::kLossFields) {
        if (const auto count = losses.*field.member; count > 0) text += concat({text.empty() ? "" : ", ", number(count), " ", field.name});
    }
    return text.empty() ? "Nothing was lost." : concat({"Lost: ", text, ". What was lost may be missing from the profile."});
}

std::string_view in_words(Exercise::Seen seen) {
    switch (seen) {
        case Exercise::Seen::yes:
            return "seen";
        case Exercise::Seen::no:
            return "not seen";
        case Exercise::Seen::unknown:
            break;
    }
    return "unknown";
}

std::string state_text(const LearnStatus& status) {
    const auto confinement = concat({"Confinement ", quote(status.confinement), ": "});
    if (status.goes_on) return concat({confinement, "it is learned from until ", rfc3339(status.progress.ends), "."});
    if (!status.complains) return concat({confinement, "it is not learned from now."});
    return concat({confinement, "it is not learned from any more, and ", quote(status.twin), " still complains: run 'aa-shimctl load'."});
}

std::string lately_text(const Progress& progress, long long now) {
    auto moved = progress;
    moved.move_to(now);
    std::string text;
    for (const auto count : moved.lately) text += concat({text.empty() ? "" : " ", number(count)});
    return text;
}

std::string line_of(const Coverage& one) {
    const auto program = one.program.empty() ? std::string("(program not known)") : quote(one.program);
    std::string text = concat({"  ", program, ": ", number(one.events), " events, ", number(one.facts), " different"});
    if (one.starts > 0) text += concat({", started ", number(one.starts), " times"});
    if (one.execs > 0) text += concat({", executed from outside ", number(one.execs), " times"});
    return text;
}

}  // namespace

std::vector<std::string> lines_of(const LearnStatus& status, long long now) {
    const auto& progress = status.progress;
    std::vector<std::string> lines = {state_text(status)};
    lines.push_back(
        concat({number(progress.events), " events, ", number(status.recording.facts().size()), " different; ", number(progress.starts),
                " starts, ", number(progress.execs), " execs. ", losses_text(status.recording.losses())}));
    lines.push_back(concat({"New in each of the last ", number(Progress::kMinutes), " minutes: ", lately_text(progress, now), "; ",
                            how_quiet(progress, now), "."}));
    lines.emplace_back("By program:");
    for (const auto& one : coverage(status.recording)) lines.push_back(line_of(one));
    lines.emplace_back("Exercised, as far as it can be told:");
    for (const auto& one : exercises(status.recording))
        lines.push_back(concat({"  ", one.name, ": ", in_words(one.seen), " (", one.how, ")"}));
    return lines;
}

Json json_of(const LearnStatus& status, long long now) {
    const auto& progress = status.progress;
    auto moved = progress;
    moved.move_to(now);
    Json document = {{"confinement", status.confinement},
                     {"learning", status.goes_on},
                     {"twin", status.twin.empty() ? Json() : Json(status.twin)},
                     {"complains", status.complains},
                     {"began", progress.began},
                     {"ends", progress.ends},
                     {"events", progress.events},
                     {"facts", status.recording.facts().size()},
                     {"starts", progress.starts},
                     {"execs", progress.execs},
                     {"lastNew", progress.last_new},
                     {"quiet", how_quiet(progress, now)},
                     {"lately", moved.lately},
                     {"lost", losses_json(status.recording.losses())}};
    document["programs"] = Json::array();
    for (const auto& one : coverage(status.recording)) {
        document["programs"].push_back(
            {{"program", one.program}, {"events", one.events}, {"facts", one.facts}, {"starts", one.starts}, {"execs", one.execs}});
    }
    document["exercises"] = Json::object();
    for (const auto& one : exercises(status.recording)) document["exercises"][one.name] = in_words(one.seen);
    return document;
}

std::vector<std::string> lines_of(const Learned& learned) {
    const auto& progress = learned.progress;
    return {concat({"Recorded: ", number(progress.events), " events, ", number(learned.facts), " different; ", number(progress.starts),
                    " starts, ", number(progress.execs), " execs; from ", learned.read.name, "."}),
            losses_text(learned.losses)};
}

Json json_of(const Learned& learned) {
    const auto& progress = learned.progress;
    return {{"ok", true},
            {"source", learned.read.name},
            {"events", progress.events},
            {"facts", learned.facts},
            {"starts", progress.starts},
            {"execs", progress.execs},
            {"lost", losses_json(learned.losses)},
            {"remarks", learned.remarks}};
}

}  // namespace aa::ctl
