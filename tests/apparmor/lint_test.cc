// SPDX-License-Identifier: Apache-2.0
//
// What is noted of profiles, compiled by the real apparmor_parser.
#include "apparmor/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "apparmor/policy/reader.h"
#include "apparmor/source/parser_process.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kFlags = " flags=(attach_disconnected,mediate_deleted) ";
constexpr const char* kNoSignals =
    "profile 'web' receives no signals from 'unconfined', under which engines and runtimes run: stopping and killing its containers fails; "
    "add `signal (receive) peer=…,` for each";

class Lint : public ::testing::Test {
protected:
    Lint() {
        std::string name = fs::temp_directory_path() / "aa-lint-XXXXXX";
        root_ = ::mkdtemp(name.data());
        settings_.directories = {root_};
    }
    ~Lint() override { fs::remove_all(root_); }
    Lint(const Lint&) = delete;
    Lint& operator=(const Lint&) = delete;

    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    }

    void write(const std::string& name, const std::string& text) const { std::ofstream(root_ + "/" + name) << text << "\n"; }

    // What is noted of a confinement with the profile LABEL, whose files were written.
    [[nodiscard]] std::vector<std::string> notes(const std::string& label = "web", bool no_new_privileges = false) const {
        Catalog catalog;
        catalog.otherwise = Reject{"no"};
        Confinement confinement;
        confinement.name = "c";
        confinement.profile = label;
        confinement.ceiling = CapabilitySet();
        confinement.no_new_privileges = no_new_privileges;
        confinement.origin = {"c.json", 3, 5};
        catalog.confinements.push_back(confinement);
        std::vector<std::string> result;
        for (const auto& note : source_pitfalls(catalog, {}, kernel_, settings_)) {
            EXPECT_EQ(note.origin.text(), "c.json:3:5");
            result.push_back(note.problem);
        }
        return result;
    }

    // The same of the profile `web` with RULES, which is otherwise as it should be.
    [[nodiscard]] std::vector<std::string> notes_of(const std::string& rules, bool no_new_privileges = false) const {
        write("web", std::string("profile web") + kFlags + "{ signal, " + rules + " }");
        return notes("web", no_new_privileges);
    }

    std::string root_;
    LoadSettings settings_;
    Kernel kernel_{"/dev/null/securityfs", "/dev/null/module", "/proc"};
};

TEST_F(Lint, SaysNothingOfAProfileThatIsAsItShouldBe) {
    EXPECT_THAT(notes_of("file, /usr/bin/tool cx, profile /usr/bin/tool { file, }"), IsEmpty());
    EXPECT_THAT(notes("unknown"), IsEmpty());
}

TEST_F(Lint, TheShippedProfilesHaveNone) {
    settings_.directories = {AA_SHARE "/apparmor.d"};
    for (const char* name :
         {"aa-shim-baseline", "aa-shim-builder", "aa-shim-database", "aa-shim-database//client", "aa-shim-web", "aa-shim-web//shell"})
        EXPECT_THAT(notes(name, true), IsEmpty()) << name;
}

TEST_F(Lint, SignalsThatDoNotArrive) {
    write("web", std::string("profile web") + kFlags + "{ file, }");
    EXPECT_THAT(notes(), ElementsAre(kNoSignals));
    write("web", std::string("profile web") + kFlags + "{ file, signal (receive) set=(term) peer=unconfined, }");
    EXPECT_THAT(notes(), ElementsAre(kNoSignals));  // not the last one either
    write("web", std::string("profile web") + kFlags + "{ file, signal (send) peer=unconfined, }");
    EXPECT_THAT(notes(), ElementsAre(kNoSignals));
    write("web", std::string("profile web") + kFlags + "{ file, signal (receive) peer=unconfined, }");
    EXPECT_THAT(notes(), IsEmpty());
}

// Where a distribution gives its runtimes profiles of their own.
TEST_F(Lint, SignalsOfRuntimesWithAProfile) {
    write("runc", "profile runc /usr/sbin/runc { file, }");
    write("web", std::string("profile web") + kFlags + "{ file, signal (receive) peer=unconfined, }");
    EXPECT_THAT(notes(),
                ElementsAre("profile 'web' receives no signals from 'runc', under which engines and runtimes run: stopping and killing its "
                            "containers fails; add `signal (receive) peer=…,` for each"));
    write("web", std::string("profile web") + kFlags + "{ file, signal (receive) peer={unconfined,runc,crun}, }");
    EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(Lint, FilesWithoutAName) {
    const std::string rest = " { file, signal, }";
    write("web", "profile web" + rest);
    EXPECT_THAT(
        notes(),
        ElementsAre("profile 'web' lacks flags=(attach_disconnected): files that come from outside of the container's mounts have no "
                    "name for it, and are denied"));
    write("web", "profile web flags=(attach_disconnected)" + rest);
    EXPECT_THAT(
        notes(),
        ElementsAre("profile 'web' lacks flags=(mediate_deleted): files that are deleted while they are in use have no name for it, "
                    "and are denied"));
    write("web", "profile web flags=(mediate_deleted)" + rest);
    EXPECT_EQ(notes().size(), 1U);
}

TEST_F(Lint, ExecRulesThatLeadNowhere) {
    const std::string end = "; what it names cannot be executed";
    EXPECT_THAT(notes_of("/** r, /usr/bin/tool cx, profile kid { /** rix, }"),
                ElementsAre("the rule of profile 'web' for '/usr/bin/tool' (cx) leads nowhere: no child of it attaches to the path" + end));
    EXPECT_THAT(
        notes_of("/** r, /usr/bin/tool cx -> nochild,"),
        ElementsAre("the rule of profile 'web' for '/usr/bin/tool' (cx -> nochild) leads nowhere: 'web//nochild' is not loaded" + end));
    EXPECT_THAT(notes_of("/** r, /usr/bin/tool px -> nowhere,"),
                ElementsAre("the rule of profile 'web' for '/usr/bin/tool' (px -> nowhere) leads nowhere: 'nowhere' is not loaded" + end));
    write("nowhere", "profile nowhere { file, }");
    EXPECT_THAT(notes(), IsEmpty());
}

// A fallback, or a profile that attaches to one of the paths, is somewhere.
TEST_F(Lint, ExecRulesThatLeadSomewhere) {
    EXPECT_THAT(notes_of("/** r, /usr/bin/* cx, profile /usr/bin/zebra { /** rix, }"), IsEmpty());
    EXPECT_THAT(notes_of("/** r, /usr/bin/* cx, profile kid /usr/{,local/}bin/z* { /** rix, }"), IsEmpty());
    EXPECT_THAT(notes_of("/** r, /usr/bin/tool pix, /usr/bin/other cix,"), IsEmpty());
    EXPECT_THAT(notes_of("/** rix, /usr/bin/tool cx -> kid, profile kid { file, }"), IsEmpty());
}

TEST_F(Lint, TransitionsThatNoNewPrivilegesForbids) {
    const std::string rules = "/** rix, /usr/bin/id cx -> kid, profile kid { file, }";
    EXPECT_THAT(notes_of(rules), IsEmpty());
    EXPECT_THAT(notes_of(rules, true),
                ElementsAre("\"noNewPrivileges\": the kernel refuses what the container's own processes execute out of profile "
                            "'web', as '/usr/bin/id' into 'web//kid', with EPERM; only aa-shim's entrypoints and execs get there"));
    write("web2", "profile web2 { file, }");
    EXPECT_THAT(notes_of("/** rix, /usr/bin/id pix -> &web2,", true), IsEmpty());  // a stack only ever takes away
}

TEST_F(Lint, ProfilesThatEnforceNothing) {
    write("web", "profile web flags=(complain) { /** r, }");
    EXPECT_THAT(notes(), ElementsAre("profile 'web' is in complain mode: nothing that it forbids is refused"));
    write("web", "profile web flags=(unconfined) { }");
    EXPECT_LE(notes().size(), 1U);  // a mode that parsers of AppArmor 3 do not know
}

// Of what the kernel has loaded, and `load` has seen to.
TEST_F(Lint, OfALoadedPolicy) {
    const auto run = Parser::find()->run({"--config-file=/dev/null", "--skip-kernel-load", "--skip-cache", "--quiet", "--stdout",
                                          "--features-file=" AA_POLICY "/features/6.12", Parser::kInput},
                                         std::string("profile web") + kFlags + "{ file, }\nprofile quiet flags=(complain) { }\n");
    ASSERT_TRUE(run && run->ok());
    auto profiles = read_policy(run->output, "test");
    ASSERT_TRUE(profiles) << profiles.error().message;
    PolicySet policy(*std::move(profiles));
    Catalog catalog;
    for (const char* name : {"web", "quiet", "missing"}) {
        Confinement confinement;
        confinement.name = name;
        confinement.profile = name;
        catalog.confinements.push_back(confinement);
    }
    const auto found = pitfalls(catalog, policy);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].problem, kNoSignals);
}

}  // namespace
}  // namespace aa::apparmor
