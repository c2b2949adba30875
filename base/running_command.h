// SPDX-License-Identifier: Apache-2.0
//
// A program that is not waited for. For aa-shimctl only; it is started as process.h says, and in process.cc.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"

namespace aa {

// A program that runs beside us. If we end before it, however that is, it gets SIGTERM.
class RunningCommand {
public:
    // Starts COMMAND, whose `seconds` are not looked at.
    static Result<RunningCommand> start(Command command);
    RunningCommand(RunningCommand&& other) noexcept = default;
    RunningCommand& operator=(RunningCommand&&) = delete;
    // Ends it, and waits for that.
    ~RunningCommand();

    // What it has written to standard error so far.
    [[nodiscard]] Result<std::string> errors() const;
    // How it ended, once; nothing while it runs.
    Result<std::optional<CommandOutcome>> outcome();
    // Ends it by SIGTERM, and after two minutes by SIGKILL, which is an error; how that went. It must not have ended.
    Result<CommandOutcome> end();

private:
    RunningCommand(Command command, Fd output) : command_(std::move(command)), output_(std::move(output)) {}
    Result<CommandOutcome> take_end(int patience);

    Command command_;
    Fd output_, errors_, failure_;
    Fd process_;  // a pidfd; empty: it has ended
    pid_t pid_ = -1;
};

}  // namespace aa
