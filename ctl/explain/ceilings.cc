// SPDX-License-Identifier: Apache-2.0
#include "ctl/explain/ceilings.h"

#include <vector>

#include "base/text.h"

namespace aa::ctl {
namespace {

Json host_paths(const apparmor::HostCeilings& host) {
    if (!host.paths) return {};
    if (!host.protected_paths) return *host.paths;
    return {{"paths", *host.paths}, {"weaker", true}};
}

Json devices(const apparmor::HostCeilings& host) {
    if (!host.devices) return {};
    Json list = Json::array();
    for (const auto& grant : *host.devices) list.push_back(apparmor::to_text(grant));
    return list;
}

Json host_namespaces(const apparmor::HostCeilings& host) {
    if (!host.namespaces) return {};
    Json list = Json::array();
    for (unsigned i = 0; i < apparmor::kHostNamespaces; ++i) {
        const auto space = static_cast<apparmor::HostNamespace>(i);
        if ((*host.namespaces & bit(space)) != 0) list.push_back(apparmor::name_of(space));
    }
    return list;
}

Json runtime_annotations(const std::vector<apparmor::RuntimeAnnotation>& annotations) {
    Json list = Json::array();
    for (const auto& one : annotations) list.push_back(one.value ? concat({one.key, "=", *one.value}) : one.key);
    return list;
}

}  // namespace

Json ceilings_of(const apparmor::Confinement& confinement) {
    return {{"hostPaths", host_paths(confinement.host)},
            {"devices", devices(confinement.host)},
            {"hostNamespaces", host_namespaces(confinement.host)},
            {"keepMasked", confinement.host.keep_masked},
            {"denySyscalls", confinement.deny_syscalls},
            {"runtimeAnnotations", runtime_annotations(confinement.runtime_annotations)},
            {"restore", confinement.restore == apparmor::Restore::allow ? "allow" : "refuse"},
            {"refuseExec", confinement.refuse_exec == apparmor::RefuseExec::error ? "error" : "exit-status"}};
}

std::string ceiling_text(const Json& value) {
    if (value.is_null()) return "not given: whatever is asked for";
    if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_object()) return ceiling_text(value["paths"]) + " (\"weaker\")";
    return value.empty() ? std::string("none") : join(value.get<std::vector<std::string>>(), ", ");
}

}  // namespace aa::ctl
