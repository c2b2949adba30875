// SPDX-License-Identifier: Apache-2.0
//
// What is not as the operator decided, told once: findings, and the book of those that were told. Pure.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "apparmor/drift.h"
#include "ctl/status/report.h"
#include "shim/log/decision_log.h"

namespace aa::ctl::watch {

enum class Kind : std::uint8_t { process, container, profile, host };

// "process", "container", "profile", "host".
const char* name_of(Kind kind);

struct Finding {
    Kind kind = Kind::host;
    std::string reason = {};   // one word: "deviates", "bypassed", "replaced", …
    std::string object = {};   // with kind and reason, what tells it from all others
    std::string message = {};  // one line: what is wrong, and of whom
    bool certain = false;      // it is no state that something goes through on its way
    std::string root = {};     // the container's runtime's --root; this and what follows as far as it is about one
    std::string container = {};
    shim::Subject subject = {};
    shim::Decision decision = {};  // without an ID: none is known
    status::ProcessReport process = {};
    std::string profile = {};
};

// Of the container REPORT: PROCESS of it, which deviates.
Finding found_process(const status::ContainerReport& report, const status::ProcessReport& process);

// All that SURVEY shows to be wrong, as Survey::ok() has it, and DRIFT but for profiles that are revealed, or learned from in place.
std::vector<Finding> findings_of(const status::Survey& survey, const std::vector<apparmor::Drift>& drift);

// The record of FINDING; KILLED: its process was.
shim::LogEntry to_entry(const Finding& finding, bool killed);

// Findings that were made, and which of them were told.
class Ledger {
public:
    using Time = std::chrono::steady_clock::time_point;

    // What lasts for so long is no state that something goes through: as long as `status` looks.
    static constexpr std::chrono::milliseconds kLasts{2000};

    // Of FOUND, which is all there is at NOW, what is to be told: what is certain or has lasted, and was not told. What is over is forgotten.
    std::vector<Finding> take(std::vector<Finding> found, Time now);

    // Whether FINDING, one that is certain, is to be told.
    bool take_one(const Finding& finding, Time now);

private:
    struct Entry {
        Time first;
        bool told = false;
    };
    std::map<std::string, Entry> entries_;
};

}  // namespace aa::ctl::watch
