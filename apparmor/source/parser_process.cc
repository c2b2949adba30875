// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/parser_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

// A parser that prints more than this is not telling anybody anything.
constexpr std::size_t kMaxOutput = 8UL << 20U;
constexpr std::array<const char*, 2> kParserPaths = {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"};
constexpr std::array<const char*, 3> kFeatureFiles = {"/usr/share/apparmor-features/features", "/etc/apparmor.d/abi/4.0",
                                                      "/etc/apparmor.d/abi/3.0"};

// Standard output and error go to memory files: nobody has to read along, and the parser's own children may hold them open.
Result<Fd> memory_file() {
    Fd fd(::memfd_create("aa-shimctl", MFD_CLOEXEC));
    if (!fd.valid()) return errno_error("create", "memory file", errno);
    return fd;
}

Result<std::string> contents(const Fd& fd) {
    const auto buffer = TRY(read_file(fd.get(), kMaxOutput, "output of apparmor_parser"));
    return std::string(buffer.text());
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (auto& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

// posix_spawn's two settings as one value that frees them.
class SpawnSettings {
public:
    SpawnSettings(int output, int errors) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions_, errors, STDERR_FILENO);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
        ::posix_spawnattr_init(&attributes_);
        sigset_t none;
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
    [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

Result<pid_t> spawn(const std::string& path, std::vector<std::string> arguments, const SpawnSettings& settings) {
    arguments.insert(arguments.begin(), path);
    std::vector<std::string> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
    pid_t pid = -1;
    const int failed = ::posix_spawn(&pid, path.c_str(), settings.actions(), settings.attributes(), pointers(arguments).data(),
                                     pointers(environment).data());
    if (failed != 0) return errno_error("run", path, failed);
    return pid;
}

Result<int> wait_for(pid_t pid, const std::string& path) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return errno_error("wait for", path, errno);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The parser says this of the host, whatever it was asked to do.
std::string without_chatter(std::string_view errors) {
    std::string result;
    for (const auto line : lines(errors)) {
        if (!line.empty() && !line.starts_with("Cache read/write disabled")) result.append(line).append("\n");
    }
    return result;
}

std::vector<std::string> with_paths(std::vector<std::string> arguments, const std::vector<std::string>& paths) {
    arguments.insert(arguments.end(), paths.begin(), paths.end());
    return arguments;
}

// "… in profile P at line N: TEXT" → P, N, TEXT; a line of another form is a problem of FILE as a whole.
Complaint parser_complaint(std::string_view line, const std::string& file) {
    constexpr std::string_view kProfile = " in profile ";
    constexpr std::string_view kLine = " at line ";
    Complaint whole{{file, 1, 1}, concat({"apparmor_parser: ", line})};
    const std::size_t profile = line.find(kProfile);
    const std::size_t at = line.find(kLine, profile == std::string_view::npos ? profile : profile + kProfile.size());
    if (profile == std::string_view::npos || at == std::string_view::npos) return whole;
    const std::size_t number = at + kLine.size();
    const std::size_t colon = line.find(": ", number);
    unsigned long long value = 0;
    if (colon == std::string_view::npos || !parse_decimal(line.substr(number, colon - number), value)) return whole;
    const std::size_t begin = profile + kProfile.size();
    return {{std::string(line.substr(begin, at - begin)), static_cast<std::uint32_t>(value), 1},
            concat({"apparmor_parser: ", line.substr(colon + 2)})};
}

}  // namespace

Result<Parser> Parser::find() {
    for (const char* path : kParserPaths) {
        if (::access(path, X_OK) == 0) return Parser(path);
    }
    return Error{ErrorKind::system, concat({"AppArmor's compiler is missing (looked for ", kParserPaths[0], " and ", kParserPaths[1],
                                            "): install the package 'apparmor'"})};
}

Result<ParserRun> Parser::run(const std::vector<std::string>& arguments) const {
    const Fd output = TRY(memory_file());
    const Fd errors = TRY(memory_file());
    const SpawnSettings settings(output.get(), errors.get());
    ParserRun result;
    const pid_t pid = TRY(spawn(path_, arguments, settings));
    result.exit_code = TRY(wait_for(pid, path_));
    result.output = TRY(contents(output));
    result.errors = without_chatter(TRY(contents(errors)));
    return result;
}

Result<ParserRun> Parser::names(const std::vector<std::string>& paths) const { return run(with_paths({"--names", "--quiet"}, paths)); }

Result<ParserRun> Parser::compile(const std::vector<std::string>& files, const std::string& features) const {
    std::vector<std::string> arguments = {"--skip-kernel-load", "--skip-cache", "--quiet", "--jobs=auto", "--ofile=/dev/null"};
    if (!features.empty()) arguments.push_back("--features-file=" + features);
    return run(with_paths(std::move(arguments), files));
}

Result<ParserRun> Parser::load(const std::vector<std::string>& files) const {
    return run(with_paths({"--replace", "--write-cache", "--quiet", "--jobs=auto"}, files));
}

Result<std::string> features_for(bool runs) { return runs ? std::string() : packaged_features(); }

Result<std::string> packaged_features() {
    for (const char* file : kFeatureFiles) {
        if (::access(file, R_OK) == 0) return std::string(file);
    }
    return Error{ErrorKind::system, concat({"there is no features file to compile profiles for (looked for ", kFeatureFiles[0], ", ",
                                            kFeatureFiles[1], " and ", kFeatureFiles[2], "): reinstall the package 'apparmor'"})};
}

std::vector<Complaint> parser_complaints(const ParserRun& run, const std::string& file) {
    std::vector<Complaint> result;
    for (const auto line : lines(run.errors)) result.push_back(parser_complaint(line, file));
    if (result.empty()) {
        result.push_back({{file, 1, 1}, concat({"apparmor_parser failed with exit code ", decimal(run.exit_code), " and said nothing"})});
    }
    return result;
}

}  // namespace aa::apparmor
