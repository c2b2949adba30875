// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <stdio.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "tests/oci/path/roots.h"

namespace aa::oci {
namespace {

using namespace test;

class RunningContainer : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0 || !Inhabitant::possible()) GTEST_SKIP() << "only with the privilege to make mount namespaces";
    }

    // What WORD is with either resolver, which must agree.
    static std::string find(const Inhabitant& inhabitant, std::string_view word, const ProcessSpec& spec = process()) {
        const auto kernel = ContainerRoot::of_process(inhabitant.pid(), {}, Resolver::kernel);
        const auto walk = ContainerRoot::of_process(inhabitant.pid(), {}, Resolver::walk);
        if (!kernel || !walk) return kernel ? walk.error().message : kernel.error().message;
        auto found = shown(kernel->find_program(word, spec));
        EXPECT_EQ(shown(walk->find_program(word, spec)), found) << word;
        return found;
    }

    const Tree tree_;
};

TEST_F(RunningContainer, HasMounts) {
    add_programs(tree_);
    tree_.add_directory("rootfs/proc");
    tree_.add_file("rootfs/volume/prog");
    tree_.add_file("rootfs/volume/inner/prog");
    tree_.add_link("rootfs/volume/link", "/srv/app");
    tree_.add_file("rootfs/file");
    tree_.add_directory("rootfs/mnt/a/b");
    tree_.add_file("rootfs/mnt/a/b/hidden");
    tree_.add_directory("rootfs/other");
    const Inhabitant inhabitant(tree_, [] {
        return ::mount("proc", "/proc", "proc", 0, nullptr) == 0 && ::mount("/volume", "/mnt/a/b", nullptr, MS_BIND, nullptr) == 0 &&
               ::mount("/volume", "/mnt", nullptr, MS_BIND, nullptr) == 0 &&
               ::mount("/volume/prog", "/file", nullptr, MS_BIND, nullptr) == 0 &&
               ::mount("/volume", "/other", nullptr, MS_BIND, nullptr) == 0 &&
               ::mount(nullptr, "/other", nullptr, MS_BIND | MS_REMOUNT | MS_NOEXEC, nullptr) == 0;
    });
    ASSERT_TRUE(inhabitant.ready());
    EXPECT_EQ(find(inhabitant, "/mnt/prog"), "/mnt/prog");
    EXPECT_EQ(find(inhabitant, "/mnt/inner/../prog"), "/mnt/prog");
    EXPECT_EQ(find(inhabitant, "/mnt/link"), "/srv/app");
    EXPECT_EQ(find(inhabitant, "/mnt/a/b/hidden"), "missing");
    EXPECT_EQ(find(inhabitant, "/file"), "/file");
    EXPECT_EQ(find(inhabitant, "prog", process("/other:/volume")), "/volume/prog");
    EXPECT_EQ(find(inhabitant, "/other/prog"), "/other/prog");
    for (const char* word : {"/proc/self/exe", "/proc/1/exe", "/proc/self/root/srv/app", "/proc/1/cwd/srv/app", "/proc/thread-self/exe"}) {
        EXPECT_EQ(find(inhabitant, word), "unknown") << word;
    }
    EXPECT_EQ(find(inhabitant, "app", process("/proc/self/cwd:/srv")), "unknown");
    EXPECT_EQ(find(inhabitant, "/proc/mounts"), "unknown");
}

// runc and crun enter the mount namespace, which begins at its root, not at what the container's init made its own.
TEST_F(RunningContainer, MayHaveAnInitThatChangedItsRoot) {
    add_programs(tree_);
    tree_.add_file("rootfs/a/jail/srv/app");
    std::string far = "/far";
    for (int i = 0; i < 200; ++i) far += "/d";
    tree_.add_directory("rootfs" + far);
    for (const std::string& jail : {std::string("/a/jail"), far}) {
        const Inhabitant inhabitant(tree_, [&jail] { return ::chroot(jail.c_str()) == 0; });
        ASSERT_TRUE(inhabitant.ready());
        EXPECT_EQ(find(inhabitant, "/srv/app"), "/srv/app");
        EXPECT_EQ(find(inhabitant, "/a/jail/srv/app"), "/a/jail/srv/app");
    }
}

TEST_F(RunningContainer, MayCoverItsRoot) {
    add_programs(tree_);
    tree_.add_file("rootfs/new/srv/app");
    tree_.add_file("rootfs/new/only");
    const Inhabitant inhabitant(tree_, [] { return ::mount("/new", "/", nullptr, MS_BIND, nullptr) == 0; });
    ASSERT_TRUE(inhabitant.ready());
    EXPECT_EQ(find(inhabitant, "/only"), "/only");
}

TEST_F(RunningContainer, IsSearchedAsTheUser) {
    tree_.add_file("rootfs/owner/app", 0700);
    tree_.add_file("rootfs/closed/app");
    tree_.add_directory("rootfs/closed", 0700);
    tree_.add_file("rootfs/group/app", 0710);
    tree_.add_file("rootfs/theirs/app", 0700);
    tree_.add_file("rootfs/open/app");
    ASSERT_EQ(::chown(tree_.root("/group/app").c_str(), 0, 2000), 0);
    ASSERT_EQ(::chown(tree_.root("/theirs/app").c_str(), 1000, 1000), 0);
    const Inhabitant inhabitant(tree_);
    struct Case {
        const char* path;
        std::uint32_t uid;
        std::uint64_t capabilities;
        const char* expected;
    };
    const Case cases[] = {
        {"/owner:/open", 0, 0, "/owner/app"},
        {"/owner:/open", 1000, 0, "/open/app"},
        {"/closed:/open", 0, 0, "/closed/app"},
        {"/closed:/open", 1000, 0, "/open/app"},
        {"/closed:/open", 1000, 1U << 2, "/closed/app"},  // CAP_DAC_READ_SEARCH
        {"/owner:/open", 1000, 1U << 2, "/open/app"},
        {"/owner:/open", 1000, 1U << 1, "/owner/app"},
        {"/group:/open", 1000, 0, "/group/app"},
        {"/group:/open", 1001, 0, "/group/app"},
        {"/theirs:/open", 1000, 0, "/theirs/app"},
        {"/theirs:/open", 0, 0, "/open/app"},
        {"/theirs:/open", 0, 1U << 1, "/theirs/app"},
    };
    for (const auto& c : cases) {
        auto spec = process(c.path);
        spec.uid = c.uid;
        spec.gid = 1000;
        spec.additional_gids = {3000, 2000};
        spec.capabilities_present = true;
        spec.capabilities[static_cast<std::size_t>(CapabilityKind::effective)] = {{}, CapabilitySet(c.capabilities), false};
        EXPECT_EQ(find(inhabitant, "app", spec), c.expected) << c.path << " " << c.uid << " " << c.capabilities;
        if (c.capabilities == 0) continue;
        // A ceiling takes the capability away.
        const auto root = ContainerRoot::of_process(inhabitant.pid());
        EXPECT_EQ(shown(root->find_program("app", spec, CapabilitySet())), "/open/app") << c.path;
    }
}

// While a thread swaps a directory with a link out of the root, nothing outside is ever found.
class Swapped : public RunningContainer {
protected:
    static constexpr int kResolutions = 12500;  // for each of two attacks, on each of four roots

    void attack(const std::string& word, bool expect_some, const std::function<void()>& swap,
                const std::function<ContainerRoot(Resolver)>& root_for) const {
        std::atomic<bool> stop = false;
        std::thread swapper([&] {
            while (!stop) swap();
        });
        for (const auto resolver : {Resolver::kernel, Resolver::walk}) {
            unsigned found = 0;
            for (int i = 0; i < kResolutions; ++i) {
                const auto root = root_for(resolver);  // a new one, with a budget of its own
                const auto program = root.find_program(word, process());
                if (!program) continue;
                ++found;
                struct stat inside {};
                const bool same = ::stat((tree_.root() + "/inside/prog").c_str(), &inside) == 0 && inside.st_ino == program->stat.st_ino;
                if (!same) ADD_FAILURE() << "found " << program->path;
                if (!same) break;
            }
            // Not a test of a path that is never there.
            EXPECT_EQ(found > 0, expect_some) << word;
        }
        stop = true;
        swapper.join();
    }
};

TEST_F(Swapped, DirectoryAndLinkNeverLeadOutside) {
    tree_.add_file("rootfs/inside/prog");
    tree_.add_file("rootfs/dir/prog");
    ASSERT_EQ(::unlink(tree_.root("/dir/prog").c_str()), 0);
    ASSERT_EQ(::link(tree_.root("/inside/prog").c_str(), tree_.root("/dir/prog").c_str()), 0);
    tree_.add_file("outside/prog");
    tree_.add_link("rootfs/link", "../outside");
    const std::string dir = tree_.root("/dir");
    const std::string link = tree_.root("/link");
    const Inhabitant inhabitant(tree_);
    const auto running = [&](Resolver resolver) { return *ContainerRoot::of_process(inhabitant.pid(), {}, resolver); };
    const auto swap = [&] { (void)::renameat2(AT_FDCWD, dir.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE); };
    attack("/dir/prog", true, swap, running);
    attack("/dir/prog", true, swap, [&](Resolver) { return *ContainerRoot::of_bundle(tree_.bundle(), "rootfs"); });
}

// A directory that moves up while `..` is walked from below it: the kernel's own `..` would climb one level too many.
TEST_F(Swapped, MovingDirectoryNeverLeadsOutside) {
    tree_.add_file("rootfs/inside/prog");
    tree_.add_directory("rootfs/a/b/c/d");
    tree_.add_file("prog");
    const std::string low = tree_.root("/a/b/c/d");
    const std::string high = tree_.root("/d");
    const Inhabitant inhabitant(tree_);
    const auto swap = [&] {
        (void)::rename(low.c_str(), high.c_str());
        (void)::rename(high.c_str(), low.c_str());
    };
    attack("/a/b/c/d/../../../../../prog", false, swap,
           [&](Resolver resolver) { return *ContainerRoot::of_process(inhabitant.pid(), {}, resolver); });
    attack("/a/b/c/d/../../../../../prog", false, swap, [&](Resolver) { return *ContainerRoot::of_bundle(tree_.bundle(), "rootfs"); });
}

}  // namespace
}  // namespace aa::oci
