// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/kubernetes.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "ctl/install/plan/record.h"

namespace aa::ctl::install {

namespace {

struct Candidate {
    const Engine* engine;
    std::array<std::string_view, 3> signs;  // one of these paths is there
    bool brings_its_own;                    // a whole distribution: its engine is the node's, whatever else is installed
};
const std::array<Candidate, 6> kCandidates = {{
    {&kK3s, {"/var/lib/rancher/k3s/agent", "/usr/local/bin/k3s", "/etc/rancher/k3s"}, true},
    {&kRke2, {"/var/lib/rancher/rke2/agent", "/usr/local/bin/rke2", "/etc/rancher/rke2"}, true},
    {&kK0s, {"/etc/k0s/containerd.toml", "/usr/local/bin/k0s", "/var/lib/k0s"}, true},
    {&kMicrok8s, {"/var/snap/microk8s/current", "/snap/bin/microk8s", "/snap/microk8s/current"}, true},
    {&kContainerd, {"/etc/containerd/config.toml", "/usr/bin/containerd", "/usr/local/bin/containerd"}, false},
    {&kCrio, {"/etc/crio", "/usr/bin/crio", "/usr/local/bin/crio"}, false},
}};

std::string names(const std::vector<const Engine*>& found) {
    std::vector<std::string> result;
    result.reserve(found.size());
    for (const auto* engine : found) result.emplace_back(engine->name);
    return join(result, ", ");
}

std::vector<const Engine*> found_on(const Host& host, bool whole_distributions) {
    std::vector<const Engine*> found;
    for (const auto& candidate : kCandidates) {
        const bool there = std::any_of(candidate.signs.begin(), candidate.signs.end(),
                                       [&](std::string_view sign) { return host.exists(std::string(sign)); });
        if (there && candidate.brings_its_own == whole_distributions) found.push_back(candidate.engine);
    }
    return found;
}

}  // namespace

Result<const Engine*> node_engine(const Host& host, const std::string& chosen, bool recorded) {
    std::vector<const Engine*> found;
    for (const auto& candidate : kCandidates) {
        if (!chosen.empty() && candidate.engine->name == chosen) return candidate.engine;
        if (recorded && host.exists(concat({record_directory(candidate.engine->name), "/record.json"}))) found.push_back(candidate.engine);
    }
    if (!chosen.empty())
        return Error{ErrorKind::usage, concat({"--engine ", quote(chosen), ": known are k3s, rke2, k0s, microk8s, containerd and crio"})};
    if (found.empty()) found = found_on(host, true);
    if (found.empty()) found = found_on(host, false);
    if (found.size() == 1) return found.front();
    if (found.empty()) {
        return Error{ErrorKind::not_found, concat({"no engine of a Kubernetes node was found below ", quote(host.place("/")),
                                                   " (k3s, rke2, k0s, microk8s, containerd, crio): name it with --engine"})};
    }
    return Error{ErrorKind::config, concat({"this node has several engines (", names(found), "): name the kubelet's with --engine"})};
}

std::string runtime_classes(const Wanted& wanted) {
    std::string text;
    for (const auto& runtime : runtimes(wanted)) {
        text += concat({text.empty() ? "" : "---\n", "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: ", runtime.name,
                        "\nhandler: ", runtime.name, "\nscheduling:\n  nodeSelector:\n    aa-shim/ready: \"true\"\n"});
    }
    return text;
}

}  // namespace aa::ctl::install
