// SPDX-License-Identifier: Apache-2.0
//
// Which program it was that did something. A record has the number of a process, which has often ended when it is read, and what that calls
// itself. So: the program that the process was last seen to execute; else, while it is there, what the kernel says that it executes; else
// the only program that is known to call itself so. What is none of these is not known. Of a script the kernel says the interpreter, and the
// process calls itself what the script was started as.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "apparmor/audit/record.h"
#include "apparmor/kernel/kernel.h"

namespace aa::ctl {

class Programs {
public:
    // What a process executes, and what it calls itself; nothing if it is gone, or not one that is meant.
    struct Seen {
        std::string program;
        std::string command;
    };
    using Look = std::function<std::optional<Seen>(unsigned long long pid)>;

    explicit Programs(Look look) : look_(std::move(look)) {}

    // The program that did EVENT; empty: not known. An exec is done by the program before it.
    std::string of(const apparmor::Event& event);

    // What executes the program of the event that was asked about last, if it is a script that the process was seen to execute, and this was the
    // first that it did since; else empty.
    [[nodiscard]] const std::string& interpreter() const { return interpreter_; }

    // PROGRAM is one that was executed, by whomever.
    void know(const std::string& program);
    // The same from outside, and what it calls itself, which is how it was typed.
    void know(const std::string& program, const std::string& called);

    // So many processes are remembered; then all are forgotten at once.
    static constexpr std::size_t kMost = 65536;

private:
    std::string known(unsigned long long pid, const std::string& command);
    std::string only_one_called(const std::string& command) const;
    std::string program_of(const Seen& seen) const;
    void remember(unsigned long long pid, Seen seen);

    Look look_;
    std::string interpreter_;
    std::map<unsigned long long, Seen> by_pid_;
    using ByCommand = std::map<std::string, std::set<std::string>, std::less<>>;
    ByCommand by_command_, from_outside_;
};

// The process PID as KERNEL shows it now, if it is under PROFILE.
std::optional<Programs::Seen> look_at_process(const apparmor::Kernel& kernel, unsigned long long pid, const std::string& profile);

}  // namespace aa::ctl
