// SPDX-License-Identifier: Apache-2.0
//
// Whose denial it is. A record has a process and a label, and the process has mostly ended when it is read. So: the process's container while
// the process is there, and certainly the same; else that of the exec on record which the process was; else the container whose confinement the
// label is, if no other one on record has that. What is none of these is not attributed: no guess is shown as a fact.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/audit/record.h"
#include "ctl/explain/decision_record.h"
#include "shim/decision.h"

namespace aa::ctl {

struct Who {
    std::string container;  // empty: not attributed
    shim::Subject subject;
    std::string decision;     // with which the container was started
    std::string confinement;  // also where only that is known
    std::string exec;         // the decision of the exec that the process is of, where it can only be that one
    enum class By : std::uint8_t {
        nothing,
        process,  // it is there
        exec,     // it was what an exec on record started
        label,    // nobody else has it
    } by = By::nothing;
    std::size_t candidates = 0;  // containers with this label, where it is not attributed

    friend bool operator==(const Who&, const Who&) = default;
};

// What is known of containers: those that run, with their processes, and the decisions on record.
class Attribution {
public:
    struct Container {
        std::string id;
        shim::Subject subject;
        std::string decision, confinement;
        std::vector<std::string> labels;  // that it was started from
    };
    struct Process {
        std::size_t container = 0;
        std::string label;
        long long started = 0;  // seconds since the epoch
    };

    // Of this host, now. Decisions are those of the journal, if there is one: what cannot be read is not known.
    static Attribution of_host();

    // The containers that run, and their processes, anew.
    void look_again();

    void add_decision(const DecisionRecord& record);
    std::size_t add_container(Container container);
    void add_process(unsigned long long pid, Process process) { processes_[pid] = std::move(process); }

    [[nodiscard]] Who who(const apparmor::Event& event) const;

private:
    struct Exec {
        std::size_t container = 0;
        std::string label, decision;
        long long began = 0;  // seconds since the epoch; 0: which process it was is not on record
    };
    void add_exec_process(const DecisionRecord& record);
    [[nodiscard]] const Exec* exec_of(const apparmor::Event& event) const;
    [[nodiscard]] Who named(std::size_t container, std::string_view label, Who::By by) const;

    std::vector<Container> containers_;
    std::map<std::string, std::size_t, std::less<>> by_decision_;
    std::map<unsigned long long, Process> processes_;
    std::vector<Exec> execs_;
    std::map<std::string, std::size_t, std::less<>> exec_by_decision_;
    std::map<unsigned long long, std::vector<std::size_t>> execs_by_pid_;
};

}  // namespace aa::ctl
