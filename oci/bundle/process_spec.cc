// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/process_spec.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace aa::oci {
namespace {

using json::Extent;
using json::Member;
using json::Reader;
using json::Text;

void read_strings(Reader& reader, std::vector<std::string>& into) {
    if (reader.null()) return;
    (void)reader.array([&] { into.push_back(reader.string().decoded()); });
}

void read_args(Reader& reader, ProcessSpec& spec) { read_strings(reader, spec.args); }

void read_cwd(Reader& reader, ProcessSpec& spec) {
    if (!reader.null()) spec.cwd = reader.string().decoded();
}

void read_env(Reader& reader, ProcessSpec& spec) {
    constexpr std::string_view kPath = "PATH=";
    if (reader.null()) return;
    (void)reader.array([&] {
        const Text variable = reader.string();
        if (!variable.escaped() && !variable.raw().starts_with("PATH")) return;
        const std::string decoded = variable.decoded();
        if (decoded.starts_with(kPath)) {
            spec.path = decoded.substr(kPath.size());
            spec.path_present = true;
        } else if (decoded == "PATH") {  // crun's putenv(3) takes it for a wish to have none; runc refuses it
            spec.path.clear();
            spec.path_present = false;
        }
    });
}

std::uint32_t read_id(Reader& reader, std::string_view what) {
    if (reader.null()) return 0;
    const std::size_t begin = reader.value_begin();
    const std::int64_t id = reader.integer();
    if (id < 0 || id > std::numeric_limits<std::uint32_t>::max())
        reader.fail_at(begin, concat({"a ", what, " that does not fit into 32 bits"}));
    return static_cast<std::uint32_t>(id);
}

void read_uid(Reader& reader, ProcessSpec& spec) { spec.uid = read_id(reader, "user id"); }
void read_gid(Reader& reader, ProcessSpec& spec) { spec.gid = read_id(reader, "group id"); }

void read_additional_gids(Reader& reader, ProcessSpec& spec) {
    if (!reader.null()) (void)reader.array([&] { spec.additional_gids.push_back(read_id(reader, "group id")); });
}

constexpr Member<ProcessSpec> kUser[] = {{"uid", read_uid}, {"gid", read_gid}, {"additionalGids", read_additional_gids}};

void read_user(Reader& reader, ProcessSpec& spec) {
    if (!reader.null()) (void)json::read_members(reader, kUser, spec);
}

void read_apparmor_profile(Reader& reader, ProcessSpec& spec) {
    const std::size_t begin = reader.value_begin();
    if (!reader.null()) spec.apparmor_profile = reader.string().decoded();
    spec.apparmor_place = {begin, reader.position()};
}

void read_no_new_privileges(Reader& reader, ProcessSpec& spec) {
    const std::size_t begin = reader.value_begin();
    if (!reader.null()) spec.no_new_privileges = reader.boolean();
    spec.no_new_privileges_place = {begin, reader.position()};
}

CapabilityArray read_names(Reader& reader) {
    CapabilityArray set;
    set.extent = reader.array([&] {
        const Text name = reader.string();
        const auto number = name.escaped() ? capability_number(name.decoded()) : capability_number(name.raw());
        if (number) {
            set.known.add(*number);
        } else {
            set.has_unknown = true;
        }
    });
    return set;
}

template <CapabilityKind kind>
void read_capability_array(Reader& reader, ProcessSpec& spec) {
    if (reader.null()) return;
    auto& set = spec.capabilities[static_cast<std::size_t>(kind)];
    const std::size_t begin = reader.value_begin();
    const auto repeated = [&](const auto& earlier) { return earlier && reader.repeats(earlier->extent); };
    const auto same = std::find_if(spec.capabilities.begin(), spec.capabilities.end(), repeated);
    set = same == spec.capabilities.end() ? read_names(reader) : **same;
    set->extent = {begin, reader.position()};
}

constexpr Member<ProcessSpec> kCapabilities[] = {
    {"bounding", read_capability_array<CapabilityKind::bounding>},       {"effective", read_capability_array<CapabilityKind::effective>},
    {"inheritable", read_capability_array<CapabilityKind::inheritable>}, {"permitted", read_capability_array<CapabilityKind::permitted>},
    {"ambient", read_capability_array<CapabilityKind::ambient>},
};

void read_capabilities(Reader& reader, ProcessSpec& spec) {
    const std::size_t begin = reader.value_begin();
    spec.capabilities_present = !reader.null();
    if (spec.capabilities_present) (void)json::read_members(reader, kCapabilities, spec);
    spec.capabilities_place = {begin, reader.position()};
}

constexpr Member<ProcessSpec> kProcess[] = {
    {"args", read_args},
    {"cwd", read_cwd},
    {"env", read_env},
    {"user", read_user},
    {"apparmorProfile", read_apparmor_profile},
    {"capabilities", read_capabilities},
    {"noNewPrivileges", read_no_new_privileges},
};

std::string capability_array_text(CapabilitySet set) {
    std::string out = "[";
    for (unsigned capability = 0; capability < CapabilitySet::kKnown; ++capability) {
        if (set.has(capability)) out += concat({out.size() == 1 ? "" : ",", "\"CAP_", capability_name(capability), "\""});
    }
    return out + "]";
}

CapabilitySet known(const ProcessSpec& spec, CapabilityKind kind) {
    const auto& set = spec.set(kind);
    return set ? set->known : CapabilitySet();
}

void cut_capabilities(const ProcessSpec& spec, CapabilitySet ceiling, Splices& splices) {
    const CapabilitySet ambient = ceiling & known(spec, CapabilityKind::inheritable) & known(spec, CapabilityKind::permitted);
    for (std::size_t i = 0; i < spec.capabilities.size(); ++i) {
        const auto& set = spec.capabilities[i];
        if (!set) continue;
        const CapabilitySet allowed = i == static_cast<std::size_t>(CapabilityKind::ambient) ? ambient : ceiling;
        if (!set->has_unknown && set->known.subset_of(allowed)) continue;
        splices.replace(set->extent, capability_array_text(set->known & allowed));
    }
}

// Sets a member of the process: in PLACE if it is there, else as one more of MISSING.
void set_member(std::string_view name, const std::optional<Extent>& place, std::string value, Splices& splices, std::string& missing) {
    if (place) return splices.replace(*place, std::move(value));
    missing += concat({missing.empty() ? "" : ",", "\"", name, "\":", value});
}

}  // namespace

CapabilitySet ProcessSpec::requested() const {
    CapabilitySet all;
    for (const auto& set : capabilities) {
        if (set) all = all | set->known;
    }
    return all;
}

ProcessSpec read_process_spec(Reader& reader) {
    ProcessSpec spec;
    const json::ObjectPlace place = json::read_members(reader, kProcess, spec);
    spec.object = place.extent;
    spec.empty = place.empty;
    return spec;
}

void change_process(const ProcessSpec& spec, const ProcessChanges& changes, Splices& splices) {
    std::string missing;
    if (changes.apparmor_profile && changes.apparmor_profile != spec.apparmor_profile) {
        set_member("apparmorProfile", spec.apparmor_place, concat({"\"", json_escape(*changes.apparmor_profile), "\""}), splices, missing);
    }
    if (changes.set_no_new_privileges && !spec.no_new_privileges) {
        set_member("noNewPrivileges", spec.no_new_privileges_place, "true", splices, missing);
    }
    if (changes.ceiling) cut_capabilities(spec, *changes.ceiling, splices);
    splices.insert_members(spec.object, spec.empty, std::move(missing));
}

}  // namespace aa::oci
