// SPDX-License-Identifier: Apache-2.0
#include "shim/judged_mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <set>
#include <string_view>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/path/host_place.h"

namespace aa::shim {
namespace {

constexpr std::size_t kDigits = 16;  // of a number in the record
constexpr int kMostTries = 64;

// The place DESTINATION below ROOT, with links that stay below it, as runtimes find where to mount.
Fd open_in(const Fd& root, const std::string& destination) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: something was renamed or mounted somewhere meanwhile (openat2(2)).
    for (int tries = 0;; ++tries) {
        Fd file(static_cast<int>(::syscall(SYS_openat2, root.get(), destination.c_str(), &how, sizeof how)));
        if (file.valid() || errno != EAGAIN || tries == kMostTries) return file;
    }
}

// Whether FILE is what was judged as MOUNT, as a mount that is not among SEEN. What kernels before 5.8 do not tell of it (statx(2)) is not
// asked: that it is the root of a mount, and of which.
bool is_it(const Fd& file, const JudgedMount& mount, std::vector<std::uint64_t>& seen) {
    struct statx found {};
    if (!file.valid() || ::statx(file.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &found) != 0) return false;
    if (makedev(found.stx_dev_major, found.stx_dev_minor) != mount.device || found.stx_ino != mount.inode) return false;
    const bool tells_root = (found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
    if (tells_root && (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return false;
    if ((found.stx_mask & STATX_MNT_ID) == 0) return true;
    if (std::find(seen.begin(), seen.end(), found.stx_mnt_id) != seen.end()) return false;
    seen.push_back(found.stx_mnt_id);
    return true;
}

// Whether PATH is one of DESTINATIONS, or lies in one.
bool is_covered(std::string_view path, const std::set<std::string_view>& destinations) {
    if (destinations.contains("/")) return true;
    if (path.size() > PATH_MAX) return false;  // nothing can be mounted there
    for (; !path.empty(); path = path.substr(0, std::min(path.rfind('/'), path.size()))) {
        if (destinations.contains(path)) return true;
        if (path.find('/') == path.npos) return false;
    }
    return false;
}

bool take_number(std::string_view& text, std::uint64_t& number, std::size_t digits, int base) {
    if (text.size() < digits) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number, base);
    const bool whole = error == std::errc() && end == text.data() + digits;
    text.remove_prefix(digits);
    return whole;
}

}  // namespace

std::vector<JudgedMount> judged_mounts(const oci::Config& config, const HostFacts& facts, const std::vector<bool>& removed) {
    const auto is_made = [&removed](std::size_t mount) { return removed.empty() || !removed[mount]; };
    std::vector<JudgedMount> mounts;
    std::set<std::string_view> later;  // destinations of the mounts behind that of the path in turn
    std::size_t next = config.mounts.size();
    for (auto path = facts.paths.rbegin(); path != facts.paths.rend(); ++path) {
        if (path->inode == 0 || (path->mount && !is_made(*path->mount))) continue;
        while (path->mount && next > *path->mount + 1) {
            if (is_made(--next)) later.insert(config.mounts[next].destination);
        }
        if (!path->mount || !is_covered(path->destination, later)) mounts.push_back({path->file_system, path->inode, path->destination});
    }
    std::ranges::reverse(mounts);
    return mounts;
}

std::string to_text(const std::vector<JudgedMount>& mounts) {
    std::string text;
    for (const auto& mount : mounts) {
        text += concat(
            {hex64(mount.device), hex64(mount.inode), decimal(static_cast<long long>(mount.destination.size())), ":", mount.destination});
    }
    return text;
}

bool read_judged_mounts(std::string_view text, std::vector<JudgedMount>& mounts) {
    while (!text.empty()) {
        JudgedMount mount;
        std::uint64_t length = 0;
        if (!take_number(text, mount.device, kDigits, 16) || !take_number(text, mount.inode, kDigits, 16)) return false;
        const auto colon = text.find(':');
        if (colon == text.npos || !take_number(text, length, colon, 10) || length >= text.size()) return false;
        mount.destination = text.substr(1, length);
        text.remove_prefix(1 + length);
        mounts.push_back(std::move(mount));
    }
    return true;
}

Result<void> check_mounts(pid_t pid, const std::vector<JudgedMount>& mounts) {
    if (mounts.empty()) return {};
    const Fd root = TRY(open_file(AT_FDCWD, concat({"/proc/", decimal(pid), "/root"}), O_PATH | O_DIRECTORY));
    std::vector<std::uint64_t> seen;
    for (const auto& mount : mounts) {
        const Fd file = open_in(root, mount.destination);
        if (!file.valid() && errno == ENOSYS) return {};  // before Linux 5.6
        if (is_it(file, mount, seen)) continue;
        return Error{ErrorKind::denied,
                     concat({"what is mounted at ", quote(mount.destination),
                             " is not the place of the host that was judged: somebody put another one in its path meanwhile, or took it "
                             "away; let nobody else write in the directories above it, and create the container anew"})};
    }
    return {};
}

}  // namespace aa::shim
