// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/difference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "apparmor/catalog/json.h"
#include "small_catalog.h"

namespace aa::apparmor {
namespace {

using Is = CatalogChange::Is;
using Kind = CatalogChange::Kind;

// Of two labels that are not the same the later letter allows more.
class Letters : public ProfileComparison {
public:
    Result<ChangeWords> compare(const std::string& before, const std::string& after) override {
        ChangeWords words;
        if (after > before) words.gains.push_back("r /" + after);
        if (after < before) words.losses.push_back("r /" + before);
        return words;
    }
};

Catalog two() {
    Catalog catalog;
    for (const char* name : {"a", "b"}) {
        Confinement confinement;
        confinement.name = name;
        confinement.profile = std::string(name);
        confinement.ceiling = CapabilitySet();
        catalog.confinements.push_back(std::move(confinement));
    }
    catalog.rules.push_back(test::rule({.image = "x*"}, Use{"a"}, 1));
    catalog.rules.push_back(test::rule({.handler = "h"}, Use{"a"}, 2));
    catalog.otherwise = Use{"a"};
    return catalog;
}

std::vector<CatalogChange> between(const Catalog& before, const Catalog& after) {
    Letters letters;
    auto found = difference(before, after, letters, true);
    EXPECT_TRUE(found) << found.error().message;
    return *std::move(found);
}

bool gains(const std::vector<CatalogChange>& changes) { return std::ranges::any_of(changes, &CatalogChange::gains); }

// Gains, losses and notes of all CHANGES, one a line.
std::string words(const std::vector<CatalogChange>& changes) {
    std::string text;
    for (const auto& change : changes) {
        for (const auto& one : change.cases) {
            for (const auto& word : one.words.gains) text += "+ " + word + "\n";
            for (const auto& word : one.words.losses) text += "- " + word + "\n";
            for (const auto& word : one.words.notes) text += "= " + word + "\n";
        }
    }
    return text;
}

TEST(Difference, TheSameCatalog) {
    EXPECT_TRUE(between(two(), two()).empty());
    EXPECT_TRUE(between(test::small_catalog(), test::small_catalog()).empty());
}

TEST(Difference, ACompiledCatalogIsTheOneThatWasWritten) {
    auto catalog = test::small_catalog();
    catalog.rules.push_back(test::rule({.engine = "docker",
                                        .pod = "p",
                                        .name = "n",
                                        .entrypoint = "/e",
                                        .host_path = "/srv/**",
                                        .host_path_outside = {"/srv/a"},
                                        .device = "/dev/kvm",
                                        .host_namespace = HostNamespace::pid,
                                        .unmasked = true,
                                        .hooks = false},
                                       Reject{"no"}, 14));
    catalog.confinements[0].host.paths = {"/srv/**"};
    catalog.confinements[0].host.namespaces = 3;
    const auto bytes = compile_catalog(catalog);
    const auto again = test::view(bytes).written_again();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(compile_catalog(*again), bytes);
    EXPECT_TRUE(between(catalog, *again).empty());
}

struct Edit {
    const char* name;
    std::function<void(Confinement&)> edit;
    const char* there;  // what is said of it, and of the way back
    const char* back;
};

TEST(Difference, EachKeyOfAConfinement) {
    const Edit edits[] = {
        {"profile", [](Confinement& c) { c.profile = std::string("c"); }, "+ what 'c' allows and 'a' does not: r /c\n",
         "- what 'c' allows and 'a' does not: r /c\n"},
        {"unconfined", [](Confinement& c) { c.profile = Unconfined{}; }, "+ run without an AppArmor profile\n",
         "- run without an AppArmor profile\n"},
        {"combine", [](Confinement& c) { c.combine = Combine::replace; }, "+ leave a profile that was asked for (\"combine\")\n",
         "- leave a profile that was asked for (\"combine\")\n"},
        {"capabilities", [](Confinement& c) { c.ceiling = CapabilitySet(1); }, "+ keep the capabilities CHOWN\n",
         "- keep the capabilities CHOWN\n"},
        {"all capabilities", [](Confinement& c) { c.ceiling = AllCapabilities{}; }, "+ keep all capabilities\n",
         "- keep all capabilities\n"},
        {"no new privileges", [](Confinement& c) { c.no_new_privileges = true; }, "- run without \"noNewPrivileges\"\n",
         "+ run without \"noNewPrivileges\"\n"},
        {"system calls",
         [](Confinement& c) {
             c.deny_syscalls = {"bpf", "keyctl"};
         },
         "- call 'bpf'\n- call 'keyctl'\n", "+ call 'bpf'\n+ call 'keyctl'\n"},
        {"otherwise", [](Confinement& c) { c.exec_otherwise = ExecOtherwise::deny; }, "- run commands that no exec rule names\n",
         "+ run commands that no exec rule names\n"},
        {"exec unconfined", [](Confinement& c) { c.exec_unconfined = true; }, "+ run commands without AppArmor\n",
         "- run commands without AppArmor\n"},
        {"refuse exec", [](Confinement& c) { c.refuse_exec = RefuseExec::exit_status; },
         "= an exec that is refused ends with exit status 126 (\"refuseExec\")\n",
         "= an exec that is refused is an error for its engine (\"refuseExec\")\n"},
        {"start", [](Confinement& c) { c.start = Start::from_profile; },
         "- start a first program that its profile does not let it execute (\"start\")\n",
         "+ start a first program that its profile does not let it execute (\"start\")\n"},
        {"restore", [](Confinement& c) { c.restore = Restore::allow; }, "+ be restored from a checkpoint\n",
         "- be restored from a checkpoint\n"},
        {"annotations",
         [](Confinement& c) {
             c.runtime_annotations = {{"run.oci.x", {}}};
         },
         "+ steer the runtime by the annotation 'run.oci.x'\n", "- steer the runtime by the annotation 'run.oci.x'\n"},
        {"paths", [](Confinement& c) { c.host.paths = {"/srv/**"}; }, "- bring any path of the host (\"hostPaths\")\n",
         "+ bring any path of the host (\"hostPaths\")\n"},
        {"devices", [](Confinement& c) { c.host.devices.emplace(); }, "- have any device of the host (\"devices\")\n",
         "+ have any device of the host (\"devices\")\n"},
        {"namespaces", [](Confinement& c) { c.host.namespaces = 0; }, "- use any namespace of the host (\"hostNamespaces\")\n",
         "+ use any namespace of the host (\"hostNamespaces\")\n"},
        {"masked", [](Confinement& c) { c.host.keep_masked = true; }, "- see what is masked below /proc and /sys (\"keepMasked\")\n",
         "+ see what is masked below /proc and /sys (\"keepMasked\")\n"},
        {"a denied command",
         [](Confinement& c) {
             c.exec_rules = {{"/bin/sh", ExecRule::Deny{"no"}, {}}};
         },
         "- run '/bin/sh' as its profile prescribes\n", "+ run '/bin/sh' as its profile prescribes\n"},
        {"a command's label",
         [](Confinement& c) {
             c.exec_rules = {{"/bin/sh", std::string("a//kid"), {}}};
         },
         "+ run '/bin/sh' under 'a//kid', whatever its profile prescribes\n",
         "- run '/bin/sh' under 'a//kid', which allows more: r /a//kid\n"},
    };
    for (const auto& one : edits) {
        auto after = two();
        one.edit(after.confinements[0]);
        EXPECT_EQ(words(between(two(), after)), one.there) << one.name;
        EXPECT_EQ(words(between(after, two())), one.back) << one.name;
    }
}

TEST(Difference, TheOrderOfExecRules) {
    auto before = two();
    before.confinements[0].exec_rules = {{"/bin/{a,b}", ExecRule::Deny{"no"}, {}}, {"/bin/{b,c}", std::string("z"), {}}};
    auto after = before;
    std::swap(after.confinements[0].exec_rules[0], after.confinements[0].exec_rules[1]);
    EXPECT_EQ(words(between(before, after)), "+ run what is both '/bin/{a,b}' and '/bin/{b,c}' under 'z'\n");
    EXPECT_EQ(words(between(after, before)), "- run what is both '/bin/{b,c}' and '/bin/{a,b}' under 'z'\n");
}

TEST(Difference, ARuleThatChooses) {
    auto after = two();
    after.rules[1].outcome = Use{"b"};
    const auto found = between(two(), after);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].name, "handler 'h'");
    EXPECT_EQ(found[0].at, "rules.json:2:5");
    EXPECT_EQ(found[0].cases[0].before, "confinement 'a'");
    EXPECT_EQ(found[0].cases[0].after, "confinement 'b'");
    EXPECT_EQ(words(found), "+ what 'b' allows and 'a' does not: r /b\n");
    EXPECT_FALSE(gains(between(after, two())));
}

TEST(Difference, ANewRuleTakesFromThoseBehindIt) {
    auto after = two();
    after.rules.insert(after.rules.begin() + 1, test::rule({.image = "{x,y}*"}, Use{"b"}, 9));
    const auto found = between(two(), after);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].is, Is::added);
    ASSERT_EQ(found[0].cases.size(), 1U);
    EXPECT_EQ(found[0].cases[0].rule,
              "the rule rules.json:2:5 (handler 'h'), otherwise");  // not the one in front, which it cannot take from
    const auto back = between(after, two());
    ASSERT_EQ(back.size(), 3U);  // it is gone; its containers are another rule's, or `otherwise`'s
    EXPECT_FALSE(gains(back));
    EXPECT_TRUE(std::ranges::any_of(back, [](const auto& change) { return change.is == Is::removed; }));
}

TEST(Difference, MovedRulesWithTheSameOutcome) {
    auto after = two();
    std::swap(after.rules[0], after.rules[1]);
    const auto found = between(two(), after);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].is, Is::moved);
    EXPECT_TRUE(found[0].cases.empty());
    after.rules[0].outcome = Use{"b"};
    EXPECT_TRUE(gains(between(two(), after)));
}

TEST(Difference, RefusedAndLeftAlone) {
    auto after = two();
    after.rules[0].outcome = Reject{"no"};
    EXPECT_EQ(words(between(two(), after)), "- start\n");
    EXPECT_EQ(words(between(after, two())), "+ start\n");
    after.rules[0].outcome = Pass{};
    EXPECT_EQ(words(between(two(), after)), "+ be as its engine makes it\n");
    EXPECT_EQ(words(between(after, two())),
              "+ leave the profile that its engine gives it (which is not known here)\n- be as its engine makes it\n");
    auto other = two();
    other.rules[0].outcome = Reject{"other words"};
    after.rules[0].outcome = Reject{"no"};
    EXPECT_EQ(words(between(after, other)), "= is refused with the words 'other words'\n");
}

TEST(Difference, ASandbox) {
    auto after = two();
    after.rules.push_back(test::rule({.sandbox = true}, Reject{"no"}, 9));
    const auto found = between(two(), after);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].name, "a pod's sandbox");
    EXPECT_EQ(words(found), "- start\n");
    EXPECT_EQ(words(between(after, two())), "+ start\n");
}

TEST(Difference, Requests) {
    auto after = two();
    after.rules[0].selectable = {"b"};
    EXPECT_EQ(words(between(two(), after)), "+ ask for the confinement 'b', and then what 'b' allows and 'a' does not: r /b\n");
    EXPECT_EQ(words(between(after, two())), "- ask for the confinement 'b'\n");
    auto back = two();
    back.rules[0].outcome = Use{"b"};
    auto asks = back;
    asks.rules[0].selectable = {"a"};
    EXPECT_EQ(words(between(back, asks)), "= may ask for the confinement 'a', which allows nothing more\n");
}

TEST(Difference, TheCatalogAsAWhole) {
    auto after = two();
    after.without_apparmor = WithoutAppArmor::capabilities_only;
    after.rules[0].weaker = true;
    EXPECT_EQ(words(between(two(), after)), "+ start on a host without AppArmor (\"withoutAppArmor\")\n= says \"weaker\"\n");
    EXPECT_FALSE(gains(between(after, two())));
    after = two();
    after.log_exec_processes = true;
    EXPECT_EQ(words(between(two(), after)), "= which process an exec becomes is logged (\"logExecProcesses\")\n");
    EXPECT_EQ(words(between(after, two())), "= which process an exec becomes is logged no more (\"logExecProcesses\")\n");
    after = two();
    after.compare_execs = CompareExecs::after;
    EXPECT_EQ(words(between(two(), after)), "+ begin an exec before it is compared with the decision (\"compareExecs\")\n");
    EXPECT_EQ(words(between(after, two())), "- begin an exec before it is compared with the decision (\"compareExecs\")\n");
    EXPECT_TRUE(gains(between(two(), after)));
}

}  // namespace
}  // namespace aa::apparmor
