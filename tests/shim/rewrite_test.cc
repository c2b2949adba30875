// SPDX-License-Identifier: Apache-2.0
#include "shim/rewrite.h"

#include <gtest/gtest.h>

namespace aa::shim {
namespace {

constexpr std::string_view kConfig =
    R"({"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/","apparmorProfile":"docker-default","capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"]}},"x":1e3})";

Decision sample() {
    Decision decision;
    decision.id = "0123456789abcdef";
    decision.confinement = "web";
    decision.rule = "rule c.json:1:2";
    decision.bounds = {"web", CapabilitySet(1), true, {}};
    return decision;
}

std::string rewrite(std::string_view text, const Decision& decision) {
    const auto config = oci::read_config(text);
    EXPECT_TRUE(config.has_value());
    const auto splices = rewrite_config(*config, text, decision, to_annotations(decision), {});
    EXPECT_TRUE(splices.has_value());
    return splices->apply(text);
}

TEST(Rewrite, OnlyOwnedBytesChange) {
    const auto once = rewrite(kConfig, sample());
    const auto config = oci::read_config(once);
    ASSERT_TRUE(config.has_value()) << config.error().message;
    EXPECT_EQ(config->process.apparmor_profile, "web");
    EXPECT_EQ(config->process.requested(), CapabilitySet(1));
    EXPECT_TRUE(config->process.no_new_privileges);
    EXPECT_EQ(config->annotation("aa-shim/applied"), "web");
    EXPECT_NE(once.find(R"("x":1e3)"), std::string::npos);
    EXPECT_EQ(rewrite(once, sample()), once);
}

TEST(Rewrite, APassedContainerGetsItsRecordAndNothingElse) {
    Decision pass;
    pass.id = "0123456789abcdef";
    pass.pass = true;
    pass.rule = "otherwise, c.json:9:3";
    const auto text = rewrite(kConfig, pass);
    const auto config = oci::read_config(text);
    ASSERT_TRUE(config.has_value());
    EXPECT_EQ(config->process.apparmor_profile, "docker-default");
    EXPECT_EQ(config->process.requested(), CapabilitySet(0b100001));
    EXPECT_EQ(config->annotation("aa-shim/applied"), "");
}

TEST(Rewrite, AnExecsProcessIsBoundEveryTime) {
    constexpr std::string_view kProcess =
        R"({"args":["sh"],"cwd":"/","apparmorProfile":"unconfined","capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_CHOWN"],"effective":["CAP_SYS_ADMIN"]}})";
    oci::json::Reader reader(kProcess);
    const auto spec = oci::read_process_spec(reader);
    ASSERT_TRUE(reader.finish().has_value());
    const auto text = rewrite_process(spec, kProcess, sample().bounds);
    oci::json::Reader again(text);
    const auto bound = oci::read_process_spec(again);
    ASSERT_TRUE(again.finish().has_value());
    EXPECT_EQ(bound.apparmor_profile, "web");
    EXPECT_EQ(bound.requested(), CapabilitySet(1));
    EXPECT_TRUE(bound.no_new_privileges);
}

}  // namespace
}  // namespace aa::shim
