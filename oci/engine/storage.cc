// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/text.h"
#include "oci/engine/path_tail.h"
#include "oci/engine/sources.h"
#include "oci/json/json.h"
#include "oci/path/host_place.h"

namespace aa::oci {
namespace {

constexpr std::string_view kDirectorySuffix = "-containers";
constexpr std::string_view kDefaultRunRoot = "/run/containers/storage";

// The list of containers, and the list of those that need not survive a crash: all of CRI-O's, Podman's with --rm
// (containers/storage containers.go).
constexpr std::array<std::string_view, 2> kRecords{"containers.json", "volatile-containers.json"};

// A bundle is "…/DRIVER-containers/ID/userdata": below the library's graph root for Podman, its run root for CRI-O.
// Empty if BUNDLE is none.
std::string_view containers_directory(const EngineCall& call) {
    const auto head = before_tail(call.bundle, {call.id, "userdata"});
    return head && last_component(*head).ends_with(kDirectorySuffix) ? *head : std::string_view();
}

// The directories that may hold the record, the likeliest first. root.path is "GRAPHROOT/DRIVER/LAYER/merged" or, for
// other drivers than overlay, of the same length; only a container without a record can have one of its user's choice.
std::vector<std::string> record_directories(const EngineCall& call, const Config& config) {
    const std::string_view own = containers_directory(call);
    const std::string_view name = last_component(own);
    const std::string_view driver = name.substr(0, name.size() - kDirectorySuffix.size());
    std::vector<std::string> directories{std::string(own)};
    auto add = [&](std::string directory) {
        if (std::find(directories.begin(), directories.end(), directory) == directories.end()) directories.push_back(std::move(directory));
    };
    if (const auto graph_root = before_tail(config.root_path, {driver, "*", "*"})) add(concat({*graph_root, "/", name}));
    add(concat({kDefaultRunRoot, "/", name}));
    return directories;
}

// The metadata of container ID in the list TEXT, which is JSON in a JSON string; nothing if the list does not have it.
Result<std::optional<std::string>> find_metadata(std::string_view text, std::string_view id) {
    std::optional<std::string> found;
    json::Reader reader(text);
    reader.array([&] {
        bool is_it = false;
        json::Text metadata;
        reader.object([&](const json::Text& key) {
            if (key == "id") {
                is_it = reader.string() == id;
            } else if (key == "metadata") {
                metadata = reader.string();
            } else {
                reader.skip();
            }
        });
        if (is_it && !found) found = metadata.decoded();
    });
    TRY(reader.finish());
    return found;
}

// What Podman (libpod/storage.go) and CRI-O (internal/storage/runtime.go) put there. Only CRI-O's has a pod, always.
struct Metadata {
    std::string name;           // unique; CRI-O's is made of all the others
    std::string metadata_name;  // as Kubernetes calls it
    std::string image;
    std::string pod_name;
    std::string pod_id;
    std::string kubernetes_namespace;  // of a sandbox
    bool privileged = false;
};

struct TextMember {
    std::string_view key;
    std::string Metadata::*member;
};
constexpr std::array<TextMember, 6> kTextMembers{{
    {"name", &Metadata::name},
    {"metadata-name", &Metadata::metadata_name},
    {"image-name", &Metadata::image},
    {"pod-name", &Metadata::pod_name},
    {"pod-id", &Metadata::pod_id},
    {"namespace", &Metadata::kubernetes_namespace},
}};

void read_metadata_member(json::Reader& reader, const json::Text& key, Metadata& metadata) {
    for (const auto& text : kTextMembers) {
        if (!(key == text.key)) continue;
        metadata.*text.member = reader.string().decoded();
        return;
    }
    if (key == "privileged") {
        metadata.privileged = reader.boolean();
    } else {
        reader.skip();
    }
}

Result<Metadata> parse_metadata(std::string_view text) {
    Metadata metadata;
    json::Reader reader(text);
    reader.object([&](const json::Text& key) { read_metadata_member(reader, key, metadata); });
    TRY(reader.finish());
    return metadata;
}

// The labels of CRI-O's container, a JSON object in an annotation.
Result<StringMap> read_crio_labels(const Config& config) {
    const auto text = config.annotation("io.kubernetes.cri-o.Labels");
    if (!text || text->empty()) return StringMap{};
    json::Reader reader(*text);
    StringMap labels = read_string_map(reader);
    TRY(reader.finish().context("annotation 'io.kubernetes.cri-o.Labels'"));
    return labels;
}

// CRI-O names a sandbox "k8s_POD_NAMESPACE_UID_ATTEMPT" (internal/lib/sandbox); no part of it has an underscore where
// Kubernetes chose it.
void read_sandbox_name(std::string_view name, EngineFacts& facts) {
    if (!name.starts_with("k8s_")) return;
    name.remove_prefix(4);
    const std::size_t pod_end = name.find('_');
    if (pod_end == std::string_view::npos) return;
    const std::string_view rest = name.substr(pod_end + 1);
    facts.pod = name.substr(0, pod_end);
    facts.kubernetes_namespace = rest.substr(0, rest.find('_'));
}

// The facts are the record's; the annotations are believed because the record says that CRI-O wrote them.
Result<EngineFacts> crio_facts(const EngineCall& call, const Config& config, Metadata metadata) {
    EngineFacts facts;
    facts.engine = Engine::cri_o;
    facts.sandbox = metadata.pod_id == call.id;
    read_sandbox_name(metadata.pod_name, facts);
    if (!facts.sandbox) facts.container = std::move(metadata.metadata_name);
    facts.image = std::move(metadata.image);
    facts.labels = TRY(read_crio_labels(config));
    // Older versions do not record it, and none records that it is false.
    if (metadata.privileged) facts.privileged = true;
    return facts;
}

EngineFacts podman_facts(Metadata metadata) {
    EngineFacts facts;
    facts.engine = Engine::podman;
    facts.container = std::move(metadata.name);
    facts.image = std::move(metadata.image);
    return facts;
}

// Whether TEXT, the library's list of images, has one whose uppermost layer is LAYER, as it is or with its users mapped.
Result<bool> lists_layer(std::string_view text, std::string_view layer) {
    bool found = false;
    json::Reader reader(text);
    auto read_image = [&](const json::Text& key) {
        if (key == "layer") {
            found = (reader.string() == layer) || found;
        } else if (key == "mapped-layers" && !reader.null()) {
            reader.array([&] { found = (reader.string() == layer) || found; });
        } else {
            reader.skip();
        }
    };
    reader.array([&] { reader.object(read_image); });
    TRY(reader.finish());
    return found;
}

struct Found {
    std::string path;
    std::string metadata;
};

Result<Found> find_record(const EngineCall& call, const Config& config) {
    const std::vector<std::string> directories = record_directories(call, config);
    for (const auto& directory : directories) {
        for (const auto name : kRecords) {
            std::string path = concat({directory, "/", name});
            const auto list = read_record(path);
            if (!list && list.error().kind == ErrorKind::not_found) continue;
            if (!list) return list.error();
            auto metadata = TRY(find_metadata(list->text(), call.id).context(quote(path)));
            if (metadata) return Found{std::move(path), std::move(*metadata)};
        }
    }
    std::string places;
    for (const auto& directory : directories) places += concat({places.empty() ? "" : ", ", quote(directory)});
    return Error{ErrorKind::not_found,
                 concat({"container ", quote(call.id), " is in no containers.json or volatile-containers.json of ", places})};
}

}  // namespace

bool is_rootfs_container(const EngineCall& call) {
    return before_tail(call.bundle, {"libpod", call.id}).has_value() ||
           before_tail(call.bundle, {"libpod", call.id, "userdata"}).has_value();
}

bool is_storage_call(const EngineCall& call) { return !containers_directory(call).empty() || is_rootfs_container(call); }

Result<EngineFacts> read_storage_facts(const EngineCall& call, const Config& config) {
    if (containers_directory(call).empty()) return podman_facts({});
    const Found found = TRY(find_record(call, config));
    Metadata metadata = TRY(parse_metadata(found.metadata).context(concat({quote(found.path), ": metadata of ", quote(call.id)})));
    if (!metadata.pod_id.empty()) return crio_facts(call, config, std::move(metadata));
    return podman_facts(std::move(metadata));
}

// An image is laid out as the root of a container is, in "GRAPHROOT/overlay/LAYER/merged" (containers/storage drivers/overlay); which layers are
// images' the list of images tells (containers/storage images.go).
Result<bool> is_in_storage_image(const EngineCall& call, std::string_view path) {
    const auto containers = containers_directory(call);
    if (containers.empty()) return false;
    const auto driver = containers.substr(0, containers.size() - kDirectorySuffix.size());
    if (!lies_in(path, driver)) return false;
    path.remove_prefix(std::min(path.size(), driver.size() + 1));
    const auto layer = path.substr(0, path.find('/'));
    path.remove_prefix(layer.size());
    if (layer.empty() || !lies_in(path, "/merged")) return false;
    const auto list_path = concat({driver, "-images/images.json"});
    const auto list = TRY(read_record(list_path));
    return TRY(lists_layer(list.text(), layer).context(quote(list_path)));
}

}  // namespace aa::oci
