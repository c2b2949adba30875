// SPDX-License-Identifier: Apache-2.0
//
// HostPlace: where a path of the host really leads, and by which other paths the same files can be reached: through links, and through
// bind mounts such as a named volume that is another place (`docker volume create -o o=bind -o device=/`).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/path/budget.h"

namespace aa::oci {

struct HostPlace {
    Fd file;                  // O_PATH
    std::string path;         // absolute, no link in it
    std::uint64_t mount = 0;  // the number of the mount that it lies on (proc(5), /proc/PID/mountinfo)
    // What stat(2) says of the file.
    dev_t file_system = 0;
    ino_t inode = 0;
    mode_t mode = 0;
    dev_t device = 0;  // if it is one
};

// The place that the absolute PATH leads to; an error if it leads nowhere, or to what has no path in this mount namespace (a deleted
// file, one of another mount namespace); of kind limit, if there is not enough left of BUDGET.
Result<HostPlace> find_host_place(const std::string& path, Budget& budget);

// A line of /proc/self/mountinfo (proc(5)). Valid as long as the HostMounts that it belongs to.
struct HostMount {
    std::uint64_t id = 0;
    std::string_view device;   // "MAJOR:MINOR" of the file system
    std::string_view root;     // the place in the file system that is mounted
    std::string_view point;    // where it is mounted
    std::string_view type;     // of the file system
    std::string_view source;   // what was mounted: a device, a server, a word
    std::string_view options;  // of the file system
};

// All mounts of a mount namespace. Built for few questions: each goes through all of them.
class HostMounts {
public:
    // Those of our own.
    static Result<HostMounts> read();
    // Those that the text MOUNTINFO describes; what is no line of it is an error.
    static Result<HostMounts> parse(std::string mountinfo);

    [[nodiscard]] std::size_t size() const { return mounts_.size(); }

    // The mount with the number ID; null if it is not in this namespace.
    [[nodiscard]] const HostMount* find(std::uint64_t id) const;

    // All paths by which PATH, which lies on MOUNT, can be reached: as many as there are mounts of its file system that show it. PATH is
    // among them. One may be hidden under another mount.
    [[nodiscard]] std::vector<std::string> names(const HostMount& mount, std::string_view path) const;

    // Whether OTHER shows what is at PATH, which lies on MOUNT, be it hidden under another mount.
    [[nodiscard]] static bool shows(const HostMount& other, const HostMount& mount, std::string_view path);

private:
    std::unique_ptr<std::string> text_;  // what they point to
    std::vector<HostMount> mounts_;
};

// Whether the absolute PATH is DIRECTORY or lies below it.
bool lies_in(std::string_view path, std::string_view directory);

}  // namespace aa::oci
