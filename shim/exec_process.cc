// SPDX-License-Identifier: Apache-2.0
#include "shim/exec_process.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <ctime>
#include <string>

#include "base/file.h"
#include "base/text.h"
#include "oci/command_line/command_line.h"
#include "shim/background.h"
#include "shim/log/decision_log.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

constexpr int kPause = 5;           // milliseconds; the end of the runtime is no pause
constexpr int kMostWait = 600'000;  // an exec that stays in the foreground

// The number that the file PATH holds; 0: none, or not yet.
unsigned long long read_pid(const std::string& path) {
    constexpr std::size_t kMost = 64;
    const auto text = read_file_at(AT_FDCWD, path, kMost);
    unsigned long long pid = 0;
    if (!text || !parse_decimal(text->text().substr(0, text->text().find('\n')), pid)) return 0;
    return pid;
}

// The number in the file PATH once RUNTIME has written it.
unsigned long long await_pid(const std::string& path, const WatchedProcess& runtime) {
    for (int waited = 0; waited < kMostWait; waited += kPause) {
        const bool last = runtime.ends_within(kPause);
        const auto pid = read_pid(path);
        if (pid != 0 || last) return pid;
    }
    return 0;
}

}  // namespace

void tell_exec_process(const Call& call, const Trace& trace) {
    const std::string path(call.line.pid_file);
    // Engines name a new file, and in full: what is there already is another exec's.
    if (call.line.command != oci::Command::exec || !path.starts_with('/') || ::access(path.c_str(), F_OK) == 0) return;
    const auto began = std::time(nullptr);
    (void)in_background([&, caller = ::getpid()](const auto& ready) {
        const WatchedProcess runtime(caller);
        ready();
        const auto pid = await_pid(path, runtime);
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
