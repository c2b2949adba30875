// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/system_calls.h"

#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <type_traits>

#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

// By name: libseccomp knows calls that a machine does not have, and leaves those out.
constexpr std::array kNever{// the kernel's code, and what replaces it
                            "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "bpf",
                            "perf_event_open", "userfaultfd", "iopl", "ioperm",
                            // other processes
                            "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise",
                            // mounts
                            "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount",
                            "fspick", "mount_setattr", "swapon", "swapoff", "quotactl", "quotactl_fd",
                            // keys
                            "keyctl", "add_key", "request_key",
                            // the host's clock, name and accounting
                            "settimeofday", "clock_settime", "clock_settime64", "stime", "adjtimex", "clock_adjtime", "clock_adjtime64",
                            "sethostname", "setdomainname", "acct", "vhangup"};
constexpr std::array kRefused{
    "setuid",     "setuid32",   "setgid",      "setgid32",          "setreuid",       "setreuid32",     "setregid",
    "setregid32", "setresuid",  "setresuid32", "setresgid",         "setresgid32",    "setfsuid",       "setfsuid32",
    "setfsgid",   "setfsgid32", "setgroups",   "setgroups32",       "capset",         "chroot",         "setns",
    "unshare",    "mknod",      "mknodat",     "open_by_handle_at", "io_uring_setup", "io_uring_enter", "io_uring_register"};
constexpr std::array kPrograms{"execve", "execveat"};

// A child in a namespace of its own, as clone(2) is asked for it.
constexpr std::array<std::uint64_t, 7> kNamespaces{CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                                   CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
#ifdef __s390x__
constexpr unsigned kCloneFlags = 1;
#else
constexpr unsigned kCloneFlags = 0;
#endif

Error refused(std::string_view what, int error_number) {
    return {ErrorKind::system,
            concat({"the system calls that are not needed cannot be given up: ", what, ": ", errno_text(error_number),
                    "; aa-shimctl reads nothing while it has them: allow it seccomp(2) and prctl(2), which another filter may forbid, and "
                    "run a kernel with CONFIG_SECCOMP_FILTER"})};
}

// A filter in the making.
class Filter {
public:
    static Result<Filter> make() {
        Filter filter(::seccomp_init(SCMP_ACT_ALLOW));
        if (!filter.context_) return refused("a new filter", ENOMEM);
        // Calls by another of the machine's interfaces (x32, 32 bits) would go past the names of this one.
        filter.take(::seccomp_attr_set(filter.context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        return filter;
    }

    template <typename Names>
    void forbid(const Names& names, std::uint32_t action) {
        for (const char* name : names) add(name, action, nullptr);
    }

    void refuse_namespaces() {
        for (const auto flag : kNamespaces) refuse("clone", {kCloneFlags, SCMP_CMP_MASKED_EQ, flag, flag});
        // Its flags are in memory, which no filter sees. libc takes this for an old kernel, and calls clone(2).
        add("clone3", SCMP_ACT_ERRNO(ENOSYS), nullptr);
    }

    // All but ALLOWED, each up to AF_NETLINK. The upper half of the register, which the kernel does not look at, must be empty.
    void refuse_sockets_but(std::initializer_list<std::uint64_t> allowed) {
        for (std::uint64_t family = 0; family <= AF_NETLINK; ++family) {
            if (std::find(allowed.begin(), allowed.end(), family) == allowed.end()) refuse("socket", {0, SCMP_CMP_EQ, family, 0});
        }
        refuse("socket", {0, SCMP_CMP_GT, AF_NETLINK, 0});
    }

    [[nodiscard]] Result<void> load() const {
        if (problem_ != 0) return refused("the filter's rules", -problem_);
        if (const int problem = ::seccomp_load(context_.get()); problem != 0) return refused("load the filter", -problem);
        if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) return refused("the filter has no effect", EINVAL);
        return {};
    }

private:
    struct Free {
        void operator()(void* context) const { ::seccomp_release(context); }
    };

    explicit Filter(scmp_filter_ctx context) : context_(context) {}

    void take(int outcome) {
        if (problem_ == 0 && outcome != 0) problem_ = outcome;
    }

    void refuse(const char* name, const scmp_arg_cmp& when) { add(name, SCMP_ACT_ERRNO(EPERM), &when); }

    void add(const char* name, std::uint32_t action, const scmp_arg_cmp* when) {
        const int number = ::seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR) return;  // newer than this libseccomp
        take(::seccomp_rule_add_array(context_.get(), action, number, when == nullptr ? 0 : 1, when));
    }

    std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Free> context_;
    int problem_ = 0;  // the first one
};

}  // namespace

SystemCalls system_calls_of(Task task) {
    switch (task) {
        case Task::nothing:
        case Task::complete:
        case Task::metrics:
        case Task::metrics_file:
        case Task::node_check:
            return SystemCalls::reads_alone;
        case Task::check:
        case Task::explain:
        case Task::explain_bundle:
        case Task::explain_container:
        case Task::diff:
        case Task::graph:
        case Task::query:
        case Task::denials:
        case Task::metrics_containers:
        case Task::metrics_containers_file:
        case Task::learn_finish:
        case Task::learn_status:
        case Task::new_confinement:
        case Task::replay:
        case Task::status:
        case Task::test:
        case Task::version:
            return SystemCalls::reads;
        case Task::denials_follow:
        case Task::watch:
        case Task::watch_kill:
            return SystemCalls::watches;
        case Task::denials_reveal:
        case Task::install:
        case Task::install_dry_run:
        case Task::install_podman:
        case Task::verify:
        case Task::verify_podman:
        case Task::learn:
        case Task::load:
        case Task::node:
        case Task::node_learn:
            break;
    }
    return SystemCalls::all;
}

Result<void> keep_only(SystemCalls kept) {
    if (kept == SystemCalls::all) return {};
    auto filter = TRY(Filter::make());
    filter.forbid(kNever, SCMP_ACT_KILL_PROCESS);
    filter.forbid(kRefused, SCMP_ACT_ERRNO(EPERM));
    filter.refuse_namespaces();
    if (kept == SystemCalls::watches) filter.refuse_sockets_but({AF_UNIX, AF_NETLINK});
    if (kept == SystemCalls::reads) filter.refuse_sockets_but({AF_UNIX});
    if (kept == SystemCalls::reads_alone) {
        filter.refuse_sockets_but({});
        filter.forbid(kPrograms, SCMP_ACT_KILL_PROCESS);
    }
    return filter.load();
}

}  // namespace aa::ctl
