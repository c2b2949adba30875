// SPDX-License-Identifier: Apache-2.0
#include "oci/path/container_path.h"

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

}  // namespace
}  // namespace aa::oci
