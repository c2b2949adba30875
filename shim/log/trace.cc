// SPDX-License-Identifier: Apache-2.0
#include "shim/log/trace.h"

#include <algorithm>

namespace aa::shim {

std::string_view refusal_name(Refusal refusal) {
    switch (refusal) {
        case Refusal::policy:
            return "policy";
        case Refusal::catalog:
            return "catalog";
        case Refusal::profile:
            return "profile";
        case Refusal::config:
            return "config";
        case Refusal::system:
            break;
    }
    return "system";
}

Refusal refusal_of(const Trace& trace, ErrorKind kind) {
    if (trace.step == Trace::Step::opens_catalog) return Refusal::catalog;
    if (trace.step == Trace::Step::asks_for_profile) return Refusal::profile;
    switch (kind) {
        case ErrorKind::denied:
            return Refusal::policy;
        case ErrorKind::limit:
        case ErrorKind::usage:
        case ErrorKind::config:
            return Refusal::config;
        case ErrorKind::not_found:
        case ErrorKind::system:
        case ErrorKind::bug:
            break;
    }
    return Refusal::system;
}

bool has_field(const Fields& fields, std::string_view name) {
    return std::any_of(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
}

void trace_subject(const Subject& subject, Fields& fields) {
    const auto add = [&](std::string_view name, const std::string& value) {
        if (!value.empty() && !has_field(fields, name)) fields.emplace_back(name, value);
    };
    add("engine", subject.engine);
    add("namespace", subject.kubernetes_namespace);
    add("pod", subject.pod);
    add("name", subject.name);
    add("image", subject.image);
}

}  // namespace aa::shim
