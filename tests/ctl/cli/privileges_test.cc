// SPDX-License-Identifier: Apache-2.0
//
// Giving up capabilities, each time in a process of its own, as it is for good. What the commands do with what is left is tested
// on the programs (tests/process/test_privileges.py).
#include "ctl/cli/privileges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>

namespace aa::ctl {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

CapabilitySet caps(std::initializer_list<unsigned> numbers) {
    CapabilitySet set;
    for (const unsigned number : numbers) set.add(number);
    return set;
}

// What WHAT says, which is done in a process that ends with it.
std::string in_child(const std::function<std::string()>& what) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const auto text = what();
        (void)!::write(ends[1], text.data(), text.size());
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 512> part{};
    for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;) text.append(part.data(), static_cast<std::size_t>(n));
    ::close(ends[0]);
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
    return text;
}

CapabilitySet set_of(cap_flag_t flag) {
    cap_t state = ::cap_get_proc();
    CapabilitySet set;
    for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
        cap_flag_value_t value = CAP_CLEAR;
        if (::cap_get_flag(state, capability, flag, &value) == 0 && value == CAP_SET) set.add(static_cast<unsigned>(capability));
    }
    ::cap_free(state);
    return set;
}

CapabilitySet set_by(int (*is_set)(cap_value_t)) {
    CapabilitySet set;
    for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
        if (is_set(capability) == 1) set.add(static_cast<unsigned>(capability));
    }
    return set;
}

std::string sets() {
    return "permitted " + set_of(CAP_PERMITTED).names() + ", effective " + set_of(CAP_EFFECTIVE).names() + ", inheritable " +
           set_of(CAP_INHERITABLE).names() + ", ambient " + set_by([](cap_value_t c) { return ::cap_get_ambient(c); }).names() +
           ", bounding " + set_by([](cap_value_t c) { return ::cap_get_bound(c); }).names() + ", gains " +
           (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "nothing" : "something");
}

std::string after(const Privileges& wanted) {
    const auto kept = keep_only(wanted);
    return kept ? sets() : kept.error().message;
}

// As `capsh --caps`: SET is what there is, effective only if it says so.
void have(CapabilitySet set, bool effective, CapabilitySet inheritable = {}) {
    cap_t state = ::cap_init();
    for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
        if (set.has(static_cast<unsigned>(capability))) {
            ::cap_set_flag(state, CAP_PERMITTED, 1, &capability, CAP_SET);
            if (effective) ::cap_set_flag(state, CAP_EFFECTIVE, 1, &capability, CAP_SET);
        }
        if (inheritable.has(static_cast<unsigned>(capability))) ::cap_set_flag(state, CAP_INHERITABLE, 1, &capability, CAP_SET);
    }
    EXPECT_EQ(::cap_set_proc(state), 0);
    ::cap_free(state);
}

// Has the kernel answer CALL with ERROR_NUMBER; 0: it says yes, and does nothing.
void refuse(int call, std::uint16_t error_number) {
    scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
    EXPECT_EQ(::seccomp_rule_add(filter, SCMP_ACT_ERRNO(error_number), call, 0), 0);
    EXPECT_EQ(::seccomp_load(filter), 0);
    ::seccomp_release(filter);
}

void become_a_user() {
    EXPECT_EQ(::setgid(65534), 0);
    EXPECT_EQ(::setuid(65534), 0);
}

class KeepOnly : public ::testing::Test {
protected:
    void SetUp() override {
        const auto all = set_of(CAP_PERMITTED);
        if (!caps({CAP_KILL, CAP_CHOWN, CAP_SETPCAP, CAP_SETUID, CAP_SETGID, CAP_SYS_ADMIN}).subset_of(all)) {
            GTEST_SKIP() << "needs root with its capabilities";
        }
    }
};

TEST_F(KeepOnly, GivesUpTheRestOfAllSets) {
    EXPECT_EQ(in_child([] { return after({}); }),
              "permitted none, effective none, inheritable none, ambient none, bounding none, gains nothing");
    EXPECT_EQ(in_child([] {
                  return after({caps({CAP_KILL}), caps({CAP_CHOWN})});
              }),
              "permitted KILL, effective KILL, inheritable none, ambient none, bounding CHOWN, gains nothing");
}

TEST_F(KeepOnly, RaisesNothingThatWasNotThere) {
    EXPECT_EQ(in_child([] {
                  have(caps({CAP_KILL, CAP_SETPCAP}), true);
                  return after({caps({CAP_CHOWN, CAP_KILL}), {}});
              }),
              "permitted KILL, effective KILL, inheritable none, ambient none, bounding none, gains nothing");
}

// As `setpriv --ambient-caps` and AmbientCapabilities= leave it.
TEST_F(KeepOnly, NothingStaysInheritableOrAmbient) {
    EXPECT_EQ(in_child([] {
                  have(caps({CAP_KILL, CAP_CHOWN, CAP_SETPCAP}), true, caps({CAP_KILL, CAP_CHOWN}));
                  EXPECT_EQ(::cap_set_ambient(CAP_KILL, CAP_SET), 0);
                  EXPECT_EQ(::cap_set_ambient(CAP_CHOWN, CAP_SET), 0);
                  return after({caps({CAP_KILL}), {}});
              }),
              "permitted KILL, effective KILL, inheritable none, ambient none, bounding none, gains nothing");
}

TEST_F(KeepOnly, WhatIsPermittedOnlyIsGivenUpToo) {
    EXPECT_EQ(in_child([] {
                  have(caps({CAP_KILL, CAP_SETPCAP, CAP_SYS_ADMIN}), false);
                  return after({});
              }),
              "permitted none, effective none, inheritable none, ambient none, bounding none, gains nothing");
}

TEST_F(KeepOnly, TwiceIsNoMore) {
    EXPECT_EQ(in_child([] {
                  (void)after({caps({CAP_KILL}), {}});
                  return after({caps({CAP_KILL, CAP_CHOWN}), caps({CAP_CHOWN})});
              }),
              "permitted KILL, effective KILL, inheritable none, ambient none, bounding none, gains nothing");
}

// As in a container with `drop: [ALL]`: the bounding set cannot be cut.
TEST_F(KeepOnly, WithoutSetpcapNothingIsGainedFromTheBoundingSet) {
    EXPECT_THAT(
        in_child([] {
            have(caps({CAP_KILL, CAP_CHOWN}), true);
            return after({caps({CAP_KILL}), {}});
        }),
        AllOf(StartsWith("permitted KILL, effective KILL, inheritable none, ambient none, bounding CHOWN,"), EndsWith(", gains nothing")));
}

TEST_F(KeepOnly, AnOrdinaryUserHasNothingToGiveUp) {
    EXPECT_THAT(in_child([] {
                    become_a_user();
                    return after({caps({CAP_KILL}), {}});
                }),
                AllOf(StartsWith("permitted none, effective none, "), EndsWith(", gains nothing")));
}

// systemd's SystemCallFilter=~@privileged forbids capset(2).
TEST_F(KeepOnly, WhatChangesNothingNeedsNoCall) {
    EXPECT_THAT(in_child([] {
                    become_a_user();
                    refuse(SCMP_SYS(capset), EPERM);
                    return after({});
                }),
                StartsWith("permitted none, "));
    EXPECT_THAT(in_child([] {
                    have(caps({CAP_DAC_OVERRIDE}), true);
                    refuse(SCMP_SYS(capset), EPERM);
                    return after({caps({CAP_DAC_OVERRIDE}), {}});
                }),
                StartsWith("permitted DAC_OVERRIDE, "));
}

TEST_F(KeepOnly, RefusesWhatCannotBeGivenUp) {
    constexpr const char* kRemedy =
        " aa-shimctl reads nothing while it has them: allow it capset(2) and prctl(2), which a system call filter may forbid, or run "
        "it as a user without capabilities";
    const struct {
        int call;
        std::uint16_t error_number;
        const char* problem;
    } cases[] = {
        {SCMP_SYS(capset), EPERM, "our own sets: the kernel refused (EPERM);"},
        {SCMP_SYS(capset), 0, "our own sets stay as they are;"},
        {SCMP_SYS(capget), ENOSYS, "read the sets: "},
        {SCMP_SYS(prctl), EPERM, "no-new-privileges: the kernel refused (EPERM);"},
        {SCMP_SYS(prctl), 0, "no-new-privileges has no effect;"},
    };
    for (const auto& one : cases) {
        const auto text = in_child([&] {
            refuse(one.call, one.error_number);
            return after({});
        });
        EXPECT_THAT(text, AllOf(StartsWith("the capabilities that are not needed cannot be given up: "), HasSubstr(one.problem),
                                EndsWith(kRemedy)));
    }
}

// The whole table; what it may hold is for people to judge.
TEST(PrivilegesOf, EachCommand) {
    const struct {
        Task task;
        const char* own;
        const char* children;
    } rows[] = {
        {Task::nothing, "none", "none"},
        {Task::check, "none", "none"},
        {Task::complete, "none", "none"},
        {Task::explain, "none", "none"},
        {Task::explain_bundle, "DAC_READ_SEARCH", "none"},
        {Task::explain_container, "DAC_READ_SEARCH,SYS_PTRACE", "none"},
        {Task::install, "CHOWN,DAC_OVERRIDE,FOWNER,SYS_CHROOT", "DAC_OVERRIDE"},
        {Task::install_dry_run, "DAC_OVERRIDE,SYS_CHROOT", "DAC_OVERRIDE"},
        {Task::install_podman, "CHOWN,DAC_OVERRIDE,FOWNER,SYS_CHROOT,SYS_ADMIN", "CHOWN,DAC_OVERRIDE,FOWNER,SYS_CHROOT,SYS_ADMIN"},
        {Task::denials_reveal, "DAC_READ_SEARCH,SYS_PTRACE,MAC_ADMIN,SYSLOG,AUDIT_READ", "none"},
        {Task::load, "MAC_ADMIN", "MAC_ADMIN"},
        {Task::new_confinement, "none", "none"},
        {Task::metrics, "none", "none"},
        {Task::metrics_file, "DAC_OVERRIDE", "none"},
        {Task::node_check, "none", "none"},
        {Task::node, "CHOWN,DAC_OVERRIDE,FOWNER,SYS_CHROOT,MAC_ADMIN", "CHOWN,DAC_OVERRIDE,FOWNER,SYS_CHROOT,MAC_ADMIN"},
        {Task::node_learn,
         "CHOWN,DAC_OVERRIDE,DAC_READ_SEARCH,FOWNER,NET_ADMIN,SYS_CHROOT,SYS_PTRACE,AUDIT_CONTROL,MAC_ADMIN,SYSLOG,AUDIT_READ",
         "CHOWN,DAC_OVERRIDE,DAC_READ_SEARCH,FOWNER,NET_ADMIN,SYS_CHROOT,SYS_PTRACE,AUDIT_CONTROL,MAC_ADMIN,SYSLOG,AUDIT_READ"},
        {Task::status, "DAC_READ_SEARCH,SYS_PTRACE", "none"},
        {Task::test, "none", "none"},
        {Task::version, "none", "none"},
    };
    for (const auto& row : rows) {
        const auto keeps = privileges_of(row.task);
        EXPECT_EQ(keeps.own.names(), row.own);
        EXPECT_EQ(keeps.children.names(), row.children);
    }
}

}  // namespace
}  // namespace aa::ctl
