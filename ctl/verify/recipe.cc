// SPDX-License-Identifier: Apache-2.0
#include "ctl/verify/recipe.h"

#include <array>

#include "base/text.h"

namespace aa::ctl::verify {

namespace {

// How long crictl waits for its engine; by itself it gives up after two seconds.
constexpr const char* kPatience = "60s";

// The programs that speak to the containerd of an engine; the first word of each is a path.
struct Node {
    std::string_view engine;
    std::string_view socket;
    std::vector<Words> crictl;
    std::vector<Words> ctr;
    std::string_view state;  // the folders of containerd, volatile and lasting
    std::string_view root;
};
const std::array<Node, 5> kNodes = {{
    {"containerd",
     "/run/containerd/containerd.sock",
     {{"/usr/bin/crictl"}, {"/usr/local/bin/crictl"}},
     {{"/usr/bin/ctr"}, {"/usr/local/bin/ctr"}},
     "/run/containerd",
     "/var/lib/containerd"},
    {"crio", "/run/crio/crio.sock", {{"/usr/bin/crictl"}, {"/usr/local/bin/crictl"}}, {}, {}, {}},
    {"k3s", "/run/k3s/containerd/containerd.sock", {{"/usr/local/bin/k3s", "crictl"}, {"/usr/bin/k3s", "crictl"}}, {}, {}, {}},
    {"rke2", "/run/k3s/containerd/containerd.sock", {{"/var/lib/rancher/rke2/bin/crictl"}}, {}, {}, {}},
    {"k0s", "/run/k0s/containerd.sock", {{"/usr/bin/crictl"}, {"/usr/local/bin/crictl"}}, {}, {}, {}},
}};

Words operator+(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

// The first of PROGRAMS that is on HOST; empty if none is.
Words first_of(const Host& host, const std::vector<Words>& programs) {
    for (const auto& words : programs) {
        if (host.is_program(words.front())) return words;
    }
    return {};
}

Error no_program(std::string_view engine, std::string_view program) {
    return {ErrorKind::not_found, concat({"not verified: there is no program ", quote(program), " to speak to ", engine,
                                          " with: install it, and say the same again"})};
}

// Docker and Podman have the same words for all of it, but for where the runtime stands. Their own file system of the container is
// where programs can be executed, which /run is not on every host.
Recipe with_image(const Request& request, const Words& program) {
    const Words asked = request.by_default ? Words{} : Words{"--runtime", "aa-shim"};
    const bool podman = request.engine == "podman";
    const auto image = concat({"localhost/", request.name, ":latest"});
    Recipe recipe;
    recipe.through = request.engine + " run";
    recipe.ask = program + (podman ? Words{"--version"} : Words{"version", "--format", "{{.Server.Version}}"});
    recipe.make = program + Words{"import", "-", image};
    recipe.start = (podman ? program + asked + Words{"run"} : program + Words{"run"} + asked) +
                   Words{"--detach", "--rm", "--pull=never", "--network", "none", "--name", request.name, image, kProgram, kWait};
    recipe.remove = {program + Words{"rm", "--force", request.name}, program + Words{"rmi", "--force", image}};
    return recipe;
}

// A pod's sandbox on the host's network: its image is on every node that runs pods, and no plugin has to make a network for it.
Recipe with_sandbox(const Request& request, const Node& node, const Words& crictl) {
    const auto program = crictl + Words{"--runtime-endpoint", concat({"unix://", node.socket}), "--timeout", kPatience};
    Recipe recipe;
    recipe.through = concat({node.engine, "'s CRI"});
    recipe.ask = program + Words{"version"};
    recipe.has_directory = true;
    recipe.sandbox =
        concat({R"({"metadata":{"name":")", request.name, R"(","uid":")", request.name,
                R"(","namespace":"aa-shim-verify","attempt":1},"linux":{"security_context":{"namespace_options":{"network":2}}}})"});
    recipe.start =
        program + Words{"runp"} + (request.by_default ? Words{} : Words{"--runtime", "aa-shim"}) + Words{sandbox_of(request.name)};
    recipe.find = program + Words{"pods", "--quiet", "--name", request.name};
    recipe.remove = {program + Words{"stopp", std::string(kId)}, program + Words{"rmp", "--force", std::string(kId)}};
    recipe.note = "it is the sandbox of a pod";
    return recipe;
}

// containerd's own client names the runtime by its path; a namespace of its own keeps it from whatever else containerd runs.
Recipe with_ctr(const Request& request, const Node& node, const Words& ctr) {
    const auto& name = request.name;
    const auto program = ctr + Words{"--address", std::string(node.socket), "--namespace", name};
    Recipe recipe;
    recipe.through = "ctr run";
    recipe.ask = program + Words{"version"};
    recipe.has_directory = true;
    recipe.start =
        program + Words{"run", "--detach", "--null-io", "--rootfs", "--runc-binary", request.shim, root_of(name), name, kProgram, kWait};
    recipe.remove = {program + Words{"tasks", "delete", "--force", name}, program + Words{"containers", "delete", name},
                     program + Words{"namespaces", "remove", name}};
    for (const auto parent : {std::string_view("/run/containerd/runc"), node.state, node.root}) {
        const bool of_runc = parent == "/run/containerd/runc";
        recipe.empty_directories.push_back(concat({parent, of_runc ? "/" : "/io.containerd.runtime.v2.task/", name}));
    }
    recipe.note = "there is no crictl here: whether a pod's handler 'aa-shim' leads to aa-shim was not tried";
    return recipe;
}

}  // namespace

std::string directory_of(std::string_view name) { return concat({"/var/lib/aa-shim/", name}); }
std::string root_of(std::string_view name) { return directory_of(name) + "/root"; }
std::string sandbox_of(std::string_view name) { return directory_of(name) + "/sandbox.json"; }

Result<Recipe> recipe_for(const Host& host, const Request& request) {
    for (const auto* engine : {"docker", "podman"}) {
        if (request.engine != engine) continue;
        const auto program = first_of(host, {{concat({"/usr/bin/", engine})}, {concat({"/usr/local/bin/", engine})}});
        return program.empty() ? Result<Recipe>(no_program(engine, engine)) : with_image(request, program);
    }
    for (const auto& node : kNodes) {
        if (request.engine != node.engine) continue;
        if (const auto crictl = first_of(host, node.crictl); !crictl.empty()) return with_sandbox(request, node, crictl);
        if (const auto ctr = first_of(host, node.ctr); !ctr.empty()) return with_ctr(request, node, ctr);
        return no_program(node.engine, node.ctr.empty() ? "crictl" : "ctr");
    }
    return Error{ErrorKind::usage, concat({"--verify is not known for ", quote(request.engine)})};
}

}  // namespace aa::ctl::verify
