// SPDX-License-Identifier: Apache-2.0
#include "shim/exec_decision.h"

#include <gtest/gtest.h>

#include "tests/shim/scripted_policy.h"

namespace aa::shim {
namespace {

using apparmor::ExecOtherwise;
using apparmor::Route;

apparmor::Confinement web() {
    apparmor::Confinement web;
    web.name = "web";
    web.profile = "web";
    web.origin = {"c.json", 4, 5};
    web.exec_rules = {{"/usr/bin/pg_dump", "web//backup", {"c.json", 5, 30}},
                      {"/{,usr/}bin/{ba,da,}sh", apparmor::ExecRule::Deny{"no shells"}, {"c.json", 6, 32}}};
    return web;
}

Program program(std::string path) { return {"word", {std::move(path), true, {}}}; }

class ExecDecision : public testing::Test {
protected:
    void SetUp() override {
        policy_.outcomes["web /bin/stay"] = outcome_of({"web", Route::inherited, "web", false, false, false, false, "web stays"});
        policy_.outcomes["web /bin/kid"] =
            outcome_of({"web", Route::child, "web//kid", false, false, false, false, "web goes to its child"});
        policy_.outcomes["web /bin/free"] =
            outcome_of({"web", Route::unconfined, "unconfined", false, false, false, false, "profile 'web' lets it go"});
        policy_.outcomes["web /bin/no"] =
            outcome_of({"web", Route::denied, "", false, false, false, false, "no rule of profile 'web' allows it"});
        auto learned = outcome_of({"web", Route::learned, "web//null-/bin/new", false, false, false, false, "web complains"});
        learned.entered = "web";
        learned.complaining = true;
        policy_.outcomes["web /bin/new"] = learned;
    }

    Result<std::string> exec(const apparmor::Confinement& confinement, const std::string& path, const std::string& base = "web") {
        reasons_.clear();
        return judge_exec(confinement, base, program(path), policy_, reasons_);
    }

    ScriptedPolicy policy_;
    std::vector<std::string> reasons_;
};

TEST_F(ExecDecision, RulesComeFirst) {
    EXPECT_EQ(*exec(web(), "/usr/bin/pg_dump"), "web//backup");
    EXPECT_EQ(*exec(web(), "/usr/bin/pg_dump", "custom//&web"), "custom//&web//backup");
    const auto refused = exec(web(), "/bin/dash");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::denied);
    EXPECT_EQ(refused.error().message,
              "permission denied: the catalog does not let 'word' ('/bin/dash') run: no shells (exec rule c.json:6:32)");
}

// What could not be judged stays an error: here a policy that has no answer.
TEST_F(ExecDecision, OnlyARefusalIsGivenAsAStatus) {
    auto confinement = web();
    const auto denied = exec(confinement, "/bin/dash").error();
    EXPECT_FALSE(is_given_as_status(confinement, denied));
    confinement.refuse_exec = apparmor::RefuseExec::exit_status;
    EXPECT_TRUE(is_given_as_status(confinement, denied));
    EXPECT_TRUE(is_given_as_status(confinement, exec(confinement, "/bin/no").error()));
    EXPECT_TRUE(is_given_as_status(confinement, exec(confinement, "/bin/free").error()));
    const auto unknown = exec(confinement, "/bin/unknown");
    ASSERT_FALSE(unknown);
    EXPECT_FALSE(is_given_as_status(confinement, unknown.error()));
}

TEST_F(ExecDecision, OtherwiseBaseAndDenyAskNoPolicy) {
    auto confinement = web();
    confinement.exec_otherwise = ExecOtherwise::base;
    EXPECT_EQ(*exec(confinement, "/bin/unknown"), "web");
    confinement.exec_otherwise = ExecOtherwise::deny;
    const auto refused = exec(confinement, "/bin/unknown");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "permission denied: the catalog does not let 'word' ('/bin/unknown') run: no exec rule allows it, and \"otherwise\" is "
              "\"deny\" (confinement c.json:4:5)");
}

TEST_F(ExecDecision, WithoutAppArmorWhatDeniesStillDenies) {
    struct Case {
        const char* path;
        ExecOtherwise otherwise;
        const char* expected;  // the error, or else the reason
    };
    const Case cases[] = {
        {"/bin/dash", ExecOtherwise::transition,
         "permission denied: the catalog does not let 'word' ('/bin/dash') run: no shells (exec rule c.json:6:32)"},
        {"/usr/bin/pg_dump", ExecOtherwise::deny,
         "exec rule c.json:5:30 denies '/usr/bin/pg_dump' nothing, and without AppArmor it gets no label"},
        {"/bin/no", ExecOtherwise::transition, "no exec rule denies '/bin/no', and without AppArmor it gets no label"},
        {"/bin/no", ExecOtherwise::base, "no exec rule denies '/bin/no', and without AppArmor it gets no label"},
        {"/bin/no", ExecOtherwise::deny,
         "permission denied: the catalog does not let 'word' ('/bin/no') run: no exec rule allows it, and \"otherwise\" is \"deny\" "
         "(confinement c.json:4:5)"},
    };
    for (const auto& c : cases) {
        auto confinement = web();
        confinement.exec_otherwise = c.otherwise;
        std::vector<std::string> reasons;
        const auto judged = judge_exec_without_apparmor(confinement, program(c.path), reasons);
        const std::string said = judged ? reasons.at(0) : judged.error().message;
        EXPECT_EQ(said, c.expected);
        if (!judged) {
            EXPECT_EQ(judged.error().kind, ErrorKind::denied);
        }
    }
    auto confinement = web();
    EXPECT_TRUE(denies_programs(confinement));
    confinement.exec_rules.pop_back();
    EXPECT_FALSE(denies_programs(confinement));
    confinement.exec_otherwise = ExecOtherwise::deny;
    EXPECT_TRUE(denies_programs(confinement));
}

TEST_F(ExecDecision, WhatIsLearnedFromStaysInItsBaseAndIsDeniedAllTheSame) {
    const auto learned = [&](const apparmor::Confinement& confinement, const std::string& path) {
        return judge_learned_exec(confinement, "asked//&twin", program(path), reasons_);
    };
    EXPECT_EQ(*learned(web(), "/usr/bin/pg_dump"), "asked//&twin");
    EXPECT_EQ(*learned(web(), "/bin/no"), "asked//&twin");
    const auto refused = learned(web(), "/bin/dash");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "permission denied: the catalog does not let 'word' ('/bin/dash') run: no shells (exec rule c.json:6:32)");
    auto closed = web();
    closed.exec_otherwise = apparmor::ExecOtherwise::deny;
    EXPECT_FALSE(learned(closed, "/bin/other"));
    EXPECT_EQ(*learned(closed, "/usr/bin/pg_dump"), "asked//&twin");
}

TEST_F(ExecDecision, TheTransitionThatThePolicyPrescribes) {
    EXPECT_EQ(*exec(web(), "/bin/stay"), "web");
    EXPECT_EQ(*exec(web(), "/bin/kid"), "web//kid");
    EXPECT_EQ(reasons_, std::vector<std::string>{"web goes to its child"});
    EXPECT_EQ(*exec(web(), "/bin/new"), "web");
    EXPECT_EQ(reasons_, (std::vector<std::string>{"web complains", "it is allowed only because the profile is in complain mode"}));
}

// dockerd turns "permission denied" into exit code 126.
TEST_F(ExecDecision, WhatTheProfileDoesNotAllowIsRefused) {
    const auto refused = exec(web(), "/bin/no");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::denied);
    EXPECT_EQ(refused.error().message,
              "permission denied: no rule of profile 'web' allows it, so 'word' ('/bin/no') may not be started; let the profile "
              "execute it, or add an exec rule to the catalog (confinement 'web', c.json:4:5)");
}

TEST_F(ExecDecision, LeavingConfinementNeedsToBeSpelled) {
    const auto refused = exec(web(), "/bin/free");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "permission denied: profile 'web' lets it go, which the catalog does not allow, so 'word' ('/bin/free') may not be "
              "started; give it a profile, or say \"unconfined\": true under \"exec\" (confinement 'web', c.json:4:5)");
    auto confinement = web();
    confinement.exec_unconfined = true;
    EXPECT_EQ(*exec(confinement, "/bin/free"), "unconfined");
}

TEST_F(ExecDecision, WhatCannotBeEvaluatedIsRefused) {
    const auto refused = exec(web(), "/bin/else");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "the transition from 'web' by 'word' ('/bin/else'): nothing is known about web /bin/else");
}

TEST_F(ExecDecision, AFirstProgramIgnoresExecRules) {
    policy_.outcomes["web /usr/bin/pg_dump"] = outcome_of({"web", Route::inherited, "web", false, false, false, false, "web stays"});
    EXPECT_EQ(*judge_start(web(), "web", program("/usr/bin/pg_dump"), policy_, reasons_), "web");
    EXPECT_EQ(*judge_start(web(), "web", program("/bin/kid"), policy_, reasons_), "web//kid");
    EXPECT_FALSE(judge_start(web(), "web", program("/bin/no"), policy_, reasons_));
}

TEST_F(ExecDecision, AnEnginesInitStartsInTheBase) {
    const auto start = [&](const char* path, bool no_new_privileges) {
        return judge_start_behind_init(web(), "web", program(path), no_new_privileges, policy_, reasons_);
    };
    EXPECT_EQ(*start("/bin/kid", false), "web");
    EXPECT_EQ(*start("/bin/stay", true), "web");
    EXPECT_FALSE(start("/bin/no", false));
    const auto refused = start("/bin/kid", true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "permission denied: 'word' ('/bin/kid') is to run under 'web//kid', and under no-new-privileges the engine's init "
              "cannot bring it there: start the container without --init, or without no-new-privileges (confinement 'web', c.json:4:5)");
}

}  // namespace
}  // namespace aa::shim
