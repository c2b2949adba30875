// SPDX-License-Identifier: Apache-2.0
//
// What is found in profiles, compiled by the real apparmor_parser. tests/process/test_findings.py has every code with its whole text.
#include "apparmor/findings/profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "apparmor/load.h"
#include "apparmor/policy/reader.h"
#include "apparmor/source/parser_process.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kFlags = " flags=(attach_disconnected,mediate_deleted) ";
constexpr const char* kNoSignals = "AA401: profile 'web' receives no signals from 'unconfined'";

class ProfileFindings : public ::testing::Test {
protected:
    ProfileFindings() {
        std::string name = fs::temp_directory_path() / "aa-findings-XXXXXX";
        root_ = ::mkdtemp(name.data());
        settings_.directories = {root_};
    }
    ~ProfileFindings() override { fs::remove_all(root_); }
    ProfileFindings(const ProfileFindings&) = delete;
    ProfileFindings& operator=(const ProfileFindings&) = delete;

    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    }

    void write(const std::string& name, const std::string& text) const { std::ofstream(root_ + "/" + name) << text << "\n"; }

    // What is found wrong, notes apart, with a confinement that has the profile LABEL, whose files were written.
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
        std::vector<SourceText> files;
        for (const auto& entry : fs::directory_iterator(settings_.directories.front())) {
            std::ostringstream text;
            text << std::ifstream(entry.path()).rdbuf();
            files.push_back({entry.path(), text.str()});
        }
        auto found = find_in_profiles({*Parser::find(), *packaged_features(), settings_.directories, &catalog}, files);
        EXPECT_TRUE(found) << found.error().message;
        // Children of these tests allow what they like, but for those of tests about that.
        std::erase_if(*found, [&](const Finding& finding) {
            const bool beyond = finding.code == "AA416" || finding.code == "AA417" || finding.code == "AA509";
            return about_beyond_ ? !beyond : beyond || finding.severity() == Severity::note;
        });
        sort_findings(*found);
        std::vector<std::string> result;
        for (const auto& finding : *found) result.push_back(std::string(finding.code) + ": " + finding.problem);
        return result;
    }

    // The same of the profile `web` with RULES, which is otherwise as it should be.
    [[nodiscard]] std::vector<std::string> notes_of(const std::string& rules, bool no_new_privileges = false) const {
        write("web", std::string("profile web") + kFlags + "{ signal, " + rules + " }");
        return notes("web", no_new_privileges);
    }

    std::string root_;
    LoadSettings settings_;
    bool about_beyond_ = false;  // notes() is about profiles that allow more than those that lead to them, and nothing else
};

TEST_F(ProfileFindings, SaysNothingOfAProfileThatIsAsItShouldBe) {
    EXPECT_THAT(notes_of("file, /usr/bin/tool cx, profile /usr/bin/tool flags=(attach_disconnected,mediate_deleted) { file, signal, }"),
                IsEmpty());
    EXPECT_THAT(notes("unknown"), IsEmpty());
}

TEST_F(ProfileFindings, TheShippedProfilesHaveNone) {
    settings_.directories = {AA_SHARE "/apparmor.d"};
    for (const char* name :
         {"aa-shim-baseline", "aa-shim-builder", "aa-shim-database", "aa-shim-database//client", "aa-shim-web", "aa-shim-web//shell"})
        EXPECT_THAT(notes(name, true), IsEmpty()) << name;
}

TEST_F(ProfileFindings, SignalsThatDoNotArrive) {
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
TEST_F(ProfileFindings, SignalsOfRuntimesWithAProfile) {
    write("runc", "profile runc /usr/sbin/runc { file, }");
    write("web", std::string("profile web") + kFlags + "{ file, signal (receive) peer=unconfined, }");
    EXPECT_THAT(notes(), ElementsAre("AA401: profile 'web' receives no signals from 'runc'"));
    write("web", std::string("profile web") + kFlags + "{ file, signal (receive) peer={unconfined,runc,crun}, }");
    EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(ProfileFindings, FilesWithoutAName) {
    const std::string rest = " { file, signal, }";
    write("web", "profile web" + rest);
    EXPECT_THAT(notes(), ElementsAre("AA301: profile 'web' lacks flags=(attach_disconnected)"));
    write("web", "profile web flags=(attach_disconnected)" + rest);
    EXPECT_THAT(notes(), ElementsAre("AA302: profile 'web' has attach_disconnected without mediate_deleted"));
    write("web", "profile web flags=(mediate_deleted)" + rest);
    EXPECT_EQ(notes().size(), 1U);
}

// Also of what the catalog's profile leads to, wherever that is defined.
TEST_F(ProfileFindings, OfWhatAProfileLeadsTo) {
    write("web",
          std::string("profile web") + kFlags + "{ file, signal, /bin/a cx -> kid, /bin/b px -> next, profile kid { file, signal, } }");
    write("next", "profile next { file, signal, }");
    write("other", "profile other { file, }");
    EXPECT_THAT(notes(), ElementsAre("AA301: profile 'next' lacks flags=(attach_disconnected)",
                                     "AA301: profile 'web//kid' lacks flags=(attach_disconnected)"));
}

TEST_F(ProfileFindings, ExecRulesThatLeadNowhere) {
    EXPECT_THAT(
        notes_of("/** rm, /dev/null rw, /usr/bin/tool cx, profile kid flags=(attach_disconnected,mediate_deleted) { /** rwmix, signal, }")
            .front(),
        "AA412: the rule of profile 'web' for '/usr/bin/tool' (cx) leads nowhere: no child of it attaches to the path");
    EXPECT_THAT(
        notes_of("/** rm, /dev/null rw, /usr/bin/tool cx -> nochild,"),
        ElementsAre("AA412: the rule of profile 'web' for '/usr/bin/tool' (cx -> nochild) leads nowhere: 'web//nochild' is not loaded"));
    EXPECT_THAT(notes_of("/** rm, /dev/null rw, /usr/bin/tool px -> nowhere,"),
                ElementsAre("AA412: the rule of profile 'web' for '/usr/bin/tool' (px -> nowhere) leads nowhere: 'nowhere' is not loaded"));
    write("nowhere", std::string("profile nowhere") + kFlags + "{ file, signal, }");
    EXPECT_THAT(notes(), IsEmpty());
    EXPECT_THAT(notes_of("/** rm, /dev/null rw, owner /usr/bin/tool ix,"), IsEmpty());
}

// A fallback, or a profile that attaches to one of the paths, is somewhere.
TEST_F(ProfileFindings, ExecRulesThatLeadSomewhere) {
    EXPECT_THAT(notes_of("/** rm, /dev/null rw, /usr/bin/* cx, profile /usr/bin/zebra flags=(attach_disconnected,mediate_deleted) { /** "
                         "rwmix, signal, }"),
                IsEmpty());
    EXPECT_THAT(notes_of("/** rm, /dev/null rw, /usr/bin/* cx, profile kid /usr/{,local/}bin/z* "
                         "flags=(attach_disconnected,mediate_deleted) { /** rwmix, signal, }"),
                IsEmpty());
    EXPECT_THAT(notes_of("/** rm, /dev/null rw, /usr/bin/tool pix, /usr/bin/other cix,"), IsEmpty());
    EXPECT_THAT(notes_of("/** rwmix, /usr/bin/tool cx -> kid, profile kid flags=(attach_disconnected,mediate_deleted) { file, signal, }"),
                IsEmpty());
}

TEST_F(ProfileFindings, TransitionsThatNoNewPrivilegesForbids) {
    const std::string rules = "/** rwmix, /usr/bin/id cx -> kid, profile kid flags=(attach_disconnected,mediate_deleted) { file, signal, }";
    EXPECT_THAT(notes_of(rules), IsEmpty());
    EXPECT_THAT(notes_of(rules, true),
                ElementsAre("AA411: \"noNewPrivileges\": the kernel refuses what the container's own processes execute out of profile "
                            "'web', as '/usr/bin/id' into 'web//kid', with EPERM"));
    write("web2", std::string("profile web2") + kFlags + "{ file, signal, }");
    EXPECT_THAT(notes_of("/** rwmix, /usr/bin/id pix -> &web2,", true), IsEmpty());  // a stack only ever takes away
}

// What a process may do under another profile that it can enter with code of its own is no secret of that profile.
TEST_F(ProfileFindings, WaysToWhatAllowsMore) {
    about_beyond_ = true;
    const std::string rest = " signal, ptrace, /** rm, /usr/bin/id ";
    const std::string kid = std::string(" profile kid") + kFlags + "{ signal, ptrace, /** rm, /srv/** w, }";
    const std::string more = " leads to 'web//kid', which allows what 'web' does not: 'w /srv/**', such as 'w /srv/a'";
    EXPECT_THAT(notes_of(rest + "cx -> kid," + kid), ElementsAre("AA416: exec from 'web' (cx -> kid)" + more));
    EXPECT_THAT(notes_of(rest + "Cx -> kid," + kid), ElementsAre("AA417: exec from 'web' (Cx -> kid)" + more));
    EXPECT_THAT(notes_of(rest + "r, change_profile -> web//kid," + kid), ElementsAre("AA416: change_profile from 'web'" + more));
    EXPECT_THAT(notes_of(rest + "r, ^kid" + kFlags + "{ signal, ptrace, /** rm, /srv/** w, }"),
                ElementsAre("AA416: a hat of 'web'" + more));
    EXPECT_THAT(notes_of(rest + "ux,"), ElementsAre(StartsWith("AA416: exec from 'web' (ux) leads to 'unconfined', which allows what")));
    // No-new-privileges keeps processes where they are.
    EXPECT_THAT(notes_of(rest + "cx -> kid," + kid, true), IsEmpty());
}

TEST_F(ProfileFindings, WaysToWhatAllowsNoMore) {
    about_beyond_ = true;
    const std::string rest = " signal, ptrace, /** rm, /srv/** rw, /usr/bin/id ";
    const std::string kid = std::string(" profile kid") + kFlags + "{ signal, ptrace, /** rm, /srv/a/** w, }";
    EXPECT_THAT(notes_of(rest + "cx -> kid," + kid), IsEmpty());
    EXPECT_THAT(notes_of(rest + "ix, " + kid), IsEmpty());  // which nothing leads to
    EXPECT_THAT(notes_of(rest + "r, ^kid" + kFlags + "{ signal, ptrace, /** rm, /srv/a/** w, }"), IsEmpty());
    write("next", std::string("profile next") + kFlags + "{ signal, ptrace, /** rm, /srv/a/** w, }");
    EXPECT_THAT(notes_of(rest + "px -> next,"), IsEmpty());
}

TEST_F(ProfileFindings, ProfilesThatEnforceNothing) {
    write("web", "profile web flags=(complain) { /** r, }");
    EXPECT_THAT(notes(), ElementsAre("AA303: profile 'web' is in complain mode"));
    write("web", "profile web flags=(unconfined) { }");
    EXPECT_LE(notes().size(), 1U);  // a mode that parsers of AppArmor 3 do not know
}

// Of what the kernel has loaded, and `load` has seen to.
TEST_F(ProfileFindings, OfALoadedPolicy) {
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
    std::vector<std::string> found;
    for (const auto& finding : find_in_policy(catalog, policy)) found.push_back(std::string(finding.code) + ": " + finding.problem);
    EXPECT_THAT(found, ElementsAre(kNoSignals, "AA402: profile 'web' may not look at its own processes"));
}

}  // namespace
}  // namespace aa::apparmor
