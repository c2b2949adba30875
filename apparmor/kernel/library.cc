// SPDX-License-Identifier: Apache-2.0
#include "apparmor/kernel/library.h"

#include <sys/apparmor.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

enum class Meaning { off, not_known };

// Each errno of aa_is_enabled(3), by its manual and libraries/libapparmor/src/kernel.c (3.0 to 5.0).
struct Reason {
    int number;
    Meaning meaning;
    std::string_view text;
};
constexpr std::array kReasons{
    Reason{ENOSYS, Meaning::off, "the kernel has no AppArmor"},
    Reason{ECANCELED, Meaning::off, "AppArmor is switched off"},
    // Also where securityfs is not mounted, or shows nothing of AppArmor: in a container.
    Reason{ENOENT, Meaning::off, "its directory in securityfs is not there"},
    // Another security module has the interfaces by which runtimes set a label: they would set that one's.
    Reason{EBUSY, Meaning::not_known, "only its private interfaces can be reached, so another security module has the shared ones"},
    // Off and hidden look the same.
    Reason{EACCES, Meaning::not_known, "it may not be asked"},
    Reason{EPERM, Meaning::not_known, "it may not be asked"},
    Reason{ENOMEM, Meaning::not_known, "there is no memory to ask it"},
};

// An errno that nobody expects says nothing.
Reason reason_of(int number) {
    for (const auto& reason : kReasons) {
        if (reason.number == number) return reason;
    }
    return {number, Meaning::not_known, errno_text(number)};
}

bool same_directory(const std::string& one, const std::string& other) {
    struct stat a {};
    struct stat b {};
    return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Error disagreement(std::string_view library, std::string_view own) {
    return {ErrorKind::system, concat({"libapparmor and aa-shim do not agree on AppArmor: it says ", library, ", and aa-shim says ", own,
                                       "; what is enforced is not known: look at /proc/mounts and /sys/module/apparmor/parameters"})};
}

}  // namespace

LibrarysAnswer ask_library(const Kernel& kernel) {
    LibrarysAnswer answer;
    errno = 0;
    if (::aa_is_enabled() != 1) {
        answer.problem = errno != 0 ? errno : ENODATA;
        return answer;
    }
    char* directory = nullptr;
    if (::aa_find_mountpoint(&directory) != 0) {
        answer.problem = errno;
        return answer;
    }
    answer.directory = directory;
    std::free(directory);
    answer.same_place = same_directory(answer.directory, kernel.path(""));
    return answer;
}

Result<void> compare(const LibrarysAnswer& answer, const Result<void>& own) {
    if (answer.problem == 0) {
        const auto on = concat({"that it is on, in ", quote(answer.directory)});
        if (!own) return disagreement(on, own.error().message);
        if (!answer.same_place) return disagreement(on, "that it is on, in another place");
        return {};
    }
    const auto reason = reason_of(answer.problem);
    if (reason.meaning == Meaning::not_known) {
        return Error{ErrorKind::system, concat({"whether AppArmor is on cannot be told: libapparmor says that ", reason.text,
                                                own ? "" : ", and aa-shim says: ", own ? std::string() : own.error().message})};
    }
    if (own) return disagreement(reason.text, "that it is on");
    return {};
}

Result<void> library_agrees(const Kernel& kernel) { return compare(ask_library(kernel), kernel.require_enabled()); }

}  // namespace aa::apparmor
