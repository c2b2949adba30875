// SPDX-License-Identifier: Apache-2.0
//
// Children that are proposed for programs that are executed: where that is tighter for both, where it can be, and so that each has what it needs.
#include <gmock/gmock.h>

#include "apparmor/policy/transition.h"
#include "proposals.h"

namespace aa::apparmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

const std::string kPublish = std::string(kProfile) + "//publish";
const std::string kTar = std::string(kProfile) + "//tar";

class Children : public Proposals {
protected:
    // Whether LABEL of TEXT has all of LETTERS on PATH.
    bool allows(const std::string& text, const std::string& label, const std::string& path, std::uint32_t wanted) {
        auto policy = compiled(text);
        const auto has = file_permissions(*policy, label, path, true);
        EXPECT_TRUE(has);
        return has && (has->allow & wanted) == wanted;
    }
    bool has_capability(const std::string& text, const std::string& label, const char* name) {
        auto policy = compiled(text);
        const auto* profile = *policy->find(label);
        return profile != nullptr && CapabilitySet::from_names(name)->subset_of(profile->rule_capabilities());
    }
    std::string leads_to(const std::string& text, const std::string& label, const std::string& program) {
        auto policy = compiled(text);
        const auto outcome = exec_transition(*policy, label, {program, true, {}});
        EXPECT_TRUE(outcome);
        return outcome ? outcome->label : "";
    }

    // An application with the network, which is started with RECORDING to be gone on with.
    static Recording application(bool may_gain = true) {
        Recording recording;
        recording.add_start("/bin/app", may_gain);
        recording.add(observed_event("create", "inet", "stream", "-"), "/bin/app");
        return recording;
    }
    static void run(Recording& recording, const std::string& by, const std::string& program) {
        recording.add(observed_event("exec", "x", "own", program), by);
    }
    static void writes(Recording& recording, const std::string& program, const std::string& file) {
        recording.add(observed_event("open", "wc", "own", file), program);
    }
    // A bound with the rule EXECS, and without other programs.
    void set_bound(std::string_view execs) {
        bound_ =
            compiled(concat({"abi <abi/3.0>,\ninclude <tunables/global>\nprofile bound flags=(attach_disconnected,mediate_deleted) {\n"
                             "  signal,\n  ptrace,\n  network inet stream,\n  /{,usr/}lib{,32,64}/** mr,\n  /etc/** r,\n"
                             "  /{dev/,}pts/* rw,\n  /dev/* rw,\n  /proc/** r,\n  /data/x rw,\n  ",
                             execs, ",\n}\n"}));
        bound_label_ = "bound";
    }
    std::vector<std::pair<std::string, std::string>> children(const Recording& recording) { return proposed(recording).children; }
};

// A change of the file golden/publisher shows what a change of the code means.
TEST_F(Children, OfAnApplicationWithHelpersAreThoseThatAreExpected) {
    const auto proposal = proposed(observed("publisher"));
    EXPECT_EQ(proposal.text, read(concat({AA_GOLDEN, "/publisher"})));
    EXPECT_THAT(proposal.apart, IsEmpty());
    EXPECT_THAT(proposal.children, ElementsAre(Pair(kPublish, "/usr/local/bin/publish"), Pair(kTar, "/usr/bin/tar")));
    EXPECT_THAT(proposal.commands, ElementsAre(Pair("/usr/bin/tar", kTar)));
    EXPECT_EQ(proposal.capabilities.names(), "CHOWN");
}

TEST_F(Children, HaveWhatTheyNeedAndTheRestHasNot) {
    const auto text = proposed(observed("publisher")).text;
    EXPECT_EQ(leads_to(text, kProfile, "/usr/local/bin/publish"), kPublish);
    EXPECT_EQ(leads_to(text, kPublish, "/usr/bin/chown"), kPublish) << "what it executes stays";
    EXPECT_EQ(leads_to(text, kProfile, "/usr/bin/uname"), kProfile) << "it has no power";
    EXPECT_EQ(leads_to(text, kProfile, "/usr/bin/tar"), "") << "it is executed from outside alone";
    EXPECT_TRUE(has_capability(text, kPublish, "CHOWN"));
    EXPECT_FALSE(has_capability(text, kProfile, "CHOWN"));
    EXPECT_FALSE(has_capability(text, kTar, "CHOWN"));
    EXPECT_TRUE(allows(text, kPublish, "/srv/public/1", permission::kWrite));
    EXPECT_FALSE(allows(text, kProfile, "/srv/public/1", permission::kWrite));
    EXPECT_TRUE(allows(text, kProfile, "/var/lib/app/inbox/1", permission::kWrite));
    EXPECT_FALSE(allows(text, kPublish, "/var/lib/app/inbox/1", permission::kWrite));
    EXPECT_FALSE(allows(text, kTar, "/var/lib/app/inbox/1", permission::kWrite));
    EXPECT_TRUE(allows(text, kTar, "/backup/app.tar", permission::kWrite));
    EXPECT_FALSE(allows(text, kPublish, "/backup/app.tar", permission::kWrite));
}

// The kernel asks for open files once more where an exec changes the profile.
TEST_F(Children, HaveWhatTheyInherit) {
    const auto text = proposed(observed("publisher")).text;
    EXPECT_TRUE(allows(text, kPublish, "/var/log/app.log", permission::kAppend));
    EXPECT_FALSE(allows(text, kPublish, "/dev/kmsg", permission::kRead)) << "nobody in the container opened it";
    EXPECT_FALSE(allows(text, kTar, "/var/log/app.log", permission::kAppend));
    for (const char* program : {"/usr/local/bin/publish", "/usr/bin/dash"})
        EXPECT_TRUE(allows(text, kPublish, program, permission::kRead | permission::kMapExecutable)) << program;
    EXPECT_FALSE(allows(text, kProfile, "/usr/bin/dash", permission::kMapExecutable)) << "an interpreter that it need not map";
}

TEST_F(Children, AreSignalledByTheRest) {
    auto policy = compiled(proposed(observed("publisher")).text);
    const auto receives = [&](const std::string& label, const std::string& peer) { return (*policy->find(label))->receives(15, peer); };
    for (const auto& label : {std::string(kProfile), kPublish, kTar}) {
        EXPECT_TRUE(receives(label, kProfile)) << label;
        EXPECT_TRUE(receives(label, "unconfined")) << label;
        EXPECT_FALSE(receives(label, "other")) << label;
    }
}

TEST_F(Children, AreThoseOfTheSameRecordingAndOfItsPartsTogether) {
    const auto whole = observed("publisher");
    Recording merged;
    for (const std::size_t node : {2U, 0U, 1U}) merged.merge(observed("publisher", [&](std::size_t row) { return row % 3 == node; }));
    EXPECT_EQ(proposed(merged).text, proposed(whole).text);
    const auto again = read_recording(write_recording(whole));
    ASSERT_TRUE(again);
    EXPECT_EQ(proposed(*again).text, proposed(whole).text);
}

TEST_F(Children, ThatAreThereGetWhatIsNew) {
    auto recording = observed("publisher");
    const auto first = proposed(recording).text;
    commands_ = {{"/usr/bin/tar", kTar}, {"/usr/bin/id", kProfile}};  // as the table has it now
    EXPECT_EQ(proposed(recording, first).text, first);
    writes(recording, "/usr/bin/cp", "/srv/public/index");
    writes(recording, "/usr/bin/tar", "/backup/list");
    const auto second = proposed(recording, first);
    EXPECT_THAT(second.children, IsEmpty());
    std::vector<std::pair<std::string, std::string>> rules;
    for (const auto& rule : second.rules) rules.emplace_back(rule.label, rule.text);
    EXPECT_THAT(rules, ElementsAre(Pair(kPublish, "owner /srv/public/index w"), Pair(kTar, "owner /backup/list w")));
    EXPECT_EQ(proposed(recording, second.text).text, second.text);
}

// What a person made of it stays: a program that the profile executes itself gets no child later.
TEST_F(Children, AreNotMadeOfWhatTheProfileExecutes) {
    const auto recording = observed("publisher");
    auto existing = proposed(Recording()).text;
    existing.replace(existing.rfind('}'), 1, "  /usr/local/bin/publish ix,\n}");
    commands_ = {{"/usr/bin/tar", kProfile}};
    const auto proposal = proposed(recording, existing);
    EXPECT_EQ(leads_to(proposal.text, kProfile, "/usr/local/bin/publish"), kProfile);
    EXPECT_EQ(leads_to(proposal.text, kProfile, "/usr/bin/chown"), std::string(kProfile) + "//chown") << "nothing was said of it";
}

TEST_F(Children, AreNotEnteredUnderNoNewPrivileges) {
    auto recording = observed("publisher");
    const auto held = [&] {
        const auto proposal = proposed(recording);
        EXPECT_THAT(proposal.children, ElementsAre(Pair(kTar, "/usr/bin/tar"))) << "from outside it can be";
        EXPECT_THAT(proposal.held_back, ElementsAre("/usr/local/bin/publish"));
        EXPECT_EQ(leads_to(proposal.text, kProfile, "/usr/local/bin/publish"), kProfile);
        EXPECT_TRUE(has_capability(proposal.text, kProfile, "CHOWN"));
    };
    no_new_privileges_ = true;
    held();
    no_new_privileges_ = false;
    recording.add_exec("/usr/bin/id", false);  // one of them was seen with it
    held();
}

TEST_F(Children, AreNoneWhereNothingIsTakenFromTheRest) {
    auto recording = application();
    run(recording, "/bin/app", "/bin/tool");
    writes(recording, "/bin/app", "/srv/a");
    writes(recording, "/bin/app", "/srv/b");
    writes(recording, "/bin/tool", "/srv/c");
    EXPECT_THAT(children(recording), IsEmpty()) << "the application may write all of that folder";
    writes(recording, "/bin/tool", "/tmp/x");
    EXPECT_THAT(children(recording), IsEmpty()) << "temporary files are everybody's";
    writes(recording, "/bin/tool", "/data/x");
    EXPECT_THAT(children(recording), ElementsAre(Pair(std::string(kProfile) + "//tool", "/bin/tool")));
}

TEST_F(Children, AreNoneWhereNothingIsKeptFromThem) {
    Recording recording;
    recording.add_start("/bin/start", true);
    run(recording, "/bin/start", "/bin/app");
    writes(recording, "/bin/app", "/data/x");
    EXPECT_THAT(children(recording), IsEmpty()) << "what starts it has no power that it has not";
    recording.add(observed_event("capable", "-", "-", "setuid"), "/bin/start");
    EXPECT_THAT(children(recording), ElementsAre(Pair(std::string(kProfile) + "//app", "/bin/app")));
}

TEST_F(Children, AreNoneThatComeBackToTheFirstProgram) {
    auto recording = application();
    run(recording, "/bin/app", "/bin/step");
    writes(recording, "/bin/step", "/data/x");
    run(recording, "/bin/step", "/bin/app");
    EXPECT_THAT(children(recording), IsEmpty());
}

TEST_F(Children, AreNoneForTheToolsOfAShell) {
    auto recording = application();
    for (const char* tool : {"a", "b", "c", "d"}) run(recording, "/bin/app", concat({"/bin/", tool}));
    writes(recording, "/bin/a", "/data/x");
    EXPECT_THAT(children(recording), IsEmpty());
    recording.add(observed_event("create", "inet", "dgram", "-"), "/bin/b");
    writes(recording, "/bin/app", "/srv/x");
    EXPECT_THAT(children(recording), ElementsAre(Pair(std::string(kProfile) + "//b", "/bin/b"))) << "a server";
}

TEST_F(Children, AreOneForProgramsThatExecuteEachOther) {
    auto recording = application();
    run(recording, "/bin/app", "/bin/make");
    run(recording, "/bin/app", "/bin/serve");
    run(recording, "/bin/make", "/bin/serve");
    writes(recording, "/bin/make", "/data/x");
    writes(recording, "/bin/serve", "/data/y");
    writes(recording, "/bin/serve", "/data/z");
    writes(recording, "/bin/serve", "/data/zz");
    const auto proposal = proposed(recording);
    EXPECT_THAT(proposal.children, ElementsAre(Pair(std::string(kProfile) + "//serve", "/bin/serve"))) << "called after who did the most";
    for (const char* program : {"/bin/make", "/bin/serve"})
        EXPECT_EQ(leads_to(proposal.text, kProfile, program), proposal.children[0].first);
}

TEST_F(Children, HaveNamesOfTheirOwn) {
    auto recording = application();
    for (const char* program : {"/bin/tool", "/opt/tool", "/opt/a tool"}) {
        run(recording, "/bin/app", program);
        writes(recording, program, concat({"/data", program}));
    }
    EXPECT_THAT(children(recording),
                ElementsAre(Pair(std::string(kProfile) + "//tool", "/bin/tool"), Pair(std::string(kProfile) + "//tool-2", "/opt/tool")));
}

// Whoever did it may have been any of them.
TEST_F(Children, AreAllowedWhatWasDoneByWhomIsNotKnown) {
    auto recording = application();
    run(recording, "/bin/app", "/bin/tool");
    writes(recording, "/bin/tool", "/data/x");
    writes(recording, "", "/srv/unknown");
    const auto text = proposed(recording).text;
    for (const auto& label : {std::string(kProfile), std::string(kProfile) + "//tool"})
        EXPECT_TRUE(allows(text, label, "/srv/unknown", permission::kWrite)) << label;
}

TEST_F(Children, HaveNothingThatNoContainerShouldHave) {
    auto recording = application();
    run(recording, "/bin/app", "/bin/tool");
    writes(recording, "/bin/tool", "/data/x");
    recording.add(observed_event("capable", "-", "-", "sys_admin"), "/bin/tool");
    const auto proposal = proposed(recording);
    ASSERT_EQ(proposal.apart.size(), 1U);
    EXPECT_EQ(proposal.apart[0].rule, "capability sys_admin");
    EXPECT_THAT(proposal.text, Not(HasSubstr("capability sys_admin")));
}

TEST_F(Children, AreWithinTheBound) {
    set_bound("/bin/* mrix");
    auto recording = application();
    run(recording, "/bin/app", "/bin/tool");
    writes(recording, "/bin/tool", "/data/x");
    writes(recording, "/bin/tool", "/data/y");
    const auto proposal = proposed(recording);
    EXPECT_THAT(proposal.children, ElementsAre(Pair(std::string(kProfile) + "//tool", "/bin/tool")));
    ASSERT_EQ(proposal.apart.size(), 1U);
    EXPECT_EQ(proposal.apart[0].why, "it is beyond 'bound'");
    EXPECT_FALSE(allows(proposal.text, proposal.children[0].first, "/data/y", permission::kWrite));
}

// Under the label of who executes it the kernel does not ask about a program's own code.
TEST_F(Children, AreNoneWhereTheBoundDoesNotLetThemLoadTheirPrograms) {
    auto recording = application();
    run(recording, "/bin/app", "/bin/tool");
    writes(recording, "/bin/tool", "/data/x");
    const auto is_under_the_profile = [&] {
        const auto proposal = proposed(recording);
        EXPECT_THAT(proposal.children, IsEmpty());
        EXPECT_THAT(proposal.not_loaded, ElementsAre("/bin/tool"));
        EXPECT_THAT(proposal.held_back, IsEmpty());
        EXPECT_EQ(leads_to(proposal.text, kProfile, "/bin/tool"), kProfile);
        EXPECT_TRUE(allows(proposal.text, kProfile, "/data/x", permission::kWrite));
    };
    set_bound("/bin/* ix");
    is_under_the_profile();
    set_bound("/bin/* mrix");
    EXPECT_THAT(children(recording), ElementsAre(Pair(std::string(kProfile) + "//tool", "/bin/tool")));
    recording.add(observed_event("file_inherit", "mr", "other", "/opt/interpreter"), "/bin/tool");
    is_under_the_profile();
}

}  // namespace
}  // namespace aa::apparmor
