// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/command_line.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace aa::oci {
namespace {

using Tokens = std::vector<const char*>;
constexpr auto kRunc = RuntimeKind::runc;
constexpr auto kCrun = RuntimeKind::crun;

// The non-empty fields of LINE in one line.
std::string describe(const CommandLine& line) {
    constexpr const char* kNames[] = {"pass", "create", "run", "restore", "exec", "update"};
    std::string text = kNames[static_cast<std::size_t>(line.command)];
    const auto add = [&text](std::string_view key, std::string_view value) { text += concat({" ", key, "=", value}); };
    const auto add_all = [&add](std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
        for (const auto& [key, value] : fields) {
            if (!value.empty()) add(key, value);
        }
    };
    const auto add_optional = [&add](std::string_view key, const std::optional<std::string_view>& value) {
        if (value) add(key, *value);
    };
    if (line.command == Command::pass_through || line.name != kNames[static_cast<std::size_t>(line.command)]) add("name", line.name);
    add_all({{"id", line.id}, {"root", line.root}, {"log", line.log}, {"log-format", line.log_format}, {"bundle", line.bundle}});
    add_all({{"config", line.config_file}});
    add_optional("lsm", line.lsm_profile);
    add_optional("process", line.process_file);
    add_optional("resources", line.resources_file);
    if (line.without_cgroup) add("cgroup", "none");
    add_optional("apparmor", line.apparmor);
    if (line.no_new_privs) add("nnp", *line.no_new_privs ? "true" : "false");
    add_optional("cwd", line.cwd);
    add_optional("user", line.user);
    for (const std::string_view cap : line.caps) add("cap", cap);
    for (const std::string_view word : line.words) add("word", word);
    if (line.preserve_fds != 0) add("preserve-fds", decimal(line.preserve_fds));
    if (line.detach) add("detach", "true");
    add_all({{"pid-file", line.pid_file}, {"console-socket", line.console_socket}, {"pidfd-socket", line.pidfd_socket}});
    return text;
}

std::string read(const Tokens& tokens, RuntimeKind kind) {
    const auto line = parse_command_line(tokens, kind);
    if (line) return describe(*line);
    EXPECT_EQ(line.error().kind, ErrorKind::usage);
    return "refused: " + line.error().message;
}

struct Case {
    const char* name;
    Tokens tokens;
    std::string expected;
};

void check(const std::vector<Case>& cases, std::initializer_list<RuntimeKind> kinds) {
    for (const Case& test : cases) {
        for (const RuntimeKind kind : kinds) {
            EXPECT_EQ(read(test.tokens, kind), test.expected) << test.name << (kind == kCrun ? " (crun)" : " (runc)");
        }
    }
}

// What real callers write, for either runtime.
TEST(CommandLine, UnderstandsTheEngines) {
    check(
        {
            {"containerd create",
             {"--root", "/run/containerd/runc/k8s.io", "--log", "/b/log.json", "--log-format", "json", "--systemd-cgroup", "create",
              "--bundle", "/b", "--pid-file", "/b/init.pid", "--console-socket", "/tmp/pty.sock", "abc"},
             "create id=abc root=/run/containerd/runc/k8s.io log=/b/log.json log-format=json bundle=/b"},
            {"containerd exec",
             {"--root", "/r", "--log", "/b/log.json", "--log-format", "json", "exec", "--process", "/tmp/runc-process1", "--detach",
              "--pid-file", "/b/e1.pid", "abc"},
             "exec id=abc root=/r log=/b/log.json log-format=json process=/tmp/runc-process1 detach=true pid-file=/b/e1.pid"},
            {"BuildKit run",
             {"--log", "l", "--log-format", "json", "run", "--bundle", "/b", "--no-new-keyring", "--preserve-fds", "3", "abc"},
             "run id=abc log=l log-format=json bundle=/b preserve-fds=3"},
            {"conmon create for Podman",
             {"--systemd-cgroup", "--log-format=json", "--log", "/oci-log", "create", "--bundle", "/b", "--pid-file", "/p", "abc"},
             "create id=abc log=/oci-log log-format=json bundle=/b"},
            {"conmon exec for Podman",
             {"--log-format=json", "--log", "/oci-log", "exec", "--pid-file", "/p", "--process", "/exec-process-1", "--detach",
              "--console-socket", "/s", "abc"},
             "exec id=abc log=/oci-log log-format=json process=/exec-process-1 detach=true pid-file=/p console-socket=/s"},
            {"conmon create for CRI-O",
             {"--systemd-cgroup", "--root=/run/x", "create", "--bundle", "/b", "--pid-file", "/p", "abc"},
             "create id=abc root=/run/x bundle=/b"},
            {"CRI-O streaming exec", {"--root", "/run/x", "exec", "--process", "/p", "abc"}, "exec id=abc root=/run/x process=/p"},
            {"a person",
             {"exec", "--user", "1", "--cwd", "/x", "--env", "A=B", "--tty", "abc", "sh", "-c", "true"},
             "exec id=abc cwd=/x user=1 word=sh word=-c word=true"},
            {"kill", {"--root", "/r", "kill", "abc", "9"}, "pass name=kill id=abc root=/r"},
            {"delete", {"--root", "/r", "delete", "--force", "abc"}, "pass name=delete id=abc root=/r"},
            {"state", {"state", "abc"}, "pass name=state id=abc"},
            {"start", {"--log", "l", "start", "abc"}, "pass name=start id=abc log=l"},
            {"ps", {"ps", "--format", "json", "abc"}, "pass name=ps"},
            {"checkpoint", {"checkpoint", "--image-path", "create", "abc"}, "pass name=checkpoint"},
            {"features", {"features"}, "pass name=features"},
            {"version", {"--version"}, "pass name="},
            {"nothing", {}, "pass name="},
        },
        {kRunc, kCrun});
    check(
        {
            {"containerd restore",
             {"--root", "/r", "restore", "--image-path", "/i", "--tcp-established", "--manage-cgroups-mode", "soft", "--empty-ns",
              "network", "--detach", "--pid-file", "/p", "--no-pivot", "-no-subreaper", "--bundle", "/b", "abc"},
             "restore id=abc root=/r bundle=/b detach=true"},
            {"containerd create with a pidfd",
             {"create", "--bundle", "/b", "--pidfd-socket", "/s", "--no-pivot", "abc"},
             "create id=abc bundle=/b"},
            {"CRI-O update", {"--root", "/r", "update", "--resources", "-", "abc"}, "pass name=update root=/r"},
            {"an update with an option of tomorrow", {"update", "--new", "1", "abc"}, "pass name=update"},
            {"an update behind one", {"--new", "update", "--resources=-", "abc"}, "pass name=update"},
            {"rootless", {"--root", "/r", "--rootless=true", "create", "--bundle", "/b", "abc"}, "create id=abc root=/r bundle=/b"},
        },
        {kRunc});
    check(
        {
            {"containerd update", {"--root", "/r", "update", "--resources=-", "abc"}, "update id=abc root=/r resources=-"},
            {"a person's update", {"update", "--memory", "10m", "abc"}, "update id=abc"},
        },
        {kRunc, kCrun});
    check(
        {
            {"Podman restore",
             {"restore", "--network-lock", "--lsm-profile", "apparmor:p", "--bundle", "/b", "abc"},
             "restore id=abc bundle=/b lsm=apparmor:p"},
            {"Podman without cgroups",
             {"--cgroup-manager", "disabled", "create", "--bundle", "/b", "abc"},
             "create id=abc bundle=/b cgroup=none"},
            {"conmon restore",
             {"restore", "--bundle", "/b", "--detach", "--image-path", "/i", "--work-path", "/b", "abc"},
             "restore id=abc bundle=/b detach=true"},
        },
        {kCrun});
}

TEST(CommandLine, IsNotFooledByNames) {
    check(
        {
            {"a container named create", {"create", "--bundle", "/b", "create"}, "create id=create bundle=/b"},
            {"a bundle named exec", {"create", "--bundle", "exec", "c"}, "create id=c bundle=exec"},
            {"a root named create", {"--root", "create", "state", "c"}, "pass name=state id=c root=create"},
            {"deleting a container named create", {"delete", "create"}, "pass name=delete id=create"},
            {"a value with =", {"create", "--bundle=a=b", "c"}, "create id=c bundle=a=b"},
            {"repeated: the last counts", {"create", "--bundle", "a", "--bundle=b", "c"}, "create id=c bundle=b"},
            {"repeated global", {"--root", "a", "--root=b", "create", "c"}, "create id=c root=b"},
            {"a value like a flag", {"create", "--pid-file", "--bundle", "c"}, "create id=c"},
            {"a global value like a command", {"--log", "create", "run", "--bundle", "b", "c"}, "run id=c log=create bundle=b"},
            {"ID behind --", {"create", "--bundle", "b", "--", "-c"}, "create id=-c bundle=b"},
            {"-- before the command", {"--", "create", "--bundle", "b", "c"}, "create id=c bundle=b"},
            {"-- before another", {"--", "kill", "create"}, "pass name=kill id=create"},
            {"-- before exec's ID", {"exec", "--", "c", "sh"}, "exec id=c word=sh"},
            {"a command in an exec",
             {"exec", "c", "runc", "exec", "--process", "x"},
             "exec id=c word=runc word=exec word=--process word=x"},
            {"-- later in an exec", {"exec", "c", "sh", "--", "x"}, "exec id=c word=sh word=-- word=x"},
            {"words beside --process", {"exec", "--process", "p", "c", "sh"}, "exec id=c process=p"},
            {"an unknown command", {"creat", "--bundle", "b", "c"}, "pass name=creat"},
            {"the command in capitals", {"CREATE", "c"}, "pass name=CREATE"},
            {"an empty command", {"", "create", "c"}, "pass name="},
            {"a dash for a command", {"-", "create", "c"}, "pass name=-"},
        },
        {kRunc, kCrun});
}

TEST(CommandLine, ReadsAsEveryRuncDoes) {
    const std::string differ =
        ": versions of runc read these arguments differently; put every option before the container ID, as --NAME=VALUE";
    const std::string words = ": what follows the container ID is read differently by versions of runc; begin the command with a program";
    check(
        {
            {"one dash", {"create", "-bundle", "b", "c"}, "create id=c bundle=b"},
            {"two dashes and a letter", {"create", "--b", "b", "c"}, "create id=c bundle=b"},
            {"option behind the ID", {"create", "c", "--bundle", "b"}, "create id=c bundle=b"},
            {"options around the ID", {"create", "--bundle", "b", "c", "--pid-file", "p"}, "create id=c bundle=b"},
            {"boolean with a value", {"run", "--detach=F", "c"}, "run id=c"},
            {"boolean, the last counts", {"exec", "--no-new-privs", "--no-new-privs=0", "c", "x"}, "exec id=c nnp=false word=x"},
            {"capabilities add up", {"exec", "-c", "CAP_A", "-c=CAP_B", "c", "x"}, "exec id=c cap=CAP_A cap=CAP_B word=x"},
            {"an empty user is none", {"exec", "--user", "5", "--user", "", "c", "x"}, "exec id=c word=x"},
            {"a value in white space", {"create", "--bundle", " b ", "c"}, "create id=c bundle= b "},
            {"restore with a profile", {"restore", "--lsm-profile", "apparmor:x", "c"}, "restore id=c lsm=apparmor:x"},
            {"help", {"create", "--help"}, "pass name=create"},
            {"help with the rest", {"exec", "-h", "c", "x"}, "pass name=exec"},
            {"global help", {"--help", "create", "c"}, "pass name=create"},
            {"not help", {"create", "--help=false", "c"}, "create id=c"},

            {"the same option twice, the last counts", {"create", "--bundle", "a", "--bundle=b", "c"}, "create id=c bundle=b"},
            {"short option, = ends the name", {"create", "-b=X", "c"}, "create id=c bundle=X"},
            {"a container called help", {"create", "help"}, "create id=help"},
            {"a number below zero as a value", {"exec", "--user", "-5", "c", "sh"}, "exec id=c user=-5 word=sh"},
            {"a number below zero",
             {"create", "-5", "c"},
             "refused: create: option '-5' is unknown, so what would start cannot be told; leave it out"},
            {"a cluster",
             {"exec", "-dt", "c", "sh"},
             "refused: exec: option '-dt' is unknown, so what would start cannot be told; leave it out"},
            {"nothing behind a boolean's =", {"run", "--detach=", "c"}, "refused: run: option '--detach=' takes true or false"},

            {"ID between a boolean and another option", {"create", "--no-pivot", "c", "--bundle", "b"}, "refused: create" + differ},
            {"ID between a value and another option", {"create", "--bundle=b", "c", "--pid-file", "p"}, "refused: create" + differ},
            {"a value like an unknown flag", {"create", "--pid-file", "-x", "c"}, "refused: create" + differ},
            {"a value like a lone dash", {"create", "--pid-file", "-", "c"}, "refused: create" + differ},
            {"-- behind the ID", {"create", "c", "--"}, "refused: create" + differ},
            {"-- behind exec's ID", {"exec", "c", "--", "sh"}, "refused: exec" + words},
            {"an empty word behind exec's ID", {"exec", "c", "", "--process", "p"}, "refused: exec" + words},
            {"the same with a process", {"exec", "--process", "q", "c", "", "--process", "p"}, "refused: exec" + words},
            {"two spellings",
             {"create", "-b", "a", "--bundle", "b", "c"},
             "refused: create: option '--bundle' is given in two spellings, of which versions of runc take neither or the last; use one"},
            {"a lone dash", {"create", "-", "c"}, "refused: create: argument '-' is read differently by versions of runc; leave it out"},
            {"white space before a flag",
             {"create", " --bundle", "b", "c"},
             "refused: create: argument ' --bundle' has white space around it, which versions of runc read differently; remove it"},
            {"white space behind the ID",
             {"create", "c\u2003"},
             "refused: create: argument 'c\u2003' has white space around it, which versions of runc read differently; remove it"},
            {"white space around a variable",
             {"exec", "--env", " PATH=/x", "c", "sh"},
             "refused: exec: argument ' PATH=/x' has white space around it, which versions of runc read differently; remove it"},
            {"white space around an attached capability",
             {"exec", "--cap=CAP_KILL ", "c", "sh"},
             "refused: exec: argument '--cap=CAP_KILL ' has white space around it, which versions of runc read differently; remove it"},
            {"a PATH behind a comma",
             {"exec", "-e", "A=b, PATH=/x", "c", "sh"},
             "refused: exec: the value 'A=b, PATH=/x' is one or several, depending on the version of runc; write one at a time"},
            {"a PATH with a comma",
             {"exec", "--env=PATH=/a,b", "c", "sh"},
             "refused: exec: the value '--env=PATH=/a,b' is one or several, depending on the version of runc; write one at a time"},
            {"two capabilities in one",
             {"exec", "-c", "CAP_KILL,CAP_CHOWN", "c", "sh"},
             "refused: exec: the value 'CAP_KILL,CAP_CHOWN' is one or several, depending on the version of runc; write one at a time"},
            {"a comma that changes nothing", {"exec", "-e", "A=b,c", "c", "sh"}, "exec id=c word=sh"},
            {"white space that changes nothing", {"exec", "-e", "PS1=$ ", "c", "sh"}, "exec id=c word=sh"},
            {"nothing but white space",
             {"exec", "c", " ", "sh"},
             "refused: exec: argument ' ' has white space around it, which versions of runc read differently; remove it"},
            {"a global flag behind the command",
             {"create", "--root", "r", "c"},
             "refused: create: the global option '--root' must stand before the command"},
            {"an unknown flag",
             {"create", "--frobnicate", "c"},
             "refused: create: option '--frobnicate' is unknown, so what would start cannot be told; leave it out"},
            {"attached short value",
             {"create", "-bX", "c"},
             "refused: create: option '-bX' is unknown, so what would start cannot be told; leave it out"},
            {"an abbreviation",
             {"create", "--bund", "b", "c"},
             "refused: create: option '--bund' is unknown, so what would start cannot be told; leave it out"},
            {"crun's option",
             {"create", "--config", "f", "c"},
             "refused: create: option '--config' is unknown, so what would start cannot be told; leave it out"},
            {"no value", {"create", "c", "--bundle"}, "refused: create: option '--bundle' needs a value"},
            {"nothing behind the =", {"create", "--bundle=", "c"}, "refused: create: option '--bundle=' needs a value"},
            {"no boolean", {"create", "--no-pivot=maybe", "c"}, "refused: create: option '--no-pivot=maybe' takes true or false"},
            {"no number",
             {"create", "--preserve-fds", "0x3", "c"},
             "refused: create: option '--preserve-fds' takes a decimal number up to 65535"},
            {"octal or not",
             {"create", "--preserve-fds=010", "c"},
             "refused: create: option '--preserve-fds=010' takes a decimal number up to 65535"},
        },
        {kRunc});
}

TEST(CommandLine, ReadsAsCrunDoes) {
    check(
        {
            {"abbreviated", {"--log-f", "json", "create", "--bund", "b", "--conf=f", "c"}, "create id=c log-format=json bundle=b config=f"},
            {"attached short value", {"create", "-bB", "c"}, "create id=c bundle=B"},
            {"one dash", {"create", "-bundle", "c"}, "create id=c bundle=undle"},
            {"cluster", {"exec", "-dpF", "c"}, "exec id=c process=F detach=true"},
            {"cluster, value behind it", {"exec", "-dp", "F", "c"}, "exec id=c process=F detach=true"},
            {"an optional value takes the rest of the cluster", {"exec", "-tdp", "F", "c"}, "exec id=F word=c"},
            {"short option eats the = too", {"create", "-b=x", "c"}, "create id=c bundle==x"},
            {"optional value", {"exec", "--tty=no", "-tX", "--tty", "c", "sh"}, "exec id=c word=sh"},
            {"config file", {"run", "-f", "other.json", "c"}, "run id=c config=other.json"},
            {"two spellings, the last counts", {"create", "-b", "a", "--bundle", "b", "c"}, "create id=c bundle=b"},
            {"-- behind exec's ID", {"exec", "c", "--", "sh"}, "exec id=c word=-- word=sh"},
            {"white space is literal", {"exec", " c", "", " x"}, "exec id= c word= word= x"},
            {"an exact name that begins another", {"--log", "l", "create", "c"}, "create id=c log=l"},
            {"help ends it", {"create", "--help", "--unknown"}, "pass name=create"},
            {"help in a cluster", {"exec", "-d?", "c"}, "pass name=exec"},
            {"version ends it", {"-v", "--unknown", "create"}, "pass name="},
            {"rootless, then root", {"--rootless", "x", "--root", "r", "create", "c"}, "create id=c root=r"},

            {"rootless alone",
             {"--root", "r", "--rootless=true", "create", "c"},
             "refused: global option '--rootless' is taken for --root by some versions of crun; put --root behind it"},
            {"option behind the ID",
             {"create", "c", "--bundle", "b"},
             "refused: create: takes a container ID and nothing else, but '--bundle' follows it"},
            {"ambiguous", {"exec", "--p", "x", "c"}, "refused: exec: option '--p' could mean several; write its name in full"},
            {"ambiguous in a newer crun",
             {"--log-", "json", "create", "c"},
             "refused: global option '--log-' is unknown, so what 'create' would start cannot be told; leave the option out"},
            {"a value where none is taken",
             {"create", "--no-pivot=true", "c"},
             "refused: create: option '--no-pivot=true' takes no value; leave out the '=' and what follows"},
            {"an unknown letter",
             {"exec", "-dx", "c"},
             "refused: exec: option '-dx' is unknown, so what would start cannot be told; leave it out"},
            {"runc's option",
             {"create", "--pidfd-socket", "s", "c"},
             "refused: create: option '--pidfd-socket' is unknown, so what would start cannot be told; leave it out"},
            {"no value", {"create", "-b"}, "refused: create: option '-b' needs a value"},
            {"no number",
             {"create", "--preserve-fds", "3x", "c"},
             "refused: create: option '--preserve-fds' takes a decimal number up to 65535"},
        },
        {kCrun});
}

TEST(CommandLine, NeedsAContainerAndAProcess) {
    check(
        {
            {"an empty root", {"--root", "", "exec", "c", "sh"}, "refused: global option '--root' is empty; give it a directory"},
            {"an empty root and another", {"--root", "", "--root", "r", "create", "c"}, "create id=c root=r"},
            {"an empty root elsewhere", {"--root", "", "state", "c"}, "pass name=state id=c"},
            {"no ID", {"create", "--bundle", "b"}, "refused: create: the container ID is missing"},
            {"an empty ID", {"run", ""}, "refused: run: '' is not a container ID"},
            {"an ID that is a path", {"exec", "--process", "p", "../x"}, "refused: exec: '../x' is not a container ID"},
            {"an ID that is a directory", {"create", ".."}, "refused: create: '..' is not a container ID"},
            {"two IDs", {"create", "a", "b"}, "refused: create: takes a container ID and nothing else, but 'b' follows it"},
            {"nothing to execute", {"exec", "c"}, "refused: exec: neither a command nor --process is given"},
            {"a process without name", {"exec", "--process", "", "c", "sh"}, "refused: exec: --process needs the name of a file"},
        },
        {kRunc, kCrun});
}

// An option before the command that no table knows: refused only where a command of ours could be behind it.
TEST(CommandLine, RefusesTheUnintelligibleOnlyWhereItMatters) {
    const auto unknown = [](std::string_view option, std::string_view command) {
        return concat(
            {"refused: global option '", option, "' is unknown, so what '", command, "' would start cannot be told; leave the option out"});
    };
    check(
        {
            {"the command", {"--new", "create", "c"}, unknown("--new", "create")},
            {"behind a possible value", {"--new", "x", "exec", "c"}, unknown("--new", "exec")},
            {"attached value", {"--new=x", "run", "c"}, unknown("--new=x", "run")},
            {"a container named so could be the command", {"--new", "kill", "create"}, unknown("--new", "create")},
            {"behind a known option", {"--new", "--root", "r", "create", "c"}, unknown("--new", "create")},
            {"behind --", {"--new", "--", "restore", "c"}, unknown("--new", "restore")},
            {"an attached value, and behind --", {"--new=x", "--", "create", "c"}, unknown("--new=x", "create")},
            {"not ours behind --", {"--new=x", "--", "kill", "create"}, "pass name="},
            {"only a value", {"--new=x", "--root", "create", "kill", "c"}, "pass name="},
            {"too far behind", {"--new", "kill", "c", "create"}, "pass name="},
            {"known to be a container", {"--new=x", "kill", "create"}, "pass name="},
            {"nothing of ours", {"--new", "delete", "--force", "c"}, "pass name="},
            {"a value that is missing", {"--root"}, "pass name="},
        },
        {kRunc, kCrun});
    const std::string plainly = " is read differently by versions of runc; write it without white space, '=false' or an empty value";
    check(
        {
            {"white space before an option", {" --root", "r", "create", "c"}, "refused: global option ' --root' before 'create'" + plainly},
            {"a boolean without value", {"--debug=", "create", "c"}, "refused: global option '--debug=' before 'create'" + plainly},
            {"not help", {"--help=false", "create", "c"}, "refused: global option '--help=false' before 'create'" + plainly},
            {"white space before the command", {" create", "c"}, "refused: command ' create' has white space around it; remove it"},
            {"the same with another command", {" --root", "r", "--debug=", "kill", "create"}, "pass name=kill id=create root=r"},
        },
        {kRunc});
}

TEST(CommandLine, GuessesWhereAnErrorGoes) {
    const std::vector<Case> cases = {
        {"an unknown option of exec", {"--log", "l", "--log-format=json", "exec", "--new", "c"}, "exec log=l log-format=json"},
        {"an unknown global option", {"--log", "l", "--new", "x", "exec", "c"}, "exec log=l"},
        {"the log behind the unknown one is not told", {"--new", "--log", "l", "create"}, "create"},
        {"not ours", {"--log", "l", "--new", "kill", "c"}, "pass name= log=l"},
    };
    for (const Case& test : cases) EXPECT_EQ(describe(guess_command_line(test.tokens, kRunc)), test.expected) << test.name;
}

// A hostile length costs time in proportion.
TEST(CommandLine, TakesALongCommandLine) {
    Tokens tokens{"exec", "--process", "p", "c"};
    tokens.resize(100000, "--process");
    EXPECT_EQ(read(tokens, kRunc), "exec id=c process=p");
    tokens.assign(5000, "--no-pivot");
    tokens.front() = "create";
    tokens.back() = "c";
    EXPECT_EQ(read(tokens, kRunc), "create id=c");
}

}  // namespace
}  // namespace aa::oci
