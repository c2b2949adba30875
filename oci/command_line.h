// SPDX-License-Identifier: Apache-2.0
//
// The one model of the runtimes' command line. A CommandLine is what runc (1.1 to 1.5 with urfave/cli v1, later with v3)
// or crun (argp) would understand from the same arguments. Where their parsers disagree, create, run, restore and exec
// are refused; every other command goes through untouched.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/capability_set.h"
#include "base/result.h"

namespace aa::oci {

// Whose parser will read the arguments.
enum class RuntimeKind { runc, crun };

enum class Command {
    pass_through,  // nothing of ours: state, kill, delete, start, features, --version, no command at all, …
    create,
    run,
    restore,
    exec,
};

struct CommandLine {
    Command command = Command::pass_through;
    std::string_view name;  // of the command as typed; empty if there is none
    std::string_view id;    // the container; for pass_through only where it could be told

    // Global options. The last one counts, as for runc.
    std::string_view root;  // empty: the runtime's default
    std::string_view log;
    std::string_view log_format;

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
    std::vector<std::string_view> words;  // command and arguments after the ID, without --process

    unsigned preserve_fds = 0;
    bool detach = false;
};

// Understands ARGUMENTS (argv without argv[0]) as KIND would. An error (kind usage) means that a create, run, restore or
// exec is there, or could be, and that it cannot be understood beyond doubt. Views point into ARGUMENTS.
Result<CommandLine> parse_command_line(std::span<const char* const> arguments, RuntimeKind kind);

// As much of the global options as can be told from ARGUMENTS that parse_command_line() refused: where the error line
// goes (--log, --log-format), and whether the command is exec (its exit code is 255).
CommandLine guess_command_line(std::span<const char* const> arguments, RuntimeKind kind);

// What a decision changes on a command line.
struct ArgumentChanges {
    std::optional<std::string> process_file;  // exec --process
    std::optional<std::string> apparmor;      // exec without --process
    bool set_no_new_privs = false;            // exec without --process
    std::optional<CapabilitySet> ceiling;     // exec without --process: --cap beyond it is dropped
    std::optional<std::string> lsm_profile;   // restore: the whole value, "apparmor:NAME"
};

// ARGUMENTS as CHANGES demand; every token that need not change is the same pointer as before, in the same order. LINE is
// what parse_command_line() made of ARGUMENTS as KIND; if it is not, the result is empty, and a runtime given no arguments
// starts nothing. New tokens are owned by STORAGE, to which more may be added later without harm.
//
// A --process makes both runtimes ignore --apparmor, --no-new-privs and --cap, so with one (or with a new one) only
// the file is set. runc adds --cap to the container's sets; crun puts the list in the place of all but the inheritable
// set, and takes the container's own sets when every --cap had to be dropped.
std::vector<const char*> change_arguments(std::span<const char* const> arguments, const CommandLine& line, RuntimeKind kind,
                                          const ArgumentChanges& changes, std::vector<std::string>& storage);

}  // namespace aa::oci
