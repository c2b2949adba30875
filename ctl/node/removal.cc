// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/removal.h"

#include <fcntl.h>

#include <array>

#include "apparmor/catalog/compiled_catalog.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/node/delivery.h"
#include "ctl/node/programs.h"
#include "shim/host_key.h"
#include "shim/log/counters.h"

namespace aa::ctl::node {

namespace {

// containerd's bundles, "NAMESPACE/ID" below these; each holds options.json with the path of the runtime that was configured
// (containerd core/runtime/v2; seen on 1.7 and 2.1).
constexpr std::array<std::string_view, 2> kBundles = {"/run/containerd/io.containerd.runtime.v2.task",
                                                      "/run/k3s/containerd/io.containerd.runtime.v2.task"};

// What `aa-shimctl load` keeps: for a rollback, and for the next load.
constexpr const char* kState = "/var/lib/aa-shim";
constexpr const char* kLoads = "/var/lib/aa-shim/loads";
constexpr const char* kCompiled = "/var/lib/aa-shim/compiled";

// The names in the node's DIRECTORY; none if it is missing or goes away meanwhile.
std::vector<std::string> names_in(const Host& host, const std::string& directory) {
    auto names = host.list(directory);
    return names ? std::move(*names) : std::vector<std::string>();
}

bool mentions_programs(std::string_view text) { return text.find(concat({kPrograms, "/"})) != std::string_view::npos; }

void add_containerds(const Host& host, std::vector<std::string>& found) {
    for (const auto bundles : kBundles) {
        for (const auto& name : names_in(host, std::string(bundles))) {
            const std::string directory = concat({bundles, "/", name});
            for (const auto& id : names_in(host, directory)) {
                const auto options = host.read(concat({directory, "/", id, "/options.json"}));
                if (options && *options && mentions_programs((*options)->text)) found.push_back(id);
            }
        }
    }
}

// A monitor is started as `conmon … -c ID … -r RUNTIME …` (CRI-O internal/oci).
void add_monitored(const Host& host, std::vector<std::string>& found) {
    for (const auto& pid : names_in(host, "/proc")) {
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto words = read_virtual_file(AT_FDCWD, host.place(concat({"/proc/", pid, "/cmdline"})), 64UL << 10U);
        if (words && words->find("conmon") < words->find('\0') && mentions_programs(*words)) found.push_back("process " + pid);
    }
}

Result<void> remove_programs(const Host& host) {
    for (const auto& name : names_in(host, kPrograms)) {
        if (name.starts_with("aa-shim") || name.starts_with(".aa-shim")) TRY(host.remove(concat({kPrograms, "/", name})));
    }
    TRY(host.remove_empty_directory(kPrograms));
    return host.remove_empty_directory("/opt/aa-shim");
}

}  // namespace

std::vector<std::string> containers_of_ours(const Host& host) {
    std::vector<std::string> found;
    add_containerds(host, found);
    add_monitored(host, found);
    return found;
}

Result<void> remove_files(const Host& host) {
    TRY(host.remove(kBootLink));
    TRY(host.remove(kBootUnit));
    TRY(remove_delivery(host));
    TRY(host.remove(std::string(apparmor::kCatalogPath)));
    TRY(host.remove(std::string(shim::kCountersPath)));
    TRY(host.remove(std::string(shim::kHostKeyPath)));
    TRY(host.remove("/run/aa-shim/node-loaded"));
    TRY(host.remove_tree(kLoads));
    TRY(host.remove_tree(kCompiled));
    TRY(host.remove_empty_directory(kState));
    return remove_programs(host);
}

}  // namespace aa::ctl::node
