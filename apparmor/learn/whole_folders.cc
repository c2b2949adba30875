// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/whole_folders.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace aa::apparmor {

namespace {

// Files that are made in a folder or mapped from it, that are read in one, and in one with its folders.
constexpr std::size_t kSeveral = 2;
constexpr std::size_t kRead = 4;
constexpr std::size_t kReadBelow = 6;

// Folders of many owners: each of what is in them is told by itself.
constexpr std::array<std::string_view, 22> kShared = {
    "/etc", "/usr",   "/var",   "/run",     "/home",     "/root",      "/mnt",     "/media",     "/boot",      "/bin",     "/sbin",
    "/lib", "/lib32", "/lib64", "/usr/bin", "/usr/sbin", "/usr/local", "/var/lib", "/var/cache", "/var/spool", "/var/run", "/var/log"};
// Nothing below these is ever told as a whole: what is in them is the kernel's, or secret.
constexpr std::array<std::string_view, 6> kNever = {"/proc", "/sys", "/run/secrets", "/var/run/secrets", "/root/.ssh", "/etc/ssl/private"};
// In these what is made is no folder's.
constexpr std::array<std::string_view, 9> kPrograms = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/boot", "/dev", "/etc"};

std::string path_of(const Parts& parts) { return concat({"/", join(parts, "/")}); }

template <class Paths>
bool is_below(const std::string& path, const Paths& paths) {
    return std::any_of(paths.begin(), paths.end(), [&](std::string_view one) {
        return path == one || path.starts_with(concat({one, "/"}));
    });
}

}  // namespace

void WholeFolders::add(const Parts& parts, const std::string& name) {
    Parts folder;
    for (std::size_t depth = 0; depth < parts.size(); ++depth) {
        auto& entry = folders_[folder];
        ++entry.below;
        const bool last = depth + 1 == parts.size();
        if (last && !parts[depth].ends_with('/')) entry.files.insert(name);
        if (!last || parts[depth].ends_with('/'))
            entry.folders.insert(last ? parts[depth].substr(0, parts[depth].size() - 1) : parts[depth]);
        folder.push_back(parts[depth]);
    }
}

bool WholeFolders::is_whole(const Parts& parts, const Folder& folder) const {
    const auto path = path_of(parts);
    if (parts.empty() || is_below(path, kNever) || std::find(kShared.begin(), kShared.end(), path) != kShared.end()) return false;
    const auto inside = folder.files.size() + folder.folders.size();
    if (use_ == Use::made) {
        const bool for_programs = is_below(path, kPrograms) && !path.starts_with("/dev/shm");
        return !for_programs && inside >= kSeveral;
    }
    if (use_ == Use::mapped) return inside >= kSeveral;
    if (path == "/dev") return false;
    return folder.files.size() >= kRead || (inside >= kSeveral && folder.below >= kReadBelow);
}

Parts WholeFolders::above(const Parts& parts) const {
    Parts folder;
    for (const auto& part : parts) {
        const auto known = folders_.find(folder);
        if (known == folders_.end()) return {};
        if (is_whole(folder, known->second)) return folder;
        folder.push_back(part.ends_with('/') ? part.substr(0, part.size() - 1) : part);
    }
    const auto itself = folders_.find(folder);
    return itself != folders_.end() && is_whole(folder, itself->second) ? folder : Parts();
}

bool WholeFolders::is_deep(const Parts& folder) const {
    const auto known = folders_.find(folder);
    return known != folders_.end() && !known->second.folders.empty();
}

}  // namespace aa::apparmor
