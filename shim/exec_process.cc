// SPDX-License-Identifier: Apache-2.0
#include "shim/exec_process.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <string>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/command_line/command_line.h"
#include "shim/background.h"
#include "shim/log/decision_log.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPause = 5;                      // milliseconds, where nobody tells of files
constexpr std::chrono::minutes kMostWait{10};  // an exec that stays in the foreground

// Tells when a file beside PATH, or that itself, was written or has got its name (crun writes it in place, runc renames it to that).
class NewFiles {
public:
    explicit NewFiles(const std::string& path) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
        const auto directory = path.substr(0, path.rfind('/') + 1);
        if (fd_.valid() && ::inotify_add_watch(fd_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0) fd_.reset();
    }

    // Until there is one or RUNTIME has ended, no longer than MOST; a pause where the kernel does not tell. Whether RUNTIME has ended.
    [[nodiscard]] bool wait(const WatchedProcess& runtime, std::chrono::milliseconds most) const {
        const bool ended = runtime.ends_within(fd_.valid() ? static_cast<int>(most.count()) : kPause, fd_.get());
        std::array<char, 4096> told{};
        if (fd_.valid()) (void)!::read(fd_.get(), told.data(), told.size());
        return ended;
    }

private:
    Fd fd_;
};

// The number that the file PATH holds; 0: none, or not yet.
unsigned long long read_pid(const std::string& path) {
    constexpr std::size_t kMost = 64;
    const auto text = read_file_at(AT_FDCWD, path, kMost);
    unsigned long long pid = 0;
    if (!text || !parse_decimal(text->text().substr(0, text->text().find('\n')), pid)) return 0;
    return pid;
}

// The number in the file PATH, of which FILES tells, once RUNTIME has written it.
unsigned long long await_pid(const std::string& path, const WatchedProcess& runtime, const NewFiles& files) {
    const auto end = Clock::now() + kMostWait;
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
        const bool last = files.wait(runtime, std::chrono::ceil<std::chrono::milliseconds>(end - now));
        const auto pid = read_pid(path);
        if (pid != 0 || last) return pid;
    }
    return 0;
}

}  // namespace

void tell_exec_process(const Call& call, const Trace& trace) {
    if (!trace.logs_exec_processes || call.line.command != oci::Command::exec) return;
    const std::string path(call.line.pid_file);
    // Engines name a new file, and in full: what is there already is another exec's.
    if (!path.starts_with('/') || ::access(path.c_str(), F_OK) == 0) return;
    const auto began = std::time(nullptr);
    (void)in_background([&, caller = ::getpid()](const auto& ready) {
        const WatchedProcess runtime(caller);
        const NewFiles files(path);
        ready();
        const auto pid = await_pid(path, runtime, files);
        if (pid == 0) return;
        log_decision({.allowed = true,
                      .found = true,
                      .id = trace.id,
                      .command = "exec-process",
                      .container = std::string(call.line.id),
                      .message = concat({"exec of container ", quote(call.line.id), " is process ", decimal(static_cast<long long>(pid))}),
                      .fields = {{"pid", decimal(static_cast<long long>(pid))}, {"began", decimal(began)}}},
                     trace.decision_log);
    });
}

}  // namespace aa::shim
