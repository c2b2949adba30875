// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/compiled_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "apparmor/catalog/policy_snapshot.h"
#include "apparmor/policy/reader.h"
#include "apparmor/policy/transition.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

// The profiles of the fixture FILE in an order that the kernel could have them in.
std::vector<Profile> profiles_of(const fs::path& file) {
    auto profiles = read_policy(read_file(file), file.string());
    EXPECT_TRUE(profiles) << profiles.error().message;
    return profiles ? *std::move(profiles) : std::vector<Profile>();
}

Catalog catalog() {
    Catalog catalog;
    Confinement only;
    only.name = "only";
    only.profile = "a";
    catalog.confinements.push_back(only);
    catalog.otherwise = Use{"only"};
    return catalog;
}

// A catalog with a copy of PROFILES, all of them complete if COMPLETE.
std::string compiled(const std::vector<Profile>& profiles, bool complete = true) {
    PolicySnapshot snapshot;
    snapshot.revision = 0x123456789AU;
    for (const auto& profile : profiles) snapshot.profiles.push_back({&profile, complete, "policy/profiles/x.1/sha256", "digest"});
    return compile_catalog(catalog(), &snapshot);
}

const std::string kPaths[] = {"/ix",
                              "/px",
                              "/Px",
                              "/pno",
                              "/pix",
                              "/pux",
                              "/ux",
                              "/cx",
                              "/Cx",
                              "/cno",
                              "/cix",
                              "/cux",
                              "/nb",
                              "/nno",
                              "/nnoi",
                              "/kid",
                              "/sb",
                              "/isb",
                              "/psb/at",
                              "/bc",
                              "/un",
                              "/own",
                              "/both",
                              "/g1/a/b",
                              "/no",
                              "/lost",
                              "/free",
                              "/x12",
                              "/y",
                              "/bin/a",
                              "/bin/kid",
                              "/bin/one",
                              "/usr/bin/abc",
                              "/usr/bin/a",
                              "/usr/bin/named",
                              "",
                              "/srv/a_directory_with_a_name_of_over_thirty_two_bytes/p1"};

// The copy gives the answers of what it was copied from, whatever the generation of the policy.
TEST(CompiledPolicy, AnswersAsTheOriginal) {
    std::size_t questions = 0;
    for (const auto& file : fs::directory_iterator(AA_POLICIES)) {
        const auto profiles = profiles_of(file.path());
        PolicySet original(profiles);
        const std::string bytes = compiled(profiles);
        const auto view = CompiledCatalog::view(bytes, "copy");
        ASSERT_TRUE(view) << view.error().message;
        const auto copy = CompiledPolicy::open(*view);
        ASSERT_TRUE(copy && *copy);
        EXPECT_EQ((*copy)->revision(), 0x123456789AU);
        for (const auto& profile : profiles) {
            for (const auto& path : kPaths) {
                for (const bool owned : {true, false}) {
                    const ExecFile exec{path, owned, [](std::string_view) { return std::optional<std::string>(); }};
                    const auto expected = exec_transition(original, profile.name, exec);
                    const auto got = exec_transition(**copy, profile.name, exec);
                    ASSERT_EQ(got.has_value(), expected.has_value()) << file.path() << ' ' << profile.name << ' ' << path;
                    ++questions;
                    if (!got) continue;
                    EXPECT_EQ(got->label, expected->label) << file.path() << ' ' << profile.name << ' ' << path;
                    EXPECT_EQ(got->scrubbed, expected->scrubbed);
                    EXPECT_EQ(got->allowed, expected->allowed);
                }
            }
        }
        EXPECT_TRUE((*copy)->intact());
    }
    EXPECT_GT(questions, 5000U);
}

TEST(CompiledPolicy, WhatIsLeftOutIsKnownToBe) {
    const auto profiles = profiles_of(AA_POLICIES "/5.0-6.12-exec");
    const std::string bytes = compiled(profiles, false);
    const auto view = CompiledCatalog::view(bytes, "copy");
    ASSERT_TRUE(view);
    const auto copy = CompiledPolicy::open(*view);
    ASSERT_TRUE(copy && *copy);
    EXPECT_FALSE(*(*copy)->has_all_of("a"));
    EXPECT_FALSE(*(*copy)->has_all_of("nosuch"));
    const auto kid = (*copy)->find("a//kid");
    ASSERT_TRUE(kid && *kid != nullptr);
    EXPECT_TRUE((*kid)->files.empty());
}

// While only single profiles are known to be current, nothing is concluded from what is missing, or from lists.
TEST(CompiledPolicy, AnOldCopySaysWhatItCannotTell) {
    const auto profiles = profiles_of(AA_POLICIES "/5.0-6.12-exec");
    const std::string bytes = compiled(profiles);
    const auto view = CompiledCatalog::view(bytes, "copy");
    ASSERT_TRUE(view);
    struct Case {
        const char* path;
        bool unsure;
    };
    for (const auto& c : {Case{"/ix", false}, Case{"/nb", false}, Case{"/kid", false}, Case{"/unknown", false}, Case{"/nno", true},
                          Case{"/px", true}, Case{"/cx", true}}) {
        const auto copy = CompiledPolicy::open(*view);
        ASSERT_TRUE(copy && *copy);
        (*copy)->trust_profiles([](const CompiledPolicy::Digest& digest) { return digest.value == "digest"; });
        const auto outcome = exec_transition(**copy, "a", {c.path, true, {}});
        EXPECT_EQ((*copy)->was_unsure(), c.unsure) << c.path;
        EXPECT_EQ(outcome.has_value(), !c.unsure) << c.path;
    }
}

// A profile that has changed since is not believed, be it the one to start from or a target.
TEST(CompiledPolicy, AnOldCopyOfAChangedProfileDoesNotCount) {
    const auto profiles = profiles_of(AA_POLICIES "/5.0-6.12-exec");
    PolicySnapshot snapshot;
    for (const auto& profile : profiles) snapshot.profiles.push_back({&profile, true, "files/" + profile.name, "digest"});
    const std::string bytes = compile_catalog(catalog(), &snapshot);
    const auto view = CompiledCatalog::view(bytes, "copy");
    ASSERT_TRUE(view);
    for (const std::string changed : {"none", "a", "b"}) {
        const auto copy = CompiledPolicy::open(*view);
        ASSERT_TRUE(copy && *copy);
        (*copy)->trust_profiles([&](const CompiledPolicy::Digest& digest) { return digest.file != "files/" + changed; });
        EXPECT_EQ(exec_transition(**copy, "a", {"/nb", true, {}}).has_value(), changed == "none") << changed;
        EXPECT_EQ((*copy)->was_unsure(), changed != "none") << changed;
    }
}

TEST(CompiledPolicy, ACatalogMayHaveNone) {
    const std::string bytes = compile_catalog(catalog());
    const auto view = CompiledCatalog::view(bytes, "copy");
    ASSERT_TRUE(view);
    const auto copy = CompiledPolicy::open(*view);
    ASSERT_TRUE(copy);
    EXPECT_EQ(*copy, nullptr);
}

// A damaged byte is found, or has nothing to do with the answer.
TEST(CompiledPolicy, DamageNeverChangesAnAnswer) {
    const auto profiles = profiles_of(AA_POLICIES "/3.0-6.1-attach");
    std::string bytes = compiled(profiles);
    std::size_t found = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 7) {
        bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
        const auto view = CompiledCatalog::view(bytes, "copy");
        const auto policy = view ? CompiledPolicy::open(*view) : Result<std::unique_ptr<CompiledPolicy>>(view.error());
        if (policy && *policy) {
            const auto outcome = exec_transition(**policy, "unconfined", {"/usr/bin/abc", true, {}});
            if (outcome && (*policy)->intact()) {
                EXPECT_EQ(outcome->label, "exact") << at;
            } else {
                ++found;
            }
        } else {
            ++found;
        }
        bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    }
    EXPECT_GT(found, 0U);
}

TEST(AttachmentPrefix, IsTheLiteralBeginning) {
    std::vector<std::pair<std::string, std::string>> got;
    for (const auto& profile : profiles_of(AA_POLICIES "/3.0-6.1-attach")) {
        if (profile.attachment) got.emplace_back(profile.name, attachment_prefix(profile.attachment->automaton));
    }
    std::sort(got.begin(), got.end());
    const std::vector<std::pair<std::string, std::string>> expected{
        {"any", "/usr/"},
        {"ba", "/usr/bin/a"},
        {"bin", "/usr/bin/"},
        {"exact", "/usr/bin/abc"},
        {"long", "/srv/a_directory_with_a_name_of_over_thirty_two_bytes/"},
        {"longer", "/srv/a_directory_with_a_name_of_over_thirty_two_bytes/p"},
        {"one", "/opt/"},
        {"two", "/opt/"},
    };
    EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace aa::apparmor
