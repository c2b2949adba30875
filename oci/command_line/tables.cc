// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/tables.h"

namespace aa::oci {
namespace {

constexpr auto kNothing = Takes::nothing;
constexpr auto kValue = Takes::value;

// runc main.go. --criu: 1.1 to 1.3 only.
constexpr Flag kRuncGlobal[] = {
    {"root", 0, kValue, Meaning::root},
    {"log", 0, kValue, Meaning::log},
    {"log-format", 0, kValue, Meaning::log_format},
    {"debug", 0, kNothing},
    {"systemd-cgroup", 0, kNothing},
    {"rootless", 0, kValue},
    {"criu", 0, kValue},
    {"help", 'h', kNothing, Meaning::help},
    {"version", 'v', kNothing, Meaning::help},
};

// runc create.go. --pidfd-socket: since 1.2.
constexpr Flag kRuncCreate[] = {
    {"bundle", 'b', kValue, Meaning::bundle},
    {"pid-file", 0, kValue},
    {"console-socket", 0, kValue},
    {"pidfd-socket", 0, kValue},
    {"no-pivot", 0, kNothing},
    {"no-new-keyring", 0, kNothing},
    {"preserve-fds", 0, kValue, Meaning::preserve_fds},
    {"help", 'h', kNothing, Meaning::help},
};

// runc run.go.
constexpr Flag kRuncRun[] = {
    {"bundle", 'b', kValue, Meaning::bundle},
    {"pid-file", 0, kValue},
    {"console-socket", 0, kValue},
    {"pidfd-socket", 0, kValue},
    {"detach", 'd', kNothing, Meaning::detach},
    {"keep", 0, kNothing},
    {"no-subreaper", 0, kNothing},
    {"no-pivot", 0, kNothing},
    {"no-new-keyring", 0, kNothing},
    {"preserve-fds", 0, kValue, Meaning::preserve_fds},
    {"help", 'h', kNothing, Meaning::help},
};

// runc restore.go.
constexpr Flag kRuncRestore[] = {
    {"bundle", 'b', kValue, Meaning::bundle},
    {"pid-file", 0, kValue},
    {"console-socket", 0, kValue},
    {"image-path", 0, kValue},
    {"work-path", 0, kValue},
    {"detach", 'd', kNothing, Meaning::detach},
    {"no-subreaper", 0, kNothing},
    {"no-pivot", 0, kNothing},
    {"tcp-established", 0, kNothing},
    {"ext-unix-sk", 0, kNothing},
    {"shell-job", 0, kNothing},
    {"file-locks", 0, kNothing},
    {"auto-dedup", 0, kNothing},
    {"lazy-pages", 0, kNothing},
    {"manage-cgroups-mode", 0, kValue},
    {"empty-ns", 0, kValue},
    {"lsm-profile", 0, kValue, Meaning::lsm_profile},
    {"lsm-mount-context", 0, kValue},
    {"help", 'h', kNothing, Meaning::help},
};

// runc exec.go. --pidfd-socket: since 1.2.
constexpr Flag kRuncExec[] = {
    {"process", 'p', kValue, Meaning::process_file},
    {"pid-file", 0, kValue, Meaning::pid_file},
    {"detach", 'd', kNothing, Meaning::detach},
    {"console-socket", 0, kValue, Meaning::console_socket},
    {"pidfd-socket", 0, kValue, Meaning::pidfd_socket},
    {"tty", 't', kNothing},
    {"user", 'u', kValue, Meaning::user},
    {"cwd", 0, kValue, Meaning::cwd},
    {"env", 'e', kValue, Meaning::env},
    {"additional-gids", 'g', kValue},
    {"process-label", 0, kValue},
    {"apparmor", 0, kValue, Meaning::apparmor},
    {"no-new-privs", 0, kNothing, Meaning::no_new_privs},
    {"cap", 'c', kValue, Meaning::cap},
    {"preserve-fds", 0, kValue, Meaning::preserve_fds},
    {"cgroup", 0, kValue},
    {"ignore-paused", 0, kNothing},
    {"help", 'h', kNothing, Meaning::help},
};

// runc update.go. --cpu-burst, --cpu-idle: since 1.2.
constexpr Flag kRuncUpdate[] = {
    {"resources", 'r', kValue, Meaning::resources_file},
    {"blkio-weight", 0, kValue},
    {"cpu-period", 0, kValue},
    {"cpu-quota", 0, kValue},
    {"cpu-burst", 0, kValue},
    {"cpu-share", 0, kValue},
    {"cpu-rt-period", 0, kValue},
    {"cpu-rt-runtime", 0, kValue},
    {"cpuset-cpus", 0, kValue},
    {"cpuset-mems", 0, kValue},
    {"memory", 0, kValue},
    {"cpu-idle", 0, kValue},
    {"memory-reservation", 0, kValue},
    {"memory-swap", 0, kValue},
    {"kernel-memory", 0, kValue},
    {"kernel-memory-tcp", 0, kValue},
    {"pids-limit", 0, kValue},
    {"l3-cache-schema", 0, kValue},
    {"mem-bw-schema", 0, kValue},
    {"help", 'h', kNothing, Meaning::help},
};

// Every crun table ends with the options that argp itself adds: they count when a name is abbreviated.

// crun src/crun.c.
constexpr Flag kCrunGlobal[] = {
    {"root", 0, kValue, Meaning::root},
    {"log", 0, kValue, Meaning::log},
    {"log-format", 0, kValue, Meaning::log_format},
    {"log-level", 0, kValue},
    {"debug", 0, kNothing},
    {"cgroup-manager", 0, kValue, Meaning::cgroup_manager},
    {"systemd-cgroup", 0, kNothing},
    {"rootless", 0, kValue, Meaning::crun_rootless},
    {"version", 'v', kNothing, Meaning::help},
    {"version", 'V', kNothing, Meaning::help},
    {"help", '?', kNothing, Meaning::help},
    {"usage", 0, kNothing, Meaning::help},
    {"program-name", 0, kValue},
};

// crun src/create.c.
constexpr Flag kCrunCreate[] = {
    {"bundle", 'b', kValue, Meaning::bundle},
    {"config", 'f', kValue, Meaning::config_file},
    {"pid-file", 0, kValue},
    {"console-socket", 0, kValue},
    {"preserve-fds", 0, kValue, Meaning::preserve_fds},
    {"no-pivot", 0, kNothing},
    {"no-subreaper", 0, kNothing},
    {"no-new-keyring", 0, kNothing},
    {"help", '?', kNothing, Meaning::help},
    {"usage", 0, kNothing, Meaning::help},
    {"program-name", 0, kValue},
};

// crun src/run.c. --keep: after 1.14.
constexpr Flag kCrunRun[] = {
    {"bundle", 'b', kValue, Meaning::bundle},
    {"config", 'f', kValue, Meaning::config_file},
    {"pid-file", 0, kValue},
    {"console-socket", 0, kValue},
    {"preserve-fds", 0, kValue, Meaning::preserve_fds},
    {"detach", 'd', kNothing, Meaning::detach},
    {"keep", 0, kNothing},
    {"no-pivot", 0, kNothing},
    {"no-subreaper", 0, kNothing},
    {"no-new-keyring", 0, kNothing},
    {"help", '?', kNothing, Meaning::help},
    {"usage", 0, kNothing, Meaning::help},
    {"program-name", 0, kValue},
};

// crun src/restore.c.
constexpr Flag kCrunRestore[] = {
    {"bundle", 'b', kValue, Meaning::bundle},
    {"image-path", 0, kValue},
    {"work-path", 0, kValue},
    {"tcp-established", 0, kNothing},
    {"tcp-close", 0, kNothing},
    {"ext-unix-sk", 0, kNothing},
    {"shell-job", 0, kNothing},
    {"detach", 'd', kNothing, Meaning::detach},
    {"pid-file", 0, kValue},
    {"console-socket", 0, kValue},
    {"file-locks", 0, kNothing},
    {"manage-cgroups-mode", 0, kValue},
    {"network-lock", 0, kNothing},
    {"lsm-profile", 0, kValue, Meaning::lsm_profile},
    {"lsm-mount-context", 0, kValue},
    {"help", '?', kNothing, Meaning::help},
    {"usage", 0, kNothing, Meaning::help},
    {"program-name", 0, kValue},
};

// crun src/exec.c.
constexpr Flag kCrunExec[] = {
    {"process", 'p', kValue, Meaning::process_file},
    {"pid-file", 0, kValue, Meaning::pid_file},
    {"detach", 'd', kNothing, Meaning::detach},
    {"console-socket", 0, kValue, Meaning::console_socket},
    {"tty", 't', Takes::attached_value},
    {"user", 'u', kValue, Meaning::user},
    {"cwd", 0, kValue, Meaning::cwd},
    {"cgroup", 0, kValue},
    {"env", 'e', kValue, Meaning::env},
    {"cap", 'c', kValue, Meaning::cap},
    {"preserve-fds", 0, kValue, Meaning::preserve_fds},
    {"no-new-privs", 0, kNothing, Meaning::no_new_privs},
    {"process-label", 0, kValue},
    {"apparmor", 0, kValue, Meaning::apparmor},
    {"help", '?', kNothing, Meaning::help},
    {"usage", 0, kNothing, Meaning::help},
    {"program-name", 0, kValue},
};

// crun src/update.c. --l3-cache-schema, --mem-bw-schema: after 1.8.
constexpr Flag kCrunUpdate[] = {
    {"resources", 'r', kValue, Meaning::resources_file},
    {"blkio-weight", 0, kValue},
    {"cpu-period", 0, kValue},
    {"cpu-quota", 0, kValue},
    {"cpu-share", 0, kValue},
    {"cpu-rt-period", 0, kValue},
    {"cpu-rt-runtime", 0, kValue},
    {"cpuset-cpus", 0, kValue},
    {"cpuset-mems", 0, kValue},
    {"kernel-memory", 0, kValue},
    {"kernel-memory-tcp", 0, kValue},
    {"memory", 0, kValue},
    {"memory-reservation", 0, kValue},
    {"memory-swap", 0, kValue},
    {"pids-limit", 0, kValue},
    {"l3-cache-schema", 0, kValue},
    {"mem-bw-schema", 0, kValue},
    {"help", '?', kNothing, Meaning::help},
    {"usage", 0, kNothing, Meaning::help},
    {"program-name", 0, kValue},
};

}  // namespace

std::span<const Flag> global_flags(RuntimeKind kind) {
    if (kind == RuntimeKind::crun) return kCrunGlobal;
    return kRuncGlobal;
}

std::span<const Flag> command_flags(Command command, RuntimeKind kind) {
    const bool crun = kind == RuntimeKind::crun;
    switch (command) {
        case Command::create:
            return crun ? std::span<const Flag>(kCrunCreate) : kRuncCreate;
        case Command::run:
            return crun ? std::span<const Flag>(kCrunRun) : kRuncRun;
        case Command::restore:
            return crun ? std::span<const Flag>(kCrunRestore) : kRuncRestore;
        case Command::exec:
            return crun ? std::span<const Flag>(kCrunExec) : kRuncExec;
        case Command::update:
            return crun ? std::span<const Flag>(kCrunUpdate) : kRuncUpdate;
        case Command::pass_through:
            return {};
    }
    return {};
}

Command command_named(std::string_view name) {
    if (name == "create") return Command::create;
    if (name == "run") return Command::run;
    if (name == "restore") return Command::restore;
    if (name == "exec") return Command::exec;
    if (name == "update") return Command::update;
    return Command::pass_through;
}

}  // namespace aa::oci
