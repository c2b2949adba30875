// SPDX-License-Identifier: Apache-2.0
#include "oci/container_path.h"

#include <gtest/gtest.h>
#include <linux/fs.h>
#include <stdio.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "tests/oci/tree.h"

namespace aa::oci {
namespace {

ProcessSpec process(std::string path = "/bin:/srv", std::string cwd = "/srv") {
    ProcessSpec spec;
    spec.path = std::move(path);
    spec.path_present = true;
    spec.cwd = std::move(cwd);
    return spec;
}

// The path, or "missing", "no program" or "unknown".
std::string shown(const Result<ProgramFile>& program) {
    if (program) return program->path;
    if (program.error().kind == ErrorKind::denied) return "no program";
    return program.error().kind == ErrorKind::not_found ? "missing" : "unknown";
}

// Every way to resolve a path in one and the same tree.
class Roots {
public:
    explicit Roots(const Tree& tree) : inhabitant_(tree) {
        add("bundle", ContainerRoot::of_bundle(tree.bundle(), "rootfs"));
        if (!Inhabitant::possible()) return;
        EXPECT_TRUE(inhabitant_.ready());
        add("kernel", ContainerRoot::of_process(inhabitant_.pid(), Resolver::kernel));
        add("walk", ContainerRoot::of_process(inhabitant_.pid(), Resolver::walk));
    }
    [[nodiscard]] const std::vector<std::pair<const char*, ContainerRoot>>& all() const { return roots_; }

private:
    void add(const char* name, Result<ContainerRoot> root) {
        ASSERT_TRUE(root.has_value()) << root.error().message;
        roots_.emplace_back(name, *std::move(root));
    }
    Inhabitant inhabitant_;
    std::vector<std::pair<const char*, ContainerRoot>> roots_;
};

void add_programs(const Tree& tree) {
    for (const char* path : {"usr/bin/busybox", "srv/app", "srv/sub/tool", "srv/a (deleted)", "srv/new\nline", "srv/\xff\xfe", "srv/run"}) {
        tree.add_file(std::string("rootfs/") + path);
    }
    tree.add_file("rootfs/usr/bin/data", 0644);
    tree.add_link("rootfs/bin", "usr/bin");
    tree.add_link("rootfs/usr/bin/sh", "/usr/bin/busybox");
    tree.add_link("rootfs/usr/bin/ls", "busybox");
    tree.add_link("rootfs/usr/bin/escape", "../../../../../../../../etc/passwd");
    tree.add_link("rootfs/usr/bin/dangling", "nowhere");
    tree.add_link("rootfs/usr/bin/loop", "loop");
    tree.add_link("rootfs/srv/deep", "sub/../../srv/sub");
    for (int i = 0; i < 41; ++i) tree.add_link("rootfs/chain/" + std::to_string(i), i == 0 ? "/srv/app" : std::to_string(i - 1));
    ASSERT_EQ(::mkfifo(tree.root("/usr/bin/fifo").c_str(), 0755), 0);
    ASSERT_TRUE(::geteuid() != 0 || ::mknod(tree.root("/usr/bin/device").c_str(), S_IFCHR | 0755, 0x103) == 0);
}

TEST(ContainerPath, IsTheOneThatAppArmorSees) {
    const Tree tree;
    add_programs(tree);
    const Roots roots(tree);
    const std::string name(255, 'x');
    std::string deep;
    for (int i = 0; i < 15; ++i) deep += "/" + name;
    tree.add_file("rootfs/d/" + name);
    struct Case {
        std::string word;
        std::string expected;
    };
    const Case cases[] = {
        {"/usr/bin/busybox", "/usr/bin/busybox"},
        {"/bin/busybox", "/usr/bin/busybox"},
        {"/bin/sh", "/usr/bin/busybox"},  // an absolute link means the container's root
        {"/bin/ls", "/usr/bin/busybox"},
        {"sh", "/usr/bin/busybox"},
        {"app", "/srv/app"},
        {"./app", "/srv/app"},
        {"../bin/sh", "/usr/bin/busybox"},
        {"/../../bin/sh", "/usr/bin/busybox"},
        {"//srv//./app", "/srv/app"},
        {"/srv/deep/tool", "/srv/sub/tool"},
        {"/srv/deep/../app", "/srv/app"},
        {"/chain/39", "/srv/app"},  // 40 links
        {"/srv/a (deleted)", "/srv/a (deleted)"},
        {"/srv/new\nline", "/srv/new\nline"},
        {"/srv/\xff\xfe", "/srv/\xff\xfe"},
        {"/d/" + name, "/d/" + name},
        {"/srv/" + std::string(4085, '/') + "app", "/srv/app"},  // 4093 bytes
        {"", "missing"},
        {"nosuch", "missing"},
        {"/nosuch", "missing"},
        {"data", "missing"},
        {"/usr/bin/data", "no program"},
        {"/usr/bin", "no program"},
        {"/", "no program"},
        {"..", "missing"},
        {".", "missing"},
        {"/usr/bin/fifo", "no program"},
        {"/usr/bin/device", "no program"},
        {"dangling", "missing"},
        {"loop", "missing"},
        {"/bin/loop", "missing"},
        {"/chain/40", "missing"},
        {"/bin/escape", "missing"},
        {"/srv/app/", "missing"},
        {"/srv/app/x", "missing"},
        {"/srv/app/..", "missing"},
        {"/srv/app/../app", "missing"},
        {"/d/" + name + "x", "missing"},
        {deep + "/app", "missing"},
        {"/srv/" + std::string(4100, '/') + "app", "missing"},  // longer than PATH_MAX
    };
    for (const auto& [kind, root] : roots.all()) {
        for (const auto& c : cases) EXPECT_EQ(shown(root.find_program(c.word, process())), c.expected) << kind << ": " << c.word;
    }
}

TEST(ContainerPath, IsLookedForInPath) {
    const Tree tree;
    add_programs(tree);
    const Roots roots(tree);
    struct Case {
        const char* word;
        const char* path;
        const char* expected;
    };
    const Case cases[] = {
        {"app", "/usr/bin:/srv", "/srv/app"},
        {"app", "/nosuch:/usr/bin/busybox:/srv", "/srv/app"},
        {"fifo", "/usr/bin:/srv", "missing"},
        {"loop", "/usr/bin:/chain", "missing"},
        {"app", ":/bin", "/srv/app"},
        {"app", "/bin", "missing"},
        {"app", "", "missing"},
        {"tool", "sub", "/srv/sub/tool"},
        {"tool", "/srv/deep", "/srv/sub/tool"},
        {"run", "/srv/deep/..", "/srv/run"},
    };
    for (const auto& [kind, root] : roots.all()) {
        for (const auto& c : cases) EXPECT_EQ(shown(root.find_program(c.word, process(c.path))), c.expected) << kind << ": " << c.path;
    }
}

TEST(ContainerPath, ErrorsNameWhatIsMissing) {
    const Tree tree;
    add_programs(tree);
    struct Case {
        const char* word;
        const char* message;
    };
    const Case cases[] = {
        {"nosuch", "executable file not found in $PATH: 'nosuch'"},
        {"/no/such", "cannot find '/no/such': it does not exist"},
        {"/usr/bin/loop", "cannot find '/usr/bin/loop': it leads through too many symbolic links"},
        {"/usr/bin/data", "'/usr/bin/data' is no program: not a regular file with an execute bit"},
    };
    const auto root = ContainerRoot::of_bundle(tree.bundle(), "rootfs");
    for (const auto& c : cases) EXPECT_EQ(root->find_program(c.word, process()).error().message, c.message);
    ProcessSpec bare;
    bare.cwd = "/";
    EXPECT_EQ(root->find_program("app", bare).error().message,
              "which file 'app' is cannot be told: the process has no PATH, which runtimes do not agree about; use a path, or set PATH");
    tree.add_file("rootfs/app");
    EXPECT_EQ(root->find_program("app", process(":/bin")).error().message,
              "which file 'app' is cannot be told: runc would execute '/srv/app', crun '/app'; use a path");
    EXPECT_EQ(ContainerRoot::of_bundle(tree.bundle(), "nosuch").error().message,
              "cannot open '" + tree.bundle() + "/nosuch': it does not exist");
}

TEST(ContainerPath, TellsOwnerFileAndScript) {
    const Tree tree;
    tree.add_file("rootfs/run", 0755, "#! /bin/sh -e\t\r\nexit\n");
    tree.add_file("rootfs/long", 0755, "#!/" + std::string(1000, 'x'));
    tree.add_file("rootfs/binary", 0755,
                  "\x7f"
                  "ELF");
    tree.add_file("rootfs/empty", 0755);
    const bool is_root = ::geteuid() == 0;
    ASSERT_TRUE(!is_root || ::chown(tree.root("/run").c_str(), 4242, 0) == 0);
    const Roots roots(tree);
    for (const auto& [kind, root] : roots.all()) {
        const auto script = root.find_program("/run", process());
        ASSERT_TRUE(script.has_value()) << kind;
        EXPECT_EQ(script->owner(), is_root ? 4242U : ::geteuid());
        EXPECT_EQ(*script_line(*script), "/bin/sh -e");
        EXPECT_EQ(::fcntl(script->file.get(), F_GETFL) & O_PATH, O_PATH);
        EXPECT_EQ(*script_line(*root.find_program("/long", process())), "/" + std::string(253, 'x'));
        EXPECT_EQ(*script_line(*root.find_program("/binary", process())), "");
        EXPECT_EQ(*script_line(*root.find_program("/empty", process())), "");
    }
}

TEST(ContainerPath, OfThisProcess) {
    const auto root = ContainerRoot::of_process(::getpid());
    ASSERT_TRUE(root.has_value());
    EXPECT_EQ(*root->resolve_program("/proc/../bin/true", process()), std::filesystem::canonical("/bin/true").string());
    const auto magic = root->find_program("/proc/self/exe", process());
    ASSERT_FALSE(magic.has_value());
    EXPECT_EQ(magic.error().message,
              "which file '/proc/self/exe' is cannot be told: it leads through a link in /proc, which means another file for each process");
    EXPECT_EQ(shown(root->find_program("true", process("/proc/self/root/bin:/bin"))), "unknown");
    EXPECT_FALSE(ContainerRoot::of_process(0x7ffffff0).has_value());
}

class RunningContainer : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0 || !Inhabitant::possible()) GTEST_SKIP() << "only with the privilege to make mount namespaces";
    }

    // What WORD is with either resolver, which must agree.
    static std::string find(const Inhabitant& inhabitant, std::string_view word, const ProcessSpec& spec = process()) {
        const auto kernel = ContainerRoot::of_process(inhabitant.pid(), Resolver::kernel);
        const auto walk = ContainerRoot::of_process(inhabitant.pid(), Resolver::walk);
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
            const auto root = root_for(resolver);
            unsigned found = 0;
            for (int i = 0; i < kResolutions; ++i) {
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
    const auto running = [&](Resolver resolver) { return *ContainerRoot::of_process(inhabitant.pid(), resolver); };
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
           [&](Resolver resolver) { return *ContainerRoot::of_process(inhabitant.pid(), resolver); });
    attack("/a/b/c/d/../../../../../prog", false, swap, [&](Resolver) { return *ContainerRoot::of_bundle(tree_.bundle(), "rootfs"); });
}

}  // namespace
}  // namespace aa::oci
