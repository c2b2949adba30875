// SPDX-License-Identifier: Apache-2.0
#include "shim/host_namespaces.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "apparmor/catalog/host.h"
#include "base/text.h"

namespace aa::shim {
namespace {

using apparmor::HostNamespace;

// The links to a process's namespaces below /proc/PID/ns, in the order of HostNamespace (namespaces(7)).
constexpr std::array<std::string_view, apparmor::kHostNamespaces> kLinks{"pid", "net", "ipc", "uts", "cgroup", "user", "mnt"};

// Settings that each namespace has its own of (sysctl(2) of the kernel's documentation; runc libcontainer/configs/validate, crun libcrun/linux.c);
// '*': whatever begins so.
struct Sysctl {
    std::string_view name;
    HostNamespace space;
};
constexpr std::array<Sysctl, 7> kSysctls{{{"net.*", HostNamespace::network},
                                          {"fs.mqueue.*", HostNamespace::ipc},
                                          {"kernel.msg*", HostNamespace::ipc},
                                          {"kernel.sem*", HostNamespace::ipc},
                                          {"kernel.shm*", HostNamespace::ipc},
                                          {"kernel.domainname", HostNamespace::uts},
                                          {"kernel.hostname", HostNamespace::uts}}};

// Whether the namespace at PATH is our own of the KIND, which is what a container without one gets. What cannot be told counts.
bool is_ours(const std::string& path, std::size_t kind) {
    struct stat theirs {};
    struct stat ours {};
    if (::stat(path.c_str(), &theirs) != 0 || ::stat(concat({"/proc/self/ns/", kLinks[kind]}).c_str(), &ours) != 0) return true;
    return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

}  // namespace

std::uint32_t shared_namespaces(const oci::HostRequest& request) {
    // To take a device out of the host's network is to change that.
    std::uint32_t shared = request.net_devices ? bit(HostNamespace::network) : 0U;
    for (std::size_t i = 0; i < apparmor::kHostNamespaces; ++i) {
        const auto space = static_cast<HostNamespace>(i);
        const auto* own = request.find(apparmor::name_of(space));
        if (own == nullptr || (!own->path.empty() && is_ours(own->path, i))) shared |= bit(space);
    }
    return shared;
}

std::optional<HostNamespace> namespace_of_sysctl(std::string_view name) {
    std::string dotted(name);
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    const auto belongs = [&dotted](const Sysctl& known) {
        return known.name.ends_with('*') ? dotted.starts_with(known.name.substr(0, known.name.find('*'))) : dotted == known.name;
    };
    const auto* known = std::find_if(kSysctls.begin(), kSysctls.end(), belongs);
    if (known == kSysctls.end()) return std::nullopt;
    return known->space;
}

std::optional<std::uint32_t> judged_namespaces(const oci::HostRequest& request, std::uint32_t shared) {
    const bool joins = std::ranges::any_of(request.namespaces, [](const oci::Namespace& space) { return !space.path.empty(); });
    return joins ? std::optional(shared) : std::nullopt;
}

Result<void> check_namespaces(pid_t pid, const std::optional<std::uint32_t>& judged) {
    if (!judged) return {};
    std::uint32_t beyond = 0;
    for (std::size_t i = 0; i < apparmor::kHostNamespaces; ++i) {
        const auto space = bit(static_cast<HostNamespace>(i));
        if ((*judged & space) == 0 && is_ours(concat({"/proc/", decimal(pid), "/ns/", kLinks[i]}), i)) beyond |= space;
    }
    if (beyond == 0) return {};
    return Error{
        ErrorKind::denied,
        concat({"it shares namespaces with the host that it did not when it was judged (", apparmor::names_of_namespaces(beyond),
                "): somebody put others in their paths meanwhile; let nobody else write in the directories above them, and create the "
                "container anew"})};
}

}  // namespace aa::shim
