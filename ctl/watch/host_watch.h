// SPDX-License-Identifier: Apache-2.0
//
// Looks at this host again and again, and at each process of a container as it executes a program, and hands on what is not as decided.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/status/judge.h"
#include "ctl/status/places.h"
#include "ctl/status/survey.h"
#include "ctl/watch/exec_events.h"
#include "ctl/watch/finding.h"

namespace aa::ctl::watch {

struct Settings {
    status::SurveyOptions survey;
    unsigned every = 2;    // seconds between two looks at everything
    unsigned seconds = 0;  // after which it ends; 0: when it is ended
    bool kill = false;     // the processes that deviate
};

// Takes a finding; KILLED: its process was. Whether more are wanted.
using Tell = std::function<bool(const Finding& finding, bool killed)>;

class HostWatch {
public:
    HostWatch(Settings settings, Tell tell) : settings_(std::move(settings)), tell_(std::move(tell)) {}

    // Why processes are not looked at as they execute programs; empty: they are.
    [[nodiscard]] const std::string& blind() const { return blind_; }

    // Asks for the kernel's events, if it has any.
    void begin();

    // Watches until it is ended. An error if the host cannot be looked at.
    Result<void> run();

private:
    // A container, and its first process's place.
    struct Watched {
        status::ContainerReport report;
        status::Place first;
    };
    Result<bool> look_at_all();
    Result<bool> look_at_execs();
    void remember(std::vector<status::ContainerReport> containers);
    [[nodiscard]] std::optional<Finding> look_at_exec(pid_t pid);
    [[nodiscard]] bool hand_on(const Finding& finding);
    [[nodiscard]] bool kill_if_it_deviates(const Finding& finding) const;
    [[nodiscard]] const Watched* find(const Finding& finding) const;

    Settings settings_;
    Tell tell_;
    std::string blind_;
    std::optional<ExecEvents> events_;
    Ledger ledger_;
    status::Place self_;
    std::vector<Watched> watched_;
    std::optional<status::Sharing> sharing_;
    Ledger::Time next_;        // look at everything
    Ledger::Time not_before_;  // nor earlier for a container that is not known yet
};

}  // namespace aa::ctl::watch
