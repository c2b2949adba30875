// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/file.h"
#include "base/running_command.h"
#include "base/text.h"

namespace aa {

namespace {

// A program that prints more than this is not telling anybody anything.
constexpr std::size_t kMaxOutput = 8UL << 20U;
constexpr int kNotStarted = 127;

// What a program prints goes to memory: nobody has to read along, and children that outlive it may hold it open.
Result<Fd> memory_file() {
    Fd fd(::memfd_create("aa-shimctl", MFD_CLOEXEC));
    if (!fd.valid()) return errno_error("create", "memory file", errno);
    return fd;
}

// What several processes print at a time is kept one after the other: the position of a memory file, unlike that of a regular one
// (FMODE_ATOMIC_POS in fs/open.c), is not locked by write(2), so that without O_APPEND one overwrites the other.
Result<Fd> output_file() {
    Fd fd = TRY(memory_file());
    if (::fcntl(fd.get(), F_SETFL, O_APPEND) != 0) return errno_error("append to", "memory file", errno);
    return fd;
}

// TEXT as a file that can be read from its beginning.
Result<Fd> input_file(const std::string& text) {
    Fd fd = TRY(memory_file());
    TRY(write_all(fd.get(), text));
    if (::lseek(fd.get(), 0, SEEK_SET) != 0) return errno_error("rewind", "memory file", errno);
    return fd;
}

Result<std::string> contents(const Fd& fd, const std::string& program) {
    const auto buffer = TRY(read_file(fd.get(), kMaxOutput, concat({"the output of ", quote(program)})));
    return std::string(buffer.text());
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (auto& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

// Whether a program goes on after us, or is told to end when we do.
enum class Life { own, ours };

// What the child does until it becomes the program; nothing here may allocate. Returns the errno that stopped it.
int become(const std::string& root, char* const* words, char* const* environment, const std::array<int, 3>& standard) {
    (void)::setsid();
    for (int fd = 0; fd < 3; ++fd) {
        if (::dup2(standard[static_cast<std::size_t>(fd)], fd) < 0) return errno;
    }
    // Ours all close by themselves; those that our own caller left open do from Linux 5.11 on.
    (void)::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    if (!root.empty() && (::chroot(root.c_str()) != 0 || ::chdir("/") != 0)) return errno;
    sigset_t none;
    (void)::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    (void)::execve(words[0], words, environment);
    return errno;
}

// The exit code of PID, which is killed with its session after SECONDS (0: never).
Result<int> wait_for(pid_t pid, int seconds, const std::string& program) {
    // Where the kernel has no pidfd, before Linux 5.3, the program is trusted to end.
    const Fd process(seconds > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
    bool late = false;
    if (process.valid()) {
        pollfd end{process.get(), POLLIN, 0};
        int ready = 0;
        do {
            ready = ::poll(&end, 1, seconds * 1000);
        } while (ready < 0 && errno == EINTR);
        late = ready == 0;
    }
    if (late) (void)::kill(-pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return errno_error("wait for", program, errno);
    }
    if (late) return Error{ErrorKind::system, concat({quote(program), " was ended: not done after ", decimal(seconds), " seconds"})};
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// A program on its way.
struct Started {
    pid_t pid = -1;
    Fd errors;   // what it writes to standard error
    Fd failure;  // the errno that stopped it before it was one
};

// An error if what was started never became COMMAND's program, as it wrote to FAILURE; to be asked after its end.
Result<void> require_became(const Command& command, const Fd& failure) {
    int problem = 0;
    if (::pread(failure.get(), &problem, sizeof problem, 0) != sizeof problem) return {};
    return errno_error("run", command.root + command.words.front(), problem);
}

// The child of PARENT is to end with it, which may have ended already.
int end_with(pid_t parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return errno;
    return ::getppid() == parent ? 0 : ECHILD;
}

// COMMAND with OUTPUT as its standard output.
Result<Started> start(const Command& command, const Fd& output, Life life = Life::own) {
    const Fd input = TRY(input_file(command.input));
    Started started{-1, TRY(output_file()), TRY(memory_file())};
    auto words = command.words;
    std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
    environment.insert(environment.end(), command.environment.begin(), command.environment.end());
    const auto word_pointers = pointers(words);
    const auto environment_pointers = pointers(environment);
    const pid_t parent = ::getpid();
    started.pid = ::fork();
    if (started.pid < 0) return errno_error("run", words.front(), errno);
    if (started.pid == 0) {
        int problem = life == Life::ours ? end_with(parent) : 0;
        if (problem == 0)
            problem =
                become(command.root, word_pointers.data(), environment_pointers.data(), {input.get(), output.get(), started.errors.get()});
        (void)!::write(started.failure.get(), &problem, sizeof problem);
        ::_exit(kNotStarted);
    }
    return started;
}

}  // namespace

Result<CommandOutcome> run_command(const Command& command) {
    const std::string& program = command.words.front();
    const Fd output = TRY(output_file());
    const auto started = TRY(start(command, output));
    CommandOutcome outcome;
    outcome.exit_code = TRY(wait_for(started.pid, command.seconds, program));
    TRY(require_became(command, started.failure));
    outcome.output = TRY(contents(output, program));
    outcome.errors = TRY(contents(started.errors, program));
    return outcome;
}

Result<RunningCommand> RunningCommand::start(Command command) {
    RunningCommand running(std::move(command), TRY(output_file()));
    auto started = TRY(aa::start(running.command_, running.output_, Life::ours));
    running.pid_ = started.pid;
    running.errors_ = std::move(started.errors);
    running.failure_ = std::move(started.failure);
    running.process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
    if (running.process_.valid()) return running;
    const int problem = errno;
    (void)::kill(started.pid, SIGTERM);
    (void)wait_for(started.pid, 0, running.command_.words.front());
    return errno_error("watch", running.command_.words.front(), problem);
}

RunningCommand::~RunningCommand() {
    if (process_.valid()) (void)end();
}

Result<std::string> RunningCommand::errors() const { return contents(errors_, command_.words.front()); }

Result<CommandOutcome> RunningCommand::take_end(int patience) {
    process_ = Fd();
    const auto& program = command_.words.front();
    const int exit_code = TRY(wait_for(pid_, patience, program));
    TRY(require_became(command_, failure_));
    return CommandOutcome{exit_code, TRY(contents(output_, program)), TRY(contents(errors_, program))};
}

Result<std::optional<CommandOutcome>> RunningCommand::outcome() {
    pollfd end{process_.get(), POLLIN, 0};
    if (::poll(&end, 1, 0) <= 0) return std::optional<CommandOutcome>();
    return std::optional(TRY(take_end(0)));
}

Result<CommandOutcome> RunningCommand::end() {
    constexpr int kPatience = 120;  // seconds
    (void)::kill(pid_, SIGTERM);
    return take_end(kPatience);
}

Result<bool> read_lines(int fd, const std::function<bool(std::string_view)>& take) {
    std::string text;
    std::array<char, 65536> buffer{};
    bool too_long = false;  // the line that is being read
    for (;;) {
        const ssize_t size = ::read(fd, buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return errno_error("read", "lines", errno);
        if (size == 0) return text.empty() || too_long || take(text);
        std::string_view rest(buffer.data(), static_cast<std::size_t>(size));
        for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
            text += rest.substr(0, end);
            if (!too_long && text.size() <= kMaxLine && !take(text)) return false;
            too_long = false;
            text.clear();
            rest.remove_prefix(end + 1);
        }
        if (!too_long) text += rest;
        too_long = too_long || text.size() > kMaxLine;
        if (too_long) text.clear();
    }
}

Result<CommandOutcome> run_for_lines(const Command& command, const std::function<bool(std::string_view)>& take) {
    const std::string& program = command.words.front();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("make a pipe for", program, errno);
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    const auto started = TRY(start(command, writer));
    writer = Fd();
    const auto read = read_lines(reader.get(), take);
    if (!read || !*read) (void)::kill(-started.pid, SIGKILL);
    CommandOutcome outcome;
    outcome.exit_code = TRY(wait_for(started.pid, 0, program));
    TRY(require_became(command, started.failure));
    if (!read) return Error(read.error()).context(program);
    if (!*read) outcome.exit_code = 0;
    outcome.errors = TRY(contents(started.errors, program));
    return outcome;
}

std::string last_words(const CommandOutcome& outcome) {
    for (const std::string* text : {&outcome.errors, &outcome.output}) {
        const auto all = lines(*text);
        for (auto line = all.rbegin(); line != all.rend(); ++line) {
            if (line->find_first_not_of(" \t\r") != std::string_view::npos) return std::string(*line);
        }
    }
    return concat({"exit code ", decimal(outcome.exit_code), " and no message"});
}

}  // namespace aa
