// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/host_request.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/text.h"

namespace aa::oci {
namespace {

using json::Member;
using json::Reader;

std::string read_text(Reader& reader) { return reader.null() ? std::string() : reader.string().decoded(); }

// One of the letters LETTERS; 0 for null or an empty text.
char read_letter(Reader& reader, std::string_view letters, std::string_view what) {
    const std::size_t begin = reader.value_begin();
    const auto text = read_text(reader);
    if (text.empty()) return 0;
    if (text.size() != 1 || letters.find(text[0]) == letters.npos) reader.fail_at(begin, concat({quote(text), " is no ", what}));
    return text[0];
}

void read_path(Reader& reader, Device& device) { device.path = read_text(reader); }
void read_type(Reader& reader, Device& device) { device.type = read_letter(reader, "bcup", "type of a device"); }
template <std::int64_t Device::*number>
void read_number(Reader& reader, Device& device) {
    if (!reader.null()) device.*number = reader.integer();
}
constexpr Member<Device> kDevice[] = {
    {"path", read_path}, {"type", read_type}, {"major", read_number<&Device::major>}, {"minor", read_number<&Device::minor>}};

void read_allow(Reader& reader, DeviceRule& rule) { rule.allow = !reader.null() && reader.boolean(); }
void read_rule_type(Reader& reader, DeviceRule& rule) {
    const char type = read_letter(reader, "abc", "type of a device rule");
    rule.type = type == 0 ? 'a' : type;
}
// -1 is any, as in the runtimes (runc libcontainer/devices, Wildcard).
template <std::optional<std::int64_t> DeviceRule::*number>
void read_rule_number(Reader& reader, DeviceRule& rule) {
    if (reader.null()) return;
    const auto value = reader.integer();
    if (value != -1) rule.*number = value;
}
void read_access(Reader& reader, DeviceRule& rule) { rule.access = read_text(reader); }
constexpr Member<DeviceRule> kDeviceRule[] = {{"allow", read_allow},
                                              {"type", read_rule_type},
                                              {"major", read_rule_number<&DeviceRule::major>},
                                              {"minor", read_rule_number<&DeviceRule::minor>},
                                              {"access", read_access}};

void read_device_rules(Reader& reader, HostRequest& request) {
    const std::size_t begin = reader.value_begin();
    if (!reader.null()) (void)reader.array([&] { (void)json::read_members(reader, kDeviceRule, request.device_rules.emplace_back()); });
    request.device_rules_place = {begin, reader.position()};
}
void read_cgroup_files(Reader& reader, HostRequest& request) {
    if (reader.null()) return;
    (void)reader.object([&](const json::Text& name) {
        reader.count(json::kObjectWeight);
        request.cgroup_files.push_back(name.decoded());
        (void)reader.skip();
    });
}
constexpr Member<HostRequest> kResources[] = {{"devices", read_device_rules}, {"unified", read_cgroup_files}};

constexpr std::string_view kNamespaceTypes[] = {"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"};
void read_namespace_type(Reader& reader, Namespace& space) { space.type = read_text(reader); }
void read_namespace_path(Reader& reader, Namespace& space) { space.path = read_text(reader); }
constexpr Member<Namespace> kNamespace[] = {{"type", read_namespace_type}, {"path", read_namespace_path}};

void read_hook_path(Reader& reader, Hook& hook) { hook.path = read_text(reader); }
void read_hook_args(Reader& reader, Hook& hook) {
    if (!reader.null()) (void)reader.array([&] { hook.args.push_back(reader.string().decoded()); });
}
constexpr Member<Hook> kHook[] = {{"path", read_hook_path}, {"args", read_hook_args}};

void read_hook_list(Reader& reader, HostRequest& request) {
    if (!reader.null()) (void)reader.array([&] { (void)json::read_members(reader, kHook, request.hooks.emplace_back()); });
}
void read_start_hooks(Reader& reader, HostRequest& request) {
    const std::size_t before = request.hooks.size();
    read_hook_list(reader, request);
    request.start_hooks = request.hooks.size() > before;
}
constexpr Member<HostRequest> kHooks[] = {
    {"prestart", read_hook_list},         {"createRuntime", read_hook_list}, {"createContainer", read_hook_list},
    {"startContainer", read_start_hooks}, {"poststart", read_hook_list},     {"poststop", read_hook_list},
};

void read_list(Reader& reader, TextList& list) {
    const std::size_t begin = reader.value_begin();
    list.present = !reader.null();
    if (list.present) (void)reader.array([&] { list.values.push_back(reader.string().decoded()); });
    list.place = {begin, reader.position()};
}

std::string number_member(std::string_view name, const std::optional<std::int64_t>& value) {
    return value ? concat({",\"", name, "\":", decimal(*value)}) : std::string();
}

std::string rule_text(const DeviceRule& rule) {
    const std::string type = rule.type == 'a' ? std::string() : concat({R"(,"type":")", std::string_view(&rule.type, 1), "\""});
    return concat({R"({"allow":)", rule.allow ? "true" : "false", type, number_member("major", rule.major),
                   number_member("minor", rule.minor), R"(,"access":")", json_escape(rule.access), "\"}"});
}

std::string list_of(const std::vector<std::string>& elements) { return concat({"[", join(elements, ","), "]"}); }

// Adds PATHS to LIST, the member NAME of `linux`; what that object lacks for it.
std::string lengthen(const TextList& list, const std::vector<std::string>& paths, std::string_view name, Splices& splices) {
    if (paths.empty()) return {};
    std::vector<std::string> elements;
    elements.reserve(paths.size());
    for (const auto& path : paths) elements.push_back(concat({"\"", json_escape(path), "\""}));
    if (!list.place) return concat({"\"", name, "\":", list_of(elements)});
    if (!list.present) {
        splices.replace(*list.place, list_of(elements));
    } else {
        splices.insert(list.place->begin + 1, join(elements, ",") + (list.values.empty() ? "" : ","));
    }
    return {};
}

// Puts RULES in place of the device cgroup's; what `linux` lacks for it.
std::string set_device_rules(const HostRequest& request, const std::vector<DeviceRule>& rules, Splices& splices) {
    std::vector<std::string> elements;
    elements.reserve(rules.size());
    for (const auto& rule : rules) elements.push_back(rule_text(rule));
    const auto list = list_of(elements);
    const auto member = concat({"\"devices\":", list});
    if (request.device_rules_place) {
        splices.replace(*request.device_rules_place, list);
    } else if (request.resources_present) {
        splices.insert_members(*request.resources_place, request.resources_empty, member);
    } else if (request.resources_place) {
        splices.replace(*request.resources_place, concat({"{", member, "}"}));
    } else {
        return concat({"\"resources\":{", member, "}"});
    }
    return {};
}

}  // namespace

const Namespace* HostRequest::find(std::string_view type) const {
    const auto found = std::find_if(namespaces.begin(), namespaces.end(), [&](const Namespace& space) { return space.type == type; });
    return found == namespaces.end() ? nullptr : &*found;
}

void read_devices(Reader& reader, HostRequest& request) {
    if (reader.null()) return;
    (void)reader.array([&] {
        Device& device = request.devices.emplace_back();
        device.place = json::read_members(reader, kDevice, device).extent;
    });
}

void read_resources(Reader& reader, HostRequest& request) {
    const std::size_t begin = reader.value_begin();
    request.resources_present = !reader.null();
    if (request.resources_present) request.resources_empty = json::read_members(reader, kResources, request).empty;
    request.resources_place = {begin, reader.position()};
}

// linux Documentation/admin-guide/cgroup-v2.rst, "Core Interface Files": cgroup.procs, cgroup.threads, cgroup.kill, cgroup.freeze and the like
// are the group itself; two are limits, and so is what the controllers call by their own names.
std::vector<std::string> files_that_are_no_limits(const std::vector<std::string>& files) {
    std::vector<std::string> beyond;
    const auto is_beyond = [](std::string_view file) { return file.starts_with("cgroup.") && !file.starts_with("cgroup.max."); };
    std::ranges::copy_if(files, std::back_inserter(beyond), is_beyond);
    return beyond;
}

Result<std::string> bounded_resources(std::string_view text) {
    Reader reader(text);
    HostRequest request;
    read_resources(reader, request);
    TRY(reader.finish());
    if (const auto beyond = files_that_are_no_limits(request.cgroup_files); !beyond.empty()) {
        return Error{ErrorKind::denied,
                     concat({"\"unified\" has ", quote_some(beyond),
                             ", by which any process of the host can be taken into the control group, and ended with it: "
                             "leave that out"})};
    }
    Splices splices;
    if (request.device_rules_place) splices.replace(*request.device_rules_place, "[]");
    return splices.apply(text);
}

void read_namespaces(Reader& reader, HostRequest& request) {
    if (reader.null()) return;
    (void)reader.array([&] {
        const std::size_t begin = reader.value_begin();
        Namespace space;
        (void)json::read_members(reader, kNamespace, space);
        // runc refuses it, crun takes one of them.
        if (std::find(std::begin(kNamespaceTypes), std::end(kNamespaceTypes), space.type) == std::end(kNamespaceTypes))
            reader.fail_at(begin, concat({"there is no namespace ", quote(space.type)}));
        if (request.find(space.type) != nullptr) reader.fail_at(begin, concat({"the namespace ", quote(space.type), " is there twice"}));
        request.namespaces.push_back(std::move(space));
    });
}

void read_masked_paths(Reader& reader, HostRequest& request) { read_list(reader, request.masked_paths); }
void read_readonly_paths(Reader& reader, HostRequest& request) { read_list(reader, request.readonly_paths); }

void read_hooks(Reader& reader, HostRequest& request) {
    if (!reader.null()) (void)json::read_members(reader, kHooks, request);
}

void read_net_devices(Reader& reader, HostRequest& request) {
    if (reader.null()) return;
    (void)reader.object([&](const json::Text& name) {
        (void)name;
        request.net_devices = true;
        (void)reader.skip();
    });
}

void read_sysctls(Reader& reader, HostRequest& request) {
    if (reader.null()) return;
    (void)reader.object([&](const json::Text& name) {
        reader.count(json::kObjectWeight);
        request.sysctls.push_back(name.decoded());
        (void)reader.skip();
    });
}

std::string change_request(const HostRequest& request, const HostChanges& changes, Splices& splices) {
    if (!changes.removed_devices.empty()) {
        std::vector<json::Extent> places;
        places.reserve(request.devices.size());
        for (const auto& device : request.devices) places.push_back(device.place);
        splices.remove_elements(places, changes.removed_devices);
    }
    std::vector<std::string> members{lengthen(request.masked_paths, changes.masked_paths, "maskedPaths", splices),
                                     lengthen(request.readonly_paths, changes.readonly_paths, "readonlyPaths", splices)};
    if (changes.device_rules) members.push_back(set_device_rules(request, *changes.device_rules, splices));
    std::erase(members, std::string());
    return join(members, ",");
}

}  // namespace aa::oci
