// SPDX-License-Identifier: Apache-2.0
//
// The abi of the shipped profiles: what the real apparmor_parser makes of it. That it adds user namespaces and io_uring needs a parser of
// AppArmor 4, with which tests/apparmor/engine_defaults.cc runs.
#include "apparmor/source/policy_abi.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "apparmor/source/parser_process.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;

class PolicyAbi : public ::testing::Test {
protected:
    PolicyAbi() {
        std::string name = fs::temp_directory_path() / "aa-policy-abi-XXXXXX";
        root_ = ::mkdtemp(name.data());
    }
    ~PolicyAbi() override { fs::remove_all(root_); }
    PolicyAbi(const PolicyAbi&) = delete;
    PolicyAbi& operator=(const PolicyAbi&) = delete;

    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    }

    // What is compiled of a profile with PREAMBLE for the kernel 6.12, with all warnings.
    [[nodiscard]] CommandOutcome compiled(const std::string& preamble) const {
        auto run = Parser::find()->run({"--config-file=/dev/null", "--skip-kernel-load", "--skip-cache", "--warn=all", "--stdout",
                                        "--kernel-features=" AA_POLICY "/features/6.12", "--Include=" + root_, Parser::kInput},
                                       preamble + "\nprofile p { file, network, deny network alg, capability, signal, }\n");
        EXPECT_TRUE(run && run->ok()) << preamble << (run ? run->errors : run.error().message);
        return run ? *run : CommandOutcome{};
    }

    std::string root_;
};

TEST_F(PolicyAbi, IsFoundAndCountsBeforeAnother) {
    ASSERT_TRUE(write_policy_abi(root_ + "/include"));
    fs::rename(root_ + "/include/aa-shim", root_ + "/moved");
    EXPECT_EQ(compiled("include if exists <aa-shim/abi>\nabi <abi/3.0>,").output, compiled("abi <abi/3.0>,").output);
    ASSERT_TRUE(write_policy_abi(root_));
    const auto ours = compiled("include if exists <aa-shim/abi>\nabi <abi/kernel-5.4-vanilla>,");
    EXPECT_EQ(ours.output, compiled("include <aa-shim/abi>").output);
    EXPECT_NE(ours.output, compiled("abi <abi/kernel-5.4-vanilla>,").output);  // which knows nothing of sockets
}

TEST_F(PolicyAbi, HasAllOfAppArmor3) {
    ASSERT_TRUE(write_policy_abi(root_));
    const auto ours = compiled("include <aa-shim/abi>");
    EXPECT_EQ(ours.errors, compiled("abi <abi/3.0>,").errors);
    if (Parser::find()->run({"--version"})->output.find("version 3.") == std::string::npos) GTEST_SKIP() << "this parser knows more";
    EXPECT_EQ(ours.output, compiled("abi <abi/3.0>,").output);
}

TEST_F(PolicyAbi, SaysWhereItCannotBeWritten) {
    const auto written = write_policy_abi("/dev/null/x");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().message, "cannot make the directory '/dev/null/x/aa-shim': a part of the path is no directory");
}

}  // namespace
}  // namespace aa::apparmor
