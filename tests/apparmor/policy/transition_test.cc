// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/transition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/apparmor/policy/fixture.h"

namespace aa::apparmor {
namespace {

// What becomes of an exec, in one line.
std::string text(const Result<ExecOutcome>& outcome) {
    if (!outcome) return outcome.error().message;
    if (!outcome->allowed) return outcome->label.empty() && outcome->entered.empty() ? "refused" : "refused, but with a label";
    std::string text = outcome->label;
    if (outcome->entered != outcome->label) text += " = " + outcome->entered;
    if (outcome->scrubbed) text += ", scrubbed";
    if (outcome->unconfined) text += ", unconfined";
    if (outcome->complaining) text += ", complaining";
    if (std::any_of(outcome->steps.begin(), outcome->steps.end(), [](const ExecStep& step) { return step.fallback; })) text += ", fallback";
    if (std::any_of(outcome->steps.begin(), outcome->steps.end(), [](const ExecStep& step) { return step.ambiguous; }))
        text += ", ambiguous";
    return text;
}

std::string reasons(const Result<ExecOutcome>& outcome) {
    if (!outcome) return outcome.error().message;
    std::string all;
    for (const auto& step : outcome->steps) all += (all.empty() ? "" : "\n") + step.reason;
    return all;
}

class Transition : public testing::TestWithParam<const char*> {
protected:
    // What GetParam() made of the profiles NAME.
    PolicySet policy(const std::string& name, KernelBehaviour behaviour = {}) {
        return PolicySet(policy_profiles(GetParam(), name), behaviour);
    }
    [[nodiscard]] bool forgets_owners() const { return std::string_view(GetParam()) == "4.1-7.2"; }
};

INSTANTIATE_TEST_SUITE_P(Compilers, Transition, testing::ValuesIn(kCompilers), [](const auto& compiler) {
    std::string name = compiler.param;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
    return name;
});

struct Row {
    const char* label;
    const char* path;
    const char* expected;
    Route route;
    const char* reason;
};

TEST_P(Transition, GoesWhereTheRuleSays) {
    const Row kRows[] = {
        {"a", "/ix", "a", Route::inherited, "profile 'a' runs '/ix' in itself (ix)"},
        {"a", "/px", "at", Route::attached, "profile 'a' runs '/px' in 'at', the profile that attaches to it (px)"},
        {"a", "/Px", "at, scrubbed", Route::attached, "profile 'a' runs '/Px' in 'at', the profile that attaches to it (Px)"},
        {"a", "/pno", "refused", Route::denied, "the rule of profile 'a' for '/pno' (px) leads nowhere: no profile attaches to the path"},
        {"a", "/pix", "a, fallback", Route::inherited, "profile 'a' runs '/pix' in itself (pix), because no profile attaches to the path"},
        {"a", "/Pix", "a, fallback", Route::inherited, "profile 'a' runs '/Pix' in itself (Pix), because no profile attaches to the path"},
        {"a", "/pux", "unconfined, unconfined, fallback", Route::unconfined,
         "profile 'a' runs '/pux' unconfined (pux), because no profile attaches to the path"},
        {"a", "/Pux", "unconfined, scrubbed, unconfined, fallback", Route::unconfined,
         "profile 'a' runs '/Pux' unconfined (Pux), because no profile attaches to the path"},
        {"a", "/ux", "unconfined, unconfined", Route::unconfined, "profile 'a' runs '/ux' unconfined (ux)"},
        {"a", "/Ux", "unconfined, scrubbed, unconfined", Route::unconfined, "profile 'a' runs '/Ux' unconfined (Ux)"},
        {"a", "/cx", "a///cx", Route::child, "profile 'a' runs '/cx' in 'a///cx', the child that attaches to it (cx)"},
        {"a", "/Cx", "a//cap, scrubbed", Route::child, "profile 'a' runs '/Cx' in 'a//cap', the child that attaches to it (Cx)"},
        {"a", "/cno", "refused", Route::denied,
         "the rule of profile 'a' for '/cno' (cx) leads nowhere: no child of it attaches to the path"},
        {"a", "/cix", "a, fallback", Route::inherited,
         "profile 'a' runs '/cix' in itself (cix), because no child of it attaches to the path"},
        {"a", "/cux", "unconfined, unconfined, fallback", Route::unconfined,
         "profile 'a' runs '/cux' unconfined (cux), because no child of it attaches to the path"},
        {"a", "/nb", "b", Route::named, "profile 'a' runs '/nb' in 'b' (px -> b)"},
        {"a", "/Nb", "b, scrubbed", Route::named, "profile 'a' runs '/Nb' in 'b' (Px -> b)"},
        {"a", "/nno", "refused", Route::denied, "the rule of profile 'a' for '/nno' (px -> gone) leads nowhere: 'gone' is not loaded"},
        {"a", "/nnoi", "a, fallback", Route::inherited, "profile 'a' runs '/nnoi' in itself (pix -> gone), because 'gone' is not loaded"},
        {"a", "/nnou", "unconfined, unconfined, fallback", Route::unconfined,
         "profile 'a' runs '/nnou' unconfined (pux -> gone), because 'gone' is not loaded"},
        {"a", "/kid", "a//kid", Route::named, "profile 'a' runs '/kid' in 'a//kid' (cx -> kid)"},
        {"a", "/sb", "refused", Route::denied,
         "the rule of profile 'a' for '/sb' (px -> &b) leads nowhere: no profile attaches to the path"},
        {"a", "/isb", "a//&b, fallback", Route::stacked,
         "profile 'a' runs '/isb' in 'a//&b' (pix -> &b), because no profile attaches to the path"},
        {"a", "/psb/at", "at//&b", Route::stacked, "profile 'a' runs '/psb/at' in 'at//&b' (px -> &b)"},
        {"a", "/isno", "a, fallback", Route::inherited, "profile 'a' runs '/isno' in itself (pix -> &gone), because 'gone' is not loaded"},
        {"a", "/bc", "b//&c", Route::named, "profile 'a' runs '/bc' in 'b//&c' (px -> b//&c)"},
        {"a", "/un", "unconfined, unconfined", Route::named, "profile 'a' runs '/un' in 'unconfined' (px -> unconfined)"},
        {"a", "/gg/x", "a", Route::inherited, "profile 'a' runs '/gg/x' in itself (ix)"},
        {"a", "/x/22", "a", Route::inherited, "profile 'a' runs '/x/22' in itself (ix)"},
        {"a", "/x/222", "refused", Route::denied, "no rule of profile 'a' lets it execute '/x/222'"},
        {"a", "/z/1", "refused", Route::denied, "no rule of profile 'a' lets it execute '/z/1'"},
        {"a", "/i", "refused", Route::denied, "no rule of profile 'a' lets it execute '/i'"},
        {"a//kid", "/a\nb", "a//kid", Route::inherited, "profile 'a//kid' runs '/a\\x0ab' in itself (ix)"},
        {"a//hat", "/hat/x", "refused", Route::denied, "no rule of profile 'a//hat' lets it execute '/hat/x'"},
        {"bare", "/ix", "refused", Route::denied, "no rule of profile 'bare' lets it execute '/ix'"},
        {"strict", "/ix", "strict", Route::inherited, "profile 'strict' runs '/ix' in itself (ix)"},
        {"strict", "/no", "refused", Route::denied, "no rule of profile 'strict' lets it execute '/no'; the profile is in kill mode"},
        {"tofree", "/free", "free, unconfined", Route::attached,
         "profile 'tofree' runs '/free' in 'free', the profile that attaches to it (px)"},
        {"free", "/px", "at", Route::attached, "profile 'at' attaches to '/px'"},
        {"free", "/x", "free", Route::stayed, "no profile attaches to '/x'"},
        {"unconfined", "/px", "at", Route::attached, "profile 'at' attaches to '/px'"},
        {"unconfined", "/ix", "unconfined", Route::stayed, "no profile attaches to '/ix'"},
        {"learn", "/ix", "learn", Route::inherited, "profile 'learn' runs '/ix' in itself (ix)"},
        {"learn", "/px", "at", Route::attached, "profile 'learn' runs '/px' in 'at', the profile that attaches to it (px)"},
        {"learn", "/x", "learn//null-/x = learn, complaining", Route::learned,
         "no rule of profile 'learn' lets it execute '/x'; the profile is in complain mode and only logs this"},
        {"learn", "/lost", "learn//null-/lost = learn, complaining", Route::learned,
         "the rule of profile 'learn' for '/lost' (px -> gone) leads nowhere: 'gone' is not loaded; the profile is in complain mode and "
         "only logs this"},
    };
    auto set = policy("exec");
    for (const Row& row : kRows) {
        for (const bool owned : {true, false}) {
            const auto outcome = exec_transition(set, row.label, {row.path, owned});
            EXPECT_EQ(text(outcome), row.expected) << row.label << " " << row.path;
            EXPECT_EQ(reasons(outcome), row.reason) << row.label << " " << row.path;
            ASSERT_TRUE(outcome && outcome->steps.size() == 1) << row.label << " " << row.path;
            EXPECT_EQ(outcome->steps[0].from, row.label);
            EXPECT_EQ(outcome->steps[0].route, row.route) << row.label << " " << row.path;
        }
    }
}

// The compiler takes what is denied away from what is allowed, and forgets it.
TEST_P(Transition, DenyRulesWin) {
    auto set = policy("exec");
    const auto denied = exec_transition(set, "a", {"/gg/no", true});
    EXPECT_EQ(text(denied), "refused");
    EXPECT_EQ(reasons(denied), "no rule of profile 'a' lets it execute '/gg/no'");
    EXPECT_EQ(text(exec_transition(set, "learn", {"/no", true})), "learn//null-/no = learn, complaining");
}

TEST(Denied, IsSaidIfThePolicyRemembersIt) {
    Profile profile;
    profile.name = "p";
    // Each path leads to state 1, which denies executing.
    profile.files = Automaton({.states = Words({0, 1}),
                               .edges = Words(std::vector<std::uint64_t>(256)),
                               .accept = Words({0, 1}),
                               .permissions = Words({0, 0, 0, std::uint64_t{permission::kExec} << 32U}),
                               .classes = {}});
    PolicySet set({profile});
    EXPECT_EQ(reasons(exec_transition(set, "p", {"/x", true})), "a deny rule of profile 'p' keeps it from executing '/x'");
}

TEST_P(Transition, OwnersMayDoMore) {
    auto set = policy("exec");
    EXPECT_EQ(text(exec_transition(set, "a", {"/own", true})), "b");
    EXPECT_EQ(text(exec_transition(set, "a", {"/both", true})), "a");
    const auto other = exec_transition(set, "a", {"/own", false});
    // Parser 4.1 loses the distinction when it writes permission tables, and so does the kernel.
    EXPECT_EQ(text(other), forgets_owners() ? "b" : "refused");
    if (!forgets_owners()) {
        EXPECT_EQ(reasons(other), "profile 'a' lets only the owner of '/own' execute it");
    }
}

TEST_P(Transition, StacksGoTogether) {
    auto set = policy("exec");
    const struct {
        const char* label;
        const char* path;
        const char* expected;
    } kRows[] = {
        {"a//&b", "/ix", "a//&b"},
        {"a//&b//&a", "/ix", "a//&b"},
        {"b//&a", "/ix", "b//&a"},
        {"a//&b", "/px", "refused"},
        {"a//&b", "/psb/at", "at//&b"},
        {"a//&at", "/px", "at"},
        {"a//&a//kid", "/Px", "at//&a//kid, scrubbed"},
        {"a//&unconfined", "/ix", "a//&unconfined"},
        {"a//&unconfined", "/px", "at"},
        {"a//&free", "/pux", "unconfined//&free, unconfined, fallback"},
        {"learn//&a", "/kid", "learn//null-/kid//&a//kid = learn//&a//kid, complaining"},
        {"learn//&a", "/x", "refused"},
        {"learn//&learn", "/x", "learn//null-/x = learn, complaining"},
    };
    for (const auto& row : kRows) EXPECT_EQ(text(exec_transition(set, row.label, {row.path, true})), row.expected) << row.label << row.path;
    const auto refused = exec_transition(set, "a//&b", {"/px", true});
    EXPECT_EQ(reasons(refused),
              "profile 'a' runs '/px' in 'at', the profile that attaches to it (px)\nno rule of profile 'b' lets it execute '/px'");
}

TEST_P(Transition, KernelsDiffer) {
    auto old = policy("exec", KernelBehaviour::of_release("6.1.0-49-cloud-amd64"));
    EXPECT_EQ(text(exec_transition(old, "a", {"/isno", true})), "refused");
    EXPECT_EQ(text(exec_transition(old, "a", {"/isb", true})), "a//&b, fallback");
    EXPECT_EQ(text(exec_transition(old, "learn", {"/lost", true})), "refused");
    EXPECT_EQ(text(exec_transition(old, "learn", {"/x", true})), "learn//null-/x = learn, complaining");
    auto middle = policy("exec", KernelBehaviour::of_release("6.12.107"));
    EXPECT_EQ(text(exec_transition(middle, "a", {"/isno", true})), "a, fallback");
    EXPECT_EQ(text(exec_transition(middle, "learn", {"/lost", true})), "refused");
}

TEST_P(Transition, AttachesAsTheKernelDoes) {
    const struct {
        const char* path;
        const char* expected;
        const char* differential = nullptr;  // if the attachments are encoded so; nothing: the same
    } kRows[] = {
        {"/usr/x", "any"},
        {"/usr/bin/x", "bin"},
        // A byte for a wildcard counts as a literal one: two of them, equally long.
        {"/usr/bin/ax", "unconfined, ambiguous", "ba"},
        {"/usr/bin/a", "unconfined, ambiguous"},
        {"/usr/bin/abc", "exact"},
        {"/usr/bin/abcd", "unconfined, ambiguous", "ba, ambiguous"},
        {"/usr/bin/named", "/usr/bin/named"},
        {"/opt/x1", "one"},
        {"/opt/y1", "unconfined, ambiguous"},
        {"/opt/z1", "two"},
        {"/opt/w1", "unconfined"},
        {"/srv/a_directory_with_a_name_of_over_thirty_two_bytes/qq", "long", "unconfined"},
        {"/srv/a_directory_with_a_name_of_over_thirty_two_bytes/pp", "unconfined, ambiguous", "longer"},
    };
    const bool differential = std::string_view(GetParam()) == "5.0-7.2";
    auto set = policy("attach");
    for (const auto& row : kRows) {
        const char* expected = differential && row.differential != nullptr ? row.differential : row.expected;
        EXPECT_EQ(text(exec_transition(set, "unconfined", {row.path, true})), expected) << row.path;
    }
    EXPECT_EQ(reasons(exec_transition(set, "unconfined", {"/opt/y1", true})),
              "several profiles attach to '/opt/y1' equally well, and so none does");
}

// One wins by a length that its compiler claims for it, the other by its order.
TEST_P(Transition, SaysWhereTheOrderDecides) {
    auto profiles = policy_profiles(GetParam(), "attach");
    const auto named = [&](std::string_view name) {
        return *std::find_if(profiles.begin(), profiles.end(), [&](const Profile& profile) { return profile.name == name; });
    };
    Profile claims_more = named("bin");
    claims_more.attachment->length = 100;
    PolicySet first({claims_more, named("exact")});
    const auto outcome = exec_transition(first, "unconfined", {"/usr/bin/abc", true});
    EXPECT_EQ(text(outcome), "bin, ambiguous");
    EXPECT_EQ(reasons(outcome),
              "profile 'bin' attaches to '/usr/bin/abc'; another one attaches, too, and would win if it had been loaded in another order");
    PolicySet last({named("exact"), claims_more});
    EXPECT_EQ(text(exec_transition(last, "unconfined", {"/usr/bin/abc", true})), "exact, ambiguous");
}

TEST_P(Transition, LooksAtExtendedAttributes) {
    auto set = policy("attributes");
    const struct {
        const char* name;
        std::optional<std::string> sign, more;
        const char* expected;
    } kRows[] = {
        {"none", {}, {}, "plain"},
        {"one", "yes", {}, "signed"},
        {"another value", "no", {}, "plain"},
        {"longer", "yess", {}, "plain"},
        {"both", "yes", "abc", "twice"},
        {"the second alone", {}, "abc", "plain"},
        {"the second wrong", "yes", "b", "signed"},
        {"empty", "", "", "plain"},
    };
    for (const auto& row : kRows) {
        const ExecFile file{"/s/x", true, [&](std::string_view name) { return name == "user.sign" ? row.sign : row.more; }};
        EXPECT_EQ(text(exec_transition(set, "starter", file)), row.expected) << row.name;
    }
    EXPECT_EQ(text(exec_transition(set, "starter", {"/s/x", true})),
              "cannot evaluate whether profile 'signed' attaches to '/s/x': it looks at extended attributes, which are not known");
}

TEST_P(Transition, RefusesWhatItCannotEvaluate) {
    auto profiles = policy_profiles(GetParam(), "exec");
    for (auto& profile : profiles) {
        if (profile.name == "strict") profile.mode = Mode::prompt;
        if (profile.name == "a" && profile.targets.size() > 1) std::fill(profile.targets.begin(), profile.targets.end(), ":ns:b");
    }
    PolicySet set(std::move(profiles));
    const struct {
        const char* label;
        std::string path;
        ErrorKind kind;
        const char* message;
    } kRows[] = {
        {"nosuch", "/x", ErrorKind::not_found, "profile 'nosuch' is not loaded"},
        {"a//&nosuch", "/ix", ErrorKind::not_found, "profile 'nosuch' is not loaded"},
        {"a//nokid", "/ix", ErrorKind::not_found, "profile 'a//nokid' is not loaded"},
        {"unconf", "/ix", ErrorKind::not_found, "profile 'unconf' is not loaded"},
        {"", "/ix", ErrorKind::config, "cannot evaluate label '': a component is empty"},
        {"a//&", "/ix", ErrorKind::config, "cannot evaluate label 'a//&': a component is empty"},
        {":ns:a", "/ix", ErrorKind::config, "cannot evaluate label ':ns:a': it names a policy namespace"},
        {"a", "ix", ErrorKind::config, "cannot evaluate an exec of 'ix': it is not an absolute path"},
        {"a", "", ErrorKind::config, "cannot evaluate an exec of '': it is not an absolute path"},
        {"a", std::string("/ix\0", 4), ErrorKind::config, "cannot evaluate an exec of '/ix\\x00': it is not an absolute path"},
        {"strict", "/ix", ErrorKind::config, "cannot evaluate profile 'strict': it is in prompt mode"},
        {"a", "/nb", ErrorKind::config, "cannot evaluate the target ':ns:b': it names a policy namespace"},
    };
    for (const auto& row : kRows) {
        const auto outcome = exec_transition(set, row.label, {row.path, true});
        ASSERT_FALSE(outcome) << row.message;
        EXPECT_EQ(outcome.error().message, row.message);
        EXPECT_EQ(outcome.error().kind, row.kind) << row.message;
    }
}

TEST_P(Transition, BeginningsOfUnconfinedMeanIt) {
    auto profiles = policy_profiles(GetParam(), "exec");
    const auto with_target = [&](const std::string& target) {
        auto changed = profiles;
        for (auto& profile : changed) std::fill(profile.targets.begin(), profile.targets.end(), target);
        PolicySet set(std::move(changed));
        return text(exec_transition(set, "a", {"/nb", true}));
    };
    EXPECT_EQ(with_target("unc"), "unconfined, unconfined");
    EXPECT_EQ(with_target("b//&u"), "b//&unconfined");
    EXPECT_EQ(with_target("unconfinedx"), "refused");
    EXPECT_EQ(with_target(""), "refused");
}

constexpr std::uint32_t kAsked = permission::kExec | permission::kWrite | permission::kRead | permission::kAppend | permission::kLink |
                                 permission::kLock | permission::kMapExecutable;

TEST_P(Transition, FilePermissionsAreThoseOfAllComponents) {
    auto set = policy("exec");
    const struct {
        const char* label;
        const char* path;
        bool owned;
        std::uint32_t expected;
    } kRows[] = {
        {"a", "/ix", true, permission::kExec | permission::kMapExecutable},
        {"a", "/nb", true, permission::kExec},
        {"a", "/hat/x", true, 0},
        {"a//hat", "/hat/x", true, permission::kWrite | permission::kAppend},
        {"a//kid", "/any", false, permission::kExec | permission::kRead | permission::kMapExecutable},
        {"a//kid//&a", "/x/1", false, permission::kExec | permission::kRead | permission::kMapExecutable},
        {"a//kid//&a", "/nb", false, permission::kExec},
        {"a", "/both", true, permission::kExec | permission::kMapExecutable | permission::kRead | permission::kWrite | permission::kAppend},
        {"learn", "/x", true, 0},
        {"bare", "/x", true, 0},
        {"free", "/x", true, kAsked},
        {"unconfined", "/x", true, kAsked},
        {"unconfined//&a//kid", "/x", true, permission::kExec | permission::kRead | permission::kMapExecutable},
    };
    for (const auto& row : kRows) {
        const auto permissions = file_permissions(set, row.label, row.path, row.owned);
        ASSERT_TRUE(permissions) << permissions.error().message;
        EXPECT_EQ(permissions->allow & kAsked, row.expected) << row.label << " " << row.path;
    }
    const auto missing = file_permissions(set, "a//&gone", "/x", true);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message, "profile 'gone' is not loaded");
}

}  // namespace
}  // namespace aa::apparmor
