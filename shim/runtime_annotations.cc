// SPDX-License-Identifier: Apache-2.0
#include "shim/runtime_annotations.h"

#include <algorithm>

#include "apparmor/catalog/pattern.h"
#include "base/text.h"
#include "oci/engine/runtime_annotations.h"

namespace aa::shim {
namespace {

bool is_listed(std::span<const apparmor::RuntimeAnnotation> listed, const apparmor::FactPair& annotation) {
    // runc would read another key in it.
    if (annotation.first.find('=') != std::string_view::npos) return false;
    return std::any_of(listed.begin(), listed.end(), [&](const apparmor::RuntimeAnnotation& one) {
        return apparmor::matches(one.key, annotation.first) && (!one.value || apparmor::matches(*one.value, annotation.second));
    });
}

Error refused(const apparmor::FactPair& annotation, const apparmor::Confinement* confinement) {
    // config.json with it cannot even be read (oci::read_config()).
    if (annotation.first == "bundle")
        return {ErrorKind::denied, "the annotation 'bundle' would lead a later exec to another config.json: remove it"};
    std::string message = concat({"the annotation ", quote(annotation.first), " with the value ", quote(annotation.second),
                                  " would steer the runtime itself: remove it, or let the operator "});
    if (confinement != nullptr) {
        message += concat(
            {"list it under \"runtimeAnnotations\" of confinement ", quote(confinement->name), " (", confinement->origin.text(), ")"});
    } else {
        message += "give such sandboxes a rule (\"sandbox\": true) whose confinement lists it under \"runtimeAnnotations\"";
    }
    return {ErrorKind::denied, std::move(message)};
}

}  // namespace

Result<void> check_runtime_annotations(const apparmor::Confinement* confinement, std::span<const std::string> unsafe,
                                       std::string_view engine, std::span<const apparmor::FactPair> annotations,
                                       std::vector<std::string>& reasons) {
    for (const auto& annotation : annotations) {
        const auto& [key, value] = annotation;
        if (oci::annotation_kind(key, unsafe) == oci::AnnotationKind::data || oci::is_engines_own(engine, key, value)) continue;
        if (confinement == nullptr || !is_listed(confinement->runtime_annotations, annotation)) return refused(annotation, confinement);
        reasons.push_back(concat({"the annotation ", quote(key), " steers the runtime, and the confinement lists it"}));
    }
    return {};
}

Result<void> check_seccomp_listener(const oci::Config& config, std::string_view engine, std::string_view id) {
    const auto& path = config.seccomp.listener_path;
    if (path.empty() || oci::is_engines_own_listener(engine, path, id)) return {};
    return Error{ErrorKind::denied,
                 concat({"\"linux.seccomp.listenerPath\" is ", quote(path),
                         ": the runtime would connect to that socket of the host and hand it the container's system calls; "
                         "take it out of the seccomp profile, or let the operator pass such containers (\"pass\": true)"})};
}

}  // namespace aa::shim
