// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/engines.h"

#include <algorithm>

#include "base/text.h"
#include "ctl/install/engine/lower_runtime.h"

namespace aa::ctl::install {

const std::vector<const Engine*>& engines() {
    static const std::vector<const Engine*> all = {&kDocker, &kContainerd, &kCrio, &kPodman, &kK3s, &kRke2, &kK0s, &kMicrok8s};
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

bool has_program(const Host& host, const Unit& unit, const std::string& name) {
    const auto started = unit.program();
    if (unit.exists && !started.empty()) return host.is_program(started);
    // Not only in the PATH of this unit: an engine may also be started in another way.
    const Unit usual{{}, false, {}, {}};
    const auto places = places_of(name, usual.search_path());
    return std::any_of(places.begin(), places.end(), [&](const std::string& path) { return host.is_program(path); });
}

Error no_engine(const Host& host, const Unit& unit, std::string_view name) {
    const auto started = unit.program();
    if (unit.exists && !started.empty()) {
        return {ErrorKind::not_found, concat({unit.name, " starts ", quote(host.place(started)),
                                              ", which is not there: nothing would read what is installed; install that program first"})};
    }
    return {ErrorKind::not_found, concat({"there is no program ", quote(name), " below ", quote(host.place("/")),
                                          ": nothing would read what is installed; install the engine first"})};
}

Result<void> require_engine(Draft& draft, const Unit& unit, const std::string& name, const std::string& sign) {
    const auto& host = draft.host();
    if (has_program(host, unit, name)) return {};
    if (!host.exists(sign)) return no_engine(host, unit, name);
    draft.plan().notes.push_back(concat({"there is no program ", quote(name), " in any PATH, only ", quote(host.place(sign)),
                                         ": make sure that the engine which is to read this does"}));
    return {};
}

Result<void> require_shim(const Host& host, const Wanted& wanted) {
    if (host.is_program(wanted.shim)) return {};
    return Error{ErrorKind::not_found, concat({"there is no program ", quote(host.place(wanted.shim)),
                                               ": install aa-shim first, or name its place with --shim"})};
}

}  // namespace aa::ctl::install
