// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/bundle.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/text.h"

namespace aa::oci {
namespace {

using json::Member;
using json::Reader;
using json::Text;

// A string, or null for an empty one.
std::string read_text(Reader& reader) { return reader.null() ? std::string() : reader.string().decoded(); }

void read_process(Reader& reader, Config& config) { config.process = read_process_spec(reader); }
void read_hostname(Reader& reader, Config& config) { config.hostname = read_text(reader); }
void read_root_path(Reader& reader, Config& config) { config.root_path = read_text(reader); }
void read_cgroups_path(Reader& reader, Config& config) { config.cgroups_path = read_text(reader); }
void read_seccomp_member(Reader& reader, Config& config) { config.seccomp = read_seccomp(reader); }
void read_destination(Reader& reader, Mount& mount) { mount.destination = read_text(reader); }
void read_source(Reader& reader, Mount& mount) {
    const std::size_t begin = reader.value_begin();
    mount.source = read_text(reader);
    mount.source_place = {begin, reader.position()};
}
void read_type(Reader& reader, Mount& mount) { mount.type = read_text(reader); }

// What the runtimes read of a mount's options, of which the last counts (runc libcontainer/specconv, crun src/libcrun/linux.c).
struct MountOption {
    std::string_view name;
    bool Mount::*flag;
    bool value = true;
};
constexpr MountOption kMountOptions[] = {
    {"bind", &Mount::bind},     {"rbind", &Mount::bind},         {"rbind", &Mount::recursive},
    {"noexec", &Mount::noexec}, {"exec", &Mount::noexec, false}, {"tmpcopyup", &Mount::copy_up},
    {"ro", &Mount::ro},         {"rw", &Mount::ro, false},       {"rrw", &Mount::rrw},
};

void read_mount_options(Reader& reader, Mount& mount) {
    const std::size_t begin = reader.value_begin();
    if (!reader.null()) {
        (void)reader.array([&] {
            const Text option = reader.string();
            for (const auto& [name, flag, value] : kMountOptions) {
                if (option == name) mount.*flag = value;
            }
            if (option.escaped() || option.raw().find("dir") != std::string_view::npos) add_overlay_layers(option.decoded(), mount.layers);
        });
    }
    mount.options_place = {begin, reader.position()};
}

void read_mount_ids(Reader& reader, Mount& mount) { mount.remapped = reader.skip().kind != json::Kind::null || mount.remapped; }

template <std::uint32_t IdRange::*number>
void read_range_number(Reader& reader, IdRange& range) {
    const std::size_t begin = reader.value_begin();
    const std::int64_t value = reader.integer();
    if (value < 0 || value > std::numeric_limits<std::uint32_t>::max())
        reader.fail_at(begin, "a number of users that does not fit into 32 bits");
    range.*number = static_cast<std::uint32_t>(value);
}

constexpr Member<IdRange> kIdRange[] = {
    {"containerID", read_range_number<&IdRange::inside>},
    {"hostID", read_range_number<&IdRange::outside>},
    {"size", read_range_number<&IdRange::count>},
};

template <std::vector<IdRange> Config::*ranges>
void read_id_ranges(Reader& reader, Config& config) {
    if (!reader.null()) (void)reader.array([&] { (void)json::read_members(reader, kIdRange, (config.*ranges).emplace_back()); });
}

// What the request asks of the host, by the function that READS it.
template <void (*read)(Reader&, HostRequest&)>
void read_host(Reader& reader, Config& config) {
    read(reader, config.host);
}

constexpr Member<Config> kRoot[] = {{"path", read_root_path}};
constexpr Member<Config> kLinux[] = {
    {"cgroupsPath", read_cgroups_path},
    {"seccomp", read_seccomp_member},
    {"uidMappings", read_id_ranges<&Config::uid_mappings>},
    {"gidMappings", read_id_ranges<&Config::gid_mappings>},
    {"namespaces", read_host<read_namespaces>},
    {"devices", read_host<read_devices>},
    {"resources", read_host<read_resources>},
    {"netDevices", read_host<read_net_devices>},
    {"sysctl", read_host<read_sysctls>},
    {"maskedPaths", read_host<read_masked_paths>},
    {"readonlyPaths", read_host<read_readonly_paths>},
};
constexpr Member<Mount> kMount[] = {
    {"destination", read_destination}, {"source", read_source},         {"type", read_type},
    {"options", read_mount_options},   {"uidMappings", read_mount_ids}, {"gidMappings", read_mount_ids},
};

void read_root(Reader& reader, Config& config) {
    if (!reader.null()) (void)json::read_members(reader, kRoot, config);
}

void read_mounts(Reader& reader, Config& config) {
    if (reader.null()) return;
    config.mounts.reserve(32);  // what an engine asks for without many volumes
    (void)reader.array([&] {
        Mount& mount = config.mounts.emplace_back();
        mount.place = json::read_members(reader, kMount, mount).extent;
    });
}

void read_linux(Reader& reader, Config& config) {
    const std::size_t begin = reader.value_begin();
    config.linux_present = !reader.null();
    if (config.linux_present) config.linux_empty = json::read_members(reader, kLinux, config).empty;
    config.linux_place = {begin, reader.position()};
}

void refuse_duplicate_annotations(Reader& reader, const std::vector<Annotation>& annotations) {
    std::vector<const Annotation*> order;
    order.reserve(annotations.size());
    for (const Annotation& annotation : annotations) order.push_back(&annotation);
    const auto less = [](const Annotation* a, const Annotation* b) { return a->key != b->key ? a->key < b->key : a < b; };
    std::sort(order.begin(), order.end(), less);
    const auto same = [](const Annotation* a, const Annotation* b) { return a->key == b->key; };
    const auto twice = std::adjacent_find(order.begin(), order.end(), same);
    if (twice == order.end()) return;
    const Annotation& second = **std::next(twice);
    reader.fail_at(second.place.begin,
                   concat({"the annotation ", quote(second.key), " is there twice; runtimes disagree about which one counts"}));
}

void read_annotation(Reader& reader, const Text& key, Config& config) {
    reader.count(json::kObjectWeight);
    Annotation& annotation = config.annotations.emplace_back();
    annotation.key = key.decoded();
    if (annotation.key == "bundle" || annotation.key.starts_with("bundle=")) {
        reader.fail_at(reader.begin_of(key),
                       concat({"the annotation ", quote(annotation.key), " would lead a later exec to another config.json; remove it"}));
    }
    const std::size_t begin = reader.value_begin();
    annotation.value = reader.string().decoded();
    annotation.place = {begin, reader.position()};
}

void read_annotations(Reader& reader, Config& config) {
    const std::size_t begin = reader.value_begin();
    config.annotations_present = !reader.null();
    if (config.annotations_present) (void)reader.object([&](const Text& key) { read_annotation(reader, key, config); });
    config.annotations_place = {begin, reader.position()};
    if (!reader.failed()) refuse_duplicate_annotations(reader, config.annotations);
}

constexpr Member<Config> kConfig[] = {
    {"process", read_process}, {"annotations", read_annotations}, {"root", read_root}, {"mounts", read_mounts}, {"hostname", read_hostname},
    {"linux", read_linux},     {"hooks", read_host<read_hooks>},
};

using Pair = std::pair<std::string, std::string>;

std::string string_member(const Pair& member) {
    return concat({"\"", json_escape(member.first), "\":\"", json_escape(member.second), "\""});
}

// Sets the member NAME of an object to VALUE: in its PLACE, if it has one, else as a new one of OBJECT.
void set_value(std::string_view name, const std::optional<json::Extent>& place, std::string value, json::Extent object, bool is_empty,
               Splices& splices) {
    if (place) return splices.replace(*place, std::move(value));
    splices.insert_members(object, is_empty, concat({"\"", name, "\":", value}));
}

void set_annotations(const Config& config, std::span<const Pair> wanted, Splices& splices) {
    std::string missing;
    for (const Pair& want : wanted) {
        const auto is_wanted = [&](const Annotation& annotation) { return annotation.key == want.first; };
        const auto found = std::find_if(config.annotations.begin(), config.annotations.end(), is_wanted);
        if (found == config.annotations.end()) {
            missing += (missing.empty() ? "" : ",") + string_member(want);
        } else if (found->value != want.second) {
            splices.replace(found->place, concat({"\"", json_escape(want.second), "\""}));
        }
    }
    if (missing.empty()) return;
    if (config.annotations_present)
        return splices.insert_members(*config.annotations_place, config.annotations.empty(), std::move(missing));
    set_value("annotations", config.annotations_place, concat({"{", missing, "}"}), config.object, false, splices);
}

// Denies system calls in the container's filter; the member that `linux` lacks for it.
std::string set_denied_syscalls(const Config& config, std::string_view text, const ConfigChanges& changes, Splices& splices) {
    if (changes.deny_syscalls.empty()) return {};
    if (config.seccomp.present) {
        deny_syscalls(config.seccomp, text, changes.deny_syscalls, splices);
        return {};
    }
    std::string seccomp = new_seccomp(changes.deny_syscalls, changes.architectures);
    if (!config.seccomp.place) return concat({R"("seccomp":)", seccomp});
    splices.replace(*config.seccomp.place, std::move(seccomp));
    return {};
}

// Puts MEMBERS into `linux`, which may have to be made for it.
void add_to_linux(const Config& config, std::vector<std::string> members, Splices& splices) {
    std::erase(members, std::string());
    if (members.empty()) return;
    std::string all = join(members, ",");
    if (config.linux_present) return splices.insert_members(*config.linux_place, config.linux_empty, std::move(all));
    set_value("linux", config.linux_place, concat({"{", all, "}"}), config.object, false, splices);
}

// How engines mount sysfs and control groups for a container that asks for nothing (dockerd oci/defaults.go, containerd pkg/oci/mounts.go).
constexpr std::string_view kReadOnlyOptions = R"(["nosuid","noexec","nodev","relatime","ro"])";

void change_mounts(const Config& config, const HostChanges& changes, Splices& splices) {
    if (!changes.removed_mounts.empty()) {
        std::vector<json::Extent> places;
        places.reserve(config.mounts.size());
        for (const auto& mount : config.mounts) places.push_back(mount.place);
        splices.remove_elements(places, changes.removed_mounts);
    }
    for (const auto& [number, source] : changes.mount_sources)
        splices.replace(config.mounts[number].source_place, concat({"\"", json_escape(source), "\""}));
    for (const auto number : changes.readonly_mounts) {
        const auto& mount = config.mounts[number];
        const bool has_options = mount.options_place.end != 0;
        set_value("options", has_options ? std::optional(mount.options_place) : std::nullopt, std::string(kReadOnlyOptions), mount.place,
                  false, splices);
    }
}

// Opens the directory PATH. With "/" or "/." at its end the kernel would follow a symlink in spite of O_NOFOLLOW.
Result<Fd> open_directory(std::string path) {
    while (path.size() > 1 && (path.ends_with('/') || path.ends_with("/."))) path.pop_back();
    Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.valid() && (errno == ENOTDIR || errno == ELOOP)) {
        return Error{ErrorKind::config,
                     concat({"the bundle ", quote(path), " is a symbolic link or no directory: name the directory itself"})};
    }
    if (!directory.valid()) return errno_error("open the bundle", path, errno);
    TRY(require_trusted(directory.get(), path));
    return directory;
}

}  // namespace

std::optional<std::string_view> Config::annotation(std::string_view key) const {
    for (const Annotation& annotation : annotations) {
        if (annotation.key == key) return annotation.value;
    }
    return std::nullopt;
}

Result<IdMaps> Config::id_maps() const {
    const Namespace* user = host.find("user");
    if (user == nullptr) return IdMaps();
    if (uid_mappings.empty()) {
        if (user->path.empty()) return IdMaps{IdMap(std::vector<IdRange>()), IdMap(std::vector<IdRange>())};
        return Error{ErrorKind::config,
                     "the container joins a user namespace, and config.json has no linux.uidMappings that say how it numbers users"};
    }
    return IdMaps{IdMap(uid_mappings), IdMap(gid_mappings)};
}

Result<Config> read_config(std::string_view text) {
    Reader reader(text);
    Config config;
    config.object = json::read_members(reader, kConfig, config).extent;
    TRY(reader.finish());
    if (config.process.object.end == 0)
        return Error{ErrorKind::config, "there is no 'process' in it: nothing to start, and nothing to confine"};
    return config;
}

Result<Splices> change_config(const Config& config, std::string_view text, const ConfigChanges& changes) {
    if (changes.process.apparmor_profile && changes.process.apparmor_profile->empty()) {
        return Error{ErrorKind::bug, "an empty AppArmor profile was to be written, which the kernel takes for unconfined"};
    }
    Splices splices;
    change_process(config.process, changes.process, splices);
    set_annotations(config, changes.annotations, splices);
    add_to_linux(config, {set_denied_syscalls(config, text, changes, splices), change_request(config.host, changes.host, splices)},
                 splices);
    change_mounts(config, changes.host, splices);
    if (splices.overlap()) return Error{ErrorKind::bug, "two changes of config.json touch the same bytes"};
    return splices;
}

Result<Bundle> Bundle::open(std::string_view path) {
    Bundle bundle;
    bundle.path_ = path;
    const std::string directory(path.empty() ? std::string_view(".") : path);
    const std::string shown = concat({directory, "/", kConfigName});
    bundle.directory_ = TRY(open_directory(directory));
    const Fd file(::openat(bundle.directory_.get(), kConfigName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file.valid()) return errno_error("open", shown, errno);
    if (::fstat(file.get(), &bundle.stat_) != 0) return errno_error("stat", shown, errno);
    TRY(require_trusted(file.get(), shown));
    bundle.text_ = TRY(read_file(file.get(), kMaxConfigBytes, shown));
    return bundle;
}

Result<std::string> Bundle::resolved_path() const { return path_of_descriptor(directory_.get()).context("the bundle"); }

Result<void> Bundle::store(const Splices& splices) const {
    if (splices.empty()) return {};
    const std::vector<iovec> pieces = splices.pieces(text());
    return replace_file(directory_.get(), kConfigName, pieces, stat_.st_uid, stat_.st_gid, stat_.st_mode & 07777);
}

}  // namespace aa::oci
