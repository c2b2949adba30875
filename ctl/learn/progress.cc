// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/progress.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "ctl/cli/output.h"

namespace aa::ctl {
namespace {

using apparmor::Fact;
using apparmor::Recording;

constexpr long long kMinute = 60;

std::string number(std::uint64_t value) { return decimal(static_cast<long long>(value)); }

std::string counted(std::uint64_t count, std::string_view what) { return concat({number(count), " ", what, count == 1 ? "" : "s"}); }

struct Field {
    std::string_view name;
    std::uint64_t Progress::*count;
    long long Progress::*time;
};
constexpr std::array kFields{
    Field{"began", nullptr, &Progress::began},
    Field{"saved", nullptr, &Progress::saved},
    Field{"ends", nullptr, &Progress::ends},
    Field{"events", &Progress::events, nullptr},
    Field{"starts", &Progress::starts, nullptr},
    Field{"execs", &Progress::execs, nullptr},
    Field{"lastNew", nullptr, &Progress::last_new},
    Field{"eventsThen", &Progress::events_then, nullptr},
    Field{"startsThen", &Progress::starts_then, nullptr},
    Field{"minute", nullptr, &Progress::minute},
};

bool is_signal(const Fact& fact, std::string_view name) {
    const auto& mask = fact.event.denied.empty() ? fact.event.requested : fact.event.denied;
    return fact.event.operation == "signal" && fact.event.signal == name && mask.find("receive") != std::string::npos;
}

bool any_signal(const Recording& recording, std::initializer_list<std::string_view> names) {
    return std::any_of(recording.facts().begin(), recording.facts().end(), [&](const auto& entry) {
        return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return is_signal(entry.first, name); });
    });
}

bool moves_logs(const Recording& recording) {
    return std::any_of(recording.facts().begin(), recording.facts().end(), [](const auto& entry) {
        const auto& event = entry.first.event;
        return event.operation.starts_with("rename") && event.name.find("/log") != std::string::npos;
    });
}

Exercise by(std::string name, bool seen, std::string how) {
    return {std::move(name), seen ? Exercise::Seen::yes : Exercise::Seen::no, std::move(how)};
}

Exercise untold(std::string name) { return {std::move(name), Exercise::Seen::unknown, "no record tells it from other work"}; }

}  // namespace

void Progress::move_to(long long now) {
    const long long at = now / kMinute;
    if (lately.empty() || at - minute >= static_cast<long long>(kMinutes) || at < minute) {
        lately.assign(kMinutes, 0);
    } else {
        std::rotate(lately.begin(), lately.begin() + (at - minute), lately.end());
        std::fill(lately.end() - (at - minute), lately.end(), 0);
    }
    minute = at;
}

void Progress::note_new(std::uint64_t count, long long now) {
    move_to(now);
    lately.back() += count;
    last_new = now;
    events_then = events;
    starts_then = starts;
}

std::string to_text(const Progress& progress) {
    Json document = Json::object();
    for (const auto& field : kFields) {
        document[field.name] = field.count != nullptr ? Json(progress.*field.count) : Json(progress.*field.time);
    }
    document["lately"] = progress.lately;
    return document.dump() + "\n";
}

Result<Progress> read_progress(std::string_view text) {
    const Error damaged{ErrorKind::config, "it is damaged: remove it; only what 'aa-shimctl learn --status' tells is lost"};
    const auto document = Json::parse(text, nullptr, false);
    if (!document.is_object()) return damaged;
    Progress progress;
    for (const auto& field : kFields) {
        const auto found = document.find(field.name);
        if (found == document.end() || !found->is_number_unsigned()) return damaged;
        if (field.count != nullptr) progress.*field.count = found->get<std::uint64_t>();
        if (field.time != nullptr) progress.*field.time = found->get<long long>();
    }
    const auto lately = document.find("lately");
    if (lately == document.end() || !lately->is_array() || (!lately->empty() && lately->size() != Progress::kMinutes)) return damaged;
    for (const auto& count : *lately) {
        if (!count.is_number_unsigned()) return damaged;
        progress.lately.push_back(count.get<std::uint64_t>());
    }
    return progress;
}

std::string how_quiet(const Progress& progress, long long now) {
    if (progress.last_new == 0) return "nothing was seen yet";
    const auto minutes = static_cast<std::uint64_t>(std::max(0LL, now - progress.last_new) / kMinute);
    return concat({"nothing new for ", counted(minutes, "minute"), ", over ", counted(progress.starts - progress.starts_then, "start"),
                   " and ", counted(progress.events - progress.events_then, "event")});
}

std::vector<Exercise> exercises(const Recording& recording) {
    const auto most = [&] {
        std::uint64_t times = 0;
        for (const auto& [command, count] : recording.execs()) times = std::max(times, count);
        return times;
    }();
    return {
        by("stop", any_signal(recording, {"term", "int", "quit"}), "a signal TERM, INT or QUIT was received"),
        by("reload", any_signal(recording, {"hup"}), "a signal HUP was received"),
        by("log rotation", any_signal(recording, {"usr1"}) || moves_logs(recording), "a signal USR1 was received, or a log was renamed"),
        by("exec", most > 0, "a command was executed from outside"),
        by("health check", most > 2, "a command was executed from outside three times"),
        untold("backup"),
        untold("upgrade"),
    };
}

std::vector<Coverage> coverage(const Recording& recording) {
    std::map<std::string, Coverage> all;
    const auto of = [&](const std::string& program) -> Coverage& {
        auto& one = all[program];
        one.program = program;
        return one;
    };
    for (const auto& [program, count] : recording.starts()) of(program).starts = count;
    for (const auto& [command, count] : recording.execs()) of(command).execs = count;
    for (const auto& [fact, count] : recording.facts()) {
        auto& one = of(fact.program);
        ++one.facts;
        one.events += count;
    }
    std::vector<Coverage> result;
    result.reserve(all.size());
    for (auto& [program, one] : all) result.push_back(std::move(one));
    return result;
}

}  // namespace aa::ctl
