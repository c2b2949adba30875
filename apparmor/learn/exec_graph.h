// SPDX-License-Identifier: Apache-2.0
//
// Which programs executed which, as a recording tells it. Programs are told apart as rules tell them: those of two versions are one. For
// aa-shimctl only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "apparmor/learn/file_rules.h"

namespace aa::apparmor {

// The pattern that a rule about executing PROGRAM has.
std::string executed_as(const std::string& program);

class ExecGraph {
public:
    struct Program {
        std::string name;                // of its file; of several the first one
        std::set<std::string> executes;  // programs, by their patterns
        std::vector<Seen> facts;         // what it did
    };

    // FACT was done by its program.
    void add(const Seen& fact);

    // By its pattern; that of the program that is not known is empty, and executes nothing.
    [[nodiscard]] const std::map<std::string, Program>& programs() const { return programs_; }
    // What PATTERN executed.
    [[nodiscard]] const std::set<std::string>& executed_by(const std::string& pattern) const;
    // PATTERN, and all that it executed, and what those did.
    [[nodiscard]] std::set<std::string> all_from(const std::string& pattern) const;
    // Whether nobody is known to have executed PATTERN.
    [[nodiscard]] bool is_first(const std::string& pattern) const { return !executed_.contains(pattern); }

private:
    Program& program(const std::string& name);

    std::map<std::string, Program> programs_;
    std::set<std::string> executed_;
};

}  // namespace aa::apparmor
