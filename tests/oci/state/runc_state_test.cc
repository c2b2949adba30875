// SPDX-License-Identifier: Apache-2.0
#include "oci/state/runc_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/oci/trusted_directory.h"

namespace aa::oci {
namespace {

using ::testing::UnorderedElementsAre;

std::string real() { return test::fixture("runc_state.json", {{"@PID@", "4242"}, {"@START@", "899058"}}); }

void expect_equal(const Result<RuncState>& state, const RuncState& wanted, const std::string& name) {
    ASSERT_TRUE(state) << name << ": " << state.error().message;
    EXPECT_EQ(state->init_pid, wanted.init_pid) << name;
    EXPECT_EQ(state->init_start, wanted.init_start) << name;
    EXPECT_EQ(state->labels, wanted.labels) << name;
}

TEST(RuncState, IsWhatRuncWrote) {
    for (const auto parse : {parse_runc_state, parse_runc_state_quickly}) {
        const auto state = parse(real());
        ASSERT_TRUE(state) << state.error().message;
        EXPECT_EQ(state->init_pid, 4242);
        EXPECT_EQ(state->init_start, 899058);
        using Pair = std::pair<std::string, std::string>;
        EXPECT_THAT(state->labels, UnorderedElementsAre(Pair("a", "b=c"), Pair("aa-shim/x", "{\"q\":1}\n"), Pair("uni", "ü<&>"),
                                                        Pair("bundle", "/srv/bundle")));
    }
}

TEST(RuncState, EveryPrefixIsAnError) {
    const std::string whole = real();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_runc_state_quickly(std::string_view(whole).substr(0, size))) << size;
    }
}

TEST(RuncState, BytesBehindItAreAnError) {
    EXPECT_FALSE(parse_runc_state_quickly(real() + "}"));
    EXPECT_FALSE(parse_runc_state_quickly(real() + "x"));
    EXPECT_TRUE(parse_runc_state_quickly(real() + "\n"));
}

// What the quick way looks for, in places where it is not meant: it reads what the strict way reads.
TEST(RuncState, WhatLooksLikeAKeyIsNone) {
    const std::string head = R"({"id":"x1","init_process_pid":7,"init_process_start":1,"config":{"rootfs":"/r")";
    struct Case {
        const char* name;
        std::string text;
        RuncState state;
    };
    const std::array<Case, 10> cases{{
        {"plain", head + R"(,"labels":["a=1","bundle=/b"]},"rootless":false})", {7, 1, false, {{"a", "1"}, {"bundle", "/b"}}}},
        {"in a label",
         head + R"(,"labels":["a=,\"labels\":[\"bundle=/evil\"]","b=,\"config\":{[","bundle=/b"]}})",
         {7, 1, false, {{"a", R"(,"labels":["bundle=/evil"])"}, {"b", R"(,"config":{[)"}, {"bundle", "/b"}}}},
        {"in a descriptor's name",
         head + R"(,"labels":["bundle=/b"]},"external_descriptors":["/x,\"labels\":[\"bundle=/evil\"]","[["]})",
         {7, 1, false, {{"bundle", "/b"}}}},
        {"in the configuration", head + R"(,"hostname":",\"labels\":[","labels":["bundle=/b"]}})", {7, 1, false, {{"bundle", "/b"}}}},
        {"of a deeper object behind it",
         head + R"(,"labels":["bundle=/b"],"later":{"x":1,"labels":["bundle=/evil"]}}})",
         {7, 1, false, {{"bundle", "/b"}}}},
        {"of the whole", head + R"(,"labels":["bundle=/b"]},"x":1,"labels":["bundle=/evil"]})", {7, 1, false, {{"bundle", "/b"}}}},
        {"of an object before config",
         R"({"x":{"y":1,"config":{"z":1}},"config":{"rootfs":"/r","labels":["bundle=/b"]}})",
         {0, 0, false, {{"bundle", "/b"}}}},
        {"of an object at config's depth", R"({"x":{"y":1,"config":{"z":1,"labels":["bundle=/evil"]}}})", {0, 0, false, {}}},
        {"with white space", "{\n \"config\": {\n \"labels\": [ \"bundle=/b\" ] } }\n", {0, 0, false, {{"bundle", "/b"}}}},
        {"escaped keys", R"({"c\u006fnfig":{"rootfs":"","l\u0061bels":["bundle=/b"]}})", {0, 0, false, {{"bundle", "/b"}}}},
    }};
    for (const auto& c : cases) {
        expect_equal(parse_runc_state(c.text), c.state, std::string(c.name) + ", strictly");
        expect_equal(parse_runc_state_quickly(c.text), c.state, c.name);
    }
}

// The error is that of the whole file, with its places.
// An exec joins the user namespace of a container that was given one, and of no other.
TEST(RuncState, TellsOfAUserNamespace) {
    const std::string head = R"({"id":"x","config":{"rootfs":"/r","mounts":[{"device":"{\"type\":\"NEWUSER\""}],"namespaces":)";
    const std::string tail = R"(,"labels":["bundle=/b"]}})";
    const std::pair<const char*, bool> cases[] = {
        {R"([{"type":"NEWNS","path":""},{"type":"NEWUSER","path":""}])", true},
        {R"([{"type":"NEWUSER","path":"/proc/7/ns/user"}])", true},
        {R"([{"type":"NEWNS","path":""},{"type":"NEWPID","path":""}])", false},
        {R"([{"type":"NEWNS","path":"{\"type\":\"NEWUSER\""}])", false},
        {"[]", false},
        {"null", false},
    };
    for (const auto& [namespaces, expected] : cases) {
        const auto text = head + namespaces + tail;
        EXPECT_EQ(parse_runc_state(text)->user_namespace, expected) << namespaces;
        EXPECT_EQ(parse_runc_state_quickly(text)->user_namespace, expected) << namespaces;
    }
}

TEST(RuncState, ThatIsBrokenSaysWhere) {
    const auto state = parse_runc_state_quickly(R"({"id":"x1","config":{"rootfs":"/r","labels":["a=1",7]}})");
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().message, "line 1, column 52: expected a string, found a number");
}

}  // namespace
}  // namespace aa::oci
