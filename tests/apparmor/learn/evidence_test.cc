// SPDX-License-Identifier: Apache-2.0
//
// Whether a compiled policy allows what was seen, class by class.
#include "apparmor/learn/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "apparmor/audit/risk.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"
#include "observed.h"

namespace aa::apparmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kFeatures = AA_FIXTURES "/features-6.12";

class EvidenceTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto parser = Parser::find();
        if (!parser) GTEST_SKIP() << "apparmor_parser is not installed";
        parser_ = *parser;
    }

    std::unique_ptr<PolicySet> compiled(const std::string& rules) {
        auto profiles = compile_text(parser_, concat({"abi <abi/3.0>,\nprofile web {\n", rules, "\n}\n"}), "test", kFeatures);
        EXPECT_TRUE(profiles) << profiles.error().message;
        return std::make_unique<PolicySet>(profiles ? *std::move(profiles) : std::vector<Profile>());
    }

    // Whether a profile with RULES allows EVENT.
    bool allows(const std::string& rules, const Event& event) {
        auto policy = compiled(rules);
        facts_.push_back(*fact_of(event, "/bin/x"));
        const auto answer = allowed_facts({{&facts_.back(), 1}}, {*policy, "web"}, parser_, kFeatures);
        EXPECT_TRUE(answer) << answer.error().message;
        return answer && answer->front();
    }
    bool allows(const std::string& rules, const std::string& name, const std::string& letters, bool owned = false) {
        return allows(rules, observed_event(letters == "x" ? "exec" : "open", letters, owned ? "own" : "other", name));
    }

    Parser parser_{""};
    std::deque<Fact> facts_;
};

TEST_F(EvidenceTest, OfFiles) {
    EXPECT_TRUE(allows("/srv/* r,", "/srv/a", "r"));
    EXPECT_FALSE(allows("/srv/* r,", "/srv/a", "rw"));
    EXPECT_FALSE(allows("/srv/* r,", "/srv/a/b", "r"));
    EXPECT_TRUE(allows("/srv/* w,", "/srv/a", "wacd"));
    EXPECT_TRUE(allows("/srv/* w,", "/srv/a", "c"));
    EXPECT_FALSE(allows("/srv/* r,", "/srv/a", "d"));
    EXPECT_FALSE(allows("/srv/* r,", "/srv/a", "m"));
    EXPECT_FALSE(allows("/srv/* r,", "/srv/a", "k"));
    EXPECT_TRUE(allows("owner /srv/* r,", "/srv/a", "r", true));
    EXPECT_FALSE(allows("owner /srv/* r,", "/srv/a", "r"));
    EXPECT_FALSE(allows("/srv/* r, deny /srv/a r,", "/srv/a", "r"));
}

TEST_F(EvidenceTest, OfExecs) {
    EXPECT_TRUE(allows("/bin/x ix,", "/bin/x", "x"));
    EXPECT_FALSE(allows("/bin/x r,", "/bin/x", "x"));
    EXPECT_FALSE(allows("/bin/x px -> missing,", "/bin/x", "x"));
}

TEST_F(EvidenceTest, OfLinks) {
    // Of files that are not the task's own, apparmor_parser 3.0.8 asks for no subset.
    auto event = observed_event("link", "l", "own", "/srv/new");
    event.target = "/srv/old";
    EXPECT_TRUE(allows("link /srv/new -> /srv/old,", event));
    EXPECT_FALSE(allows("link /srv/new -> /srv/other,", event));
    EXPECT_FALSE(allows("/srv/** rw,", event));
    EXPECT_TRUE(allows("link subset /srv/new -> /srv/old,", event));
    EXPECT_TRUE(allows("link subset /srv/new -> /srv/old, /srv/** rw,", event));
    EXPECT_FALSE(allows("link subset /srv/new -> /srv/old, /srv/new rw, /srv/old r,", event));
    EXPECT_TRUE(allows("link /srv/new -> /srv/old, /srv/new rw, /srv/old r,", event));
    EXPECT_FALSE(allows("link subset /srv/new -> /srv/old, /srv/new ix, /srv/old px,", event));
    EXPECT_TRUE(allows("/srv/** rwl,", event));
}

TEST_F(EvidenceTest, OfAllElse) {
    EXPECT_TRUE(allows("capability chown,", observed_event("capable", "-", "-", "chown")));
    EXPECT_FALSE(allows("capability chown,", observed_event("capable", "-", "-", "setuid")));
    EXPECT_TRUE(allows("network inet stream,", observed_event("create", "inet", "stream", "-")));
    EXPECT_FALSE(allows("network inet dgram,", observed_event("create", "inet", "stream", "-")));
    EXPECT_TRUE(allows("signal (send) peer=web,", observed_event("signal", "send", "term", "self")));
    EXPECT_FALSE(allows("signal (receive) peer=web,", observed_event("signal", "send", "term", "self")));
    EXPECT_FALSE(allows("signal (send) peer=web,", observed_event("signal", "send", "term", "other")));
    EXPECT_FALSE(allows("ptrace (read) peer=web,", observed_event("ptrace", "trace", "-", "self")));
}

TEST_F(EvidenceTest, WhatNoRuleWouldAllowIsNotAllowed) {
    Event event = observed_event("create", "inet", "stream", "-");
    event.family = "no_such_family";
    EXPECT_FALSE(allows("network,", event));
    event.operation = "profile_replace";
    event.family.clear();
    EXPECT_FALSE(allows("file,", event));
}

TEST_F(EvidenceTest, OfWhatNoContainerShouldBeAbleToDo) {
    auto before = compiled("mount,");
    auto now = compiled("mount, umount, /proc/sysrq-trigger w, /dev/sda r, /srv/** rw, capability sys_admin, capability chown,");
    const auto gained = gained_of_never({*now, "web"}, {*before, "web"}, parser_, kFeatures);
    ASSERT_TRUE(gained) << gained.error().message;
    EXPECT_THAT(*gained, ElementsAre("capability sys_admin", "rw /dev/{sd,hd,vd,xvd}[a-z]*", "umount", "w /proc/sysrq-trigger"));
    auto small = compiled("/srv/** rwkl, /usr/** mrix, network inet, capability setuid, signal, ptrace (read),");
    const auto nothing = gained_of_never({*small, "web"}, {*before, "web"}, parser_, kFeatures);
    ASSERT_TRUE(nothing) << nothing.error().message;
    EXPECT_THAT(*nothing, IsEmpty());
}

}  // namespace
}  // namespace aa::apparmor
