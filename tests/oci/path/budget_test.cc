// SPDX-License-Identifier: Apache-2.0
#include "oci/path/budget.h"

#include <gtest/gtest.h>

#include "oci/path/container_path.h"
#include "tests/oci/tree.h"

namespace aa::oci {
namespace {

constexpr const char* kExhausted = "finding it takes more than 8192 steps: shorten PATH, or have fewer links and mounts on the way";

TEST(Budget, IsSpentOnce) {
    Budget budget;
    EXPECT_TRUE(budget.spend(kMaxPathSteps - 2));
    EXPECT_TRUE(budget.spend_text(kBytesPerStep));
    ASSERT_FALSE(budget.spend());
    EXPECT_EQ(budget.spend().error().message, kExhausted);
    EXPECT_EQ(budget.spend().error().kind, ErrorKind::limit);
}

// What was too much stays too much: nothing smaller gets through afterwards.
TEST(Budget, IsGoneWithWhatItIsNotEnoughFor) {
    Budget budget;
    EXPECT_FALSE(budget.spend(kMaxPathSteps + 1));
    EXPECT_FALSE(budget.spend());
}

class Work : public testing::Test {
protected:
    void SetUp() override {
        tree_.add_file("rootfs/bin/app");
        // Forty links through which the kernel goes, each as long as a link can be.
        std::string dots;
        while (dots.size() < 4000) dots += "./";
        tree_.add_file("rootfs/chain/end");
        for (int i = 1; i < 39; ++i) {
            tree_.add_link("rootfs/chain/" + std::to_string(i), dots + (i == 1 ? "end" : std::to_string(i - 1)));
        }
    }

    // What the program "app" is for a process with PATH, in a bundle with MOUNTS.
    [[nodiscard]] std::string find(const std::string& path, const std::vector<Mount>& mounts = {}, std::string_view word = "app") const {
        ProcessSpec spec;
        spec.cwd = "/";
        spec.path = path;
        spec.path_present = true;
        spec.uid = 1000;
        const auto root = ContainerRoot::of_bundle(tree_.bundle(), "rootfs", mounts);
        if (!root) return std::string(root.error().kind == ErrorKind::limit ? "limit: " : "") + root.error().message;
        const auto program = root->find_program(word, spec);
        if (program) return program->path;
        return std::string(program.error().kind == ErrorKind::limit ? "limit: " : "") + program.error().message;
    }

    static std::string times(std::size_t count, const std::string& text) {
        std::string all;
        for (std::size_t i = 0; i < count; ++i) all += text;
        return all;
    }

    const Tree tree_;
};

TEST_F(Work, IsEnoughForWhatPeopleHave) {
    EXPECT_EQ(find(times(200, "/usr/local/some/where:") + "/bin"), "/bin/app");
    std::vector<Mount> mounts;
    mounts.reserve(500);
    for (int i = 0; i < 500; ++i) {
        mounts.push_back({.destination = "/var/run/secrets/example.org/token-" + std::to_string(i), .source = "tmpfs", .type = "tmpfs"});
    }
    EXPECT_EQ(find("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", mounts), "/bin/app");
}

TEST_F(Work, IsRefusedBeyondTheBudget) {
    std::vector<Mount> mounts;
    mounts.reserve(48'000);
    for (int i = 0; i < 48'000; ++i) {
        mounts.push_back({.destination = "/m/" + std::to_string(i), .source = "tmpfs", .type = "tmpfs"});
    }
    const auto limit = [](const std::string& object) { return "limit: '" + object + "': " + kExhausted; };
    EXPECT_EQ(find("/bin", mounts), limit("/m/4096"));
    EXPECT_EQ(find(times(100'000, "/nosuch:")), limit("/nosuch/app"));
    EXPECT_EQ(find(times(400'000, ":")), limit("//app"));
    EXPECT_EQ(find("/chain/38:" + times(1000, "/chain/38:")), limit("/chain/38/app"));
    EXPECT_EQ(find("/bin", {}, "/chain/38"), limit("/chain/38"));
    EXPECT_EQ(find("/" + times(40'000, "a/") + ":/bin"), "/bin/app") << "too long for the kernel: passed over";
}

}  // namespace
}  // namespace aa::oci
