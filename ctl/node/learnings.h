// SPDX-License-Identifier: Apache-2.0
//
// The learnings on a node: for each confinement that is marked (marks.h) the node's `aa-shimctl learn` runs beside the agent's rounds, no longer
// than the agent, the mark and its time. What it records is the node's file as ever, and goes to the agent's log (ctl/learn/agent_log.h) when it
// ends and, as far as it grew, every ten minutes.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "base/running_command.h"
#include "ctl/host/host.h"
#include "ctl/node/marks.h"

namespace aa::ctl::node {

// What people are told of it: nothing if nothing is learned and nothing should be.
struct LearningNews {
    std::string text;
    bool wrong = false;  // something is marked that is not learned from
};

class Learnings {
public:
    // HOST must outlive it. NODE is what the log calls it; MAY: whether the agent was told that it may, and has got what that takes.
    Learnings(const Host& host, std::string node, bool may) : host_(host), node_(std::move(node)), may_(may) {}

    // Ends what DIRECTORY does not mark any more, and begins what it does, if READY. All that has ended is told.
    LearningNews follow(const std::string& directory, bool ready);

    // Ends all.
    void end();

    // Whether a twin complains on the node that nobody learns from: a learning was killed. `aa-shimctl load` has it enforce.
    [[nodiscard]] static bool are_left(const Host& host);

private:
    using Clock = std::chrono::steady_clock;

    struct Running {
        Mark mark;
        RunningCommand command;
        Clock::time_point shown;
        std::string recording;  // as it was shown last
    };
    struct Failure {
        Mark mark;
        std::string reason;
        Clock::time_point at;
    };

    void drop_what_ended(const std::map<std::string, Mark>& wanted);
    void begin(const Mark& mark, long long now);
    void note_end(const Mark& mark, const Result<CommandOutcome>& outcome);
    void show(const std::string& confinement, std::string& last);
    LearningNews news(const std::map<std::string, Mark>& wanted) const;

    const Host& host_;
    std::string node_;
    bool may_;
    std::map<std::string, Running> running_;
    std::map<std::string, Failure> failed_;
    long long last_shown_ = 0;  // seconds since the epoch
};

}  // namespace aa::ctl::node
