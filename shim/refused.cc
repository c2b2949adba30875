// SPDX-License-Identifier: Apache-2.0
#include "shim/refused.h"

#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"
#include "oci/state/state.h"
#include "shim/call.h"
#include "shim/facts.h"
#include "shim/host_key.h"
#include "shim/record.h"

namespace aa::shim {
namespace {

// The rule by which the catalog has judged FACTS.
void trace_rule(const ContainerFacts& facts, Trace& trace) {
    if (has_field(trace.fields, "rule")) return;
    const auto catalog = open_catalog(trace);
    if (!catalog) return;
    const auto view = facts.view();
    if (const auto selection = catalog->select(view.facts)) trace.fields.emplace_back("rule", selection->why);
}

// The container that is in BUNDLE, as its engine knows it: for a refusal by the catalog with all that its rules look at.
Result<void> trace_bundle(const oci::CommandLine& line, oci::RuntimeKind kind, std::string_view program, std::string_view directory,
                          ErrorKind why, Trace& trace) {
    const auto root = TRY(oci::state_root(line, kind));
    const auto bundle = TRY(oci::Bundle::open(directory));
    const auto config = TRY(oci::read_config(bundle.text()));
    const auto path = TRY(bundle.resolved_path());
    const oci::EngineCall call{root, path, line.id};
    if (why == ErrorKind::denied) {
        BundleRoot container_root(path, config);
        const auto facts = TRY(collect_facts(call, container_root, handler_from_program(program), {.host = false}));
        trace_subject(facts.subject(), trace.fields);
        trace.fields.emplace_back("facts", facts.summary());
        trace_rule(facts, trace);
        return {};
    }
    const auto engine = oci::identify_engine(call, config);
    const auto facts = oci::read_engine_facts(engine, call, config);
    if (!facts) trace.fields.emplace_back("engine", oci::engine_name(engine));
    if (facts) trace_subject(subject_of(*facts), trace.fields);
    return {};
}

Result<void> trace_exec(const oci::CommandLine& line, oci::RuntimeKind kind, std::string_view program, Trace& trace) {
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
    return trace_bundle(line, kind, program, state.bundle, ErrorKind::system, trace);
}

}  // namespace

void trace_refused(const oci::CommandLine& line, oci::RuntimeKind kind, std::string_view program, ErrorKind why, Trace& trace) {
    if (line.id.empty() || has_field(trace.fields, "engine")) return;
    const auto step = trace.step;  // what the refusal was about
    if (line.command == oci::Command::exec) {
        (void)trace_exec(line, kind, program, trace);
    } else {
        if (const auto handler = handler_from_program(program); !handler.empty()) trace.fields.emplace_back("handler", handler);
        (void)trace_bundle(line, kind, program, line.bundle, why, trace);
    }
    trace.step = step;
}

}  // namespace aa::shim
