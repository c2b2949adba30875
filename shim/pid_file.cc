// SPDX-License-Identifier: Apache-2.0
#include "shim/pid_file.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <climits>

#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPause = 5;                      // milliseconds, where nobody tells of files
constexpr std::chrono::minutes kMostWait{10};  // an exec that stays in the foreground

// The number that the file PATH holds; 0: none, or not yet.
pid_t read_pid(const std::string& path) {
    constexpr std::size_t kMost = 64;
    const auto text = read_file_at(AT_FDCWD, path, kMost);
    unsigned long long pid = 0;
    if (!text || !parse_decimal(text->text().substr(0, text->text().find('\n')), pid) || pid > INT_MAX) return 0;
    return static_cast<pid_t>(pid);
}

}  // namespace

PidFile::PidFile(std::string_view path) : path_(path) {
    if (!path.starts_with('/') || ::access(path_.c_str(), F_OK) == 0) path_.clear();
}

void PidFile::watch() {
    if (path_.empty()) return;
    told_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    const auto directory = path_.substr(0, path_.rfind('/') + 1);
    // crun writes it in place, runc gives it its name by a rename.
    if (told_.valid() && ::inotify_add_watch(told_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0) told_.reset();
}

pid_t PidFile::await(const WatchedProcess& runtime) const {
    if (path_.empty()) return 0;
    const auto end = Clock::now() + kMostWait;
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - now);
        const bool last = runtime.ends_within(told_.valid() ? static_cast<int>(rest.count()) : kPause, told_.get());
        std::array<char, 4096> told{};
        if (told_.valid()) (void)!::read(told_.get(), told.data(), told.size());
        const auto pid = read_pid(path_);
        if (pid != 0 || last) return pid;
    }
    return 0;
}

}  // namespace aa::shim
