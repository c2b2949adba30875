// SPDX-License-Identifier: Apache-2.0
#include "oci/path/permission.h"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {
namespace {

constexpr unsigned kDacOverride = 1;  // linux/capability.h
constexpr unsigned kDacReadSearch = 2;
constexpr std::size_t kMaxGroups = 65536;  // linux/limits.h, NGROUPS_MAX

// linux/posix_acl_xattr.h and posix_acl.h
constexpr std::uint32_t kAclVersion = 2;
constexpr std::uint16_t kAclExecute = 1;
enum AclTag : std::uint16_t { kUser = 0x02, kGroupObject = 0x04, kGroup = 0x08, kMask = 0x10, kOther = 0x20 };
struct AclEntry {
    std::uint16_t tag;
    std::uint16_t permissions;
    std::uint32_t id;
};
static_assert(sizeof(AclEntry) == 8);
constexpr std::size_t kMaxAclBytes = std::size_t{64} * 1024;  // XATTR_SIZE_MAX

bool in_group(const Subject& subject, gid_t group) {
    return subject.gid == group || std::binary_search(subject.groups.begin(), subject.groups.end(), group);
}

bool allows(std::uint16_t permissions) { return (permissions & kAclExecute) != 0; }

// The access ACL of the file behind FD; empty if it has none.
Result<std::string> read_acl(int fd) {
    const std::string path = concat({"/proc/self/fd/", decimal(fd)});
    std::string acl(256, '\0');
    while (true) {
        const ssize_t n = ::getxattr(path.c_str(), "system.posix_acl_access", acl.data(), acl.size());
        if (n >= 0) return acl.substr(0, static_cast<std::size_t>(n));
        if (errno == ENODATA || errno == EOPNOTSUPP) return std::string();
        if (errno != ERANGE || acl.size() >= kMaxAclBytes) return errno_error("read the ACL of", path, errno);
        acl.resize(kMaxAclBytes);
    }
}

Result<bool> modes_allow(const Subject& subject, int fd, const struct stat& st, Budget& budget) {
    if (st.st_uid == subject.uid) return (st.st_mode & S_IXUSR) != 0;
    // The group bits are the ACL's mask where there is an ACL: without any, the kernel does not look at it.
    if ((st.st_mode & S_IRWXG) != 0) {
        const auto acl = TRY(read_acl(fd));
        TRY(budget.spend_text(acl.size()));
        if (!acl.empty()) return acl_allows_execute(acl, subject, st.st_gid);
    }
    return (st.st_mode & (in_group(subject, st.st_gid) ? S_IXGRP : S_IXOTH)) != 0;
}

bool capabilities_allow(const Subject& subject, const struct stat& st) {
    const bool directory = S_ISDIR(st.st_mode);
    const bool overrides = subject.capabilities.has(kDacOverride) && (directory || (st.st_mode & kAnyExecute) != 0);
    const bool searches = directory && subject.capabilities.has(kDacReadSearch);
    return (overrides || searches) && subject.maps->users.reaches(st.st_uid) && subject.maps->groups.reaches(st.st_gid);
}

}  // namespace

Result<Subject> Subject::of(const ProcessSpec& spec, const IdMaps& maps) {
    Subject subject;
    subject.maps = &maps;
    subject.uid = TRY(maps.host_uid(spec.uid));
    const auto host_group = [&maps](gid_t id) { return maps.groups.outside(id).value_or(static_cast<gid_t>(-1)); };
    subject.gid = host_group(spec.gid);
    if (spec.additional_gids.size() > kMaxGroups) {
        return Error{ErrorKind::limit, concat({"the process is in ", decimal(static_cast<long long>(spec.additional_gids.size())),
                                               " groups, and Linux has room for ", decimal(static_cast<long long>(kMaxGroups))})};
    }
    for (const auto id : spec.additional_gids) subject.groups.push_back(host_group(id));
    std::sort(subject.groups.begin(), subject.groups.end());
    const auto& effective = spec.set(CapabilityKind::effective);
    if (effective) subject.capabilities = effective->known;
    if (!spec.capabilities_present && spec.uid == 0) subject.capabilities = CapabilitySet::all();
    return subject;
}

bool Subject::is_powerful() const { return capabilities.has(kDacOverride) && maps->users.is_identity() && maps->groups.is_identity(); }

Result<bool> may_execute(const Subject& subject, int fd, const struct stat& st, Budget& budget) {
    if (capabilities_allow(subject, st)) return true;
    return modes_allow(subject, fd, st, budget);
}

Result<bool> acl_allows_execute(std::string_view acl, const Subject& subject, gid_t group) {
    std::uint32_t version = 0;
    if (acl.size() < sizeof version || (acl.size() - sizeof version) % sizeof(AclEntry) != 0) {
        return Error{ErrorKind::system, "an ACL that the kernel never writes"};
    }
    std::memcpy(&version, acl.data(), sizeof version);
    if (version != kAclVersion) return Error{ErrorKind::system, "an ACL of a version that is not known"};
    std::optional<bool> user;
    bool group_found = false;
    bool group_allows = false;
    bool mask = true;
    bool other = false;
    for (std::size_t at = sizeof version; at < acl.size(); at += sizeof(AclEntry)) {
        AclEntry entry{};
        std::memcpy(&entry, acl.data() + at, sizeof entry);
        const bool member = entry.tag == kGroupObject ? in_group(subject, group) : entry.tag == kGroup && in_group(subject, entry.id);
        if (entry.tag == kUser && entry.id == subject.uid) user = allows(entry.permissions);
        if (member) group_found = true;
        if (member && allows(entry.permissions)) group_allows = true;
        if (entry.tag == kMask) mask = allows(entry.permissions);
        if (entry.tag == kOther) other = allows(entry.permissions);
    }
    if (user) return *user && mask;
    return group_found ? group_allows && mask : other;
}

}  // namespace aa::oci
