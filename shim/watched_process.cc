// SPDX-License-Identifier: Apache-2.0
#include "shim/watched_process.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

constexpr std::size_t kMostBytes = 4096;

std::string namespace_of(pid_t pid, std::string_view kind) {
    std::array<char, 64> name{};
    const auto link = concat({"/proc/", decimal(pid), "/ns/", kind});
    const ssize_t length = ::readlink(link.c_str(), name.data(), name.size());
    return length > 0 ? std::string(name.data(), static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

WatchedProcess::WatchedProcess(pid_t pid) : pid_(pid), fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

bool WatchedProcess::ends_within(int milliseconds, int other) const {
    if (!fd_.valid()) return true;
    std::array<struct pollfd, 2> events{{{fd_.get(), POLLIN, 0}, {other, POLLIN, 0}}};
    return ::poll(events.data(), events.size(), milliseconds) > 0 && events[0].revents != 0;
}

void WatchedProcess::kill() const { send(SIGKILL); }
void WatchedProcess::stop() const { send(SIGSTOP); }
void WatchedProcess::send(int signal) const { (void)::syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0); }

std::string WatchedProcess::image() const {
    const auto auxv = read_virtual_file(AT_FDCWD, concat({"/proc/", decimal(pid_), "/auxv"}), kMostBytes);
    return auxv ? *auxv : std::string();
}

std::string WatchedProcess::user_namespace() const { return namespace_of(pid_, "user"); }

std::string WatchedProcess::place() const {
    const auto user = user_namespace();
    const auto mounts = mount_namespace(pid_);
    struct stat root {};
    if (user.empty() || mounts.empty() || ::stat(concat({"/proc/", decimal(pid_), "/root/."}).c_str(), &root) != 0) return {};
    return concat({user, " ", mounts, " ", hex64(root.st_dev), ":", hex64(root.st_ino)});
}

std::string mount_namespace(pid_t pid) { return namespace_of(pid, "mnt"); }

// The kernel gives it its credentials and then writes the vector, which is all zeroes until then (fs/exec.c, begin_new_exec;
// fs/binfmt_elf.c, create_elf_tables).
bool is_being_laid_out(const std::string& image) { return !image.empty() && image.find_first_not_of('\0') == std::string::npos; }

bool has_left_for_below(pid_t task, std::string_view user_namespace) {
    constexpr int kDeepest = 32;  // as many as there can be one in another (user_namespaces(7))
    auto space = open_file(AT_FDCWD, concat({"/proc/", decimal(task), "/ns/user"}), O_RDONLY);
    for (int depth = 0; space && space->valid() && depth <= kDeepest; ++depth) {
        const auto name = path_of_descriptor(space->get());
        if (!name) return false;
        if (*name == user_namespace) return depth > 0;
        space = Fd(::ioctl(space->get(), NS_GET_PARENT));
    }
    return false;
}

}  // namespace aa::shim
