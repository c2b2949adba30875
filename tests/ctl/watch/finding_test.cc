// SPDX-License-Identifier: Apache-2.0
#include "ctl/watch/finding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aa::ctl::watch {
namespace {

using status::Standing;
using testing::ElementsAre;

constexpr std::chrono::milliseconds kMoment{100};

status::Survey in_order() {
    status::Survey survey;
    survey.catalog.emplace();
    return survey;
}

status::ContainerReport container(Standing standing, const std::string& id = "c1") {
    status::ContainerReport report;
    report.root = "/run/runc";
    report.id = id;
    report.standing = standing;
    return report;
}

status::ContainerReport deviating() {
    auto report = container(Standing::deviates);
    report.decision.emplace();
    report.decision->id = "0123456789abcdef";
    report.decision->rule = "rule f:1:1";
    report.decision->confinement = "web";
    report.decision->bounds.profile = "aa-shim-web";
    report.subject = {"docker", "", "", "shop", "nginx"};
    report.processes = {{7, "nginx", "aa-shim-web", std::nullopt}, {8, "sh", "unconfined", "its label is wrong"}};
    return report;
}

std::vector<std::string> told(const std::vector<Finding>& findings) {
    std::vector<std::string> result;
    result.reserve(findings.size());
    for (const auto& one : findings) result.push_back(std::string(name_of(one.kind)) + " " + one.reason + ": " + one.message);
    return result;
}

TEST(FindingsOf, NothingWhereAllIsInOrder) {
    auto survey = in_order();
    for (const auto standing : {Standing::as_decided, Standing::created, Standing::passed, Standing::agent, Standing::elsewhere}) {
        survey.containers.push_back(container(standing));
    }
    survey.twins.push_back({"twin", "web", true, true});
    survey.twins.push_back({"in-place", "shop", true, true, true});
    survey.revealed.push_back("p");
    EXPECT_TRUE(survey.ok());
    EXPECT_THAT(told(findings_of(survey, {{"p", apparmor::Mode::enforce, false}, {"in-place", apparmor::Mode::complain, true}})),
                ElementsAre());
}

TEST(FindingsOf, AProfileThatComplainsIsOneFinding) {
    auto survey = in_order();
    survey.twins = {{"left", "shop", true, false, true}, {"loaded-since", "web", false, true, true}};
    EXPECT_FALSE(survey.ok());
    EXPECT_THAT(told(findings_of(survey, {{"left", apparmor::Mode::complain, true}, {"loaded-since", apparmor::Mode::complain, true}})),
                ElementsAre("profile twin: profile 'left' still forbids next to nothing, and nobody learns from it: run 'aa-shimctl load'",
                            "profile complain: profile 'loaded-since' is in complain mode since the catalog was loaded: nothing that it "
                            "forbids is refused; run 'aa-shimctl load'"));
}

TEST(FindingsOf, WhateverIsNotInOrder) {
    status::Survey survey;
    survey.no_catalog = "it is missing";
    survey.twins.push_back({"twin", "web", true, false});
    survey.unloaded.push_back("profile 'p' of confinement 'web'");
    survey.revealed.push_back("r");
    survey.containers = {container(Standing::bypassed), container(Standing::forged), container(Standing::unreadable), deviating()};
    survey.containers[1].problem = "no record";
    survey.containers[2].problem = "no state";
    EXPECT_THAT(told(findings_of(survey, {{"q", apparmor::Mode::enforce, false}, {"r", apparmor::Mode::complain, true}})),
                ElementsAre("host no-catalog: no catalog is in force: it is missing",
                            "profile twin: profile 'twin' still forbids next to nothing, and nobody learns from it: run 'aa-shimctl load'",
                            "profile unloaded: profile 'p' of confinement 'web' is not loaded, and what it is decided for is refused: run "
                            "'aa-shimctl load'",
                            "profile replaced: profile 'q' was replaced by another one since the catalog was loaded: run 'aa-shimctl load'",
                            "profile complain: profile 'r' is in complain mode since the catalog was loaded: nothing that it forbids is "
                            "refused; run 'aa-shimctl load'",
                            "container bypassed: container 'c1': aa-shim did not start it: another runtime did",
                            "container forged: container 'c1': no record", "container unreadable: container 'c1': no state",
                            "process deviates: container 'c1', process 8 ('sh'): its label is wrong"));
}

TEST(FindingsOf, APodOfAnotherClassWhereAllMustCome) {
    auto survey = in_order();
    survey.containers.push_back(container(Standing::elsewhere));
    survey.require_all = true;
    EXPECT_THAT(told(findings_of(survey, {})),
                ElementsAre("container elsewhere: container 'c1': aa-shim did not start it: its RuntimeClass is another's"));
}

TEST(ToEntry, WhatARecordSays) {
    auto survey = in_order();
    survey.containers.push_back(deviating());
    const auto finding = findings_of(survey, {}).front();
    EXPECT_EQ(shim::to_journal(to_entry(finding, true)),
              "MESSAGE=container 'c1', process 8 ('sh'): its label is wrong; it was killed\nPRIORITY=4\nSYSLOG_IDENTIFIER=aa-shim\n"
              "AA_SHIM_OUTCOME=found\nAA_SHIM_DECISION=0123456789abcdef\nAA_SHIM_COMMAND=watch\nAA_SHIM_CONTAINER=c1\n"
              "AA_SHIM_REASON=deviates\nAA_SHIM_RULE=rule f:1:1\nAA_SHIM_CONFINEMENT=web\nAA_SHIM_ENGINE=docker\nAA_SHIM_NAME=shop\n"
              "AA_SHIM_IMAGE=nginx\nAA_SHIM_PROFILE=aa-shim-web\nAA_SHIM_LABEL=unconfined\nAA_SHIM_PROGRAM=sh\nAA_SHIM_PID=8\n"
              "AA_SHIM_KILLED=true\n");
    const auto profile = findings_of(in_order(), {{"q", apparmor::Mode::enforce, false}}).front();
    const auto entry = to_entry(profile, false);
    EXPECT_EQ((std::pair{entry.fields.back(), entry.fields.size()}),
              (std::pair{std::pair<std::string_view, std::string>{"profile", "q"}, std::size_t{2}}));
}

class LedgerTest : public testing::Test {
protected:
    static Finding finding(const std::string& object, bool certain = false) {
        return {.kind = Kind::process, .reason = "deviates", .object = object, .message = object, .certain = certain};
    }
    std::vector<std::string> at(std::chrono::milliseconds time, std::vector<Finding> found) {
        std::vector<std::string> result;
        for (const auto& one : ledger_.take(std::move(found), Ledger::Time(time))) result.push_back(one.message);
        return result;
    }
    Ledger ledger_;
};

TEST_F(LedgerTest, WhatLastsIsToldOnce) {
    EXPECT_THAT(at(kMoment, {finding("a")}), ElementsAre());
    EXPECT_THAT(at(kMoment + Ledger::kLasts - kMoment, {finding("a"), finding("b")}), ElementsAre());
    EXPECT_THAT(at(kMoment + Ledger::kLasts, {finding("a"), finding("b")}), ElementsAre("a"));
    EXPECT_THAT(at(kMoment + 2 * Ledger::kLasts, {finding("a"), finding("b")}), ElementsAre("b"));
    EXPECT_THAT(at(kMoment + 3 * Ledger::kLasts, {finding("a"), finding("b")}), ElementsAre());
}

TEST_F(LedgerTest, WhatIsOverBeginsAnew) {
    EXPECT_THAT(at(kMoment, {finding("a")}), ElementsAre());
    EXPECT_THAT(at(2 * kMoment, {}), ElementsAre());
    EXPECT_THAT(at(kMoment + Ledger::kLasts, {finding("a")}), ElementsAre());
    EXPECT_THAT(at(kMoment + 2 * Ledger::kLasts, {finding("a")}), ElementsAre("a"));
    EXPECT_THAT(at(kMoment + 3 * Ledger::kLasts, {}), ElementsAre());
    EXPECT_THAT(at(kMoment + 4 * Ledger::kLasts, {finding("a", true)}), ElementsAre("a"));
}

TEST_F(LedgerTest, WhatIsCertainIsToldAtOnce) {
    EXPECT_THAT(at(kMoment, {finding("a", true)}), ElementsAre("a"));
    EXPECT_THAT(at(2 * kMoment, {finding("a", true)}), ElementsAre());
    EXPECT_TRUE(ledger_.take_one(finding("b", true), Ledger::Time(kMoment)));
    EXPECT_FALSE(ledger_.take_one(finding("b", true), Ledger::Time(kMoment)));
    EXPECT_THAT(at(2 * kMoment + Ledger::kLasts, {finding("b")}), ElementsAre());
}

}  // namespace
}  // namespace aa::ctl::watch
