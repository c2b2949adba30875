// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/programs.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>

#include "apparmor/kernel/profile_name.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

// What a process calls itself when it has executed PROGRAM (fs/exec.c: the last part of the path, as long as comm may be).
std::string command_of(const std::string& program) {
    constexpr std::size_t kLongest = 15;
    return program.substr(program.rfind('/') + 1).substr(0, kLongest);
}

}  // namespace

std::string Programs::of(const apparmor::Event& event) {
    interpreter_.clear();
    if (!event.pid) return only_one_called(event.command);
    auto program = known(*event.pid, event.command);
    if (event.operation == "exec" && !event.name.empty() && event.type != apparmor::EventType::denied) {
        remember(*event.pid, {event.name, {}});
        know(event.name);
    }
    return program;
}

void Programs::know(const std::string& program) {
    if (by_command_.size() >= kMost) by_command_.clear();
    by_command_[command_of(program)].insert(program);
}

void Programs::know(const std::string& program, const std::string& called) {
    know(program);
    if (from_outside_.size() >= kMost) from_outside_.clear();
    from_outside_[command_of(called.empty() ? program : called)].insert(program);
}

std::string Programs::known(unsigned long long pid, const std::string& command) {
    const auto found = by_pid_.find(pid);
    if (found != by_pid_.end() && found->second.command.empty()) {
        found->second.command = command;
        by_command_[command].insert(found->second.program);
        const auto seen = look_(pid);
        if (seen && seen->command == command && seen->program != found->second.program) interpreter_ = seen->program;
    }
    if (found != by_pid_.end() && found->second.command == command) return found->second.program;
    // One of another name is a thread of it, or another process that has the number now.
    if (auto seen = look_(pid)) {
        const bool is_now = found != by_pid_.end() || seen->command == command;
        if (is_now) {
            auto program = program_of(*seen);
            by_command_[command].insert(program);
            remember(pid, {program, command});
            return program;
        }
    }
    return found != by_pid_.end() ? found->second.program : only_one_called(command);
}

// The script that an interpreter executes: it is called as neither that nor a thread is.
std::string Programs::program_of(const Seen& seen) const {
    if (command_of(seen.program) == seen.command) return seen.program;
    const auto found = from_outside_.find(seen.command);
    const auto script = found != from_outside_.end() && found->second.size() == 1 ? *found->second.begin() : only_one_called(seen.command);
    return script.empty() ? seen.program : script;
}

std::string Programs::only_one_called(const std::string& command) const {
    const auto found = by_command_.find(command);
    return found != by_command_.end() && found->second.size() == 1 ? *found->second.begin() : std::string();
}

void Programs::remember(unsigned long long pid, Seen seen) {
    if (by_pid_.size() >= kMost) by_pid_.clear();
    by_pid_[pid] = std::move(seen);
}

std::optional<Programs::Seen> look_at_process(const apparmor::Kernel& kernel, unsigned long long pid, const std::string& profile) {
    const auto place = concat({"/proc/", decimal(static_cast<long long>(pid))});
    std::array<char, PATH_MAX> target{};
    const auto size = ::readlink((place + "/exe").c_str(), target.data(), target.size());
    const auto command = read_virtual_file(AT_FDCWD, place + "/comm", 64);
    const auto label = kernel.task_label(static_cast<pid_t>(pid));
    if (size <= 0 || !command || command->empty() || !label || !apparmor::is_under(label->label, profile)) return std::nullopt;
    constexpr std::string_view kDeleted = " (deleted)";
    std::string_view program(target.data(), static_cast<std::size_t>(size));
    if (program.ends_with(kDeleted)) program.remove_suffix(kDeleted.size());
    return Programs::Seen{std::string(program), command->substr(0, command->size() - 1)};
}

}  // namespace aa::ctl
