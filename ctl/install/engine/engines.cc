// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/engines.h"

#include "base/text.h"
#include "shim/runtime.h"

namespace aa::ctl::install {

namespace {

std::optional<std::string> packaged_runtime(const Host& host) {
    for (const auto* path : shim::kPackagedRuntimes) {
        if (host.is_program(path)) return path;
    }
    return std::nullopt;
}

}  // namespace

const std::vector<const Engine*>& engines() {
    static const std::vector<const Engine*> all = {&kDocker, &kContainerd, &kCrio, &kPodman, &kK3s, &kRke2};
    return all;
}

const Engine* find_engine(std::string_view name) {
    for (const auto* engine : engines()) {
        if (engine->name == name) return engine;
    }
    return nullptr;
}

void want_links(Draft& draft, const Wanted& wanted) {
    for (const auto& runtime : runtimes(wanted)) {
        if (runtime.path != wanted.shim) draft.want_link(runtime.path, "aa-shim");
    }
}

void want_engine_links(Draft& draft, const Wanted& wanted) {
    for (const auto* name : {"runc", "crun"}) draft.want_link(concat({kEnginePath, "/", name}), wanted.shim);
}

void want_runtime(Draft& draft, const std::vector<std::string>& candidates) {
    const auto& host = draft.host();
    if (packaged_runtime(host)) return;
    for (const auto& candidate : candidates) {
        if (candidate.empty() || !host.is_program(candidate)) continue;
        if (const auto target = host.read_link(shim::kRuntimeChoice); !target || !*target || **target == candidate)
            draft.want_link(shim::kRuntimeChoice, candidate);
        return;
    }
}

bool uses_crun(const Host& host) {
    const auto chosen = host.read_link(shim::kRuntimeChoice);
    if (!chosen) return false;
    const auto path = *chosen ? *chosen : packaged_runtime(host);
    const auto kind = shim::runtime_kind(path.value_or(""));
    return kind && *kind == oci::RuntimeKind::crun;
}

Result<void> require_shim(const Host& host, const Wanted& wanted) {
    if (host.is_program(wanted.shim)) return {};
    return Error{ErrorKind::not_found, concat({"there is no program ", quote(host.place(wanted.shim)),
                                               ": install aa-shim first, or name its place with --shim"})};
}

}  // namespace aa::ctl::install
