// SPDX-License-Identifier: Apache-2.0
//
// Inclusion of rules of every class: edits by a generator with a seed, and peers against every short label there is.
#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <regex>

#include "apparmor/algebra/grammar.h"
#include "apparmor/algebra/spelling.h"
#include "tests/apparmor/algebra/inclusion.h"

namespace aa::apparmor {
namespace {

using ::testing::IsEmpty;

class ClassesTest : public InclusionTest {};

// A rule that a profile did not have, with # for a number that makes it one of its own; and what each gain that comes of it says.
struct Edit {
    const char* rule;
    const char* told;
    bool newer = false;  // than AppArmor 3.0
};
constexpr std::array kEdits = {
    Edit{"/zz#/** r,", "r /zz#/"},
    Edit{"owner /zz#/*.log rw,", "owner rw /zz#/"},
    Edit{"/zz# a,", "a /zz#"},
    Edit{"/zz#/{a,b} mk,", "mk /zz#/"},
    Edit{"link subset /zz#/a -> /zz,", "link"},
    Edit{"/zz#/bin/* ix,", "/zz#/bin/"},
    Edit{"/zz#/bin/x px -> tight,", "x /zz#/bin/x"},
    Edit{"/zz#/bin/x ux,", "x /zz#/bin/x"},
    // The parser allows the files that it takes, too.
    Edit{"change_profile -> zz#,", "(change_profile -> zz#|/proc/.*/attr/|/sys/module/apparmor/)"},
    Edit{"capability sys_boot,", "capability sys_boot"},
    Edit{"network netlink raw,", "network netlink raw"},
    Edit{"network inet6,", "network inet6"},
    Edit{"unix type=seqpacket,", "network .*unix seqpacket"},  // 3.0 knows nothing of addresses
    Edit{"signal (send) set=(usr1) peer=zz#,", "signal \\(send\\) set=\\(usr1\\) peer=zz#"},
    Edit{"signal (receive) peer=zz#,", "signal \\(receive\\) peer=zz#"},
    Edit{"ptrace (trace) peer=zz#,", "ptrace \\(trace\\) peer=zz#"},
    Edit{"mount fstype=zz# options=(ro, nosuid) /d -> /mnt/,", "mount fstype=zz# options=\\(ro, nosuid\\) /d -> /mnt/"},
    Edit{"umount /zz#/,", "umount /zz#/"},
    Edit{"pivot_root oldroot=/o/ /zz#/,", "pivot_root oldroot=/o/ /zz#/"},
    Edit{"dbus (send) bus=session path=/zz#,", "dbus .*/zz#"},
    Edit{"mqueue (create) type=posix /zz#,", "mqueue .*/zz#", true},
    Edit{"userns,", "userns", true},
    Edit{"io_uring (override_creds) label=zz#,", "io_uring .*zz#", true},
};

// Of rules such as these, those of EDIT with NUMBER in it.
std::string numbered(std::string_view text, unsigned number) {
    std::string result;
    for (const char c : text) result += c == '#' ? std::to_string(number) : std::string(1, c);
    return result;
}

// Fifty profiles of random rules, and one more rule in each: that is gained, and lost again, and nothing else is.
TEST_F(ClassesTest, AnEditIsFoundAndNothingElse) {
    std::vector<Edit> edits;
    for (const auto& edit : kEdits) {
        const bool taken = compile_text(*parser_, "profile a {\n" + numbered(edit.rule, 1) + "\n}\n", "test", kFeatures).has_value();
        ASSERT_TRUE(taken || edit.newer) << edit.rule;
        if (taken) edits.push_back(edit);
    }
    std::mt19937 random{50};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same edits every time
    for (unsigned number = 0; number < 50; ++number) {
        const Edit& edit = edits[number % edits.size()];
        std::string rules;
        for (unsigned other = 0; other < 8; ++other) {
            const auto& one = edits[random() % edits.size()];
            // The same rule with another number, but for those that have none.
            if (one.rule != edit.rule || std::string_view(one.rule).find('#') != std::string_view::npos)
                rules += numbered(one.rule, 100 + other) + "\n";
        }
        const std::string added = numbered(edit.rule, number);
        const std::string tight = "profile tight { }";
        SCOPED_TRACE(added + " to\n" + rules);
        const auto gained = gains(rules + added, rules, tight);
        EXPECT_FALSE(gained.empty());
        for (const auto& rule : gained) EXPECT_TRUE(std::regex_search(rule, std::regex(numbered(edit.told, number)))) << rule;
        EXPECT_THAT(gains(rules, rules + added, tight), IsEmpty());
        EXPECT_THAT(gains(rules + added, rules + added, tight), IsEmpty());
    }
}

// --- peers, against every short label ---

// All labels of one to three letters.
std::vector<std::string> short_labels() {
    std::vector<std::string> labels = {""};
    for (std::size_t at = 0; at < labels.size(); ++at) {
        for (const char* letter : {"s", "t", "u"}) {
            if (labels[at].size() < 3) labels.push_back(labels[at] + letter);
        }
    }
    labels.erase(labels.begin());
    return labels;
}

// What rules of MEDIATION_CLASS, whose texts begin with PREFIX and end with a label, say of each of LABELS.
std::vector<std::uint32_t> said_of(const Profile& profile, std::uint8_t mediation_class, std::string_view prefix,
                                   const std::vector<std::string>& labels) {
    std::vector<std::uint32_t> result;
    const StateId start = profile.rules.match(profile.rules_of(mediation_class), prefix);
    for (const auto& label : labels) {
        const auto found = profile.rules.permissions(profile.rules.match(start, label), true);
        result.push_back(found.allow & ~found.deny);
    }
    return result;
}

bool any_beyond(const std::vector<std::uint32_t>& ours, const std::vector<std::uint32_t>& theirs) {
    for (std::size_t at = 0; at < ours.size(); ++at) {
        if ((ours[at] & ~theirs[at]) != 0) return true;
    }
    return false;
}

TEST_F(ClassesTest, PeersEqualWhatEveryShortLabelSays) {
    std::mt19937 random{7};  // NOLINT(cert-msc32-c,cert-msc51-cpp)
    const auto one_of = [&](std::initializer_list<const char*> words) { return std::string(words.begin()[random() % words.size()]); };
    std::string text;
    constexpr unsigned kProfiles = 24;
    for (unsigned i = 0; i < kProfiles; ++i) {
        text += "profile p" + std::to_string(i) + " {\n";
        for (unsigned rules = 1 + static_cast<unsigned>(random() % 4); rules > 0; --rules) {
            const auto peer = " peer=" + one_of({"s", "t", "s*", "*t", "{s,tu}", "?", "??t", "[st]u", "**"}) + ",\n";
            const auto deny = one_of({"", "", "", "deny "});
            text += random() % 2 == 0 ? deny + "signal " + one_of({"(send)", "(receive)", "(send, receive)"}) +
                                            one_of({"", " set=(kill)", " set=(kill, term)"}) + peer
                                      : deny + "ptrace " + one_of({"(trace)", "(read)", "(tracedby, readby)", ""}) + peer;
        }
        text += "}\n";
    }
    PolicySet policy(compiled(text));
    const auto all = *policy.all();
    const auto labels = short_labels();
    constexpr std::string_view kKillTermAndHup = "\x09\x0f\x01";
    std::size_t differences = 0;
    for (const auto* a : all) {
        for (const auto* b : all) {
            bool signals = false;
            for (const char& number : kKillTermAndHup) {
                signals = signals || any_beyond(said_of(*a, mediation::kSignal, {&number, 1}, labels),
                                                said_of(*b, mediation::kSignal, {&number, 1}, labels));
            }
            const bool traces = any_beyond(said_of(*a, mediation::kPtrace, {}, labels), said_of(*b, mediation::kPtrace, {}, labels));
            for (const auto& [mediation_class, expected] :
                 {std::pair{mediation::kSignal, signals}, std::pair{mediation::kPtrace, traces}}) {
                Budget budget;
                const Confining theirs = {b};
                const auto found = allowed_rules({.inside = {{a}}, .outside = &theirs, .classes = {mediation_class}}, budget);
                ASSERT_TRUE(found.proved);
                ASSERT_EQ(!found.allowances.empty(), expected) << a->name << " " << b->name << "\n" << text;
            }
            differences += signals || traces ? 1 : 0;
        }
    }
    EXPECT_GT(differences, kProfiles);
}

// --- mounts, D-Bus and sockets, against every short text ---

// A text of a class: what the kernel matches one after the other. What is looked for at the end of each of ENDS is allowed if one has it.
struct ShortText {
    std::string text;
    std::uint32_t wanted = 0;
    std::vector<std::size_t> ends;
};

// Every combination of PARTS, with a NUL between them.
std::vector<std::string> combinations(const std::vector<std::vector<std::string>>& parts) {
    std::vector<std::string> result = {""};
    for (std::size_t at = 0; at < parts.size(); ++at) {
        std::vector<std::string> longer;
        for (const auto& begun : result) {
            for (const auto& part : parts[at]) longer.push_back(at == 0 ? part : begun + '\0' + part);
        }
        result = std::move(longer);
    }
    return result;
}

// As security/apparmor/mount.c has them: the data counts where the mount is not allowed without.
std::vector<ShortText> mount_texts() {
    std::vector<ShortText> result;
    for (const auto& text :
         combinations({{"/a/", "/b/", "/a/b/"}, {"d", "e"}, {"t", "u"}, {"", "\1", "\2", "\1\2", "\1\2\4"}, {"", "o"}})) {
        result.push_back({text, access::kMount, {text.rfind('\0'), text.size()}});
    }
    for (const char* point : {"/a/", "/b/", "/a/b/"}) result.push_back({point, access::kUmount, {std::string_view(point).size()}});
    for (const auto& text : combinations({{"/a/", "/b/"}, {"/a/b/", "/b/"}})) result.push_back({text, access::kPivotRoot, {text.size()}});
    return result;
}

std::vector<ShortText> dbus_texts() {
    constexpr std::uint32_t kSendAndReceive = 6;
    std::vector<ShortText> result;
    for (const auto& text : combinations({{"session", "system"}, {"n.a", "n.b"}, {"s", "t"}, {"/a", "/b"}, {"i.a", "i.b"}, {"m", "n"}}))
        result.push_back({text, kSendAndReceive, {text.size()}});
    return result;
}

std::uint32_t said_of(const Profile& profile, std::uint8_t mediation_class, const ShortText& asked) {
    std::uint32_t result = 0;
    for (const std::size_t end : asked.ends) {
        const auto found = profile.rules.permissions(
            profile.rules.match(profile.rules_of(mediation_class), std::string_view(asked.text).substr(0, end)), true);
        result |= found.allow & ~found.deny & asked.wanted;
    }
    return result;
}

using OneOf = std::function<std::string(std::initializer_list<const char*>)>;

std::string mount_rule_of(const OneOf& one_of) {
    const auto point = one_of({"/a/", "/b/", "/*/", "/a/**", "/{a,b}/"});
    const auto kind = one_of({"mount", "mount", "umount", "pivot_root"});
    if (kind == "umount") return "umount " + point;
    if (kind == "pivot_root") return "pivot_root oldroot=" + one_of({"/a/b/", "/b/", "/**"}) + " " + point;
    return "mount" + one_of({"", " fstype=t", " fstype=u"}) +
           one_of({"", " options=ro", " options=(ro, nosuid)", " options in (ro, nosuid, nodev)"}) + one_of({"", " d", " [de]"}) + " -> " +
           point;
}

std::string dbus_rule_of(const OneOf& one_of) {
    return "dbus " + one_of({"send", "receive", "(send, receive)"}) + one_of({"", " bus=session", " bus=system"}) +
           one_of({"", " path=/a", " path=/*"}) + one_of({"", " interface=i.a", " interface=i.?"}) + one_of({"", " member=m"}) +
           one_of({"", " peer=(name=n.a)", " peer=(label=s)"});
}

TEST_F(ClassesTest, MountsAndDbusEqualWhatEveryShortTextSays) {
    std::mt19937 random{11};  // NOLINT(cert-msc32-c,cert-msc51-cpp)
    const OneOf one_of = [&](std::initializer_list<const char*> words) { return std::string(words.begin()[random() % words.size()]); };
    std::string text;
    constexpr unsigned kProfiles = 20;
    for (unsigned i = 0; i < kProfiles; ++i) {
        text += "profile p" + std::to_string(i) + " {\n";
        for (const auto& rule_of : {mount_rule_of, dbus_rule_of}) {
            for (unsigned rules = 1 + static_cast<unsigned>(random() % 3); rules > 0; --rules)
                text += one_of({"", "", "", "deny "}) + rule_of(one_of) + ",\n";
        }
        text += "}\n";
    }
    PolicySet policy(compiled(text));
    const auto all = *policy.all();
    std::size_t differences = 0;
    std::size_t confirmed = 0;  // differences of one of the short texts
    std::size_t inclusions = 0;
    for (const auto& [mediation_class, texts] : {std::pair{mediation::kMount, mount_texts()}, std::pair{mediation::kDbus, dbus_texts()}}) {
        for (const auto* a : all) {
            for (const auto* b : all) {
                const bool expected = std::any_of(texts.begin(), texts.end(), [&, number = mediation_class](const ShortText& asked) {
                    return (said_of(*a, number, asked) & ~said_of(*b, number, asked)) != 0;
                });
                Budget budget;
                const Confining theirs = {b};
                const auto found = allowed_rules({.inside = {{a}}, .outside = &theirs, .classes = {mediation_class}}, budget);
                ASSERT_TRUE(found.proved);
                // A text that is none of these may make a difference, too.
                ASSERT_TRUE(!expected || !found.allowances.empty()) << a->name << " " << b->name << "\n" << text;
                ++(found.allowances.empty() ? inclusions : differences);
                confirmed += expected ? 1 : 0;
            }
        }
    }
    EXPECT_GT(10 * confirmed, 9 * differences);
    EXPECT_GT(confirmed, 4 * kProfiles);
    EXPECT_GT(inclusions, 2 * kProfiles);
}

// Every family and kind of sockets; the text is the number of each, two bytes with the higher one first.
TEST_F(ClassesTest, SocketsEqualWhatEveryFamilyAndKindSays) {
    std::mt19937 random{13};  // NOLINT(cert-msc32-c,cert-msc51-cpp)
    const OneOf one_of = [&](std::initializer_list<const char*> words) { return std::string(words.begin()[random() % words.size()]); };
    std::string text;
    constexpr unsigned kProfiles = 20;
    for (unsigned i = 0; i < kProfiles; ++i) {
        text += "profile p" + std::to_string(i) + " {\n";
        for (unsigned rules = 1 + static_cast<unsigned>(random() % 3); rules > 0; --rules)
            text += one_of({"", "", "deny "}) + "network" + one_of({"", " inet", " unix", " netlink"}) + one_of({"", " stream", " dgram"}) +
                    ",\n";
        text += "}\n";
    }
    PolicySet policy(compiled(text));
    const auto all = *policy.all();
    constexpr std::array<char, 3> kFamiliesAsked = {1, 2, 16};  // unix, inet, netlink
    std::size_t differences = 0;
    for (const auto* a : all) {
        for (const auto* b : all) {
            bool expected = false;
            for (const char family : kFamiliesAsked) {
                for (char kind = 1; kind <= 3; ++kind) {
                    const ShortText asked{{'\0', family, '\0', kind}, network_permissions(), {4}};
                    expected = expected || (said_of(*a, mediation::kNetwork, asked) & ~said_of(*b, mediation::kNetwork, asked)) != 0;
                }
            }
            Budget budget;
            const Confining theirs = {b};
            const auto found = allowed_rules({.inside = {{a}}, .outside = &theirs, .classes = {mediation::kNetwork}}, budget);
            ASSERT_TRUE(found.proved);
            ASSERT_EQ(!found.allowances.empty(), expected) << a->name << " " << b->name << "\n" << text;
            differences += expected ? 1 : 0;
        }
    }
    EXPECT_GT(differences, kProfiles);
}

}  // namespace
}  // namespace aa::apparmor
