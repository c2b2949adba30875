// SPDX-License-Identifier: Apache-2.0
#include "apparmor/current_policy.h"
#include "apparmor/kernel/kernel.h"
#include "base/text.h"
#include "oci/state/state.h"
#include "shim/call.h"
#include "shim/enforce.h"
#include "shim/host_key.h"
#include "shim/judge.h"
#include "shim/record.h"
#include "shim/rewrite.h"

namespace aa::shim {
namespace {

Result<void> require_plain_config(const oci::CommandLine& line) {
    if (line.config_file.empty() || line.config_file == "config.json") return {};
    return Error{ErrorKind::usage, concat({"--config ", quote(line.config_file),
                                           ": aa-shim rewrites the config.json of the bundle and no other "
                                           "file; leave the option out"})};
}

void trace_facts(const ContainerFacts& facts, Trace& trace) {
    trace_subject(facts.subject(), trace.fields);
    if (!facts.handler.empty()) trace.fields.emplace_back("handler", facts.handler);
    trace.fields.emplace_back("facts", facts.summary());
}

// The rule by which CATALOG judges FACTS: all that is known of a decision that was not made.
void trace_rule(const apparmor::CompiledCatalog& catalog, const ContainerFacts& facts, Trace& trace) {
    const auto view = facts.view();
    if (const auto selection = catalog.select(view.facts)) trace.fields.emplace_back("rule", selection->why);
}

void trace_decision(const Decision& decision, const ContainerFacts& facts, Trace& trace) {
    if (decision.pass) trace.passed = facts.engine.sandbox ? Passed::sandbox : Passed::container;
    trace.fields.emplace_back("rule", decision.rule);
    trace.fields.emplace_back("confinement", decision.confinement);
    if (decision.bounds.profile) trace.fields.emplace_back("profile", *decision.bounds.profile);
    if (decision.start_label) trace.fields.emplace_back("start_profile", *decision.start_label);
    if (decision.bounds.ceiling) trace.fields.emplace_back("ceiling", decision.bounds.ceiling->names());
    if (!decision.learning.empty()) trace.fields.emplace_back("weakening", "learning");
    if (!decision.not_learned.empty()) trace.fields.emplace_back("not_learned", decision.not_learned);
}

// What the engine asked for that the decision takes away.
void trace_asked(const oci::Config& config, const Decision& decision, Trace& trace) {
    trace.fields.emplace_back("asked_profile", config.process.apparmor_profile.value_or(""));
    if (decision.bounds.ceiling) {
        trace.fields.emplace_back("capabilities_removed", (config.process.requested() - *decision.bounds.ceiling).names());
    }
}

// Of a restored process everything comes from the checkpoint, whoever wrote that; config.json is not applied to it (runc
// criu_linux.go, crun criu.c).
Result<void> require_restorable(const apparmor::CompiledCatalog& catalog, const Decision& decision) {
    const auto confinement = TRY(catalog.confinement(decision.confinement));
    if (confinement.restore == apparmor::Restore::allow) return {};
    return Error{
        ErrorKind::denied,
        concat({"confinement ", quote(confinement.name), " (", confinement.origin.text(),
                ") lets no container be restored, because capabilities, no-new-privileges and system call filters of its processes "
                "come from the checkpoint: create the container anew, or let the operator say \"restore\": \"allow\" there"})};
}

// It is by the container's control group that the kernel keeps devices from it, also those whose files an image brings. In a user namespace
// there is nothing to keep: no device's file opens there (user_namespaces(7)).
Result<void> require_device_cgroup(const apparmor::CompiledCatalog& catalog, const Decision& decision, const oci::CommandLine& line,
                                   const oci::Config& config) {
    if (!line.without_cgroup || config.host.find("user") != nullptr || in_user_namespace()) return {};
    const auto confinement = TRY(catalog.confinement(decision.confinement));
    if (!confinement.host.devices) return {};
    return Error{
        ErrorKind::denied,
        concat({"the runtime is told to make no control group (--cgroup-manager=disabled), without which nothing keeps the devices from "
                "the container that confinement ",
                quote(confinement.name), " (", confinement.origin.text(),
                ") does not list under \"devices\": start it with one (Podman: without --cgroups=disabled)"})};
}

// Tells whoever learns from the container of CALL, as DECISION has it, that it is started, and with which program.
void tell_start(const Call& call, const Decision& decision, BundleRoot& root) {
    const auto& args = root.config().process.args;
    if (decision.learning.empty() || args.empty()) return;
    const auto first = find_first_program(root, CapabilitySet::all());
    const bool may_gain = !decision.bounds.no_new_privileges && !root.config().process.no_new_privileges;
    tell_learner(decision.confinement,
                 {false, std::string(call.line.id), first ? first->program.file.path : args[0], called_by(args[0]), may_gain});
}

// A restored process keeps the label of the checkpoint; only the option changes it (CRIU's --lsm-profile).
oci::ArgumentChanges restore_changes(const oci::CommandLine& line, const Decision& decision) {
    oci::ArgumentChanges changes;
    if (line.command == oci::Command::restore && decision.bounds.profile) {
        changes.lsm_profile = concat({"apparmor:", decision.first_label()});
    }
    return changes;
}

}  // namespace

Result<apparmor::CompiledCatalog> open_catalog(Trace& trace) {
    trace.step = Trace::Step::opens_catalog;
    auto catalog = TRY(apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath)));
    trace.step = Trace::Step::other;
    trace.decision_log = catalog.decision_log();
    trace.logs_exec_processes = catalog.logs_exec_processes();
    trace.compares_execs_after = catalog.compare_execs() == apparmor::CompareExecs::after;
    return catalog;
}

Result<void> require_profile(const apparmor::Kernel& kernel, const std::string& label, Trace& trace) {
    trace.step = Trace::Step::asks_for_profile;
    TRY(require_loaded(kernel, label));
    trace.step = Trace::Step::other;
    return {};
}

Result<Prepared> prepare_start(const Call& call, Trace& trace) {
    TRY(require_plain_config(call.line));
    const auto catalog = TRY(open_catalog(trace));
    const apparmor::Kernel kernel;
    const auto apparmor = TRY(apparmor_state(kernel, catalog.without_apparmor()));

    const auto bundle = TRY(oci::Bundle::open(call.line.bundle));
    const auto config = TRY(oci::read_config(bundle.text()).context(concat({"config.json of the bundle ", quote(bundle.path())})));

    const auto root = TRY(oci::state_root(call.line, call.runtime.kind));
    const auto bundle_path = TRY(bundle.resolved_path());
    const oci::EngineCall engine_call{root, bundle_path, call.line.id};
    apparmor::CurrentPolicy policy(catalog, kernel);
    BundleRoot container_root(bundle_path, config);
    const auto facts = TRY(needed_facts(catalog, engine_call, container_root, handler_from_program(call.program)));
    trace_facts(facts, trace);
    TRY(check_working_directory(container_root, config.process.cwd));
    const LearningPlace learning(kernel);
    auto judged = judge_facts(catalog, facts, engine_call, container_root, apparmor, policy, &learning);
    if (!judged) trace_rule(catalog, facts, trace);
    auto decision = TRY(std::move(judged));
    decision.id = trace.id;
    trace_decision(decision, facts, trace);
    trace_asked(config, decision, trace);
    TRY(check_reserved_annotations(config, decision));
    const bool restores = call.line.command == oci::Command::restore && !decision.pass;
    if (restores) TRY(require_restorable(catalog, decision));
    if (!decision.pass) TRY(require_device_cgroup(catalog, decision, call.line, config));
    if (decision.bounds.profile) TRY(require_profile(kernel, *decision.bounds.profile, trace));
    if (decision.start_label) TRY(require_profile(kernel, *decision.start_label, trace));

    const auto record = make_record(decision, engine_call, TRY(host_key()));
    TRY(bundle.store(TRY(rewrite_config(config, bundle.text(), decision, record, catalog.architectures()))));
    tell_start(call, decision, container_root);
    auto prepared = Prepared::from(call.line, restore_changes(call.line, decision));
    if (!decision.pass) prepared.binds = std::move(decision);
    return prepared;
}

}  // namespace aa::shim
