// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/places.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::ctl::status {

namespace {

constexpr std::size_t kMaxCgroupText = std::size_t{1} << 16;
constexpr std::size_t kMaxCommand = 64;

// The number in the link "pid:[4026531836]" at PATH below DIRECTORY.
std::optional<std::uint64_t> namespace_number(int directory, const char* path) {
    std::array<char, 64> target{};
    const ssize_t length = ::readlinkat(directory, path, target.data(), target.size());
    if (length <= 0) return std::nullopt;
    std::string_view text(target.data(), static_cast<std::size_t>(length));
    const std::size_t open = text.find('[');
    if (open == std::string_view::npos || text.back() != ']') return std::nullopt;
    unsigned long long number = 0;
    if (!parse_decimal(text.substr(open + 1, text.size() - open - 2), number)) return std::nullopt;
    return number;
}

std::optional<Place> read_place(int proc, const std::string& name) {
    unsigned long long pid = 0;
    if (!parse_decimal(name, pid)) return std::nullopt;
    const auto directory = open_file(proc, name, O_PATH | O_DIRECTORY);
    if (!directory) return std::nullopt;
    const int fd = directory->get();
    const auto cgroup = read_virtual_file(fd, "cgroup", kMaxCgroupText);
    const auto command = read_virtual_file(fd, "comm", kMaxCommand);
    const auto pid_namespace = namespace_number(fd, "ns/pid");
    const auto mount_namespace = namespace_number(fd, "ns/mnt");
    const auto user_namespace = namespace_number(fd, "ns/user");
    if (!cgroup || !command || !pid_namespace || !mount_namespace || !user_namespace) return std::nullopt;
    return Place{static_cast<pid_t>(pid), command->substr(0, command->find('\n')),
                 longest_cgroup(*cgroup), *pid_namespace,
                 *mount_namespace,        *user_namespace};
}

bool is_at_or_below(std::string_view path, std::string_view parent) {
    return path.starts_with(parent) && (path.size() == parent.size() || path[parent.size()] == '/');
}

Place find_place(const std::vector<Place>& places, pid_t pid) {
    const auto found = std::find_if(places.begin(), places.end(), [&](const Place& place) { return place.pid == pid; });
    return found == places.end() ? Place() : *found;
}

}  // namespace

std::string longest_cgroup(std::string_view text) {
    std::string_view longest = "/";
    for (const auto line : lines(text)) {
        // "HIERARCHY:CONTROLLERS:PATH"; a path may hold colons.
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const auto path = line.substr(second + 1);
        if (path.size() > longest.size()) longest = path;
    }
    return std::string(longest);
}

std::optional<Place> place_of(pid_t pid) {
    const auto proc = open_file(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
    return proc ? read_place(proc->get(), decimal(pid)) : std::nullopt;
}

bool is_hidden(pid_t pid) {
    std::array<char, 64> target{};
    const auto link = concat({"/proc/", decimal(pid), "/ns/mnt"});
    return ::readlink(link.c_str(), target.data(), target.size()) < 0 && (errno == EACCES || errno == EPERM);
}

Result<std::vector<Place>> read_places(const std::string& proc) {
    const Fd directory = TRY(open_file(AT_FDCWD, proc, O_RDONLY | O_DIRECTORY));
    std::vector<Place> places;
    for (const auto& name : TRY(directory_names(TRY(open_file(directory.get(), ".", O_RDONLY | O_DIRECTORY)), proc))) {
        if (auto place = read_place(directory.get(), name)) places.push_back(*std::move(place));
    }
    std::sort(places.begin(), places.end(), [](const Place& one, const Place& other) { return one.pid < other.pid; });
    return places;
}

Sharing::Sharing(const std::vector<Place>& places, const std::vector<pid_t>& inits, Place self) : self_(std::move(self)) {
    const auto host = find_place(places, 1);
    host_mounts_ = host.pid_namespace == self_.pid_namespace ? host.mount_namespace : self_.mount_namespace;
    std::map<std::uint64_t, int> users;
    for (const pid_t init : inits) ++users[find_place(places, init).pid_namespace];
    for (const pid_t init : inits) {
        const auto place = find_place(places, init);
        Container container{init, {}, 0};
        if (place.cgroup.size() > 1 && !is_at_or_below(self_.cgroup, place.cgroup)) container.cgroup = place.cgroup;
        if (place.pid_namespace != self_.pid_namespace && users[place.pid_namespace] == 1) container.pid_namespace = place.pid_namespace;
        containers_.push_back(std::move(container));
    }
}

std::optional<std::size_t> Sharing::container_of(const Place& place) const {
    const auto own = std::find_if(containers_.begin(), containers_.end(), [&](const Container& one) { return one.init == place.pid; });
    if (own != containers_.end()) return own - containers_.begin();
    // A process of the host may have been put into a container's control group; its root is still the host's.
    if (place.mount_namespace != self_.mount_namespace && place.mount_namespace != host_mounts_) {
        const auto found = std::find_if(containers_.begin(), containers_.end(), [&](const Container& container) {
            return !container.cgroup.empty() && is_at_or_below(place.cgroup, container.cgroup);
        });
        if (found != containers_.end()) return found - containers_.begin();
    }
    const auto found = std::find_if(containers_.begin(), containers_.end(), [&](const Container& container) {
        return container.pid_namespace != 0 && place.pid_namespace == container.pid_namespace;
    });
    if (found != containers_.end()) return found - containers_.begin();
    return std::nullopt;
}

Grouping share_out(const std::vector<Place>& places, const std::vector<pid_t>& inits, const Place& self) {
    const Sharing sharing(places, inits, self);
    Grouping result;
    result.containers.resize(inits.size());
    std::set<std::uint64_t> strange;
    for (const auto& place : places) {
        const auto container = sharing.container_of(place);
        if (container) {
            result.containers[*container].push_back(place);
        } else if (place.pid_namespace != self.pid_namespace && strange.insert(place.pid_namespace).second) {
            result.strangers.push_back(place);
        }
    }
    return result;
}

}  // namespace aa::ctl::status
