// SPDX-License-Identifier: Apache-2.0
#include "shim/facts.h"

#include <gtest/gtest.h>

namespace aa::shim {
namespace {

TEST(Facts, TheHandlerIsInTheProgramsName) {
    struct Case {
        const char* program;
        const char* expected;
    };
    const Case cases[] = {
        {"/usr/bin/aa-shim", ""},   {"/usr/bin/aa-shim-web", "web"}, {"aa-shim-web-prod", "web-prod"},
        {"/usr/bin/aa-shim-", ""},  {"/aa-shim-web/aa-shim", ""},    {"", ""},
        {"/usr/bin/other-web", ""},
    };
    for (const auto& c : cases) EXPECT_EQ(handler_from_program(c.program), c.expected) << c.program;
}

TEST(Facts, TheSummaryTellsOnlyWhatIsKnown) {
    ContainerFacts facts;
    EXPECT_EQ(facts.summary(), "engine='other' user='0'");
    facts.engine.engine = oci::Engine::docker;
    facts.engine.image = "nginx";
    facts.engine.privileged = true;
    facts.handler = "web";
    facts.user = 1000;
    EXPECT_EQ(facts.summary(), "engine='docker' handler='web' image='nginx' user='1000' privileged='true'");
}

// Without the record only what config.json says is a fact.
TEST(Facts, OfABundleWithoutAnEngine) {
    const auto config = oci::read_config(R"({"process":{"args":["/no/such/program"],"user":{"uid":7},"cwd":"/"},
                                             "root":{"path":"/nonexistent"},"annotations":{"k":"v"}})");
    ASSERT_TRUE(config.has_value()) << config.error().message;
    BundleRoot root("/b", *config);
    const auto facts = collect_facts({"/run/runc", "/b", "c"}, root, "web", {});
    ASSERT_TRUE(facts.has_value()) << facts.error().message;
    const auto view = facts->view();
    EXPECT_EQ(view.facts.engine, "other");
    EXPECT_EQ(view.facts.handler, "web");
    EXPECT_EQ(view.facts.entrypoint, "/no/such/program");
    EXPECT_EQ(view.facts.user, 7U);
    EXPECT_EQ(view.facts.image, "");
    ASSERT_EQ(view.facts.annotations.size(), 1U);
    EXPECT_EQ(view.facts.annotations[0], (apparmor::FactPair{"k", "v"}));
}

}  // namespace
}  // namespace aa::shim
