// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/privileges.h"

#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>

#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

constexpr CapabilitySet caps(std::initializer_list<unsigned> numbers) {
    CapabilitySet set;
    for (const unsigned number : numbers) set.add(number);
    return set;
}

constexpr auto kNone = CapabilitySet();
// /proc/PID/root and the links in /proc/PID/ns of processes that have what we gave up (ptrace(2), "Ptrace access mode checking"),
// and /proc with hidepid. The runtimes' state, a container's files and a rootless engine's directories belong to anybody.
constexpr auto kLooksAtContainers = caps({CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE});
// Configuration files keep their owner, group and mode, which may be others' (CHOWN, FOWNER) in directories that are others'
// (DAC_OVERRIDE); the host's programs are asked with its root as theirs (SYS_CHROOT: --root).
constexpr auto kWritesConfiguration = caps({CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_SYS_CHROOT});
// Loads the twin, which the parser only compiles (MAC_ADMIN); the kernel's audit messages, its limits and a larger buffer for them
// (AUDIT_READ, AUDIT_CONTROL, NET_ADMIN), or its log (SYSLOG); whose process it is, as `status` sees it.
constexpr auto kLearns = kLooksAtContainers | caps({CAP_MAC_ADMIN, CAP_AUDIT_READ, CAP_AUDIT_CONTROL, CAP_NET_ADMIN, CAP_SYSLOG});

struct Row {
    Task task;
    Privileges keeps;
};
constexpr std::array kRows{
    Row{Task::nothing, {kNone, kNone}},
    // Judges what anybody may have written. The parser only compiles. A file that root may not read as its owner or as anybody is
    // for its owner to check.
    Row{Task::check, {kNone, kNone}},
    // Reads nothing but the command line.
    Row{Task::complete, {kNone, kNone}},
    // The catalog, the kernel's policy (root's user ID is enough: security/apparmor/policy.c, aa_policy_view_capable()), the parser.
    Row{Task::explain, {kNone, kNone}},
    // aa-shim finds the first program with CAP_DAC_OVERRIDE; without a right to look, the answer would be another one.
    Row{Task::explain_bundle, {caps({CAP_DAC_READ_SEARCH}), kNone}},
    Row{Task::explain_container, {kLooksAtContainers, kNone}},
    // The kernel's policy, the parser, Graphviz.
    Row{Task::diff, {kNone, kNone}},
    Row{Task::graph, {kNone, kNone}},
    Row{Task::query, {kNone, kNone}},
    // Whose process it is, as `status` sees it; the kernel's log (SYSLOG), where there is no other. journalctl and the logs are root's.
    Row{Task::denials, {kLooksAtContainers | caps({CAP_SYSLOG}), kNone}},
    // The kernel's audit messages.
    Row{Task::denials_follow, {kLooksAtContainers | caps({CAP_SYSLOG, CAP_AUDIT_READ}), kNone}},
    // Besides, as `load`.
    Row{Task::denials_reveal, {kLooksAtContainers | caps({CAP_SYSLOG, CAP_AUDIT_READ, CAP_MAC_ADMIN}), kNone}},
    // The engines' programs print their version or judge a configuration file, whoever owns that.
    Row{Task::install, {kWritesConfiguration, caps({CAP_DAC_OVERRIDE})}},
    // Whether the files could be written is asked, not only what they hold.
    Row{Task::install_dry_run, {caps({CAP_DAC_OVERRIDE, CAP_SYS_CHROOT}), caps({CAP_DAC_OVERRIDE})}},
    // Root without SYS_ADMIN is a user of its own to Podman (containers/storage, pkg/unshare, IsRootless()), and `podman info` then
    // tries to make a user namespace; it also makes what is missing of its own folders.
    Row{Task::install_podman, {kWritesConfiguration | caps({CAP_SYS_ADMIN}), kWritesConfiguration | caps({CAP_SYS_ADMIN})}},
    // The container is started by an engine that runs; what asks it needs no more than to speak to its socket. It is then looked at as
    // `status` does.
    Row{Task::verify, {kWritesConfiguration | kLooksAtContainers, caps({CAP_DAC_OVERRIDE})}},
    // Podman is no service: it starts the container itself, which takes whatever containers take.
    Row{Task::verify_podman, {CapabilitySet::all(), CapabilitySet::all()}},
    Row{Task::learn, {kLearns, kNone}},
    // Reads files of root's.
    Row{Task::learn_status, {kNone, kNone}},
    // Recordings, profiles and the catalog are root's, and stay where they are but for those two; the parser only compiles.
    Row{Task::learn_finish, {kNone, kNone}},
    // apparmor_parser loads (aa_policy_admin_capable()). Catalog, sources and /run/aa-shim are root's, or refused.
    Row{Task::load, {caps({CAP_MAC_ADMIN}), caps({CAP_MAC_ADMIN})}},
    // What aa-shim and `load` left in /run/aa-shim is root's, and anybody may read it.
    Row{Task::metrics, {kNone, kNone}},
    // The directory of the textfile collector belongs to the exporter's user on some systems.
    Row{Task::metrics_file, {caps({CAP_DAC_OVERRIDE}), kNone}},
    // Looks at containers as `status` does.
    Row{Task::metrics_containers, {kLooksAtContainers, kNone}},
    Row{Task::metrics_containers_file, {kLooksAtContainers | caps({CAP_DAC_OVERRIDE}), kNone}},
    // Writes into directories of its caller's; the parser only reads names.
    Row{Task::new_confinement, {kNone, kNone}},
    // Runs install, load and check, each of which gives up what it does not need, and the node's programs below its root. What the
    // DaemonSet asks for.
    Row{Task::node, {kWritesConfiguration | caps({CAP_MAC_ADMIN}), kWritesConfiguration | caps({CAP_MAC_ADMIN})}},
    // And learn, for which the DaemonSet of a cluster that learns asks for some of it.
    Row{Task::node_learn, {kWritesConfiguration | kLearns, kWritesConfiguration | kLearns}},
    // Reads one file of root's.
    Row{Task::node_check, {kNone, kNone}},
    // The catalog, the parser, the kernel's policy; the journal and what `decisionLog` names are root's.
    Row{Task::replay, {kNone, kNone}},
    Row{Task::status, {kLooksAtContainers, kNone}},
    // As `check`.
    Row{Task::test, {kNone, kNone}},
    // Asks the parser for its version.
    Row{Task::version, {kNone, kNone}},
    // Looks at containers as `status` does; the kernel's process events, which are root's before Linux 6.6 (drivers/connector/cn_proc.c).
    Row{Task::watch, {kLooksAtContainers | caps({CAP_NET_ADMIN}), kNone}},
    // A container's processes are any user's.
    Row{Task::watch_kill, {kLooksAtContainers | caps({CAP_NET_ADMIN, CAP_KILL}), kNone}},
};

// With no-new-privileges a program gets nothing that we have not got.
static_assert(std::all_of(kRows.begin(), kRows.end(), [](const Row& row) { return row.keeps.children.subset_of(row.keeps.own); }));

struct Free {
    void operator()(cap_t state) const { (void)::cap_free(state); }
};
using State = std::unique_ptr<std::remove_pointer_t<cap_t>, Free>;

Error refused(std::string_view problem) {
    return {ErrorKind::system, concat({"the capabilities that are not needed cannot be given up: ", problem,
                                       "; aa-shimctl reads nothing while it has them: allow it capset(2) and prctl(2), which a system "
                                       "call filter may forbid, or run it as a user without capabilities"})};
}
Error refused(std::string_view what, int error_number) { return refused(concat({what, ": ", errno_text(error_number)})); }

bool has(const State& state, cap_value_t capability, cap_flag_t flag) {
    cap_flag_value_t value = CAP_CLEAR;
    return ::cap_get_flag(state.get(), capability, flag, &value) == 0 && value == CAP_SET;
}

Result<State> current() {
    State state(::cap_get_proc());
    if (!state) return refused("read the sets", errno);
    return state;
}

bool nothing_new_is_gained() { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }

Result<void> gain_nothing_new() {
    if (nothing_new_is_gained()) return {};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("no-new-privileges", errno);
    if (!nothing_new_is_gained()) return refused("no-new-privileges has no effect");
    return {};
}

// Whether the bounding set holds a capability beyond WANTED. A kernel knows cap_max_bits() of them.
bool bounding_exceeds(CapabilitySet wanted) {
    for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
        if (!wanted.has(static_cast<unsigned>(capability)) && ::cap_get_bound(capability) == 1) return true;
    }
    return false;
}

Result<void> cut_bounding(CapabilitySet wanted) {
    const auto state = TRY(current());
    if (!has(state, CAP_SETPCAP, CAP_PERMITTED) || !bounding_exceeds(wanted)) return {};
    const cap_value_t needed = CAP_SETPCAP;
    if (!has(state, needed, CAP_EFFECTIVE)) {
        (void)::cap_set_flag(state.get(), CAP_EFFECTIVE, 1, &needed, CAP_SET);
        if (::cap_set_proc(state.get()) != 0) return refused("raise CAP_SETPCAP", errno);
    }
    for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
        if (wanted.has(static_cast<unsigned>(capability)) || ::cap_get_bound(capability) != 1) continue;
        if (::cap_drop_bound(capability) != 0) return refused("the bounding set", errno);
    }
    if (bounding_exceeds(wanted)) return refused("the bounding set stays as it is");
    return {};
}

// Of WANTED what STATE permits, effective and permitted; nothing inheritable, and with that nothing ambient (capabilities(7)).
Result<State> reduced(const State& state, CapabilitySet wanted) {
    State result(::cap_init());
    if (!result) return refused("a new set", errno);
    for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
        if (!wanted.has(static_cast<unsigned>(capability)) || !has(state, capability, CAP_PERMITTED)) continue;
        (void)::cap_set_flag(result.get(), CAP_PERMITTED, 1, &capability, CAP_SET);
        (void)::cap_set_flag(result.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET);
    }
    return result;
}

Result<void> cut_own(CapabilitySet wanted) {
    const auto before = TRY(current());
    const auto after = TRY(reduced(before, wanted));
    if (::cap_compare(before.get(), after.get()) == 0) return {};
    if (::cap_set_proc(after.get()) != 0) return refused("our own sets", errno);
    if (::cap_compare(TRY(current()).get(), after.get()) != 0) return refused("our own sets stay as they are");
    for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
        if (::cap_get_ambient(capability) == 1) return refused("the ambient set stays as it is");
    }
    return {};
}

}  // namespace

Privileges privileges_of(Task task) {
    for (const auto& row : kRows) {
        if (row.task == task) return row.keeps;
    }
    return {};
}

Result<void> keep_only(const Privileges& wanted) {
    TRY(gain_nothing_new());
    TRY(cut_bounding(wanted.children));
    return cut_own(wanted.own);
}

}  // namespace aa::ctl
