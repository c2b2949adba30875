// SPDX-License-Identifier: Apache-2.0
#include "ctl/containers/running.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"
#include "shim/facts.h"

namespace aa::ctl {

namespace fs = std::filesystem;

namespace {

// Where the state directories of containers are: what the engines pass as --root, and what runc and crun take without one
// (dockerd: daemon/runtime_unix.go; containerd: cmd/containerd-shim-runc-v2, process/init.go; Podman, CRI-O: none or the same).
constexpr std::array<const char*, 3> kRoots = {"/run/docker/runtime-runc/moby", "/run/runc", "/run/crun"};
// Here each subfolder is a namespace of containerd with a root of its own.
constexpr std::array<const char*, 2> kFoldersOfRoots = {"/run/containerd/runc", "/run/docker/runtime-runc"};

struct Candidate {
    std::string root;
    std::string id;
};

std::vector<std::string> folders_in(const std::string& directory) {
    std::vector<std::string> result;
    std::error_code error;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        if (at->is_directory(error)) result.push_back(at->path());
    }
    std::sort(result.begin(), result.end());
    return result;
}

std::vector<std::string> usual_roots() {
    std::vector<std::string> result(kRoots.begin(), kRoots.end());
    // Those of a rootless engine, for one who looks from its user namespace (podman unshare).
    if (const char* own = std::getenv("XDG_RUNTIME_DIR"); own != nullptr && *own == '/') {
        for (const char* runtime : {"/runc", "/crun"}) result.push_back(concat({own, runtime}));
    }
    for (const char* folder : kFoldersOfRoots) {
        for (auto& root : folders_in(folder)) {
            if (std::find(result.begin(), result.end(), root) == result.end()) result.push_back(std::move(root));
        }
    }
    return result;
}

std::string last_component(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// runc's file; crun's.
std::optional<oci::RuntimeKind> kind_of(const std::string& directory) {
    std::error_code error;
    if (fs::exists(directory + "/state.json", error)) return oci::RuntimeKind::runc;
    if (fs::exists(directory + "/status", error)) return oci::RuntimeKind::crun;
    return std::nullopt;
}

std::vector<Candidate> all_in(const std::vector<std::string>& roots) {
    std::vector<Candidate> result;
    for (const auto& root : roots) {
        for (const auto& directory : folders_in(root)) {
            if (kind_of(directory)) result.push_back({root, last_component(directory)});
        }
    }
    return result;
}

// Whether WORD names the container of CANDIDATE, as its engine knows it: NAME, in a pod also POD/NAME and NAMESPACE/POD/NAME. What
// cannot be read has no name: that is only a convenience.
bool has_name(const Candidate& candidate, const std::string& word) {
    const auto kind = kind_of(concat({candidate.root, "/", candidate.id}));
    if (!kind) return false;
    const auto state = oci::read_container_state(candidate.root, candidate.id, *kind);
    if (!state) return false;
    const auto subject = subject_of({candidate.root, candidate.id, *state});
    if (subject.name.empty()) return false;
    const auto in_pod = concat({subject.pod, "/", subject.name});
    return word == subject.name ||
           (!subject.pod.empty() && (word == in_pod || word == concat({subject.kubernetes_namespace, "/", in_pod})));
}

template <class Matches>
std::vector<Candidate> those(const std::vector<Candidate>& candidates, Matches matches) {
    std::vector<Candidate> result;
    std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(result), matches);
    return result;
}

// As docker(1) does it: an ID in full, a name in full, the beginning of an ID.
std::vector<Candidate> named(const std::string& word, const std::vector<Candidate>& candidates) {
    auto found = those(candidates, [&](const Candidate& one) { return one.id == word; });
    if (found.empty()) {
        found = those(candidates, [&](const Candidate& one) { return has_name(one, word); });
    }
    if (found.empty()) found = those(candidates, [&](const Candidate& one) { return one.id.starts_with(word); });
    return found;
}

Result<Candidate> only(const std::string& word, const std::vector<std::string>& roots) {
    const auto found = named(word, all_in(roots));
    if (found.size() == 1) return found.front();
    if (found.empty()) {
        return Error{ErrorKind::not_found,
                     concat({"there is no container ", quote(word), " below ", join(roots, ", "), ": --root names another place"})};
    }
    std::vector<std::string> places;
    places.reserve(found.size());
    for (const auto& one : found) places.push_back(concat({one.root, "/", one.id}));
    return Error{ErrorKind::not_found, concat({quote(word), " may mean any of ", join(places, ", ")})};
}

}  // namespace

std::vector<FoundContainer> find_all(const std::string& root) {
    std::vector<FoundContainer> result;
    for (auto& one : all_in(root.empty() ? usual_roots() : std::vector<std::string>{root})) {
        const auto kind = kind_of(concat({one.root, "/", one.id}));
        if (!kind) continue;  // it is gone
        auto state = oci::read_container_state(one.root, one.id, *kind);
        result.push_back({std::move(one.root), std::move(one.id), std::move(state)});
    }
    return result;
}

shim::Subject subject_of(const RunningContainer& container) {
    const auto bundle = oci::Bundle::open(container.state.bundle);
    if (!bundle) return {};
    const auto config = oci::read_config(bundle->text());
    if (!config) return {};
    const oci::EngineCall call{container.root, container.state.bundle, container.id};
    shim::BundleRoot root(container.state.bundle, *config);
    const auto facts = shim::collect_facts(call, root, "", {.entrypoint = false, .host = false});
    return facts ? facts->subject() : shim::Subject();
}

Result<RunningContainer> find_running(const std::string& word, const std::string& root) {
    RunningContainer result;
    if (word.starts_with('/')) {
        const std::string directory = word.substr(0, word.find_last_not_of('/') + 1);
        result.id = last_component(directory);
        result.root = directory.substr(0, directory.size() - std::min(directory.size(), result.id.size() + 1));
    } else {
        const auto candidate = TRY(only(word, root.empty() ? usual_roots() : std::vector<std::string>{root}));
        result.root = candidate.root;
        result.id = candidate.id;
    }
    const auto kind = kind_of(concat({result.root, "/", result.id}));
    if (!kind) {
        return Error{ErrorKind::not_found, concat({quote(word), " holds no state of runc (state.json) or crun (status)"})};
    }
    result.state = TRY(oci::read_container_state(result.root, result.id, *kind));
    if (result.state.init_pid != 0) return result;
    return Error{ErrorKind::not_found, concat({"container ", quote(result.id), " is not running: start it first"})};
}

}  // namespace aa::ctl
