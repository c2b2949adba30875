// SPDX-License-Identifier: Apache-2.0
//
// Each kind of finding about syntax. tests/apparmor/findings/syntax has for CODE a profile with the fault (CODE.faulty), the findings about
// it (CODE.expected, a line each; what the parser says, which differs between its releases, is "…"), and the profile as it should be
// (CODE.good), about which there are none, and which --fix makes of the faulty one if each finding has a safe fix. AA_UPDATE=1 writes what is
// expected anew, to be read.
#include "apparmor/findings/syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "apparmor/findings/fix.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path kFixtures = AA_FIXTURES;

std::string with_paths(const std::string& text) { return std::regex_replace(text, std::regex("@FIXTURES@"), kFixtures.string()); }

std::string contents(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return with_paths(text.str());
}

// The findings, a line each; those that edits belong to with "[fix]".
std::string in_words(const std::vector<Finding>& findings) {
    std::string result;
    for (const auto& finding : findings) {
        result +=
            std::regex_replace(finding.text(), std::regex("apparmor_parser says \"([^\"\\\\]|\\\\.)*\""), "apparmor_parser says \"…\"");
        result += finding.fix.empty() ? "\n" : " [fix]\n";
    }
    return std::regex_replace(result, std::regex(kFixtures.string()), "@FIXTURES@");
}

class Syntax : public testing::Test {
protected:
    void SetUp() override {
        auto parser = Parser::find();
        if (!parser) GTEST_SKIP() << parser.error().message;
        parser_ = *parser;
        features_ = *packaged_features();
    }

    [[nodiscard]] std::vector<Finding> findings(const std::string& text) const {
        auto found = syntax_findings(parser_, "profile", text, features_);
        EXPECT_TRUE(found) << found.error().message;
        return found ? *found : std::vector<Finding>();
    }

    [[nodiscard]] Result<Fixed> fixed(const std::string& text) const {
        return fix_text(
            "profile", text, [&](const std::string& now) { return syntax_findings(parser_, "profile", now, features_); },
            same_policy(parser_, features_));
    }

    Parser parser_{""};
    std::string features_;
};

TEST_F(Syntax, EveryKind) {
    for (const auto& kind : finding_codes()) {
        const std::string code(kind.code);
        if (!code.starts_with("AA1") || code == "AA129" || code == "AA190") continue;  // below
        ASSERT_TRUE(fs::exists(kFixtures / (code + ".faulty"))) << code << " has no test";
        const auto faulty = contents(kFixtures / (code + ".faulty"));
        const auto found = findings(faulty);
        if (std::getenv("AA_UPDATE") != nullptr) std::ofstream(kFixtures / (code + ".expected")) << in_words(found);
        EXPECT_EQ(with_paths(in_words(found)), contents(kFixtures / (code + ".expected"))) << code;
        EXPECT_TRUE(std::any_of(found.begin(), found.end(), [&](const Finding& finding) { return finding.code == code; })) << code;
        const auto good = contents(kFixtures / (code + ".good"));
        EXPECT_THAT(in_words(findings(good)), IsEmpty()) << code;
        const bool can_fix = std::all_of(found.begin(), found.end(), [](const Finding& finding) { return !finding.fix.empty(); });
        if (!can_fix) continue;
        const auto mended = fixed(faulty);
        ASSERT_TRUE(mended) << code << ": " << mended.error().message;
        EXPECT_EQ(mended->text, good) << code;
    }
}

TEST_F(Syntax, NoFixtureIsLeftOver) {
    for (const auto& entry : fs::directory_iterator(kFixtures)) {
        const auto code = entry.path().filename().string().substr(0, 5);
        if (code.starts_with("AA")) {
            EXPECT_NE(find_code(code), nullptr) << entry.path();
        }
    }
}

// A parser that says MESSAGE of a text with WORD, and nothing of others.
class StandIn {
public:
    StandIn(const std::string& word, const std::string& message) {
        std::string pattern = (fs::temp_directory_path() / "aa-syntax-XXXXXX").string();
        EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        std::ofstream(path()) << "#!/bin/sh\nif grep -q '" << word << "'; then echo '" << message << "' >&2; exit 1; fi\n";
        ::chmod(path().c_str(), 0755);
    }
    StandIn(const StandIn&) = delete;
    StandIn& operator=(const StandIn&) = delete;
    ~StandIn() { fs::remove_all(folder_); }
    [[nodiscard]] std::string path() const { return folder_ / "apparmor_parser"; }

private:
    fs::path folder_;
};

TEST(SyntaxOfOtherReleases, ARuleThatIsNewer) {  // AA129
    const StandIn old("userns",
                      "AppArmor parser error for /proc/self/fd/0 in profile /proc/self/fd/0 at line 2: syntax error, unexpected "
                      "TOK_END_OF_RULE, expecting TOK_MODE");
    const auto found = syntax_findings(Parser(old.path()), "profile", "profile p {\n  userns,\n  /a r,\n}\n", {});
    ASSERT_TRUE(found);
    EXPECT_EQ(
        in_words(*found),
        "profile:2:3: error AA129: this apparmor_parser does not know 'userns'; apparmor_parser says \"…\": the rule came with AppArmor 4; "
        "take it out on hosts with an older AppArmor; what it would deny is allowed there\n");
    const auto good = syntax_findings(Parser(old.path()), "profile", "profile p {\n  /a r,\n}\n", {});
    ASSERT_TRUE(good);
    EXPECT_THAT(*good, IsEmpty());
}

// The same in a file that is included: this one, whose third line is such a rule.
TEST(SyntaxOfOtherReleases, ARuleThatIsNewerInWhatIsIncluded) {  // AA130
    const auto included = (kFixtures / "newer").string();
    const StandIn old("include", "AppArmor parser error for /proc/self/fd/0 in profile " + included +
                                     " at line 3: syntax error, unexpected TOK_END_OF_RULE, expecting TOK_MODE");
    const auto found = syntax_findings(Parser(old.path()), "profile", "profile p {\n  include \"" + included + "\"\n}\n", {});
    ASSERT_TRUE(found);
    EXPECT_EQ(
        in_words(*found),
        "profile:2:3: error AA130: line 3 of '@FIXTURES@/newer', which this includes, is refused: this apparmor_parser does not know "
        "'userns'; apparmor_parser says \"…\": the rule came with AppArmor 4; include what this host's AppArmor has, or take the rule "
        "out there; what it would deny is allowed then\n");
}

TEST(SyntaxOfOtherReleases, AParserThatIsNeverSatisfied) {  // AA190
    const StandIn stubborn("p", "AppArmor parser error for /proc/self/fd/0 in profile /proc/self/fd/0 at line 1: no");
    const auto found = syntax_findings(Parser(stubborn.path()), "profile", "profile p {\n  /p p,\n}\n", {});
    ASSERT_TRUE(found);
    EXPECT_THAT(in_words(*found), HasSubstr("profile:1:1: error AA100: 'profile p' is refused; "));
    const StandIn silent("", "");
    const auto unknown = syntax_findings(Parser(silent.path()), "profile", "profile p {\n}\n", {});
    ASSERT_TRUE(unknown);
    EXPECT_EQ(in_words(*unknown),
              "profile:1:1: error AA100: the file is refused; apparmor_parser says \"…\": nothing of the file is loaded; see apparmor.d(5) "
              "for what may "
              "stand here\n");
}

TEST_F(Syntax, MoreFaultsThanOneRunLooksFor) {  // AA190
    std::string text = "profile p {\n";
    for (int i = 0; i < 40; ++i) text += "  set rlimit nproc 5,\n";
    text += "}\n";
    const auto found = findings(text);
    EXPECT_THAT(in_words(found),
                HasSubstr("profile:1:1: error AA190: the search for faults was ended before all were found; apparmor_parser says \"…\": "
                          "they are more, or stranger, than one run looks for; mend those that are named, and check again\n"));
    EXPECT_THAT(in_words(findings("profile p {\n  set rlimit nproc 5,\n}\n")), testing::Not(HasSubstr("AA190")));
}

TEST_F(Syntax, TextsThatAreNoProfiles) {
    for (const char* text : {"",
                             "\n",
                             "{",
                             "}",
                             "{}",
                             "\"",
                             "@{",
                             "@{}",
                             "a",
                             "hello world",
                             "profile",
                             "profile {",
                             "/",
                             "//",
                             "deny",
                             ",,,",
                             "\xff\xfe",
                             "#",
                             "include",
                             "include <",
                             "profile p { profile q { profile r {",
                             "profile p { /{a,b r, /[ r, }",
                             "flags=(",
                             "profile p flags=( {",
                             "profile p flags= {"}) {
        (void)findings(text);  // whatever it finds, it ends
    }
}

// The two profiles of share-worthy tutorials, exactly as they are published: every fault with a cure in one run, and what is to be done by
// hand besides leads to profiles that compile.
TEST_F(Syntax, PublishedProfiles) {
    for (const char* name : {"my-apparmor-profile", "docker.local.my-webapp"}) {
        const auto text = contents(kFixtures / "published" / name);
        const auto found = findings(text);
        if (std::getenv("AA_UPDATE") != nullptr)
            std::ofstream(kFixtures / "published" / (std::string(name) + ".expected")) << in_words(found);
        EXPECT_EQ(in_words(found), contents(kFixtures / "published" / (std::string(name) + ".expected"))) << name;
        for (const auto& finding : found) EXPECT_FALSE(finding.cure.empty()) << finding.text();
        const auto mended = fixed(text);
        ASSERT_TRUE(mended) << mended.error().message;
        auto by_hand = std::regex_replace(mended->text, std::regex("network tcp (80|443),"), "network tcp,");
        EXPECT_THAT(in_words(findings(by_hand)), testing::Not(HasSubstr(": error "))) << name;
    }
}

TEST(SyntaxCodes, AreThoseOfTheDocumentation) {
    const auto text = contents(AA_DOCS "/findings.md");
    std::vector<std::string> documented;
    const std::regex heading("(^|\n)### (AA1[0-9][0-9]): ([^\n]*)");
    for (std::sregex_iterator at(text.begin(), text.end(), heading), end; at != end; ++at)
        documented.push_back((*at)[2].str() + " " + (*at)[3].str());
    std::vector<std::string> known;
    for (const auto& kind : finding_codes()) {
        if (kind.code.starts_with("AA1")) known.push_back(concat({kind.code, " ", kind.title}));
    }
    EXPECT_EQ(documented, known);
}

}  // namespace
}  // namespace aa::apparmor
