// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/learnings.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <thread>

#include "apparmor/kernel/kernel.h"
#include "base/text.h"
#include "base/time.h"
#include "ctl/cli/output.h"
#include "ctl/learn/agent_log.h"
#include "ctl/learn/place.h"
#include "ctl/node/ctl.h"
#include "ctl/node/programs.h"
#include "ctl/twin/twin.h"

namespace aa::ctl::node {

namespace {

constexpr auto kTryAgain = std::chrono::minutes(1);
constexpr auto kShowAgain = std::chrono::minutes(10);

// What `aa-shimctl --json learn` ended with, if not well.
std::string reason_of(const Result<CommandOutcome>& outcome) {
    if (!outcome) return outcome.error().message;
    if (outcome->ok()) return {};
    const auto document = Json::parse(outcome->output, nullptr, false);
    const auto message = document.is_object() ? error_message(document) : std::string();
    return message.empty() ? last_words(*outcome) : message;
}

Command command_for(const Host& host, const Mark& mark, long long now) {
    std::vector<std::string> words = {kCtl, "--json", "learn", mark.confinement, "--for", decimal(mark.until - now) + "s"};
    if (!mark.filter.image.empty()) words.insert(words.end(), {"--image", mark.filter.image});
    if (!mark.filter.name.empty()) words.insert(words.end(), {"--name", mark.filter.name});
    return {std::move(words), host.root()};
}

// Whether it has begun to learn, or ended: it says so at once, or within the ten seconds that it listens for the kernel.
void await_beginning(const RunningCommand& command) {
    constexpr int kMostTenths = 20;
    for (int tenths = 0; tenths < kMostTenths; ++tenths) {
        const auto said = command.errors();
        if (!said || !said->empty()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

void add(LearningNews& news, const std::string& text) { news.text += concat({news.text.empty() ? "" : "; ", text}); }

}  // namespace

bool Learnings::are_left(const Host& host) {
    const apparmor::Kernel kernel(host.place("/sys/kernel/security"), host.place("/sys/module/apparmor"), host.place("/proc"));
    if (!kernel.require_enabled()) return false;
    const auto twins = find_twins(kernel, {host.place(shim::kLearningDirectory), host.place(kInPlaceDirectory)});
    return twins && std::any_of(twins->begin(), twins->end(), [](const Twin& twin) { return twin.complains && !twin.is_learned; });
}

LearningNews Learnings::follow(const std::string& directory, bool ready) {
    const auto now = static_cast<long long>(std::time(nullptr));
    const auto marks = marks_in(directory, now);
    std::map<std::string, Mark> wanted;
    for (const auto& mark : marks ? *marks : std::vector<Mark>()) {
        if (mark.until > now) wanted.emplace(mark.confinement, mark);
    }
    LearningNews refused;
    if (!marks) refused = {concat({"nothing is learned from: ", marks.error().message}), true};
    if (!may_ && !wanted.empty()) {
        refused = {
            concat({"nothing is learned from, though ", kMarks, " marks ", quote(wanted.begin()->first),
                    ": the agent runs without --learn, as the component deploy/kubernetes/learn or the chart's value `learn` gives it"}),
            true};
        wanted.clear();
    }
    drop_what_ended(wanted);
    for (const auto& [name, mark] : wanted) {
        if (ready && running_.find(name) == running_.end()) begin(mark, now);
    }
    for (auto& [name, running] : running_) {
        if (Clock::now() - running.shown < kShowAgain) continue;
        running.shown = Clock::now();
        show(name, running.recording);
    }
    return refused.wrong ? refused : news(wanted);
}

void Learnings::drop_what_ended(const std::map<std::string, Mark>& wanted) {
    for (auto one = running_.begin(); one != running_.end();) {
        auto& running = one->second;
        const auto mark = wanted.find(one->first);
        auto outcome = running.command.outcome();
        if (outcome && !*outcome && mark != wanted.end() && mark->second == running.mark) {
            ++one;
            continue;
        }
        const bool goes_on = outcome && !*outcome;
        note_end(running.mark, goes_on ? running.command.end() : outcome ? Result<CommandOutcome>(**outcome) : outcome.error());
        show(one->first, running.recording);
        one = running_.erase(one);
    }
}

void Learnings::note_end(const Mark& mark, const Result<CommandOutcome>& outcome) {
    const auto reason = reason_of(outcome);
    if (!reason.empty()) failed_.insert_or_assign(mark.confinement, Failure{mark, reason, Clock::now()});
}

void Learnings::begin(const Mark& mark, long long now) {
    const auto failed = failed_.find(mark.confinement);
    if (failed != failed_.end() && failed->second.mark == mark && Clock::now() - failed->second.at < kTryAgain) return;
    failed_.erase(mark.confinement);
    auto command = RunningCommand::start(command_for(host_, mark, now));
    if (!command) return note_end(mark, command.error());
    await_beginning(*command);
    running_.emplace(mark.confinement, Running{mark, *std::move(command), Clock::now(), {}});
}

// What is not there, or as it was LAST, is not told.
void Learnings::show(const std::string& confinement, std::string& last) {
    const auto file = host_.read(recording_path(confinement), apparmor::kMostRecordingBytes);
    if (!file) complain(file.error().message);
    if (!file || !*file || (*file)->text == last) return;
    last = (*file)->text;
    last_shown_ = std::max(static_cast<long long>(std::time(nullptr)), last_shown_ + 1);  // each has a time of its own
    for (const auto& line : learned::log_lines(node_, confinement, last_shown_, last)) say(line);
    (void)std::fflush(stdout);
}

LearningNews Learnings::news(const std::map<std::string, Mark>& wanted) const {
    LearningNews news;
    for (const auto& [name, mark] : wanted) {
        const auto failed = failed_.find(name);
        if (running_.find(name) != running_.end()) {
            add(news, concat({"learning from ", quote(name), " until ", rfc3339(mark.until)}));
        } else if (failed != failed_.end() && failed->second.mark == mark) {
            add(news, concat({"not learning from ", quote(name), ": ", failed->second.reason}));
            news.wrong = true;
        } else {
            add(news, concat({"not learning from ", quote(name), " yet"}));
        }
    }
    return news;
}

void Learnings::end() { drop_what_ended({}); }

}  // namespace aa::ctl::node
