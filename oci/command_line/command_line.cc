// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/command_line.h"

#include "base/text.h"
#include "oci/command_line/parser_crun.h"
#include "oci/command_line/parser_runc.h"

namespace aa::oci {
namespace {

// Everything up to and with the command.
struct Head {
    CommandLine line;
    std::uint32_t at = 0;      // the command's token; the number of tokens if there is none
    bool prints_only = false;  // --help or --version: no command is run
    bool in_doubt = false;     // the token `doubt` may be read in another way than we did
    std::uint32_t doubt = 0;
    std::string_view root_doubt;  // why it is not certain where the runtime keeps its state; empty if it is
};

GlobalToken classify_global(std::string_view token, RuntimeKind kind) {
    return kind == RuntimeKind::crun ? classify_crun_global(token) : classify_runc_global(token);
}

Reading read_arguments(Arguments arguments, std::uint32_t first, Command command, RuntimeKind kind) {
    return kind == RuntimeKind::crun ? read_crun(arguments, first, command) : read_runc(arguments, first, command);
}

// The first token from FROM on that could be a command of ours when nobody knows whether an unknown option takes the
// token behind it as its value; the number of tokens if there is none.
std::uint32_t find_possible_command(Arguments arguments, std::uint32_t from, RuntimeKind kind) {
    const auto size = static_cast<std::uint32_t>(arguments.size());
    bool here = true;   // an option or the command may begin at `i`
    bool next = false;  // … at `i + 1`
    for (std::uint32_t i = from; i < size && (here || next); ++i) {
        bool after = false;  // … at `i + 2`
        if (here) {
            const GlobalToken token = classify_global(arguments[i], kind);
            switch (token.kind) {
                case GlobalToken::Kind::word:
                    if (command_named(token.word) != Command::pass_through) return i;
                    break;
                case GlobalToken::Kind::dashes:
                    if (i + 1 < size && command_named(arguments[i + 1]) != Command::pass_through) return i + 1;
                    break;
                case GlobalToken::Kind::known:
                    (token.flag->takes == Takes::value && !token.has_value ? after : next) = true;
                    break;
                case GlobalToken::Kind::unknown:
                    next = true;
                    after = !token.has_value;
                    break;
            }
        }
        here = next;
        next = after;
    }
    return size;
}

void apply_global(Head& head, const Flag& flag, std::string_view value) {
    if (flag.meaning == Meaning::root) {
        head.line.root = value;
        head.root_doubt = value.empty() ? "global option '--root' is empty; give it a directory" : std::string_view();
    }
    if (flag.meaning == Meaning::crun_rootless) {
        head.root_doubt = "global option '--rootless' is taken for --root by some versions of crun; put --root behind it";
    }
    if (flag.meaning == Meaning::cgroup_manager) head.line.without_cgroup = value == "disabled";
    if (flag.meaning == Meaning::log) head.line.log = value;
    if (flag.meaning == Meaning::log_format) head.line.log_format = value;
    if (flag.meaning == Meaning::help) head.prints_only = true;
}

void doubt(Head& head, std::uint32_t token) {
    if (!head.in_doubt) head.doubt = token;
    head.in_doubt = true;
}

// Walks the global options until the command, or until one that no table knows.
void find_command(Head& head, Arguments arguments, RuntimeKind kind) {
    const auto size = static_cast<std::uint32_t>(arguments.size());
    for (std::uint32_t i = 0; i < size;) {
        const GlobalToken token = classify_global(arguments[i], kind);
        if (token.uncertain) doubt(head, i);
        switch (token.kind) {
            case GlobalToken::Kind::word:
                head.at = i;
                head.line.command = command_named(token.word);
                return;
            case GlobalToken::Kind::dashes:
                head.at = i + 1;
                if (head.at < size) head.line.command = command_named(arguments[head.at]);
                return;
            case GlobalToken::Kind::unknown:
                doubt(head, i);
                head.at = find_possible_command(arguments, i, kind);
                if (head.at < size) head.line.command = command_named(classify_global(arguments[head.at], kind).word);
                return;
            case GlobalToken::Kind::known:
                break;
        }
        const bool next = token.flag->takes == Takes::value && !token.has_value;
        apply_global(head, *token.flag, next && i + 1 < size ? std::string_view(arguments[i + 1]) : token.value);
        if (head.prints_only && kind == RuntimeKind::crun) break;  // argp does not even look at the rest
        i += next ? 2 : 1;
    }
    head.at = size;
}

Head read_head(Arguments arguments, RuntimeKind kind) {
    Head head;
    head.line.arguments = arguments;
    find_command(head, arguments, kind);
    if (head.at < arguments.size()) head.line.name = arguments[head.at];
    return head;
}

Error refuse(std::initializer_list<std::string_view> pieces) { return {ErrorKind::usage, concat(pieces)}; }

Error refuse_head(const Head& head, Arguments arguments, RuntimeKind kind) {
    const std::string option = quote(arguments[head.doubt]);
    const std::string command = quote(head.line.name);
    if (!head.in_doubt) return refuse({head.root_doubt});
    if (head.doubt == head.at) return refuse({"command ", command, " has white space around it; remove it"});
    if (classify_global(arguments[head.doubt], kind).kind == GlobalToken::Kind::unknown) {
        return refuse({"global option ", option, " is unknown, so what ", command, " would start cannot be told; leave the option out"});
    }
    return refuse({"global option ", option, " before ", command,
                   " is read differently by versions of runc; write it without white space, '=false' or an empty value"});
}

bool is_global_option(std::string_view token, RuntimeKind kind) { return classify_global(token, kind).kind == GlobalToken::Kind::known; }

Error refuse_reading(const Reading& reading, const CommandLine& line, Arguments arguments, RuntimeKind kind) {
    const std::string_view raw = arguments[reading.fault_token];
    const std::string token = quote(raw);
    switch (reading.fault) {
        case Fault::unknown_option:
            if (is_global_option(raw, kind)) return refuse({line.name, ": the global option ", token, " must stand before the command"});
            return refuse({line.name, ": option ", token, " is unknown, so what would start cannot be told; leave it out"});
        case Fault::ambiguous_option:
            return refuse({line.name, ": option ", token, " could mean several; write its name in full"});
        case Fault::value_missing:
            return refuse({line.name, ": option ", token, " needs a value"});
        case Fault::value_unexpected:
            return refuse({line.name, ": option ", token, " takes no value; leave out the '=' and what follows"});
        case Fault::not_boolean:
            return refuse({line.name, ": option ", token, " takes true or false"});
        case Fault::not_a_number:
            return refuse({line.name, ": option ", token, " takes a decimal number up to 65535"});
        case Fault::two_spellings:
            return refuse(
                {line.name, ": option ", token, " is given in two spellings, of which versions of runc take neither or the last; use one"});
        case Fault::white_space:
            return refuse(
                {line.name, ": argument ", token, " has white space around it, which versions of runc read differently; remove it"});
        case Fault::lone_dash:
            return refuse({line.name, ": argument '-' is read differently by versions of runc; leave it out"});
        case Fault::list_in_value:
            return refuse({line.name, ": the value ", token, " is one or several, depending on the version of runc; write one at a time"});
        case Fault::readings_differ:
        case Fault::none:
            break;
    }
    if (line.command == Command::exec) {
        return refuse(
            {line.name, ": what follows the container ID is read differently by versions of runc; begin the command with a program"});
    }
    return refuse(
        {line.name, ": versions of runc read these arguments differently; put every option before the container ID, as --NAME=VALUE"});
}

// A boolean option's value; the parsers have made sure that it is one.
bool is_true(std::string_view value) { return value.starts_with('t') || value.starts_with('T') || value == "1"; }

void apply(CommandLine& line, const Option& option) {
    switch (option.flag->meaning) {
        case Meaning::bundle:
            line.bundle = option.value;
            break;
        case Meaning::config_file:
            line.config_file = option.value;
            break;
        case Meaning::lsm_profile:
            line.lsm_profile = option.value;
            break;
        case Meaning::process_file:
            line.process_file = option.value;
            break;
        case Meaning::apparmor:
            line.apparmor = option.value;
            break;
        case Meaning::no_new_privs:
            line.no_new_privs = is_true(option.value);
            break;
        case Meaning::cwd:
            line.cwd = option.value;
            break;
        case Meaning::user:
            line.user = option.value;
            break;
        case Meaning::env:
            line.env.push_back(option.value);
            break;
        case Meaning::cap:
            line.caps.push_back(option.value);
            break;
        case Meaning::detach:
            line.detach = is_true(option.value);
            break;
        case Meaning::pid_file:
            line.pid_file = option.value;
            break;
        case Meaning::console_socket:
            line.console_socket = option.value;
            break;
        case Meaning::pidfd_socket:
            line.pidfd_socket = option.value;
            break;
        case Meaning::resources_file:
            line.resources_file = option.value;
            break;
        case Meaning::preserve_fds: {
            unsigned long long number = 0;
            (void)parse_decimal(option.value, number);  // the parsers have made sure that it is one
            line.preserve_fds = static_cast<unsigned>(number);
            break;
        }
        case Meaning::other:
        case Meaning::help:
        case Meaning::root:
        case Meaning::cgroup_manager:
        case Meaning::crun_rootless:
        case Meaning::log:
        case Meaning::log_format:
            break;
    }
}

// runc takes an empty value of these for none at all (exec.go asks for `!= ""`).
void drop_empty(CommandLine& line) {
    for (std::optional<std::string_view>* value : {&line.apparmor, &line.cwd, &line.user, &line.lsm_profile}) {
        if (*value && (*value)->empty()) value->reset();
    }
}

// Whether the last --help says that help is all that is wanted.
bool wants_help(const Reading& reading) {
    bool help = false;
    for (const Option& option : reading.options) {
        if (option.flag->meaning == Meaning::help) help = is_true(option.value);
    }
    return help;
}

Result<void> take_positionals(CommandLine& line, const Reading& reading, Arguments arguments) {
    const std::size_t count = reading.positionals.size();
    if (count == 0) return refuse({line.name, ": the container ID is missing"});
    if (line.command != Command::exec && count > 1) {
        return refuse(
            {line.name, ": takes a container ID and nothing else, but ", quote(arguments[reading.positionals[1]]), " follows it"});
    }
    line.id = arguments[reading.positionals[0]];
    // Both runtimes refuse these as well (libcontainer/factory_linux.go, libcrun/status.c); we look for the state by ID.
    if (line.id.empty() || line.id == "." || line.id == ".." || line.id.find('/') != std::string_view::npos) {
        return refuse({line.name, ": ", quote(line.id), " is not a container ID"});
    }
    if (line.command != Command::exec || line.process_file) return {};
    if (count == 1) return refuse({line.name, ": neither a command nor --process is given"});
    line.words.reserve(count - 1);
    for (std::size_t i = 1; i < count; ++i) line.words.emplace_back(arguments[reading.positionals[i]]);
    return {};
}

// The ID in the arguments of a command that is not ours, for the commands whose options never have a value.
std::string_view passing_id(const CommandLine& line, Arguments arguments, std::uint32_t at) {
    for (const char* name : {"start", "state", "kill", "delete", "pause", "resume"}) {
        if (line.name != name) continue;
        for (std::size_t i = at + 1; i < arguments.size(); ++i) {
            if (arguments[i][0] != '-') return arguments[i];
        }
    }
    return {};
}

// Whether LINE goes through where it is not certain how it is read. It is the engine's, and nobody else's; and versions of runc disagree about
// CRI-O's own, "update --resources - ID" (internal/oci/runtime_oci.go).
bool may_be_in_doubt(const CommandLine& line, RuntimeKind kind) { return line.command == Command::update && kind == RuntimeKind::runc; }

}  // namespace

Result<CommandLine> parse_command_line(Arguments arguments, RuntimeKind kind) {
    Head head = read_head(arguments, kind);
    CommandLine& line = head.line;
    if (line.command == Command::pass_through) {
        line.id = passing_id(line, arguments, head.at);
        return std::move(line);
    }
    const bool in_doubt = head.in_doubt || !head.root_doubt.empty();
    if (in_doubt && !may_be_in_doubt(line, kind)) return refuse_head(head, arguments, kind);
    line.options_from = head.at + 1;
    Reading reading = read_arguments(arguments, line.options_from, line.command, kind);
    if (reading.fault != Fault::none && !may_be_in_doubt(line, kind)) return refuse_reading(reading, line, arguments, kind);
    if (in_doubt || reading.fault != Fault::none) {
        line.command = Command::pass_through;
        return std::move(line);
    }
    if (head.prints_only || wants_help(reading)) {
        line.command = Command::pass_through;
        return std::move(line);
    }
    for (const Option& option : reading.options) apply(line, option);
    if (kind == RuntimeKind::runc) drop_empty(line);
    // runc would go by the other options then, crun by a file without name.
    if (line.process_file && line.process_file->empty()) return refuse({line.name, ": --process needs the name of a file"});
    TRY(take_positionals(line, reading, arguments));
    line.options = std::move(reading.options);
    line.options_end = reading.options_end;
    return std::move(line);
}

CommandLine guess_command_line(Arguments arguments, RuntimeKind kind) { return read_head(arguments, kind).line; }

}  // namespace aa::oci
