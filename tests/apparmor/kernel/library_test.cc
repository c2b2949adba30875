// SPDX-License-Identifier: Apache-2.0
//
// Two readings of one kernel, held against each other; and the library's against ours of the kernel that runs the test.
#include "apparmor/kernel/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/apparmor.h>

#include <cerrno>
#include <string>

#include "base/file.h"

namespace aa::apparmor {
namespace {

using ::testing::HasSubstr;

const Result<void> kOn;
const Result<void> kOff = Error{ErrorKind::system, "it is off"};
constexpr const char* kLook = "; what is enforced is not known: look at /proc/mounts and /sys/module/apparmor/parameters";

std::string text(const Result<void>& result) { return result ? "agreed" : result.error().message; }

TEST(Library, EachAnswerAgainstOurOwn) {
    const std::string disagree = "libapparmor and aa-shim do not agree on AppArmor: it says ";
    const std::string unknown = "whether AppArmor is on cannot be told: libapparmor says that ";
    const struct {
        LibrarysAnswer library;
        const Result<void>& own;
        std::string expected;
    } cases[] = {
        {{0, "/sys/kernel/security/apparmor", true}, kOn, "agreed"},
        {{ENOSYS, "", false}, kOff, "agreed"},
        {{ECANCELED, "", false}, kOff, "agreed"},
        {{ENOENT, "", false}, kOff, "agreed"},
        {{0, "/mnt/apparmor", false},
         kOn,
         disagree + "that it is on, in '/mnt/apparmor', and aa-shim says that it is on, in another place" + kLook},
        {{0, "/mnt/apparmor", false}, kOff, disagree + "that it is on, in '/mnt/apparmor', and aa-shim says it is off" + kLook},
        {{ENOSYS, "", false}, kOn, disagree + "the kernel has no AppArmor, and aa-shim says that it is on" + kLook},
        {{ECANCELED, "", false}, kOn, disagree + "AppArmor is switched off, and aa-shim says that it is on" + kLook},
        {{ENOENT, "", false}, kOn, disagree + "its directory in securityfs is not there, and aa-shim says that it is on" + kLook},
        {{EBUSY, "", false},
         kOff,
         unknown +
             "only its private interfaces can be reached, so another security module has the shared ones, and aa-shim says: it is off"},
        {{EACCES, "", false}, kOn, unknown + "it may not be asked"},
        {{EPERM, "", false}, kOff, unknown + "it may not be asked, and aa-shim says: it is off"},
        {{ENOMEM, "", false}, kOn, unknown + "there is no memory to ask it"},
        {{EIO, "", false}, kOn, unknown + std::string(errno_text(EIO))},
    };
    for (const auto& one : cases) {
        EXPECT_EQ(text(compare(one.library, one.own)), one.expected);
    }
}

TEST(Library, AgreesOnThisKernel) { EXPECT_EQ(text(library_agrees(Kernel())), "agreed"); }

// A kernel that is not the one we run on.
TEST(Library, DoesNotAgreeOnAnother) {
    const Kernel other("/dev/null/securityfs", "/dev/null/module");
    EXPECT_THAT(text(library_agrees(other)), Kernel().require_enabled() ? HasSubstr("do not agree") : HasSubstr("agreed"));
}

// Our reading of a task's label against aa_splitcon(3), where that has one.
TEST(Library, SplitsLabelsAsWeDo) {
    for (const std::string line : {"unconfined", "web (enforce)", "web (complain)\n", "a//&b (mixed)", "web (kill)", "odd (name) (enforce)",
                                   "web (unconfined)", "/usr/bin/x y (enforce)"}) {
        std::string copy = line;
        char* mode = nullptr;
        const char* label = ::aa_splitcon(copy.data(), &mode);
        const auto own = parse_task_label(line);
        ASSERT_NE(label, nullptr) << line;
        EXPECT_EQ(own.label, label) << line;
        EXPECT_EQ(mode_name(own.mode), mode == nullptr ? "unconfined" : std::string(mode)) << line;
    }
}

}  // namespace
}  // namespace aa::apparmor
