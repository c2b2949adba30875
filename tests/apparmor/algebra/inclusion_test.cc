// SPDX-License-Identifier: Apache-2.0
//
// Inclusion of labels, compiled by the real apparmor_parser: by examples, and against every short path there is.
#include "tests/apparmor/algebra/inclusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "apparmor/algebra/spelling.h"
#include "apparmor/policy/transition.h"

namespace aa::apparmor {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST_F(InclusionTest, TheSameRulesAllowTheSame) {
    const std::string rules = "/etc/** r, owner /srv/** rw, capability chown, network inet stream, signal (send) peer=x, /bin/* ix,";
    EXPECT_THAT(gains(rules, rules), IsEmpty());
    EXPECT_THAT(gains("/etc/passwd r,", "/etc/** r,"), IsEmpty());
}

TEST_F(InclusionTest, FilesAreToldAsTheRulesBehindThem) {
    EXPECT_THAT(gains("/etc/** rw,", "/etc/** r,"), ElementsAre("w /etc/**"));
    EXPECT_THAT(gains("/etc/** r,", "/etc/passwd r,"), ElementsAre("r /etc/** (partly)"));
    EXPECT_THAT(gains("/etc/** r,", "/etc/** r, deny /etc/passwd r,"), ElementsAre("r /etc/passwd"));
    EXPECT_THAT(gains("/etc/shadow r, /srv/*/log a,", ""), ElementsAre("a /srv/*/log", "r /etc/shadow"));
    EXPECT_THAT(gains("owner /srv/** rw,", "/srv/** r,"), ElementsAre("owner w /srv/**"));
    EXPECT_THAT(gains("/srv/** r,", "owner /srv/** r,"), ElementsAre("not the owner: r /srv/**"));
    EXPECT_THAT(gains("/lib/lib*.so mr,", "/lib/** r,"), ElementsAre("m /lib/lib*.so"));
    EXPECT_THAT(gains("/** r, deny /etc/shadow r,", "/** r, deny /etc/sha* r,").size(), 1U);
    EXPECT_THAT(gains("/** r, deny /etc/** r,", "/** r, deny /etc/shadow r,"), IsEmpty());
}

// What a pattern costs grows with the length of the path, and not with its square: the budget for telling, which counts steps, is enough for one
// that is as long as a path can be.
TEST_F(InclusionTest, LongNamesAreToldAsOthersAre) {
    const std::string begin = "/srv/" + std::string(60, 'a');
    EXPECT_THAT(gains(begin + "*.so r,", ""), ElementsAre("r " + begin + "*.so"));
    const std::string longest = "/srv/" + std::string(4090, 'a');
    const auto result = compare("profile a { " + longest + " r, }\nprofile b { }");
    ASSERT_EQ(result.gains.size(), 1U);
    EXPECT_EQ(result.gains.front().allowance.rule, "r " + longest);
    EXPECT_TRUE(result.all_listed);
    EXPECT_THAT(result.unproved, IsEmpty());
}

TEST_F(InclusionTest, OtherClasses) {
    EXPECT_THAT(gains("capability chown, capability net_admin,", "capability chown,"), ElementsAre("capability net_admin"));
    EXPECT_THAT(gains("network inet stream, network inet raw, network inet6 raw,", "network inet stream,"),
                ElementsAre("network inet raw", "network inet6 raw"));
    EXPECT_THAT(gains("network inet,", "network inet6,"), ElementsAre("network inet"));
    EXPECT_THAT(gains("network,", "deny network inet,"), ElementsAre("network"));
    EXPECT_THAT(gains("signal (send) set=(kill, term) peer=x,", "signal (send) set=(term) peer=x,"),
                ElementsAre("signal (send) set=(kill) peer=x"));
    EXPECT_THAT(gains("signal (receive) peer=x,", ""), ElementsAre("signal (receive) peer=x"));
    EXPECT_THAT(gains("signal,", "signal (send, receive) peer=x*,").size(), 2U);
    EXPECT_THAT(gains("ptrace (read) peer=x,", "ptrace (trace) peer=x,"), ElementsAre("ptrace (read) peer=x"));
    EXPECT_THAT(gains("mount fstype=tmpfs options=(rw, nosuid) tmpfs -> /run/, umount /mnt/,", ""),
                ElementsAre("umount /mnt/", "mount fstype=tmpfs options=(rw, nosuid) tmpfs -> /run/"));
    EXPECT_THAT(gains("mount fstype=tmpfs,", "mount fstype=tmpfs -> /run/**,"), ElementsAre("mount fstype=tmpfs"));
    EXPECT_THAT(gains("pivot_root oldroot=/o/ /n/,", ""), ElementsAre("pivot_root oldroot=/o/ /n/"));
    EXPECT_THAT(gains("mount,", "mount,"), IsEmpty());
}

// As @{profile_name} in both.
TEST_F(InclusionTest, OwnLabelsAreHeldAgainstEachOther) {
    EXPECT_THAT(gains("signal peer=a, ptrace (read) peer=a,", "signal peer=b, ptrace (read) peer=b,"), IsEmpty());
    EXPECT_THAT(gains("ptrace (trace) peer=a,", "ptrace (read) peer=b,"), ElementsAre("ptrace (trace) peer=@{profile_name}"));
    EXPECT_THAT(gains("ptrace (trace) peer=b,", "ptrace (trace) peer=b,"), IsEmpty());
    EXPECT_THAT(gains("ptrace (trace) peer=a,", "ptrace (trace) peer=a,"), ElementsAre("ptrace (trace) peer=@{profile_name}"));
}

TEST_F(InclusionTest, AnExecCountsWithWhatItLeadsTo) {
    EXPECT_THAT(gains("/bin/x px -> tight,", "/bin/x ix, /etc/** r,", "profile tight { /etc/passwd r, }"), IsEmpty());
    EXPECT_THAT(gains("/bin/x px -> wide,", "/bin/x ix, /etc/** r,", "profile wide { /etc/** rw, }"),
                ElementsAre("w /etc/** after exec /bin/x"));
    EXPECT_THAT(gains("/bin/x ux,", "/bin/x ix,"), ElementsAre("exec /bin/x → unconfined"));
    EXPECT_THAT(gains("/bin/x ix,", "/bin/x mpx -> gone,"), ElementsAre("exec /bin/x"));
    EXPECT_THAT(gains("/bin/x Px -> same,", "/bin/x px -> same,", "profile same { }"), IsEmpty());
    EXPECT_THAT(gains("/bin/x px -> same,", "/bin/x Px -> same,", "profile same { }"),
                ElementsAre("exec /bin/x with the caller's environment"));
    EXPECT_THAT(gains("/bin/* cx, profile kid /bin/k { /srv/** w, }", "/bin/* ix,"), Contains("w /srv/** after exec /bin/k"));
    EXPECT_THAT(gains("/bin/x px -> one,", "/bin/x ix,", "profile one { /bin/y px -> two, } profile two { /y r, }"),
                ElementsAre("x /bin/y after exec /bin/x"));
}

TEST_F(InclusionTest, ChangesOfProfileAndHats) {
    EXPECT_THAT(gains("change_profile -> c,", "", "profile c { /c r, }"), Contains("change_profile -> c"));
    EXPECT_THAT(gains("change_profile -> c,", "change_profile -> c,", "profile c { /c r, }"), IsEmpty());
    EXPECT_THAT(gains("hat h { /h r, }", "/g r,"), Contains("r /h after hat h"));
    EXPECT_THAT(gains("hat h { /h r, }", "hat h { /h rw, }"), IsEmpty());
}

TEST_F(InclusionTest, StacksAllowWhatAllOfThemDo) {
    const std::string text = "profile a { /x rw, /y r, capability chown, }\nprofile b { /x r, /z r, }\nprofile c { /x r, }\n";
    EXPECT_TRUE(compare(text, "a//&b", "c").included());
    EXPECT_FALSE(compare(text, "a", "c").included());
    EXPECT_TRUE(compare(text, "a//&b", "a").included());
    const auto result = compare(text, "a", "a//&b");
    std::vector<std::string> rules;
    for (const auto& gain : result.gains) rules.push_back(gain.allowance.rule);
    EXPECT_THAT(rules, UnorderedElementsAre("w /x", "r /y", "capability chown"));
}

TEST_F(InclusionTest, ModesThatEnforceNothingAllowEverything) {
    const std::string text = "profile a flags=(complain) { /x r, }\nprofile b { /x r, }\n";
    const auto result = compare(text);
    ASSERT_EQ(result.gains.size(), 1U);
    EXPECT_EQ(result.gains[0].allowance.rule, "everything");
    EXPECT_EQ(result.gains[0].allowance.example, "everything: nothing confines 'a'");
    EXPECT_THAT(compare(text, "b", "a").unproved, ElementsAre("profile 'a' complains: what it denies all the same is not looked at"));
    EXPECT_TRUE(compare(text, "a", "unconfined").included());
}

// As compiled for inline permissions, `subset` is asked of the owner only.
TEST_F(InclusionTest, LinksHaveTargetsThatMayHaveToBeAllowedAsMuch) {
    EXPECT_THAT(gains("link /a -> /b,", "link subset /a -> /b,"), ElementsAre("owner link /a -> /b without subset"));
    EXPECT_THAT(gains("link subset /a -> /b,", "link /a -> /b,"), IsEmpty());
    EXPECT_THAT(gains("link subset /a -> /b,", ""), ElementsAre("link subset /a -> /b", "not the owner: link /a -> /b without subset"));
    EXPECT_THAT(gains("link /a/* -> /b/**,", ""), ElementsAre("link /a/* -> /b/**"));
}

// A harmless file is no example of what is granted of another, and three of them do not hide a fourth one unsaid.
TEST_F(InclusionTest, WhatIsToldTogetherIsSaidToBe) {
    EXPECT_THAT(gains("/etc/a r, /etc/b r, /etc/c w, /etc/shadow rw,", ""),
                UnorderedElementsAre("r /etc/a", "r /etc/b", "w /etc/c", "rw /etc/shadow"));
    const auto result = compare("profile a { /etc/x1 r, /etc/x2 r, /etc/x3 r, /etc/shadow r, }\nprofile b { }\n");
    EXPECT_FALSE(result.all_listed);
}

TEST_F(InclusionTest, AProfileThatIsNotThereIsNoProof) {
    const auto result = compare("profile a { /bin/x px -> gone, }\nprofile b { /bin/x ix, }\n");
    EXPECT_FALSE(result.included());
    EXPECT_THAT(result.unproved,
                ElementsAre("exec /bin/x: the rule of profile 'a' for '/bin/x' (px -> gone) leads nowhere: 'gone' is not loaded"));
}

// Of two versions of a directory most profiles are the same: these cost no walk.
TEST_F(InclusionTest, TheSameAutomataTakeNoWalk) {
    const std::string text = "profile a { /x/*/y/*/z rw, /** r, signal peer=b, unix, dbus, }\n";
    PolicySet before(compiled(text));
    PolicySet after(compiled(text));
    const Confining theirs = *confining_profiles(before, "a");
    Budget budget(1);
    const auto same = allowed_rules({.inside = {*confining_profiles(after, "a")}, .outside = &theirs}, budget);
    EXPECT_THAT(same.allowances, IsEmpty());
    EXPECT_TRUE(same.proved);
}

// The bound that was hit is told: of states, or of steps.
TEST_F(InclusionTest, WhatWasNotProvedIsSaid) {
    PolicySet policy(compiled("profile a { /** rw, }\nprofile b { /** rw, /x/*/y/*/z k, }\n"));
    for (const auto& [budget, bound] :
         {std::pair{Budget(3), "more than 3 combinations of states"}, std::pair{Budget(Budget::kCombinations, 10), "more than 10 steps"}}) {
        Budget left = budget;
        const auto result = inclusion({&policy, "a"}, {&policy, "b"}, left);
        ASSERT_TRUE(result);
        EXPECT_THAT(result->gains, IsEmpty());
        EXPECT_FALSE(result->included());
        EXPECT_THAT(result->unproved, ElementsAre("the rules of 'a' and 'b' are too many to compare all",
                                                  std::string("the policy is too large for one question: ") + bound));
    }
}

// What a question costs is the same each time, and in every copy of the policy: no clock is asked.
TEST_F(InclusionTest, ABudgetThatIsEnoughIsEnoughAgain) {
    const std::string text = "profile a { /** rw, }\nprofile b { /** rw, /x/*/y/*/z k, }\n";
    const auto is_enough = [&](std::size_t steps) {
        PolicySet policy(compiled(text));
        Budget budget(Budget::kCombinations, steps);
        return inclusion({&policy, "a"}, {&policy, "b"}, budget)->included();
    };
    std::size_t enough = 1;
    while (!is_enough(enough)) enough *= 2;
    std::size_t least = enough / 2;
    for (std::size_t more = enough - least; more > 1; more = (more + 1) / 2) least += is_enough(least + more / 2) ? 0 : more / 2;
    for (int again = 0; again < 3; ++again) {
        EXPECT_FALSE(is_enough(least));
        EXPECT_TRUE(is_enough(enough));
    }
}

// --- against every short path ---

class Generator {
public:
    // Profiles of random rules about paths of the letters a and b.
    std::string profiles(unsigned count) {
        std::string text;
        for (unsigned i = 0; i < count; ++i) {
            text += "profile p" + std::to_string(i) + " {\n";
            for (unsigned rules = 1 + pick(4); rules > 0; --rules) text += rule();
            text += "}\n";
        }
        return text;
    }

private:
    unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
    std::string one_of(std::initializer_list<const char*> words) { return words.begin()[pick(static_cast<unsigned>(words.size()))]; }
    std::string rule() {
        std::string path;
        for (unsigned parts = 1 + pick(3); parts > 0; --parts)
            path += "/" + one_of({"a", "b", "*", "**", "{a,b}", "[ab]", "a*", "?", "ab", "*b"});
        if (pick(4) == 0) path += "/";
        const std::string mode = one_of({"r", "rw", "w", "k", "rk", "m", "ix", "rix", "mr", "l"});
        if (pick(5) == 0) return "deny " + path + " " + one_of({"r", "w", "k", "m", "x", "l"}) + ",\n";
        return one_of({"", "", "owner "}) + path + " " + mode + ",\n";
    }
    std::mt19937 random_{20261130};
};

// Every path of at most seven bytes of slashes, a, b, and c for every other byte.
std::vector<std::string> short_paths() {
    std::vector<std::string> paths = {"/"};
    for (std::size_t at = 0; at < paths.size(); ++at) {
        if (paths[at].size() == 7) continue;
        for (const char* byte : {"a", "b", "c", "/"}) {
            if (*byte != '/' || !paths[at].ends_with('/')) paths.push_back(paths[at] + byte);
        }
    }
    return paths;
}

constexpr std::uint32_t kTold = permission::kRead | permission::kWrite | permission::kLock | permission::kMapExecutable | permission::kExec;

struct Accesses {
    std::vector<Granted> of_paths;
};

TEST_F(InclusionTest, EqualsWhatEveryShortPathSays) {
    constexpr unsigned kProfiles = 36;
    PolicySet policy(compiled(Generator().profiles(kProfiles)));
    const auto paths = short_paths();
    std::vector<Accesses> accesses;
    const auto all = *policy.all();
    for (const auto* profile : all) {
        Accesses of;
        for (const auto& path : paths) {
            const auto at = [&](bool owned) {
                const auto found = profile->files.permissions(profile->files.match(profile->files_start, path), owned);
                return found.allow & ~found.deny & kTold;
            };
            of.of_paths.push_back({at(true), at(false)});
        }
        accesses.push_back(std::move(of));
    }
    std::size_t differences = 0;
    for (std::size_t a = 0; a < all.size(); ++a) {
        for (std::size_t b = 0; b < all.size(); ++b) {
            Budget budget;
            const Confining theirs = {all[b]};
            const RuleQuestion question{
                .inside = {{all[a]}}, .outside = &theirs, .classes = {mediation::kFile}, .files = all_of(kTold), .most = 1};
            const auto found = allowed_rules(question, budget);
            ASSERT_TRUE(found.proved);
            std::string first;
            for (std::size_t at = 0; at < paths.size() && first.empty(); ++at) {
                if (!(accesses[a].of_paths[at] - accesses[b].of_paths[at]).none()) first = paths[at];
            }
            // None of these rules needs a longer path than seven bytes to show a difference, and the first example is a shortest one.
            ASSERT_EQ(found.allowances.empty(), first.empty()) << all[a]->name << " " << all[b]->name << " " << first;
            if (first.empty()) continue;
            ++differences;
            std::size_t shortest = std::string::npos;
            for (const auto& allowance : found.allowances) {
                shortest = std::min(shortest, allowance.example.size() - allowance.example.find('/'));
            }
            ASSERT_EQ(shortest, first.size()) << all[a]->name << " " << all[b]->name << " " << first;
        }
    }
    EXPECT_GT(differences, 100U);
}

}  // namespace
}  // namespace aa::apparmor
