// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "oci/engine/path_tail.h"
#include "oci/engine/sources.h"
#include "oci/json/json.h"

namespace aa::oci {
namespace {

constexpr std::string_view kDefaultDataRoot = "/var/lib/docker";

// Where the storage drivers of dockerd mount a container's root file system below the data root (moby
// daemon/graphdriver/*, daemon/snapshotter/mount.go).
using Tail = std::array<std::string_view, 4>;  // filled from the front
constexpr std::array<Tail, 9> kRootTails{{
    {"overlay2", "*", "merged"},
    {"fuse-overlayfs", "*", "merged"},
    {"overlay", "*", "merged"},
    {"vfs", "dir", "*"},
    {"btrfs", "subvolumes", "*"},
    {"zfs", "graph", "*"},
    {"aufs", "mnt", "*"},
    {"devicemapper", "mnt", "*", "rootfs"},
    {"rootfs", "*", "*"},  // containerd's image store: the snapshotter's name and the container's ID
}};

// What stands before the place of a root file system at PATH; nothing if none has that form.
std::optional<std::string_view> before_root_tail(std::string_view path) {
    for (const auto& tail : kRootTails) {
        const auto used = std::find(tail.begin(), tail.end(), std::string_view());
        const auto head = before_tail(path, std::span(tail.begin(), used));
        if (head && !head->empty()) return head;
    }
    return std::nullopt;
}

// The part of config.v2.json that matters (moby container/container.go).
struct Record {
    std::string id;
    std::string name;
    std::string image;
    StringMap labels;
};

void read_config_member(json::Reader& reader, Record& record) {
    if (reader.null()) return;
    reader.object([&](const json::Text& key) {
        if (key == "Image") {
            record.image = reader.string().decoded();
        } else if (key == "Labels") {
            record.labels = read_string_map(reader);
        } else {
            reader.skip();
        }
    });
}

Result<Record> parse_record(std::string_view text) {
    Record record;
    json::Reader reader(text);
    reader.object([&](const json::Text& key) {
        if (key == "ID") {
            record.id = reader.string().decoded();
        } else if (key == "Name") {
            record.name = reader.string().decoded();
        } else if (key == "Config") {
            read_config_member(reader, record);
        } else {
            reader.skip();
        }
    });
    TRY(reader.finish());
    return record;
}

Result<bool> parse_privileged(std::string_view text) {
    bool privileged = false;
    json::Reader reader(text);
    reader.object([&](const json::Text& key) {
        if (key == "Privileged") {
            privileged = reader.boolean();
        } else {
            reader.skip();
        }
    });
    TRY(reader.finish());
    return privileged;
}

// Whether TEXT, a record, has at DESTINATION an image that is mounted as a volume.
Result<bool> parse_is_image(std::string_view text, std::string_view destination) {
    bool is_image = false;
    json::Reader reader(text);
    auto read_mount = [&](const json::Text& at) {
        const bool is_it = at == destination;
        reader.object([&](const json::Text& key) {
            if (is_it && key == "Type") {
                is_image = reader.string() == "image";
            } else {
                reader.skip();
            }
        });
    };
    reader.object([&](const json::Text& key) {
        if (key != "MountPoints") {
            reader.skip();
        } else if (!reader.null()) {
            reader.object(read_mount);
        }
    });
    TRY(reader.finish());
    return is_image;
}

}  // namespace

// The daemon's data root. It is read off root.path, which the daemon alone chooses. The mounts would name it as well (the
// source of /etc/hosts lies in it), but a user adds mounts: a volume of theirs, mounted on /etc/hosts, would lead to
// records that a container wrote as root.
std::string_view docker_data_root(std::string_view root_path) { return before_root_tail(root_path).value_or(kDefaultDataRoot); }

// dockerd runs every container of its own in the namespace "moby" (moby daemon/runtime_unix.go), or, where it remaps users,
// "moby-UID.GID" (cmd/dockerd/daemon.go); its plugins are in "plugins.moby" and have no record.
bool is_docker_call(const EngineCall& call) {
    const auto space = last_component(call.root);
    if (space != "moby" && !space.starts_with("moby-")) return false;
    return before_tail(call.root, {"runtime-runc", "*"}).has_value() && before_tail(call.bundle, {space, call.id}).has_value();
}

Result<EngineFacts> read_docker_facts(const EngineCall& call, const Config& config) {
    const std::string directory = concat({docker_data_root(config.root_path), "/containers/", call.id});
    const std::string record_path = directory + "/config.v2.json";
    const std::string host_path = directory + "/hostconfig.json";
    const Buffer record_text = TRY(read_record(record_path));
    Record record = TRY(parse_record(record_text.text()).context(quote(record_path)));
    if (record.id != call.id)
        return Error{ErrorKind::config, concat({quote(record_path), " is of container ", quote(record.id), ", not of ", quote(call.id)})};
    const Buffer host_text = TRY(read_record(host_path));

    EngineFacts facts;
    facts.engine = Engine::docker;
    facts.privileged = TRY(parse_privileged(host_text.text()).context(quote(host_path)));
    facts.container = record.name.substr(record.name.starts_with('/') ? 1 : 0);
    facts.image = std::move(record.image);
    facts.labels = std::move(record.labels);
    return facts;
}

// dockerd lays such an image out as it does a container's root, and mounts a part of one as it does a part of a volume
// (daemon/create_unix.go, daemon/volumes_unix.go). Where it did so, and at which destination, is in its record alone: others ask for places
// that look the same.
Result<bool> is_docker_image_mount(const EngineCall& call, const Config& config, std::string_view destination, std::string_view path) {
    const auto data_root = docker_data_root(config.root_path);
    if (before_root_tail(path) != data_root && before_tail(path, {"tmp", "*"}) != data_root) return false;
    const auto record_path = concat({data_root, "/containers/", call.id, "/config.v2.json"});
    const auto record = read_record(record_path);
    // Without a record nothing is an image.
    if (!record && record.error().kind == ErrorKind::not_found) return false;
    if (!record) return record.error();
    return TRY(parse_is_image(record->text(), destination).context(quote(record_path)));
}

}  // namespace aa::oci
