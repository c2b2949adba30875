// SPDX-License-Identifier: Apache-2.0
//
// A catalog that has a bit of everything, and what it says, as text.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "apparmor/catalog/compiled_catalog.h"

namespace aa::apparmor::test {

inline Rule rule(Match match, Outcome outcome, std::uint32_t line) {
    Rule rule;
    rule.match = std::move(match);
    rule.outcome = std::move(outcome);
    rule.origin = {"rules.json", line, 5};
    return rule;
}

inline Confinement web() {
    Confinement web;
    web.name = "web";
    web.profile = std::string("web");
    web.combine = Combine::stack;
    web.ceiling = CapabilitySet(1U << 10U | std::uint64_t{1} << 40U);
    web.no_new_privileges = true;
    web.deny_syscalls = {"keyctl", "add_key"};
    web.exec_rules.push_back({"/usr/bin/pg_dump", std::string("web//backup"), {"web.json", 12, 11}});
    web.exec_rules.push_back({"/{,usr/}bin/sh", ExecRule::Deny{"no shells"}, {"web.json", 13, 11}});
    web.exec_otherwise = ExecOtherwise::deny;
    web.refuse_exec = RefuseExec::exit_status;
    web.restore = Restore::allow;
    web.runtime_annotations = {{"run.oci.handler", "wasm"}, {"org.systemd.property.*", std::nullopt}, {"empty", ""}};
    web.origin = {"web.json", 4, 5};
    return web;
}

inline Catalog small_catalog() {
    Catalog catalog;
    Confinement open;
    open.name = "open";
    open.profile = Unconfined{};
    open.ceiling = AllCapabilities{};
    open.origin = {"open.json", 3, 5};
    catalog.confinements = {web(), open};
    catalog.rules.push_back(rule({.labels = {{"tier", "front*"}}, .image = "nginx*"}, Use{"web"}, 10));
    catalog.rules.push_back(rule({.annotations = {{"team", "**"}}, .user = 1000}, Reject{"not for 1000"}, 11));
    catalog.rules.push_back(rule({.privileged = true}, Pass{}, 12));
    catalog.rules.push_back(rule({.kubernetes_namespace = "prod", .sandbox = true}, Use{"open"}, 13));
    catalog.rules[0].selectable = {"open", "web"};
    catalog.otherwise = Use{"web"};
    catalog.otherwise_origin = {"rules.json", 20, 18};
    catalog.otherwise_selectable = {"open"};
    catalog.decision_log = "/var/log/aa-shim.jsonl";
    catalog.log_exec_processes = true;
    catalog.unsafe_annotations = {"vendor.key", "vendor.prefix."};
    return catalog;
}

// What a Selection says, in one line.
inline std::string text(const Result<Selection>& selection) {
    if (!selection) return "error: " + selection.error().message;
    std::string out = selection->why + ": ";
    if (const auto* use = std::get_if<Use>(&selection->outcome)) out += "use " + use->confinement;
    if (const auto* reject = std::get_if<Reject>(&selection->outcome)) out += "reject " + reject->message;
    if (std::get_if<Pass>(&selection->outcome) != nullptr) out += "pass";
    for (const auto& name : selection->selectable) out += " +" + name;
    if (selection->by_default) out += " by default";
    return out;
}

inline std::string text(const Origin& origin) { return origin.text(); }

// All of a confinement in one line.
inline std::string text(const Result<Confinement>& confinement) {
    if (!confinement) return "error: " + confinement.error().message;
    const auto& c = *confinement;
    std::string out = c.name + " at " + text(c.origin);
    const auto* profile = std::get_if<std::string>(&c.profile);
    out += profile != nullptr ? ", profile " + *profile : std::string(", unconfined");
    out += ", combine " + std::to_string(static_cast<int>(c.combine));
    const auto* set = std::get_if<CapabilitySet>(&c.ceiling);
    out += set != nullptr ? ", ceiling " + set->names() : std::string(", all capabilities");
    out += c.no_new_privileges ? ", nnp" : "";
    for (const auto& name : c.deny_syscalls) out += ", deny " + name;
    for (const auto& exec : c.exec_rules) {
        const auto* deny = std::get_if<ExecRule::Deny>(&exec.action);
        out += ", exec " + exec.command + (deny != nullptr ? " denied: " + deny->message : " under " + std::get<std::string>(exec.action));
        out += " at " + text(exec.origin);
    }
    for (const auto& [key, value] : c.runtime_annotations) out += ", annotation " + key + (value ? "=" + *value : "");
    out += c.restore == Restore::allow ? ", restore" : "";
    out += c.refuse_exec == RefuseExec::exit_status ? ", exit status" : "";
    return out + ", otherwise " + std::to_string(static_cast<int>(c.exec_otherwise)) + ", start " +
           std::to_string(static_cast<int>(c.start));
}

inline CompiledCatalog view(std::string_view bytes) {
    auto catalog = CompiledCatalog::view(bytes, "test");
    EXPECT_TRUE(catalog) << catalog.error().message;
    return *std::move(catalog);
}

inline constexpr FactPair kFrontend[] = {{"other", "x"}, {"tier", "frontend"}};
inline constexpr FactPair kTeam[] = {{"team", ""}};

struct SelectCase {
    const char* name;
    Facts facts;
    const char* expected;
};

inline const SelectCase kSelections[] = {
    {"nothing is known", {}, "otherwise, rules.json:20:18: use web +open"},
    {"all clauses hold", {.image = "nginx:1", .labels = kFrontend}, "rule rules.json:10:5: use web +open +web"},
    {"the full image counts too", {.image_full = "nginx:1", .labels = kFrontend}, "rule rules.json:10:5: use web +open +web"},
    {"one clause does not hold", {.image = "nginx:1"}, "otherwise, rules.json:20:18: use web +open"},
    {"the image is another", {.image = "xnginx", .labels = kFrontend}, "otherwise, rules.json:20:18: use web +open"},
    {"an empty annotation is there", {.annotations = kTeam, .user = 1000}, "rule rules.json:11:5: reject not for 1000"},
    {"a label is no annotation", {.labels = kTeam, .user = 1000}, "otherwise, rules.json:20:18: use web +open"},
    {"another user", {.annotations = kTeam, .user = 100}, "otherwise, rules.json:20:18: use web +open"},
    {"the first rule wins", {.image = "nginx", .labels = kFrontend, .privileged = true}, "rule rules.json:10:5: use web +open +web"},
    {"privileged", {.privileged = true}, "rule rules.json:12:5: pass"},
    {"not privileged", {.privileged = false}, "otherwise, rules.json:20:18: use web +open"},
    {"a sandbox", {.kubernetes_namespace = "prod", .sandbox = true}, "rule rules.json:13:5: use open"},
    {"a sandbox that no rule names", {.kubernetes_namespace = "test", .sandbox = true}, "the default for a pod's sandbox: pass by default"},
    {"a sandbox matches no other rule",
     {.image = "nginx", .labels = kFrontend, .sandbox = true},
     "the default for a pod's sandbox: pass by default"},
    {"no sandbox", {.kubernetes_namespace = "prod"}, "otherwise, rules.json:20:18: use web +open"},
};

// Everything that can be asked of a catalog, in one text.
inline std::string everything(const CompiledCatalog& catalog) {
    std::string out;
    for (const auto& c : kSelections) out += text(catalog.select(c.facts)) + "\n";
    for (const auto* name : {"web", "open", "none"}) out += text(catalog.confinement(name)) + "\n";
    out += std::string(catalog.decision_log()) + (catalog.needs_engine_record() ? " record" : "") +
           (catalog.logs_exec_processes() ? " processes" : "");
    for (const auto& name : catalog.architectures()) out += " " + name;
    for (const auto& name : catalog.unsafe_annotations()) out += " " + name;
    return out + std::to_string(static_cast<int>(catalog.without_apparmor()));
}

}  // namespace aa::apparmor::test
