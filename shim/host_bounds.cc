// SPDX-License-Identifier: Apache-2.0
#include "shim/host_bounds.h"

#include <algorithm>

#include "apparmor/catalog/pattern.h"
#include "base/text.h"
#include "shim/devices.h"
#include "shim/host_namespaces.h"

namespace aa::shim {
namespace {

using apparmor::Confinement;

bool is_listed(std::string_view path, const std::vector<std::string>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(), [path](const std::string& pattern) { return apparmor::matches(pattern, path); });
}

Error denied(std::string_view what, std::string_view remedy, std::string_view key, const Confinement& confinement) {
    return {ErrorKind::denied, concat({what, ": ", remedy, ", or let the operator list it under \"", key, "\" of confinement ",
                                       quote(confinement.name), " (", confinement.origin.text(), ")"})};
}

Result<void> check_protected(const HostPath& path, const Confinement& confinement) {
    if (!path.is_protected) return {};
    const bool listed = confinement.host.protected_paths && confinement.host.paths &&
                        std::all_of(path.names.begin(), path.names.end(),
                                    [&](const std::string& name) { return is_listed(name, *confinement.host.paths); });
    if (listed) return {};
    return Error{
        ErrorKind::denied,
        concat({"the mount at ", quote(path.destination), " would show the container ", quote(path.path),
                ", in which aa-shim, AppArmor or the runtime keep what confines it: mount a directory that holds none of that, or let "
                "the operator list it with \"weaker\": true under \"hostPaths\" of its confinement"})};
}

Result<void> check_path(const HostPath& path, const Confinement& confinement) {
    if (!confinement.host.paths) return {};
    for (const auto& name : path.names) {
        if (is_listed(name, *confinement.host.paths)) continue;
        const auto also = name == path.path ? std::string() : concat({" (by ", quote(path.path), ")"});
        return denied(concat({"the mount at ", quote(path.destination), " brings the host's ", quote(name), also, " into the container"}),
                      "mount another directory", "hostPaths", confinement);
    }
    return {};
}

// The kernel tells of an overlay only by which paths it was made (mountinfo), and its root has an inode of its own: no look behind the mount finds
// out that another directory was in a layer's path by then.
Result<void> check_layers(const HostPath& path, const Confinement& confinement) {
    if (!path.may_be_another || confinement.host.protected_paths) return {};
    return Error{ErrorKind::denied,
                 concat({"the mount at ", quote(path.destination), " is an overlay of the host's ", quote_some(path.names),
                         ", which somebody could exchange for another place in time, without a trace: mount the directory itself (Podman: "
                         "without ':O'), or let the operator list it with \"weaker\": true under \"hostPaths\" of confinement ",
                         quote(confinement.name), " (", confinement.origin.text(), ")"})};
}

// A device may come as a mount, too: Podman without root makes one of each --device.
Result<void> check_device(const HostPath& path, const Confinement& confinement) {
    if (!path.device || !confinement.host.devices || is_device_granted(*path.device, path.device_fact, *confinement.host.devices))
        return {};
    return denied(concat({"the mount at ", quote(path.destination), " brings the host's device ", quote(path.path), " into the container"}),
                  "take it out", "devices", confinement);
}

// Takes away the devices that come as mounts and are not listed.
void cut_mounted_devices(const oci::Config& config, const HostFacts& facts, const Confinement& confinement, oci::HostChanges& changes,
                         std::vector<std::string>& reasons) {
    std::vector<std::string> taken;
    std::vector<bool> removed(config.mounts.size());
    for (const auto& path : facts.paths) {
        if (!path.is_device || !confinement.host.devices || is_device_granted(*path.device, path.device_fact, *confinement.host.devices))
            continue;
        removed[*path.mount] = true;
        taken.push_back(path.path);
    }
    if (taken.empty()) return;
    changes.removed_mounts = std::move(removed);
    tell_taken_devices(taken, reasons);
}

Result<void> check_namespaces(const HostFacts& facts, const Confinement& confinement) {
    if (!confinement.host.namespaces) return {};
    const auto beyond = facts.namespaces & ~*confinement.host.namespaces;
    if (beyond == 0) return {};
    return denied(concat({"the container would share the host's namespaces: ", apparmor::names_of_namespaces(beyond)}),
                  "give it namespaces of its own", "hostNamespaces", confinement);
}

// To share a namespace is not to change its settings for the host. What belongs to no namespace is the host's in any case.
Result<void> check_sysctls(const oci::HostRequest& request, const HostFacts& facts, const Confinement& confinement) {
    if (!confinement.host.namespaces) return {};
    for (const auto& name : request.sysctls) {
        const auto space = namespace_of_sysctl(name);
        if (space && (facts.namespaces & bit(*space)) == 0) continue;
        const auto whose = space ? concat({"the host's namespace ", apparmor::name_of(*space), ", which the container shares"})
                                 : std::string("no namespace that is known, so it would be the host's");
        return Error{ErrorKind::denied, concat({"the setting ", quote(name), " of the kernel belongs to ", whose,
                                                ": leave it out (\"sysctl\"); confinement ", quote(confinement.name), " (",
                                                confinement.origin.text(), ") bounds what is the host's by \"hostNamespaces\""})};
    }
    return {};
}

Result<void> keep_masked(const HostFacts& facts, const Confinement& confinement, oci::HostChanges& changes,
                         std::vector<std::string>& reasons) {
    if (!confinement.host.keep_masked) return {};
    if (!facts.kernel_file_systems.empty()) {
        return Error{
            ErrorKind::denied,
            concat({"what is mounted at ", quote_some(facts.kernel_file_systems),
                    " shows the kernel's files at another place than /proc or /sys, where nothing masks them, and confinement ",
                    quote(confinement.name), " (", confinement.origin.text(), ") keeps them masked (\"keepMasked\"): take it out"})};
    }
    changes.masked_paths = facts.unmasked;
    changes.readonly_paths = facts.writable;
    changes.readonly_mounts = facts.writable_sysfs;
    auto writable = facts.writable;
    if (!facts.writable_sysfs.empty()) writable.emplace_back("/sys");
    if (!facts.unmasked.empty()) reasons.push_back(concat({"masks again ", join(facts.unmasked, ", "), " (\"keepMasked\")"}));
    if (!writable.empty()) reasons.push_back(concat({"makes read-only again ", join(writable, ", "), " (\"keepMasked\")"}));
    return {};
}

// Whoever may write all control groups has left the one that bounds devices, and what engines protect from containers as they do the kernel's files.
Result<void> keep_cgroups(const oci::HostRequest& request, const HostFacts& facts, const Confinement& confinement,
                          oci::HostChanges& changes, std::vector<std::string>& reasons) {
    if (!confinement.host.keep_masked && !confinement.host.devices) return {};
    const std::string_view key = confinement.host.keep_masked ? "keepMasked" : "devices";
    if (!facts.odd_readonly_paths.empty()) {
        return Error{ErrorKind::denied,
                     concat({"the container's read-only paths ", quote_some(facts.odd_readonly_paths),
                             " may lie over the host's control groups, of which a runtime would leave a copy that can be written, and "
                             "confinement ",
                             quote(confinement.name), " (", confinement.origin.text(), ") keeps them read-only (\"", key,
                             "\"): take that out, or give the container a control group namespace of its own"})};
    }
    if (const auto beyond = oci::files_that_are_no_limits(request.cgroup_files); !beyond.empty()) {
        return Error{
            ErrorKind::denied,
            concat({"of its control group the container asks to have ", quote_some(beyond),
                    " written (\"linux.resources.unified\"), by which any process of the host can be taken into it, and ended with "
                    "it, and confinement ",
                    quote(confinement.name), " (", confinement.origin.text(), ") keeps the host's control groups (\"", key,
                    "\"): leave that out"})};
    }
    if (facts.writable_cgroups.empty()) return {};
    changes.readonly_mounts.insert(changes.readonly_mounts.end(), facts.writable_cgroups.begin(), facts.writable_cgroups.end());
    reasons.push_back(concat({"makes the host's control groups read-only again (\"", key, "\")"}));
    return {};
}

}  // namespace

Result<oci::HostChanges> judge_host(const Confinement& confinement, const oci::Config& config, const HostFacts& facts,
                                    std::vector<std::string>& reasons) {
    oci::HostChanges changes;
    cut_mounted_devices(config, facts, confinement, changes, reasons);
    for (const auto& path : facts.paths) {
        if (path.is_device) continue;
        TRY(check_protected(path, confinement));
        TRY(check_path(path, confinement));
        TRY(check_layers(path, confinement));
        TRY(check_device(path, confinement));
        // What was judged is what is mounted, wherever a link leads by then.
        if (!path.mount) continue;
        const auto& mount = config.mounts[*path.mount];
        if (mount.is_bind() && mount.source != path.path) changes.mount_sources.emplace_back(*path.mount, path.path);
    }
    TRY(check_namespaces(facts, confinement));
    TRY(check_sysctls(config.host, facts, confinement));
    TRY(keep_masked(facts, confinement, changes, reasons));
    TRY(keep_cgroups(config.host, facts, confinement, changes, reasons));
    if (confinement.host.devices) cut_devices(config.host, facts, *confinement.host.devices, changes, reasons);
    return changes;
}

}  // namespace aa::shim
