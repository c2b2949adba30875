// SPDX-License-Identifier: Apache-2.0
//
// The rules of a profile's source: where they stand, and which of them match. The real apparmor_parser judges each.
#include "apparmor/source/profile_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "apparmor/source/profile_words.h"
#include "apparmor/source/thing.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// "line:column word|word<end>" for each statement.
std::vector<std::string> statements(std::string_view text) {
    std::vector<std::string> result;
    ProfileWords words(text);
    while (const auto statement = words.next()) {
        std::string line;
        for (const auto& word : statement->words) line += (line.empty() ? "" : "|") + word;
        constexpr const char* kEnds[] = {",", "$", "{", "}"};
        result.push_back(line + kEnds[static_cast<std::size_t>(statement->end)]);
    }
    return result;
}

TEST(ProfileWords, Statements) {
    EXPECT_THAT(statements("/a r,/b r,"), ElementsAre("/a|r,/b|r,"));  // as for the parser, no space, no end
    EXPECT_THAT(statements("/a r, /b r,"), ElementsAre("/a|r,", "/b|r,"));
    EXPECT_THAT(statements("/{,usr/}bin/{a,b} ix,"), ElementsAre("/{,usr/}bin/{a,b}|ix,"));
    EXPECT_THAT(statements("\"/a b,c\" ix, # a comment, with commas {\n/c r,"), ElementsAre("\"/a b,c\"|ix,", "/c|r,"));
    EXPECT_THAT(statements("/a\\ b\\,\\\" ix,"), ElementsAre("/a\\ b\\,\\\"|ix,"));
    EXPECT_THAT(statements("/a\n  Px\n -> b,"), ElementsAre("/a|Px|->|b,"));
    EXPECT_THAT(statements("profile a /b flags=(complain, audit) { ^h { } }"),
                ElementsAre("profile|a|/b|flags=(complain, audit){", "^h{", "}", "}"));
    EXPECT_THAT(statements("signal (send, receive) peer=(label=x, name=y),"),
                ElementsAre("signal|(send, receive)|peer=(label=x, name=y),"));
    EXPECT_THAT(statements("#include <a>\ninclude if exists <b>\n@{x} = /a /b\n$y = true\n@{x}/c ix,"),
                ElementsAre("#include|<a>$", "include|if|exists|<b>$", "@{x}|=|/a|/b$", "$y|=|true$", "@{x}/c|ix,"));
    EXPECT_THAT(statements("/a ix }"), ElementsAre("/a|ix,", "}"));
    EXPECT_THAT(statements(""), IsEmpty());
    EXPECT_THAT(statements(",,{\"unclosed"), ElementsAre("{", "\"unclosed$"));
}

TEST(ProfileWords, KnowTheirPlace) {
    ProfileWords words("# one\n\n  /a r,\n\t/b ix,");
    const auto a = words.next();
    const auto b = words.next();
    ASSERT_TRUE(a && b);
    EXPECT_EQ((std::vector{a->line, a->column, b->line, b->column}), (std::vector<std::uint32_t>{3, 3, 4, 2}));
}

TEST(SourceRules, ExecRulesAreToldFromOthers) {
    const auto is_exec = [](std::string_view text) {
        ProfileWords words(text);
        return is_exec_rule(words.next()->words);
    };
    for (const char* rule : {"/a x,", "/a rix,", "Px /a,", "owner /a Cx -> b,", "audit deny owner /a mx,", "file,", "all,", "allow file,",
                             "priority=3 /a ix,", "file /a px,", "owner file ix \"/a b\",", "@{bin}/a PUx,", "/a pix -> &b,"}) {
        EXPECT_TRUE(is_exec(rule)) << rule;
    }
    for (const char* rule :
         {"/a r,", "file /a rw,", "capability,", "network,", "signal peer=x,", "change_profile /x -> x,", "mount /a -> /x,",
          "link /a -> /x,", "ptrace (read) peer=/ix,", "/a,", "x,", "unix (send) addr=@x,", "owner,"}) {
        EXPECT_FALSE(is_exec(rule)) << rule;
    }
}

class ProfileRules : public ::testing::Test {
protected:
    ProfileRules() {
        std::string name = fs::temp_directory_path() / "aa-rules-XXXXXX";
        root_ = ::mkdtemp(name.data());
    }
    ~ProfileRules() override { fs::remove_all(root_); }
    ProfileRules(const ProfileRules&) = delete;
    ProfileRules& operator=(const ProfileRules&) = delete;

    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    }

    void write(const std::string& path, const std::string& text) const {
        fs::create_directories(fs::path(root_ + "/" + path).parent_path());
        std::ofstream(root_ + "/" + path) << text;
    }

    [[nodiscard]] std::string shortened(std::string text) const {
        for (std::size_t at = 0; (at = text.find(root_ + "/")) != std::string::npos;) text.erase(at, root_.size() + 1);
        return text;
    }

    // "FILE:LINE:COLUMN RULE" for each exec rule of PROFILE in the file `web`.
    [[nodiscard]] std::vector<std::string> all(const std::string& profile = "web") const {
        const auto text = read_profile_text(root_ + "/web", profile, WantedRules::exec, root_);
        if (!text) return {shortened(text.error().message)};
        std::vector<std::string> result;
        for (const auto& rule : text->rules) {
            std::string line = rule.origin.text() + " ";
            for (const auto& block : rule.blocks) line += block + " { ";
            result.push_back(shortened(line + rule.text));
        }
        return result;
    }

    // "LINE: what it grants" for each rule of PROFILE that matches PATH.
    [[nodiscard]] std::vector<std::string> matching(const std::string& path, bool owned = true, const std::string& profile = "web") const {
        const auto text = read_profile_text(root_ + "/web", profile, WantedRules::exec, root_);
        if (!text) return {shortened(text.error().message)};
        const auto rules = matching_rules(*Parser::find(), *text, profile, {path, owned, {}}, *packaged_features());
        if (!rules) return {shortened(rules.error().message)};
        std::vector<std::string> result;
        for (const auto& rule : *rules)
            result.push_back(std::to_string(rule.rule.origin.line) + ": " + (rule.denies ? "deny" : rule.grants));
        return result;
    }

    std::string root_;
};

TEST_F(ProfileRules, AreFoundWithTheirPlaces) {
    write("web",
          "profile other { /o ix, }\n"
          "profile web /usr/bin/web flags=(complain) {\n"
          "  /a r,\n"
          "  /b rix, owner /c Px,\n"
          "  audit { deny /d x, }\n"
          "  if $x { /e ix, } else { /f ix, }\n"
          "  profile kid /k { /g ix, }\n"
          "  ^hat { /h ix, }\n"
          "  /i\n"
          "    ix,\n"
          "}\n"
          "profile web//late { /l ix, }\n");
    EXPECT_THAT(all(), ElementsAre("web:4:3 /b rix", "web:4:11 owner /c Px", "web:5:11 audit { deny /d x", "web:6:11 if $x { /e ix",
                                   "web:6:27 if $x { } else { /f ix", "web:9:3 /i ix"));
    EXPECT_THAT(all("web//kid"), ElementsAre("web:7:20 /g ix"));
    EXPECT_THAT(all("web//hat"), ElementsAre("web:8:10 /h ix"));
    EXPECT_THAT(all("web//late"), ElementsAre("web:12:21 /l ix"));
    EXPECT_THAT(all("nobody"), ElementsAre("'web': no header there spells the name 'nobody'"));
}

TEST_F(ProfileRules, OfIncludedFilesStandWhereTheyWereWritten) {
    write("abstractions/a", "# text\n  /a ix,\n  include <abstractions/more.d>\n");
    write("abstractions/more.d/2", "/two ix,");
    write("abstractions/more.d/1", "/one ix,");
    write("abstractions/more.d/.hidden", "/no ix,");
    write("web", "profile web {\n  #include <abstractions/a>\n  include if exists <abstractions/none>\n  include \"" + root_ +
                     "/abstractions/more.d/2\"\n}\n");
    EXPECT_THAT(all(), ElementsAre("abstractions/a:2:3 /a ix", "abstractions/more.d/1:1:1 /one ix", "abstractions/more.d/2:1:1 /two ix",
                                   "abstractions/more.d/2:1:1 /two ix"));
}

TEST_F(ProfileRules, IncludesThatCannotBeFollowed) {
    write("web", "profile web {\n include <missing>\n}\n");
    EXPECT_THAT(all(), ElementsAre(HasSubstr("missing'")));
    write("circle", "include <circle>\n");
    write("web", "profile web {\n include <circle>\n}\n");
    EXPECT_THAT(all(), ElementsAre("'circle' is included in a circle, or too deeply"));
}

TEST_F(ProfileRules, MatchAsTheParserUnderstandsThem) {
    write("web",
          "abi <abi/3.0>,\n"
          "@{bins} = /usr/bin /bin\n"
          "$yes = true\n"
          "profile web {\n"
          "  /bin/[a-c]sh ix,\n"             // 5
          "  @{bins}/{d,e}sh Pix -> kid,\n"  // 6
          "  owner /home/** Cx,\n"           // 7
          "  deny /home/evil/* x,\n"         // 8
          "  \"/with space\" ux,\n"          // 9
          "  file rix /srv/x,\n"             // 10
          "  if $yes { /yes ix, } else { /yes px, }\n"
          "  audit { owner /block ix, }\n"  // 12
          "  /opt/@{profile_name}/run cx -> kid,\n"
          "  /etc/** rw,\n"
          "  profile kid { /kid ix, }\n"
          "}\n");
    EXPECT_THAT(matching("/bin/bsh"), ElementsAre("5: ix"));
    EXPECT_THAT(matching("/usr/bin/dsh"), ElementsAre("6: Pix -> kid"));
    EXPECT_THAT(matching("/home/a/b"), ElementsAre("7: Cx"));
    EXPECT_THAT(matching("/home/a/b", false), IsEmpty());
    EXPECT_THAT(matching("/home/evil/b"), ElementsAre("7: Cx", "8: deny"));
    EXPECT_THAT(matching("/home/evil/b", false), ElementsAre("8: deny"));
    EXPECT_THAT(matching("/with space"), ElementsAre("9: ux"));
    EXPECT_THAT(matching("/srv/x"), ElementsAre("10: ix"));
    EXPECT_THAT(matching("/yes"), ElementsAre("11: ix"));
    EXPECT_THAT(matching("/block"), ElementsAre("12: ix"));
    EXPECT_THAT(matching("/block", false), IsEmpty());
    EXPECT_THAT(matching("/opt/web/run"), ElementsAre("13: cx -> kid"));
    EXPECT_THAT(matching("/etc/passwd"), IsEmpty());
    EXPECT_THAT(matching("/kid"), IsEmpty());
    EXPECT_THAT(matching("/kid", true, "web//kid"), ElementsAre("15: ix"));
}

TEST_F(ProfileRules, ABareFileRuleMatchesEverything) {
    write("web", "profile web {\n  file,\n  /bin/x Px -> other,\n}\n");
    EXPECT_THAT(matching("/anything"), ElementsAre("2: ix"));
    EXPECT_THAT(matching("/bin/x"), ElementsAre("2: ix", "3: Px -> other"));
}

// As in the profile itself, where the compiled form cannot tell `px -> web//kid` from `cx -> kid`.
TEST_F(ProfileRules, NameChildrenAsTheProfileDoes) {
    write("web",
          "profile web {\n"
          "  /a cx -> kid,\n"
          "  /b px -> web//kid,\n"
          "  /c Cx -> &kid,\n"
          "  profile kid { /x r, }\n"
          "}\n");
    const auto compiled = compile_files(*Parser::find(), {root_ + "/web"}, *packaged_features());
    ASSERT_TRUE(compiled) << compiled.error().message;
    for (const char* path : {"/a", "/b", "/c"}) {
        const auto mode = granted_exec_mode(compiled->front(), {path, true, {}});
        EXPECT_THAT(matching(path), ElementsAre(EndsWith(": " + mode))) << path;
    }
    EXPECT_THAT(matching("/a"), ElementsAre("2: cx -> kid"));
}

TEST_F(ProfileRules, DeniedInBlocks) {
    write("web", "profile web {\n  deny { /a/* x, owner /b mrx, }\n}\n");
    EXPECT_THAT(matching("/a/x"), ElementsAre("2: deny"));
    EXPECT_THAT(matching("/b"), ElementsAre("2: deny"));
    EXPECT_THAT(matching("/b", false), IsEmpty());
}

// What is denied beside x, and words of other rules that are written with its letters.
TEST_F(ProfileRules, DeniedAreTheOtherPermissionsToo) {
    write("web", "profile web {\n  deny /a rwx,\n  deny network ipx,\n}\n");
    const auto text = read_profile_text(root_ + "/web", "web", WantedRules::all, root_);
    ASSERT_TRUE(text) << text.error().message;
    const auto rules = rules_alone(*Parser::find(), *text, "web", *packaged_features());
    ASSERT_TRUE(rules) << rules.error().message;
    ASSERT_EQ(rules->size(), 2U);
    const std::vector<std::string> asked = {"r /a", "w /a", "x /a", "m /a", "network ipx"};
    const auto things = compile_things(*Parser::find(), asked, "web", *packaged_features());
    ASSERT_TRUE(things) << things.error().message;
    std::vector<std::string> met;
    for (const auto& thing : *things) {
        for (const auto& rule : *rules) {
            Budget budget;
            const auto meet = meets(thing, rule.profile, budget);
            if (meet && *meet) met.push_back(rule.rule.text + ": " + thing.text);
        }
    }
    EXPECT_THAT(met, ElementsAre("deny /a rwx: r /a", "deny /a rwx: w /a", "deny /a rwx: x /a", "deny network ipx: network ipx"));
}

TEST_F(ProfileRules, ASourceThatDoesNotCompileIsAnError) {
    write("web", "profile web {\n  @{NOWHERE}/x ix,\n}\n");
    EXPECT_THAT(matching("/x"), ElementsAre(StartsWith("each rule alone does not compile: ")));
}

TEST_F(ProfileRules, ALargeProfileIsJudgedInOneRun) {
    std::string text = "profile web {\n";
    for (int i = 0; i < 300; ++i) text += "  /bin/program-" + std::to_string(i) + " ix,\n";
    write("web", text + "}\n");
    EXPECT_THAT(matching("/bin/program-299"), ElementsAre("301: ix"));
}

}  // namespace
}  // namespace aa::apparmor
