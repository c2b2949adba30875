// SPDX-License-Identifier: Apache-2.0
#include "shim/refused.h"

#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"
#include "oci/state/state.h"
#include "shim/facts.h"
#include "shim/host_key.h"
#include "shim/record.h"

namespace aa::shim {
namespace {

// The container that is in BUNDLE, as its engine knows it.
Result<void> trace_bundle(const oci::CommandLine& line, oci::RuntimeKind kind, std::string_view directory, Trace& trace) {
    const auto root = TRY(oci::state_root(line, kind));
    const auto bundle = TRY(oci::Bundle::open(directory));
    const auto config = TRY(oci::read_config(bundle.text()));
    const auto path = TRY(bundle.resolved_path());
    const oci::EngineCall call{root, path, line.id};
    const auto engine = oci::identify_engine(call, config);
    const auto facts = oci::read_engine_facts(engine, call, config);
    Subject subject;
    subject.engine = oci::engine_name(engine);
    trace_subject(facts ? subject_of(*facts) : subject, trace.fields);
    return {};
}

Result<void> trace_exec(const oci::CommandLine& line, oci::RuntimeKind kind, Trace& trace) {
    const auto root = TRY(oci::state_root(line, kind));
    const auto state = TRY(oci::read_container_state(root, line.id, kind));
    const oci::EngineCall call{root, state.bundle, line.id};
    const auto key = known_host_key();
    const auto record = key ? read_record(state, call, *key) : Result<std::optional<Decision>>(key.error());
    if (record && *record) {
        trace.fields.emplace_back("container_decision", (*record)->id);
        trace_subject((*record)->subject, trace.fields);
        return {};
    }
    return trace_bundle(line, kind, state.bundle, trace);
}

}  // namespace

void trace_refused(const oci::CommandLine& line, oci::RuntimeKind kind, std::string_view program, Trace& trace) {
    if (line.id.empty() || has_field(trace.fields, "name")) return;
    if (line.command == oci::Command::exec) {
        if (!has_field(trace.fields, "engine")) (void)trace_exec(line, kind, trace);
        return;
    }
    const auto handler = handler_from_program(program);
    if (!handler.empty() && !has_field(trace.fields, "handler")) trace.fields.emplace_back("handler", handler);
    // Docker's record is read for a decision only where a rule asks for it.
    (void)trace_bundle(line, kind, line.bundle, trace);
}

}  // namespace aa::shim
