// SPDX-License-Identifier: Apache-2.0
#include "shim/observed.h"

#include <gtest/gtest.h>

namespace aa::shim {
namespace {

constexpr std::string_view kStatus =
    "Name:\tsh\nPPid:\t71\nTracerPid:\t0\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\nCapBnd:"
    "\t0000000000000401\n"
    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";

TEST(Observed, ReadsTheKernelsStatus) {
    Observed observed;
    ASSERT_TRUE(read_status(kStatus, observed));
    EXPECT_EQ(observed.bounding, CapabilitySet(0x401));
    EXPECT_EQ(observed.permitted, CapabilitySet(0x400));
    EXPECT_TRUE(observed.no_new_privileges);
    EXPECT_TRUE(observed.filtered);
    EXPECT_EQ(observed.filters, 3U);
    EXPECT_EQ(observed.parent, 71);
    EXPECT_EQ(observed.tracer, 0);
}

TEST(Observed, ReadsTheSetsThatAProgramMayGainFrom) {
    for (const auto* name : {"CapInh", "CapEff", "CapAmb"}) {
        std::string status(kStatus);
        status.replace(status.find(name) + 8, 16, "0000000000200000");
        Observed observed;
        ASSERT_TRUE(read_status(status, observed));
        EXPECT_TRUE(CapabilitySet(0x200000).subset_of(observed.others)) << name;
    }
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
    for (const auto* name : {"CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapBnd:\t", "CapAmb:\t", "NoNewPrivs:\t"}) {
        std::string status(kStatus);
        const auto value = status.find(name) + std::string_view(name).size();
        status.insert(value, "?");
        EXPECT_FALSE(read_status(status, observed)) << name;
    }
    EXPECT_FALSE(read_status("", observed));
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

TEST(Observed, FirstMismatches) {
    using apparmor::Mode;
    struct Case {
        const char* name;
        Observed observed;
        unsigned long long parent;  // how many filters it has
        Bounds bounds;
        std::optional<std::string> label;
        const char* expected;  // nullptr: it obeys
    };
    const CapabilitySet chown(1);
    const auto label = [](const char* text, Mode mode) { return Observed{.label = {text, mode}, .bounding = {}, .permitted = {}}; };
    const auto filters = [](std::optional<unsigned long long> count) {
        return Observed{.label = {"web", Mode::enforce}, .bounding = {}, .permitted = {}, .filtered = true, .filters = count};
    };
    const Bounds web{"web", chown, false, {}};
    const Bounds filtered{"web", chown, false, {"keyctl"}};
    const Case cases[] = {
        {"as decided", label("web", Mode::enforce), 0, web, "web", nullptr},
        {"a start of its own", label("web//first", Mode::enforce), 0, web, "web//first", nullptr},
        {"in another order, and one more", label("crun//&b//&a", Mode::mixed), 0, {"a//&b", chown, false, {}}, "a//&b", nullptr},
        {"any, where none is decided", label("x", Mode::enforce), 0, {std::nullopt, chown, false, {}}, std::nullopt, nullptr},
        {"unconfined as decided", label("unconfined", Mode::unconfined), 0, {"unconfined", chown, false, {}}, "unconfined", nullptr},
        {"another that confines", label("web//worker", Mode::enforce), 0, web, "web",
         "the kernel says that its label is 'web//worker', it was to begin under 'web'"},
        {"a component that is missing",
         label("a", Mode::enforce),
         0,
         {"a//&b", chown, false, {}},
         "a//&b",
         "the kernel says that its label is 'a', it was to begin under 'a//&b'"},
        {"what it may inherit",
         {.label = {"web", Mode::enforce}, .bounding = {}, .permitted = {}, .others = CapabilitySet(2)},
         0,
         web,
         "web",
         "the kernel says that it may have the capabilities DAC_OVERRIDE beyond the ceiling"},
        {"a filter of its own", filters(3), 2, filtered, "web", nullptr},
        {"a kernel that does not count", filters(std::nullopt), 2, filtered, "web", nullptr},
        {"its parent's filters", filters(2), 2, filtered, "web", "no filter is on its system calls but those that its parent has"},
        {"its parent's filters, where nothing is denied", filters(2), 2, web, "web", nullptr},
    };
    for (const auto& c : cases) {
        Observed parent;
        parent.filters = c.parent;
        const auto mismatch = find_first_mismatch(c.observed, parent, c.bounds, c.label);
        ASSERT_EQ(mismatch.has_value(), c.expected != nullptr) << c.name << ": " << mismatch.value_or("");
        EXPECT_EQ(mismatch.value_or(""), c.expected != nullptr ? c.expected : "") << c.name;
    }
}

}  // namespace
}  // namespace aa::shim
