// SPDX-License-Identifier: Apache-2.0
//
// The kernel interface over files of our own. What a real kernel answers is seen on the test hosts.
#include "apparmor/kernel/kernel.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;

struct LabelCase {
    const char* text;
    const char* label;
    Mode mode;
};

TEST(TaskLabel, IsReadAsTheKernelPrintsIt) {
    const LabelCase kCases[] = {
        {"docker-default (enforce)\n", "docker-default", Mode::enforce},
        {"web//backup (complain)\n", "web//backup", Mode::complain},
        {"a//&b (mixed)\n", "a//&b", Mode::mixed},
        {"runc (unconfined)\n", "runc", Mode::unconfined},
        {"x (kill)", "x", Mode::kill},
        {"x (user)\n", "x", Mode::prompt},
        {"x (prompt)\n", "x", Mode::prompt},
        {"unconfined\n", "unconfined", Mode::unconfined},
        {"unconfined", "unconfined", Mode::unconfined},
        {"we (b) (enforce)\n", "we (b)", Mode::enforce},
        {"x (whatever)\n", "x", Mode::unknown},
        {"system_u:system_r:init_t:s0\n", "system_u:system_r:init_t:s0", Mode::unknown},
        {"x (enforce", "x (enforce", Mode::unknown},
        {"x (", "x (", Mode::unknown},
        {"", "", Mode::unknown},
    };
    for (const auto& c : kCases) {
        const auto read = parse_task_label(c.text);
        EXPECT_EQ(read.label, c.label) << c.text;
        EXPECT_EQ(read.mode, c.mode) << c.text;
    }
}

TEST(ModeName, IsWhatTheKernelCallsIt) {
    EXPECT_EQ(mode_name(Mode::enforce), "enforce");
    EXPECT_EQ(mode_name(Mode::complain), "complain");
    EXPECT_EQ(mode_name(Mode::unconfined), "unconfined");
    EXPECT_EQ(mode_name(Mode::mixed), "mixed");
    EXPECT_EQ(mode_name(Mode::unknown), "unknown");
}

class KernelFiles : public ::testing::Test {
protected:
    KernelFiles() {
        std::string name = fs::temp_directory_path() / "aa-kernel-XXXXXX";
        root_ = ::mkdtemp(name.data());
        fs::create_directories(root_ + "/security/apparmor");
    }
    ~KernelFiles() override { fs::remove_all(root_); }
    KernelFiles(const KernelFiles&) = delete;
    KernelFiles& operator=(const KernelFiles&) = delete;

    void write(const std::string& path, const std::string& text) const {
        fs::create_directories(fs::path(root_ + "/" + path).parent_path());
        std::ofstream(root_ + "/" + path) << text;
    }
    [[nodiscard]] Kernel kernel() const { return Kernel(root_ + "/security", root_ + "/module", root_ + "/proc"); }

    std::string root_;
};

TEST_F(KernelFiles, NotBuiltIn) {
    const auto enabled = kernel().require_enabled();
    ASSERT_FALSE(enabled);
    EXPECT_EQ(enabled.error().message,
              "this kernel has no AppArmor ('" + root_ + "/module' is missing): boot one that is built with CONFIG_SECURITY_APPARMOR");
    EXPECT_EQ(enabled.error().kind, ErrorKind::system);
}

TEST_F(KernelFiles, SwitchedOff) {
    for (const char* text : {"N\n", "", "y\n"}) {
        write("module/parameters/enabled", text);
        const auto enabled = kernel().require_enabled();
        ASSERT_FALSE(enabled) << text;
        EXPECT_EQ(enabled.error().message,
                  "AppArmor is switched off in this kernel: boot it with 'apparmor=1 security=apparmor' on its command line");
    }
}

TEST_F(KernelFiles, SecurityfsNotMounted) {
    write("module/parameters/enabled", "Y\n");
    const std::string message = "AppArmor cannot be reached: securityfs is not mounted at '" + root_ +
                                "/security'; run: mount -t securityfs securityfs " + root_ + "/security";
    const auto enabled = kernel().require_enabled();
    ASSERT_FALSE(enabled);
    EXPECT_EQ(enabled.error().message, message);
    const auto loaded = kernel().is_loaded("web");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message, message);
}

TEST_F(KernelFiles, Enabled) {
    write("module/parameters/enabled", "Y\n");
    write("security/apparmor/.access", "");
    EXPECT_TRUE(kernel().require_enabled());
}

TEST_F(KernelFiles, AFileThatTakesAnyQuestionIsNotTheKernel) {
    write("security/apparmor/.access", "");
    const auto loaded = kernel().is_loaded("web");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message, "'" + root_ + "/security/apparmor/.access' does not answer as AppArmor does; is it the kernel's?");
    std::ifstream asked(root_ + "/security/apparmor/.access");
    const std::string question{std::istreambuf_iterator<char>(asked), {}};
    EXPECT_EQ(question, std::string("label\0web\0\2/", 12));
}

TEST_F(KernelFiles, ARefusedQuestionIsAnError) {
    fs::create_symlink("/dev/full", root_ + "/security/apparmor/.access");
    const auto loaded = kernel().is_loaded("web");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message, "cannot ask the kernel for profile 'web': the disk is full");
}

TEST_F(KernelFiles, TaskLabelPrefersAppArmorsOwnFile) {
    write("proc/12/attr/current", "system_u:system_r:init_t:s0\n");
    write("proc/12/attr/apparmor/current", "web//&docker-default (enforce)\n");
    const auto label = kernel().task_label(12);
    ASSERT_TRUE(label) << label.error().message;
    EXPECT_EQ(label->label, "web//&docker-default");
    EXPECT_EQ(label->mode, Mode::enforce);
}

TEST_F(KernelFiles, TaskLabelOfAnOlderKernel) {
    write("proc/thread-self/attr/current", "unconfined\n");
    const auto label = kernel().task_label(0);
    ASSERT_TRUE(label) << label.error().message;
    EXPECT_EQ(label->label, "unconfined");
}

TEST_F(KernelFiles, TaskLabelOfAProcessThatIsGone) {
    const auto label = kernel().task_label(12);
    ASSERT_FALSE(label);
    EXPECT_EQ(label.error().kind, ErrorKind::not_found);
    EXPECT_EQ(label.error().message, "cannot open '" + root_ + "/proc/12/attr/current': it does not exist");
}

TEST_F(KernelFiles, NoLabelIsAnError) {
    write("proc/12/attr/apparmor/current", "\n");
    const auto label = kernel().task_label(12);
    ASSERT_FALSE(label);
    EXPECT_EQ(label.error().message, "the kernel gives no label for process 12; is AppArmor on?");
}

TEST_F(KernelFiles, LoadedProfilesIsTheWholeList) {
    std::string list;
    for (int i = 0; i < 5000; ++i) list += "profile-" + std::to_string(i) + " (enforce)\n";
    write("security/apparmor/profiles", list);
    const auto read = kernel().loaded_profiles();
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, list);
}

}  // namespace
}  // namespace aa::apparmor
