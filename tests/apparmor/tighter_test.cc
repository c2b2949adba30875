// SPDX-License-Identifier: Apache-2.0
//
// What profiles are compared with finds every kind of difference, with the real apparmor_parser.
#include "tighter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apparmor/source/parser_process.h"

namespace aa::apparmor {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string compiled(const std::string& rules) {
    const auto run = Parser::find()->run({"--config-file=/dev/null", "--skip-kernel-load", "--skip-cache", "--quiet", "--stdout",
                                          "--features-file=" AA_POLICY "/features/6.12", Parser::kInput},
                                         "profile p { " + rules + " }\n");
    EXPECT_TRUE(run && run->ok()) << rules;
    return run ? run->output : std::string();
}

class Tighter : public ::testing::Test {
protected:
    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    }

    // What OURS allows and THEIRS does not.
    static std::vector<std::string> more(const std::string& ours, const std::string& theirs) {
        const std::string own = compiled(ours);
        const std::string other = compiled(theirs);
        const auto lines = wider({own, "p"}, {other, "p"}, {"friend", "stranger"});
        return lines ? *lines : std::vector<std::string>{"error: " + lines.error().message};
    }
};

TEST_F(Tighter, SaysNothingOfAProfileThatDeniesMore) {
    const std::string theirs = "file, network, capability, umount, signal (receive) peer=friend, ptrace peer=friend, deny /proc/* w,";
    EXPECT_THAT(more(theirs, theirs), IsEmpty());
    EXPECT_THAT(more("/srv/** rw, deny /proc/** w, network inet stream, capability kill,", theirs), IsEmpty());
}

TEST_F(Tighter, FindsAFileOfAnyName) {
    EXPECT_THAT(more("file,", "file, deny /proc/*/oddly-named w,"),
                Contains("file '/proc/\\x01/oddly-named': write, append, create, delete"));
    EXPECT_THAT(more("/a r, owner /b w,", "/a r,"), ElementsAre("file '/b': write, append, create, delete"));
    EXPECT_THAT(more("/a rix,", "/a rm,"), ElementsAre("file '/a': execute"));
    EXPECT_THAT(more("/a rux,", "/a rix,"), ElementsAre("file '/a': execute"));
    EXPECT_THAT(more("/a rm,", "/a r,"), ElementsAre("file '/a': map"));
    EXPECT_THAT(more("/a rk,", "/a r,"), ElementsAre("file '/a': lock"));
}

TEST_F(Tighter, FindsEverythingElse) {
    const std::string theirs = "network inet, mount fstype=proc -> /proc/, signal peer=friend, ptrace (read) peer=friend, capability kill,";
    EXPECT_THAT(more(theirs + "network alg,", theirs), AllOf(Contains(StartsWith("class 14 00 26 ")), Each(StartsWith("class 14 "))));
    EXPECT_THAT(more(theirs + "mount,", theirs), AllOf(Contains(StartsWith("class 7")), Each(StartsWith("class 7"))));
    EXPECT_THAT(more(theirs + "umount,", theirs), Contains(StartsWith("class 7")));
    EXPECT_THAT(more(theirs + "capability mknod,", theirs), ElementsAre("capabilities MKNOD"));
    EXPECT_THAT(more(theirs + "signal (send) peer=stranger,", theirs), ElementsAre("signal stranger: 2"));
    EXPECT_THAT(more(theirs + "ptrace (trace) peer=friend,", theirs), ElementsAre("ptrace friend: 2"));
}

TEST_F(Tighter, FindsWhatIsNotMediated) {
    const auto run = Parser::find()->run({"--config-file=/dev/null", "--skip-kernel-load", "--skip-cache", "--quiet", "--stdout",
                                          "--features-file=" AA_POLICY "/features/6.12", Parser::kInput},
                                         "abi <abi/kernel-5.4-vanilla>,\nprofile p { }\n");
    ASSERT_TRUE(run && run->ok());
    const std::string theirs = compiled("");
    const auto lines = wider({run->output, "p"}, {theirs, "p"}, {});
    ASSERT_TRUE(lines) << lines.error().message;
    EXPECT_THAT(*lines, Contains("class 14: not mediated"));
}

TEST_F(Tighter, LooksAtSinglePaths) {
    const std::string ours = compiled("file,");
    const std::string theirs = compiled("file, deny /proc/** w,");
    const auto lines = wider_on({ours, "p"}, {theirs, "p"}, {"/etc/x", "/proc/x", "/proc/x/y"});
    ASSERT_TRUE(lines) << lines.error().message;
    EXPECT_THAT(*lines, ElementsAre("file '/proc/x': write, append, create, delete", "file '/proc/x/y': write, append, create, delete"));
}

TEST_F(Tighter, AProfileThatIsNotThereIsAnError) {
    const std::string policy = compiled("file,");
    EXPECT_FALSE(wider({policy, "q"}, {policy, "p"}, {}));
    EXPECT_FALSE(wider({"nonsense", "p"}, {policy, "p"}, {}));
}

}  // namespace
}  // namespace aa::apparmor
