// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/ways_in.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "ctl/install/engine/rancher_data.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::status {

namespace {

// The files, and the directories of files, that the engines read; K3s and RKE2 make one for their containerd.
constexpr std::array kFiles{
    "/etc/containerd/config.toml",
    "/etc/crio/crio.conf",
};
constexpr std::array kDirectories{"/etc/containerd/conf.d", "/etc/crio/crio.conf.d", "/etc/k0s/containerd.d"};
constexpr std::array kDistributions{install::kK3sFacts, install::kRke2Facts};

constexpr const char* kAgentLock = "/run/aa-shim/node-lock";
constexpr std::size_t kMaxLocks = std::size_t{1} << 20U;

// containerd's key in all versions of its configuration, and CRI-O's; a runtime of ours is called aa-shim or aa-shim-HANDLER.
bool names_ours(const install::toml::Entry& entry) {
    if (entry.kind != install::toml::Entry::Kind::pair || entry.path.empty() || entry.strings.size() != 1) return false;
    const auto& key = entry.path.back();
    const auto& value = entry.strings.front();
    return (key == "default_runtime_name" || key == "default_runtime") && (value == "aa-shim" || value.starts_with("aa-shim-"));
}

bool has_default(const Host& host, const std::string& path) {
    const auto file = host.read(path);
    if (!file || !*file) return false;
    const auto document = install::toml::read((*file)->text, path);
    return document && std::any_of(document->entries.begin(), document->entries.end(), names_ours);
}

// The words of LINE.
std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> result;
    while (true) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        if (line.empty()) return result;
        const auto end = std::min(line.find(' '), line.size());
        result.push_back(line.substr(0, end));
        line.remove_prefix(end);
    }
}

// Two hexadecimal digits at least, as the kernel writes a device's numbers.
std::string hex(unsigned number) {
    const auto digits = hex64(number);
    return digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 2));
}

}  // namespace

bool is_default_of_kubernetes(const Host& host) {
    if (std::any_of(kFiles.begin(), kFiles.end(), [&](const char* path) { return has_default(host, path); })) return true;
    for (const auto& distribution : kDistributions) {
        const auto data = install::rancher_data(host, distribution);
        if (data && has_default(host, install::rancher_containerd(*data) + "/config.toml")) return true;
    }
    for (const std::string directory : kDirectories) {
        const auto names = host.list(directory);
        if (!names) continue;
        if (std::any_of(names->begin(), names->end(), [&](const auto& name) {
                return has_default(host, concat({directory, "/", name}));
            })) {
            return true;
        }
    }
    return false;
}

std::optional<pid_t> find_agent(const Host& host) {
    const auto lock = host.status(kAgentLock);
    if (!lock) return std::nullopt;
    // "1: FLOCK ADVISORY WRITE 4711 00:1a:42 0 EOF": process, device, inode (proc_locks(5)).
    const auto text = read_virtual_file(AT_FDCWD, host.place("/proc/locks"), kMaxLocks);
    if (!text) return std::nullopt;
    const auto file = concat({hex(major(lock->st_dev)), ":", hex(minor(lock->st_dev)), ":", decimal(static_cast<long long>(lock->st_ino))});
    for (const auto line : lines(*text)) {
        const auto parts = words(line);
        unsigned long long pid = 0;
        if (parts.size() >= 6 && parts[1] == "FLOCK" && parts[5] == file && parse_decimal(parts[4], pid) && pid != 0) {
            return static_cast<pid_t>(pid);
        }
    }
    return std::nullopt;
}

}  // namespace aa::ctl::status
