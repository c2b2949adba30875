// SPDX-License-Identifier: Apache-2.0
//
// What the runtimes' options are called and whether they take a value: one table per command and runtime. A table is the
// union over the released versions of its runtime; no option ever changed its arity, and a version that lacks one refuses it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "oci/command_line/command_line.h"

namespace aa::oci {

enum class Takes : std::uint8_t {
    nothing,
    value,
    attached_value,  // `--tty=X` or nothing: never the next token (crun)
};

// What an option is to us; `other` is everything that cannot change what runs under which confinement.
enum class Meaning : std::uint8_t {
    other,
    help,  // prints something and ends: --help, --version, --usage
    root,
    crun_rootless,  // ignored by most versions of crun; 1.8.1 takes its value for that of --root
    cgroup_manager,
    log,
    log_format,
    bundle,
    config_file,
    lsm_profile,
    process_file,
    apparmor,
    no_new_privs,
    cwd,
    user,
    env,
    cap,
    preserve_fds,
    detach,
    pid_file,
    console_socket,
    pidfd_socket,
    resources_file,
};

// One option. The name lies in the table itself: a pointer would cost a relocation at every start of aa-shim.
struct Flag {
    static constexpr std::size_t kLongest = 20;

    template <std::size_t N>
    consteval Flag(const char (&text)[N], char short_name, Takes what, Meaning to_us = Meaning::other)
        : length(N - 1), letter(short_name), takes(what), meaning(to_us) {
        static_assert(N - 1 <= kLongest);
        for (std::size_t i = 0; i + 1 < N; ++i) bytes[i] = text[i];
    }

    [[nodiscard]] constexpr std::string_view name() const { return {bytes.data(), length}; }

    std::array<char, kLongest> bytes{};
    std::uint8_t length;
    char letter;  // '\0': none
    Takes takes;
    Meaning meaning;
};

// The options that stand before the command.
std::span<const Flag> global_flags(RuntimeKind kind);

// The options of COMMAND; empty for pass_through, whose options are nobody's business here.
std::span<const Flag> command_flags(Command command, RuntimeKind kind);

// Which of our commands NAME is; pass_through for every other word.
Command command_named(std::string_view name);

}  // namespace aa::oci
