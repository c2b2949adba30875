// SPDX-License-Identifier: Apache-2.0
//
// The one model of the runtimes' command line. A CommandLine is what runc (1.1 to 1.5 with urfave/cli v1, later with v3)
// or crun (argp) would understand from the same arguments. Where their parsers disagree, create, run, restore, exec
// and crun's update are refused; every other command goes through untouched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/command_line/option.h"

namespace aa::oci {

// Whose parser will read the arguments.
enum class RuntimeKind { runc, crun };

enum class Command {
    pass_through,  // nothing of ours: state, kill, delete, start, features, --version, no command at all, …
    create,
    run,
    restore,
    exec,
    update,
};

// Whether COMMAND starts processes, so that there is something to decide.
constexpr bool starts_processes(Command command) { return command != Command::pass_through && command != Command::update; }

struct CommandLine {
    Command command = Command::pass_through;
    std::string_view name;  // of the command as typed; empty if there is none
    std::string_view id;    // the container; for pass_through only where it could be told

    // Global options. The last one counts, as for runc.
    std::string_view root;  // empty: the runtime's default
    std::string_view log;
    std::string_view log_format;
    bool without_cgroup = false;  // crun makes no control group of the container's own, whatever config.json says of one

    // create, run, restore
    std::string_view bundle;       // empty: the working directory
    std::string_view config_file;  // crun's --config; empty: config.json
    std::optional<std::string_view> lsm_profile;

    // exec
    std::optional<std::string_view> process_file;
    std::optional<std::string_view> apparmor;
    std::optional<bool> no_new_privs;
    std::optional<std::string_view> cwd;
    std::optional<std::string_view> user;
    std::vector<std::string_view> env;
    std::vector<std::string_view> caps;
    std::string_view pid_file;            // these three empty: none
    std::string_view console_socket;      // where the engine waits for the terminal of the command
    std::string_view pidfd_socket;        // and for a descriptor of its process
    std::vector<std::string_view> words;  // command and arguments after the ID, without --process

    std::optional<std::string_view> resources_file;  // update; "-": standard input

    unsigned preserve_fds = 0;
    bool detach = false;

    // Where all of this stands. For pass_through only the arguments are known.
    Arguments arguments;             // what was parsed
    std::vector<Option> options;     // of the command, in the order in which they take effect
    std::uint32_t options_from = 0;  // the token behind the command
    std::uint32_t options_end = 0;   // where one more option could be put, behind all others (exec, and all of crun)
};

// Understands ARGUMENTS (argv without argv[0]) as KIND would. An error (kind usage) means that a create, run, restore or
// exec is there, or could be, and that it cannot be understood beyond doubt. Views point into ARGUMENTS, which must outlive the result.
Result<CommandLine> parse_command_line(Arguments arguments, RuntimeKind kind);

// As much of the global options as can be told from ARGUMENTS that parse_command_line() refused: where the error line
// goes (--log, --log-format), and whether the command is exec (its exit code is 255).
CommandLine guess_command_line(Arguments arguments, RuntimeKind kind);

}  // namespace aa::oci
