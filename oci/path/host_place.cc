// SPDX-License-Identifier: Apache-2.0
#include "oci/path/host_place.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {
namespace {

constexpr std::size_t kStepsOfUnknown = 128;
constexpr std::size_t kMaxMountinfo = std::size_t{8} << 20;

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// FIELD, a part of TEXT in which space, tab, newline and backslash are written "\ooo" (fs/proc_namespace.c, mangle()): as it is meant, in the
// place where it stands.
std::string_view unescaped(std::string_view field, std::string& text) {
    if (field.find('\\') == field.npos) return field;  // nearly all
    const auto begin = static_cast<std::size_t>(field.data() - text.data());
    std::size_t size = 0;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const bool escape = field[i] == '\\' && i + 3 < field.size() && std::ranges::all_of(field.substr(i + 1, 3), is_octal);
        char c = field[i];
        if (escape) {
            c = static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
            i += 3;
        }
        text[begin + size++] = c;
    }
    return field.substr(0, size);
}

std::string_view next_field(std::string_view& line) {
    const auto end = std::min(line.find(' '), line.size());
    const auto field = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return field;
}

// "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS TAG… - TYPE SOURCE SUPEROPTIONS"
std::optional<HostMount> parse_mount(std::string_view line, std::string& text) {
    HostMount mount;
    unsigned long long id = 0;
    if (!parse_decimal(next_field(line), id)) return std::nullopt;
    mount.id = id;
    (void)next_field(line);
    mount.device = next_field(line);
    mount.root = unescaped(next_field(line), text);
    mount.point = unescaped(next_field(line), text);
    const auto separator = line.find(" - ");
    if (separator == line.npos || mount.point.empty()) return std::nullopt;
    line.remove_prefix(separator + 3);
    mount.type = next_field(line);
    mount.source = unescaped(next_field(line), text);
    mount.options = unescaped(line, text);
    return mount;
}

// PATH, which lies in FROM, as it would be called if FROM were TO.
std::string moved(std::string_view path, std::string_view from, std::string_view to) {
    const auto rest = from == "/" ? path : path.substr(from.size());
    const auto tail = rest == "/" ? std::string_view() : rest;
    if (to == "/") return tail.empty() ? std::string("/") : std::string(tail);
    return concat({to, tail});
}

// PATH, if no link is on the way: then its length says how much work it is.
Fd open_without_links(const std::string& path) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS;
    return Fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
}

// Whether PLACE is what lies at its path.
bool is_file_at_path(const HostPlace& place) {
    struct stat named {};
    return ::stat(place.path.c_str(), &named) == 0 && named.st_ino == place.inode && named.st_dev == place.file_system;
}

// The number of the mount that FILE lies on, where statx(2) does not tell it: before Linux 5.8 (proc(5), /proc/PID/fdinfo).
Result<std::uint64_t> mount_of(const Fd& file) {
    constexpr std::string_view kField = "mnt_id:";
    constexpr std::size_t kLimit = 4096;
    const auto path = concat({"/proc/self/fdinfo/", decimal(file.get())});
    const auto text = TRY(read_virtual_file(AT_FDCWD, path, kLimit));
    for (auto line : lines(text)) {
        if (!line.starts_with(kField)) continue;
        line.remove_prefix(std::min(line.find_first_not_of(" \t", kField.size()), line.size()));
        if (unsigned long long id = 0; parse_decimal(line, id)) return id;
    }
    return Error{ErrorKind::system, concat({quote(path), " does not tell on which mount the file lies"})};
}

}  // namespace

bool lies_in(std::string_view path, std::string_view directory) {
    if (directory == "/") return true;
    return !directory.empty() && path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

Result<HostPlace> find_host_place(const std::string& path, Budget& budget) {
    TRY(budget.spend_text(path.size()));
    HostPlace place;
    place.file = open_without_links(path);
    if (!place.file.valid()) {
        // Before Linux 5.6 nothing tells whether there is one.
        if (errno == ENOSYS) {
            TRY(budget.spend(kStepsOfUnknown));
        } else if (!budget.take_kernel_lookup()) {
            return Error{ErrorKind::limit, concat({"too many mounts have a source behind links: ", quote(path)})};
        }
        place.file = TRY(open_file(AT_FDCWD, path, O_PATH));
    }
    place.path = TRY(path_of_descriptor(place.file.get()));
    struct statx seen {};
    if (::statx(place.file.get(), "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_MNT_ID, &seen) != 0)
        return errno_error("stat", path, errno);
    place.file_system = makedev(seen.stx_dev_major, seen.stx_dev_minor);
    place.inode = seen.stx_ino;
    place.mode = seen.stx_mode;
    place.device = makedev(seen.stx_rdev_major, seen.stx_rdev_minor);
    // A path that is its own is one by which it was just found.
    if (place.path != path && !is_file_at_path(place))
        return Error{ErrorKind::not_found, concat({quote(path), " leads to what has no path on this host (", quote(place.path), ")"})};
    place.mount = (seen.stx_mask & STATX_MNT_ID) != 0 ? seen.stx_mnt_id : TRY(mount_of(place.file));
    return place;
}

Result<HostMounts> HostMounts::read() { return parse(TRY(read_virtual_file(AT_FDCWD, "/proc/self/mountinfo", kMaxMountinfo))); }

Result<HostMounts> HostMounts::parse(std::string mountinfo) {
    HostMounts mounts;
    mounts.text_ = std::make_unique<std::string>(std::move(mountinfo));
    const auto all = lines(*mounts.text_);
    mounts.mounts_.reserve(all.size());
    for (const auto line : all) {
        const auto mount = parse_mount(line, *mounts.text_);
        if (!mount) return Error{ErrorKind::system, concat({"/proc/self/mountinfo has a line that is none: ", quote(line)})};
        mounts.mounts_.push_back(*mount);
    }
    return mounts;
}

const HostMount* HostMounts::find(std::uint64_t id) const {
    const auto found = std::ranges::find(mounts_, id, &HostMount::id);
    return found == mounts_.end() ? nullptr : &*found;
}

bool HostMounts::shows(const HostMount& other, const HostMount& mount, std::string_view path) {
    return other.device == mount.device && lies_in(moved(path, mount.point, mount.root), other.root);
}

std::vector<std::string> HostMounts::names(const HostMount& mount, std::string_view path) const {
    const auto inside = moved(path, mount.point, mount.root);
    std::vector<std::string> names;
    for (const auto& other : mounts_) {
        if (other.device == mount.device && lies_in(inside, other.root)) names.push_back(moved(inside, other.root, other.point));
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

}  // namespace aa::oci
