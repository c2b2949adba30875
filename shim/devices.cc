// SPDX-License-Identifier: Apache-2.0
#include "shim/devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>

#include "apparmor/catalog/pattern.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/path/budget.h"

namespace aa::shim {
namespace {

using apparmor::DeviceFact;
using apparmor::DeviceGrant;

// Devices, and rules about them, of one container; each is held against each. A large host has some hundred.
constexpr std::size_t kMostDevices = 4096;

// What a device, or a rule, is about.
struct Asked {
    char type = 'a';
    std::optional<std::int64_t> major;
    std::optional<std::int64_t> minor;
    std::string_view access;
};

// The devices that every container has (runtime-spec config-linux.md, "Default Devices"; runc specconv, AllowedDevices): null, zero, full,
// random, urandom, tty, console, ptmx and the terminals.
struct Numbers {
    std::int64_t major;
    std::optional<std::int64_t> minor;
};
constexpr std::array<Numbers, 9> kDefault{{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, std::nullopt}}};

bool is_default(const Asked& asked) {
    return asked.type == 'c' && std::any_of(kDefault.begin(), kDefault.end(), [&](const Numbers& known) {
               return asked.major == known.major && (!known.minor || asked.minor == known.minor);
           });
}

// Engines let containers make device files that nobody may open: "c *:* m".
bool is_harmless(const Asked& asked) { return asked.type != 'a' && (asked.access == "m" || is_default(asked)); }

Asked asked_of(const oci::Device& device) { return {device.type == 'u' ? 'c' : device.type, device.major, device.minor, "rwm"}; }
// For the cgroup, a rule of type a is about everything, whatever it says besides (runc's devices emulator; cgroup v1's devices.allow).
Asked asked_of(const oci::DeviceRule& rule) {
    if (rule.type == 'a') return {'a', std::nullopt, std::nullopt, "rwm"};
    // Without one, runc refuses the rule (libcontainer/specconv); what others make of it is up to them.
    return {rule.type, rule.major, rule.minor, rule.access.empty() ? std::string_view("rwm") : std::string_view(rule.access)};
}

// A FIFO is no way to anything of the host's.
bool is_fifo(const oci::Device& device) { return device.type == 'p'; }

std::string text_of(const std::optional<std::int64_t>& number) { return number ? decimal(*number) : std::string("*"); }

std::string numbers_of(const Asked& asked) {
    return concat({std::string_view(&asked.type, 1), " ", text_of(asked.major), ":", text_of(asked.minor)});
}

// "/dev/sda": the name that the kernel gave to the device (sysfs, DEVNAME of its uevent); empty if it has none.
std::string name_of(const Asked& asked) {
    constexpr std::string_view kField = "DEVNAME=";
    constexpr std::size_t kLimit = 4096;
    if (asked.type == 'a' || !asked.major || !asked.minor) return {};
    const auto path =
        concat({"/sys/dev/", asked.type == 'b' ? "block" : "char", "/", decimal(*asked.major), ":", decimal(*asked.minor), "/uevent"});
    const auto text = read_virtual_file(AT_FDCWD, path, kLimit);
    if (!text) return {};
    for (const auto line : lines(*text)) {
        if (line.starts_with(kField)) return concat({"/dev/", line.substr(kField.size())});
    }
    return {};
}

bool is_within(const std::optional<std::int64_t>& number, const std::optional<std::int64_t>& granted) {
    return !granted || number == granted;
}

bool grants_it(const DeviceGrant& grant, const Asked& asked, const DeviceFact& fact) {
    if (asked.access.find_first_not_of(grant.access) != asked.access.npos) return false;
    if (!grant.path.empty()) return !fact.path.empty() && apparmor::matches(grant.path, fact.path);
    const bool same_type = grant.type == 'a' || grant.type == asked.type;
    return same_type && is_within(asked.major, grant.major) && is_within(asked.minor, grant.minor);
}

// What of ASKED's access GRANTS leave.
std::string granted_access(const std::vector<DeviceGrant>& grants, Asked asked, const DeviceFact& fact) {
    std::string granted;
    const auto all = asked.access;
    for (std::size_t i = 0; i < all.size(); ++i) {
        asked.access = all.substr(i, 1);
        if (std::any_of(grants.begin(), grants.end(), [&](const DeviceGrant& grant) { return grants_it(grant, asked, fact); }))
            granted += all[i];
    }
    return granted;
}

// Rules of a device cgroup: what GRANTS leave of them, and those that lost something by it.
struct CutRules {
    std::vector<oci::DeviceRule> kept;
    std::vector<oci::DeviceRule> cut;
};

CutRules cut_rules(const std::vector<oci::DeviceRule>& rules, const std::vector<DeviceFact>& facts,
                   const std::vector<DeviceGrant>& grants) {
    CutRules result;
    auto fact = facts.begin();
    for (const auto& rule : rules) {
        const auto asked = asked_of(rule);
        const bool bounded = rule.allow && !is_harmless(asked);
        const auto access = bounded ? granted_access(grants, asked, *fact++) : std::string(asked.access);
        const bool whole = access == asked.access;
        if (!whole) result.cut.push_back(rule);
        if (whole) {
            result.kept.push_back(rule);
        } else if (!access.empty() && asked.type != 'a') {
            result.kept.push_back({true, asked.type, asked.major, asked.minor, access});
        }
    }
    return result;
}

// A rule that was cut may have been what allowed a device that stays. Adds one for DEVICE, of which FACT tells, where that is so.
void allow_again(const oci::Device& device, const DeviceFact& fact, const std::vector<DeviceGrant>& grants, CutRules& rules) {
    auto asked = asked_of(device);
    std::string lost;
    for (const auto& rule : rules.cut) {
        const bool same_type = rule.type == 'a' || rule.type == asked.type;
        const bool same_numbers = rule.type == 'a' || (is_within(asked.major, rule.major) && is_within(asked.minor, rule.minor));
        if (!same_type || !same_numbers) continue;
        for (const char letter : asked_of(rule).access) {
            if (lost.find(letter) == lost.npos) lost += letter;
        }
    }
    asked.access = lost;
    auto access = is_default(asked) ? lost : granted_access(grants, asked, fact);
    if (!access.empty()) rules.kept.push_back({true, asked.type, asked.major, asked.minor, std::move(access)});
}

// Whether STATUS is of the file of DEVICE.
bool is_at(const struct stat& status, const oci::Device& device) {
    if (is_fifo(device)) return S_ISFIFO(status.st_mode);
    const auto asked = asked_of(device);
    const bool same_type = asked.type == 'b' ? S_ISBLK(status.st_mode) : S_ISCHR(status.st_mode);
    return same_type && asked.major == major(status.st_rdev) && asked.minor == minor(status.st_rdev);
}

// Where a device's file cannot be made, as in a user namespace, runtimes mount what lies at its path on the host (runc
// libcontainer/rootfs_linux.go, createDeviceNode(); crun linux.c, create_missing_devs()). So it must be that device, or nothing.
Result<void> check_path(const oci::Device& device, bool in_user_namespace) {
    if (device.path.empty()) return {};  // it is about the device cgroup alone (runc)
    // Runtimes take it from a directory of their own.
    if (!device.path.starts_with('/'))
        return Error{ErrorKind::config, concat({"the device ", quote(device.path), " has no absolute path: give it one"})};
    // The runtime looks again.
    if (in_user_namespace && !is_roots_device_path(device.path)) {
        return Error{ErrorKind::denied,
                     concat({"the device ", quote(device.path),
                             " has a path of the host outside of /dev, or in which others than root can put something, and which the "
                             "runtime would mount: give it its path in /dev"})};
    }
    struct stat status {};
    if (::stat(device.path.c_str(), &status) != 0) {
        auto error = errno_error("look at the device", device.path, errno);
        if (error.kind == ErrorKind::not_found) return {};
        return error;
    }
    if (is_at(status, device)) return {};
    // Elsewhere the device cgroup goes by the numbers.
    if (!in_user_namespace && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))) return {};
    return Error{ErrorKind::denied, concat({"the device ", quote(device.path), " (", numbers_of(asked_of(device)),
                                            ") has the path of something else on the host, "
                                            "which the runtime may mount in its place: give it another path"})};
}

// "nothing at all", with which the rules of an engine begin.
bool denies_all(const oci::DeviceRule& rule) {
    const auto has = [&](char letter) { return rule.access.find(letter) != rule.access.npos; };
    return !rule.allow && rule.type == 'a' && !rule.major && !rule.minor && has('r') && has('w') && has('m');
}

// DEVICE, of which FACT tells, for people.
std::string told_as(const oci::Device& device, const DeviceFact& fact) {
    if (!fact.path.empty()) return fact.path;
    return device.path.empty() ? fact.numbers : concat({device.path, " (", fact.numbers, ")"});
}

}  // namespace

bool is_roots_device_path(const std::string& path) {
    if (!path.starts_with("/dev/") || concat({path, "/"}).find("/../") != path.npos) return false;
    const auto parent = path.substr(0, path.rfind('/'));
    struct stat file {};
    const bool is_link = ::lstat(path.c_str(), &file) == 0 && S_ISLNK(file.st_mode);
    return !is_link && open_trusted_path(parent, O_PATH | O_DIRECTORY);
}

Result<void> collect_devices(const oci::HostRequest& request, bool names, HostFacts& facts) {
    oci::Budget budget;
    const auto fact_of = [&](const Asked& asked) -> Result<DeviceFact> {
        if (names) TRY(budget.spend());
        return DeviceFact{numbers_of(asked), names ? name_of(asked) : std::string()};
    };
    if (request.devices.size() > kMostDevices || request.device_rules.size() > kMostDevices) {
        return Error{ErrorKind::limit, concat({"more than ", decimal(static_cast<long long>(kMostDevices)),
                                               " devices, or rules of the device cgroup: ask for fewer"})};
    }
    for (const auto& device : request.devices) {
        TRY(check_path(device, request.find("user") != nullptr));
        const bool known = is_fifo(device) || is_default(asked_of(device));
        facts.devices.push_back(known ? DeviceFact() : TRY(fact_of(asked_of(device))));
    }
    for (auto& path : facts.paths) {
        if (path.device && !is_default(asked_of(*path.device))) path.device_fact = TRY(fact_of(asked_of(*path.device)));
    }
    for (const auto& rule : request.device_rules) {
        if (rule.allow && !is_harmless(asked_of(rule))) facts.rules.push_back(TRY(fact_of(asked_of(rule))));
    }
    facts.device_cgroup_is_open = request.device_rules.empty() || !denies_all(request.device_rules.front());
    return {};
}

bool is_device_granted(const oci::Device& device, const DeviceFact& fact, const std::vector<DeviceGrant>& grants) {
    auto asked = asked_of(device);
    asked.access = {};
    const auto usable = [&](const DeviceGrant& grant) { return grants_it(grant, asked, fact); };
    return fact.numbers.empty() || std::any_of(grants.begin(), grants.end(), usable);
}

void tell_taken_devices(const std::vector<std::string>& names, std::vector<std::string>& reasons) {
    if (names.empty()) return;
    reasons.push_back(concat({"takes away the devices ", quote_some(names), ", which the confinement does not list under \"devices\""}));
}

void cut_devices(const oci::HostRequest& request, const HostFacts& facts, const std::vector<DeviceGrant>& grants, oci::HostChanges& changes,
                 std::vector<std::string>& reasons) {
    std::vector<std::string> taken;
    std::vector<bool> removed(request.devices.size());
    for (std::size_t i = 0; i < removed.size(); ++i) {
        const auto& fact = facts.devices[i];
        removed[i] = !is_device_granted(request.devices[i], fact, grants);
        if (removed[i]) taken.push_back(told_as(request.devices[i], fact));
    }
    auto rules = cut_rules(request.device_rules, facts.rules, grants);
    // In a user namespace, a process cannot make device files, and runtimes leave the device cgroup alone (user_namespaces(7)).
    const bool is_open = facts.device_cgroup_is_open && request.find("user") == nullptr && !in_user_namespace();
    if (is_open) {
        rules.kept.insert(rules.kept.begin(), {false, 'a', std::nullopt, std::nullopt, "rwm"});
        rules.cut.push_back({true, 'a', std::nullopt, std::nullopt, "rwm"});
    }
    for (std::size_t i = 0; i < removed.size(); ++i) {
        if (!removed[i] && !is_fifo(request.devices[i])) allow_again(request.devices[i], facts.devices[i], grants, rules);
    }
    std::vector<std::string> closed;
    std::set<std::string> told;
    for (const auto& rule : rules.cut) {
        auto text = concat({numbers_of(asked_of(rule)), " ", asked_of(rule).access});
        if (told.insert(text).second) closed.push_back(std::move(text));
    }
    if (!taken.empty()) changes.removed_devices = std::move(removed);
    if (!rules.cut.empty()) changes.device_rules = std::move(rules.kept);
    tell_taken_devices(taken, reasons);
    if (!closed.empty()) reasons.push_back(concat({"closes the device cgroup to ", quote_some(closed), " (\"devices\")"}));
}

}  // namespace aa::shim
