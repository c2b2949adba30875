// SPDX-License-Identifier: Apache-2.0
#include "shim/observed.h"

#include <gtest/gtest.h>

namespace aa::shim {
namespace {

constexpr std::string_view kStatus =
    "Name:\tsh\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\nCapBnd:\t0000000000000401\n"
    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";

TEST(Observed, ReadsTheKernelsStatus) {
    Observed observed;
    ASSERT_TRUE(read_status(kStatus, observed));
    EXPECT_EQ(observed.bounding, CapabilitySet(0x401));
    EXPECT_EQ(observed.permitted, CapabilitySet(0x400));
    EXPECT_TRUE(observed.no_new_privileges);
    EXPECT_TRUE(observed.filtered);
}

TEST(Verify, AProcessMayCallItselfWhatItLikes) {
    const std::string status =
        "Name:\tCapBnd:\t0 Seccomp:\t2\n" + std::string(kStatus).replace(kStatus.find("Seccomp:\t2"), 10, "Seccomp:\t0");
    Observed observed;
    ASSERT_TRUE(read_status(status, observed));
    EXPECT_EQ(observed.bounding, CapabilitySet(0x401));
    EXPECT_FALSE(observed.filtered);
}

// A process may be called like a line.
TEST(Observed, IsNotMisledByTheProcesssName) {
    std::string status(kStatus);
    status.replace(status.find("sh"), 2, "CapBnd:0 CapPrm:0");
    Observed observed;
    ASSERT_TRUE(read_status(status, observed));
    EXPECT_EQ(observed.bounding, CapabilitySet(0x401));
    EXPECT_EQ(observed.permitted, CapabilitySet(0x400));
    Observed none;
    EXPECT_FALSE(read_status("Name:\tCapBnd:0 CapPrm:0 NoNewPrivs:1\n", none));
}

TEST(Observed, AStatusWithoutTheLinesIsNoObservation) {
    Observed observed;
    for (const char* text : {"", "CapPrm:\t1\nCapBnd:\t1\n", "CapPrm:\t\nCapBnd:\t1\nNoNewPrivs:\t1\n"})
        EXPECT_FALSE(read_status(text, observed)) << text;
}

TEST(Observed, Mismatches) {
    using apparmor::Mode;
    struct Case {
        const char* name;
        Observed observed;
        Bounds bounds;
        const char* expected;  // nullptr: it obeys
    };
    const CapabilitySet chown(1);
    const CapabilitySet kill(1U << 5U);
    const Case cases[] = {
        {"as decided", {{"web", Mode::enforce}, chown, chown, false}, {"web", chown, false, {}}, nullptr},
        {"less than decided", {{"web", Mode::enforce}, {}, {}, true}, {"web", chown, false, {}}, nullptr},
        {"a transition of its own", {{"web//worker", Mode::enforce}, {}, {}, false}, {"web", {}, false, {}}, nullptr},
        {"part of a stack", {{"custom//&web", Mode::unknown}, {}, {}, false}, {"custom//&web", {}, false, {}}, nullptr},
        {"unconfined as decided", {{"unconfined", Mode::unknown}, {}, {}, false}, {"unconfined", {}, false, {}}, nullptr},
        {"no label decided", {{"", Mode::unknown}, {}, {}, false}, {std::nullopt, {}, false, {}}, nullptr},
        {"unconfined",
         {{"unconfined", Mode::unknown}, {}, {}, false},
         {"web", {}, false, {}},
         "the kernel says that its label is 'unconfined', it was to run under 'web'"},
        {"still the runtime's own profile",
         {{"runc", Mode::unconfined}, {}, {}, false},
         {"web", {}, false, {}},
         "the kernel says that its label is 'runc', it was to run under 'web'"},
        {"more in the bounding set",
         {{"web", Mode::enforce}, chown | kill, chown, false},
         {"web", chown, false, {}},
         "the kernel says that it may have the capabilities KILL beyond the ceiling"},
        {"more in the permitted set",
         {{"web", Mode::enforce}, chown, chown | kill, false},
         {"web", chown, false, {}},
         "the kernel says that it may have the capabilities KILL beyond the ceiling"},
        {"no-new-privileges lost", {{"web", Mode::enforce}, {}, {}, false}, {"web", {}, true, {}}, "no-new-privileges is not set on it"},
        {"filtered", {{"web", Mode::enforce}, {}, {}, false, true}, {"web", {}, false, {"keyctl"}}, nullptr},
        {"not filtered", {{"web", Mode::enforce}, {}, {}, false}, {"web", {}, false, {"keyctl"}}, "no filter is on its system calls"},
    };
    for (const auto& c : cases) {
        const auto mismatch = find_mismatch(c.observed, c.bounds);
        ASSERT_EQ(mismatch.has_value(), c.expected != nullptr) << c.name;
        EXPECT_EQ(mismatch.value_or(""), c.expected != nullptr ? c.expected : "") << c.name;
    }
}

}  // namespace
}  // namespace aa::shim
