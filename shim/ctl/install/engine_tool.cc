// SPDX-License-Identifier: Apache-2.0
#include "shim/ctl/install/engine_tool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace aa::shim::ctl::install {

namespace {

constexpr int kLongestRun = 120 * 1000;  // milliseconds
constexpr std::size_t kMostOutput = std::size_t{8} << 20;
constexpr int kNotStarted = 125;

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> result;
    for (auto& word : words) result.push_back(word.data());
    result.push_back(nullptr);
    return result;
}

Result<Fd> memory_file() {
    Fd fd(::memfd_create("tool", MFD_CLOEXEC));
    if (!fd.valid()) return errno_error("make", "a memory file", errno);
    return fd;
}

Result<int> wait_for(pid_t pid, const std::string& path) {
    // Where the kernel has no pidfd, the program is trusted to end.
    const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (handle.valid()) {
        pollfd ended{handle.get(), POLLIN, 0};
        int ready = 0;
        while ((ready = ::poll(&ended, 1, kLongestRun)) < 0 && errno == EINTR) {
        }
        if (ready == 0) (void)::kill(pid, SIGKILL);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return errno_error("wait for", path, errno);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Only calls that may stand between fork and exec.
[[noreturn]] void become(const char* root, int output, int errors, char* const* arguments, char* const* environment) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nothing = ::open("/dev/null", O_RDONLY);
    const bool ready = nothing >= 0 && ::dup2(nothing, 0) == 0 && ::dup2(output, 1) == 1 && ::dup2(errors, 2) == 2 &&
                       (root == nullptr || ::chroot(root) == 0) && ::chdir("/") == 0;
    if (ready) ::execve(arguments[0], arguments, environment);
    ::_exit(kNotStarted);
}

}  // namespace

std::string ToolRun::reason() const {
    const auto all = lines(errors);
    for (auto line = all.rbegin(); line != all.rend(); ++line) {
        if (line->find_first_not_of(" \t\r") != std::string_view::npos) return std::string(*line);
    }
    return concat({"exit code ", decimal(exit_code)});
}

std::optional<std::string> find_tool(const Host& host, std::span<const std::string_view> paths) {
    for (const auto path : paths) {
        if (host.is_program(std::string(path))) return std::string(path);
    }
    return std::nullopt;
}

Result<ToolRun> run_tool(const Host& host, const std::string& path, const std::vector<std::string>& arguments) {
    const Fd output = TRY(memory_file());
    const Fd errors = TRY(memory_file());
    std::vector<std::string> words = {path};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/"};
    const auto argv = pointers(words);
    const auto envp = pointers(environment);
    const pid_t pid = ::fork();
    if (pid < 0) return errno_error("run", host.place(path), errno);
    if (pid == 0) become(host.root().empty() ? nullptr : host.root().c_str(), output.get(), errors.get(), argv.data(), envp.data());
    ToolRun result;
    result.exit_code = TRY(wait_for(pid, path));
    if (result.exit_code == kNotStarted) return Error{ErrorKind::system, concat({quote(host.place(path)), " could not be run"})};
    result.output = TRY(read_file(output.get(), kMostOutput, path)).text();
    result.errors = TRY(read_file(errors.get(), kMostOutput, path)).text();
    return result;
}

}  // namespace aa::shim::ctl::install
