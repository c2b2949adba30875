// SPDX-License-Identifier: Apache-2.0
//
// engine_defaults PARSER BASE SHARE ENGINES FEATURES…: whether the profiles of SHARE/apparmor.d are at least as tight as the default
// profiles of the engines that they take the place of, which are the files of the folder ENGINES; compiled by PARSER, with the includes
// of BASE (its /etc/apparmor.d), for kernels with the FEATURES. Says what they allow and an engine's denies, and exits with 1 if there is
// anything. PARSER "host": that of this host; 77 if it has none.
//
// An engine's profile that names no abi is compiled for all that the kernel has: where a distribution pins less, it denies less. But for
// `network_v9`, the peers of sockets of files, which would keep a container from its own host's services: what profiles of ours have in
// place of it is the whole family, as the profiles of the engines that do name an abi.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "apparmor/policy/reader.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/policy_abi.h"
#include "base/file.h"
#include "base/text.h"
#include "tighter.h"

using namespace aa;
using namespace aa::apparmor;

namespace {

namespace fs = std::filesystem;

constexpr int kSkipped = 77;
constexpr std::size_t kMostFiles = 20000;  // of a tree; what is deeper says nothing new
constexpr std::size_t kMostFeatures = 1U << 20U;
constexpr std::size_t kMostLines = 8;  // of a pair of profiles that are shown

// Who may not signal or trace a container: none of them is an engine or a runtime, or a profile of the container itself.
const std::vector<std::string> kPeers = {
    "/usr/sbin/sshd", "cron",  "snap.web.server",   "libvirt-1234", "docker-default2", "aa-shim-other",         "docker-default",
    "my-runc",        "runc2", "aa-shim-baseline2", "sudo//&runc",  "lxc-container",   "containers-default-0.1"};

// Switches that most kernels at hand do not have.
constexpr std::array<const char*, 18> kSwitches = {"/proc/dynamic_debug/control",
                                                   "/proc/xen/privcmd",
                                                   "/proc/xen/xenbus",
                                                   "/proc/pressure/cpu",
                                                   "/proc/i8k",
                                                   "/proc/slabinfo",
                                                   "/proc/sysrq-trigger",
                                                   "/proc/kcore",
                                                   "/proc/net/pktgen/pgctrl",
                                                   "/proc/acpi/wakeup",
                                                   "/proc/bus/pci/00/1f",
                                                   "/proc/tty/driver/serial",
                                                   "/proc/timer_list",
                                                   "/proc/kpageflags",
                                                   "/sys/firmware/efi/efivars/x",
                                                   "/sys/kernel/security/x",
                                                   "/sys/fs/selinux/load",
                                                   "/sys/devices/virtual/powercap/intel-rapl/enabled"};

struct Setting {
    Parser parser;
    std::string base;
    std::string features;
    std::string work;  // a folder of our own

    [[nodiscard]] std::string policy_features() const { return work + "/features"; }
};

struct Source {
    std::string file;
    std::string bytes;
    std::vector<std::string> profiles;
};

Result<Source> compile(const Setting& setting, const std::string& file) {
    Source source{file, {}, {}};
    auto run = TRY(setting.parser.run({"--config-file=/dev/null", "--base=" + setting.base, "--skip-kernel-load", "--skip-cache", "--quiet",
                                       "--stdout", "--kernel-features=" + setting.features,
                                       "--policy-features=" + setting.policy_features(), "--Include=" + setting.work, file}));
    if (!run.ok()) return Error{ErrorKind::config, concat({file, ": ", run.errors})};
    source.bytes = std::move(run.output);
    const auto profiles = TRY(read_policy(source.bytes, file));
    for (const auto& profile : profiles) source.profiles.push_back(profile.name);
    return source;
}

Result<std::vector<Source>> compile_all(const Setting& setting, const std::string& directory) {
    std::vector<Source> sources;
    for (const auto& entry : fs::directory_iterator(directory)) sources.push_back(TRY(compile(setting, entry.path())));
    if (sources.empty()) return Error{ErrorKind::not_found, directory + " has no profiles"};
    return sources;
}

// What this kernel has there, without the processes, whose paths say what `self` says.
void add_tree(const std::string& root, std::vector<std::string>& paths) {
    std::error_code error;
    std::size_t count = 0;
    for (fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename();
        const bool process = name.find_first_not_of("0123456789") == std::string::npos && at.depth() == 0;
        if (process || at->is_symlink(error)) at.disable_recursion_pending();
        if (!process) paths.push_back(at->path());
        if (++count == kMostFiles) return;
    }
}

std::vector<std::string> paths_of_this_kernel() {
    std::vector<std::string> paths(kSwitches.begin(), kSwitches.end());
    for (const char* root : {"/proc", "/sys"}) add_tree(root, paths);
    for (const char* name : {"comm", "oom_score_adj", "fd/1", "attr/current", "mem", "task/1/comm", "net/dev"})
        paths.push_back(concat({"/proc/1/", name}));
    return paths;
}

// How many lines there were.
std::size_t show(const std::string& what, const std::vector<std::string>& lines) {
    if (!lines.empty()) std::printf("%s, in %zu ways:\n", what.c_str(), lines.size());
    for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) std::printf("  %s\n", lines[i].c_str());
    return lines.size();
}

// What is between the braces of NAME in FEATURES goes, with them.
std::string without(std::string features, std::string_view name) {
    const std::size_t begin = features.find(name);
    if (begin == std::string::npos) return features;
    std::size_t end = features.find('{', begin) + 1;
    for (int depth = 1; depth > 0; ++end) depth += features[end] == '{' ? 1 : features[end] == '}' ? -1 : 0;
    return features.erase(begin, end - begin);
}

Result<void> prepare(const Setting& setting) {
    TRY(write_policy_abi(setting.work));
    const Buffer features = TRY(read_file_at(AT_FDCWD, setting.features, kMostFeatures));
    std::ofstream(setting.policy_features()) << without(std::string(features.text()), "network_v9");
    return {};
}

Result<std::size_t> compare(const Setting& setting, const std::string& share, const std::string& engines,
                            const std::vector<std::string>& paths) {
    TRY(prepare(setting));
    const auto ours = TRY(compile_all(setting, share + "/apparmor.d"));
    const auto theirs = TRY(compile_all(setting, engines));
    std::size_t count = 0;
    for (const auto& source : ours) {
        for (const auto& profile : source.profiles) {
            for (const auto& engine : theirs) {
                const CompiledProfile own{source.bytes, profile};
                const CompiledProfile default_profile{engine.bytes, engine.profiles.front()};
                const std::string what = concat({setting.features, ": ", profile, " allows more than ", engine.profiles.front()});
                count += show(what, TRY(wider(own, default_profile, kPeers)));
                count += show(what + " on this kernel", TRY(wider_on(own, default_profile, paths)));
            }
        }
    }
    return count;
}

Result<std::size_t> compare_all(Setting setting, const std::vector<std::string>& words) {
    const auto paths = paths_of_this_kernel();
    std::size_t count = 0;
    for (std::size_t i = 3; i < words.size(); ++i) {
        setting.features = words[i];
        count += TRY(compare(setting, words[1], words[2], paths));
    }
    return count;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> words(arguments + std::min(count, 2), arguments + count);
    if (words.size() < 4) return 2;
    const std::string_view parser = arguments[1];
    const auto found = parser == "host" ? Parser::find() : Parser(std::string(parser));
    if (!found) return kSkipped;
    std::string work = fs::temp_directory_path() / "engine-defaults-XXXXXX";
    if (::mkdtemp(work.data()) == nullptr) return 1;
    const auto more = compare_all({*found, words[0], {}, work}, words);
    fs::remove_all(work);
    if (!more) (void)std::fprintf(stderr, "engine_defaults: %s\n", more.error().message.c_str());
    return more && *more == 0 ? 0 : 1;
}
