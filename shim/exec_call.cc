// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>

#include "apparmor/current_policy.h"
#include "apparmor/kernel/kernel.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/state/state.h"
#include "shim/call.h"
#include "shim/enforce.h"
#include "shim/exec_decision.h"
#include "shim/host_key.h"
#include "shim/judge.h"
#include "shim/program.h"
#include "shim/rewrite.h"

namespace aa::shim {
namespace {

// The container that an exec enters.
struct Target {
    std::string root;  // the runtime's state directory
    oci::ContainerState state;
};

Result<Target> find_target(const Call& call) {
    Target target;
    target.root = TRY(oci::state_root(call.line, call.runtime.kind));
    target.state = TRY(oci::read_container_state(target.root, call.line.id, call.runtime.kind));
    if (target.state.init_pid == 0) {
        return Error{ErrorKind::not_found, "the container is not running: start it first"};
    }
    return target;
}

// What an exec starts, from its process spec or from its command line.
struct ExecProcess {
    std::string text;  // of process.json; empty without --process
    oci::ProcessSpec spec;
};

Result<ExecProcess> read_process_file(std::string_view path) {
    ExecProcess process{TRY(read_document(path)), {}};
    oci::json::Reader reader(process.text);
    process.spec = oci::read_process_spec(reader);
    TRY(reader.finish().context(concat({"process spec ", quote(path)})));
    return process;
}

constexpr std::string_view kPath = "PATH=";

// --user UID[:GID], as both runtimes read it.
Result<void> set_user(oci::ProcessSpec& spec, std::string_view user) {
    const std::size_t colon = user.find(':');
    unsigned long long uid = 0;
    unsigned long long gid = spec.gid;
    const bool good = parse_decimal(user.substr(0, colon), uid) && (colon == user.npos || parse_decimal(user.substr(colon + 1), gid)) &&
                      uid <= UINT32_MAX && gid <= UINT32_MAX;
    if (!good) return Error{ErrorKind::usage, concat({"--user ", quote(user), " is not of the form UID or UID:GID"})};
    spec.uid = static_cast<std::uint32_t>(uid);
    spec.gid = static_cast<std::uint32_t>(gid);
    return {};
}

// Without --process the runtime takes the process of the bundle's config.json and the words of the command line.
Result<ExecProcess> read_exec_words(const Call& call, const Target& target, const Bounds& bounds) {
    const auto bundle = TRY(oci::Bundle::open(target.state.bundle));
    auto config = TRY(oci::read_config(bundle.text()).context("config.json of the container"));
    ExecProcess process{{}, std::move(config.process)};
    if (bounds.ceiling && !process.spec.requested().subset_of(*bounds.ceiling)) {
        return Error{ErrorKind::denied,
                     concat({"config.json of the container grants capabilities beyond the ceiling: start the container anew "
                             "through aa-shim, or exec with --process"})};
    }
    process.spec.args.assign(call.line.words.begin(), call.line.words.end());
    if (call.line.cwd) process.spec.cwd = *call.line.cwd;
    for (const auto variable : call.line.env) {
        if (!variable.starts_with(kPath)) continue;
        process.spec.path = variable.substr(kPath.size());
        process.spec.path_present = true;
    }
    if (call.line.user) TRY(set_user(process.spec, *call.line.user));
    return process;
}

// Whether it matters what program an exec under CONFINEMENT and BOUNDS starts.
bool needs_program(const apparmor::Confinement& confinement, const Bounds& bounds) {
    return bounds.profile ? looks_at_program(confinement) : denies_programs(confinement);
}

// Lets PROGRAM have its label, from which BOUNDS start; where AppArmor is off, there is none to have.
Result<void> judge_program(const apparmor::Confinement& confinement, const Program& program, apparmor::PolicyQuestions& policy,
                           bool is_learned, Bounds& bounds, std::vector<std::string>& reasons) {
    if (!bounds.profile) return judge_exec_without_apparmor(confinement, program, reasons);
    const auto& base = *bounds.profile;
    bounds.profile =
        TRY(is_learned ? judge_learned_exec(confinement, base, program, reasons) : judge_exec(confinement, base, program, policy, reasons));
    return {};
}

void trace_container(const Decision& container, Trace& trace) {
    if (!container.id.empty()) trace.fields.emplace_back("container_decision", container.id);
    trace_subject(container.subject, trace.fields);
    trace.fields.emplace_back("rule", container.rule);
    trace.fields.emplace_back("confinement", container.confinement);
}

void trace_exec(const Bounds& bounds, const oci::ProcessSpec& spec, Trace& trace) {
    if (bounds.profile) trace.fields.emplace_back("base_profile", *bounds.profile);
    trace.fields.emplace_back("asked_profile", spec.apparmor_profile.value_or(""));
    if (!spec.args.empty()) trace.fields.emplace_back("program", spec.args[0]);
    // Arguments may hold secrets: only their number is recorded.
    trace.fields.emplace_back("arguments", decimal(static_cast<long long>(spec.args.size())));
}

// What the program is found to be, by which it is judged.
void trace_program(const Program& program, Trace& trace) {
    trace.fields.emplace_back("program_path", program.file.path);
    trace.fields.emplace_back("program_owned", program.file.owned ? "true" : "false");
}

// The command line's own spellings of what a process spec would say.
oci::ArgumentChanges word_changes(const Bounds& bounds) {
    oci::ArgumentChanges changes;
    changes.apparmor = bounds.profile;
    changes.set_no_new_privs = bounds.no_new_privileges;
    changes.ceiling = bounds.ceiling;
    return changes;
}

Result<oci::ArgumentChanges> apply_bounds(const Call& call, const ExecProcess& process, const Bounds& bounds) {
    if (!call.line.process_file) return word_changes(bounds);
    oci::ArgumentChanges changes;
    changes.process_file = TRY(hand_over(rewrite_process(process.spec, process.text, bounds), call.line));
    return changes;
}

// Without capabilities of its own an exec gets the container's (runc exec.go, crun container.c): fine where aa-shim bounded
// those, unknown otherwise.
Result<void> require_known_capabilities(const oci::CommandLine& line, const oci::ProcessSpec& spec, const Decision& container) {
    const bool recorded = !container.id.empty();
    const bool named = line.process_file && spec.capabilities_present;
    if (recorded || named || !container.bounds.ceiling) return {};
    return Error{ErrorKind::denied,
                 "the container was not started by aa-shim, and the exec names no capabilities, so they would be the container's: "
                 "start it anew through aa-shim"};
}

// Tells whoever learns from the container of CALL what SPEC starts in it, within BOUNDS.
void tell_exec(const Call& call, const apparmor::Confinement& confinement, RunningRoot& root, const oci::ProcessSpec& spec,
               const Bounds& bounds) {
    if (spec.args.empty()) return;
    const auto program = find_program(root, spec, CapabilitySet::all());
    const bool may_gain = !bounds.no_new_privileges && !spec.no_new_privileges;
    tell_learner(confinement.name,
                 {true, std::string(call.line.id), program ? program->file.path : spec.args[0], called_by(spec.args[0]), may_gain});
}

}  // namespace

Result<Prepared> prepare_exec(const Call& call, Trace& trace) {
    const auto catalog = TRY(open_catalog(trace));
    const apparmor::Kernel kernel;
    const auto apparmor = TRY(apparmor_state(kernel, catalog.without_apparmor()));

    apparmor::CurrentPolicy policy(catalog, kernel);
    const auto target = TRY(find_target(call));
    const oci::EngineCall engine_call{target.root, target.state.bundle, call.line.id};
    const auto handler = handler_from_program(call.program);
    const auto container = TRY(container_decision(catalog, engine_call, target.state, handler, apparmor, policy, TRY(host_key())));
    trace_container(container, trace);
    if (container.pass) return Prepared::from(call.line, {});
    const auto confinement = TRY(catalog.confinement(container.confinement).context("the container was started under it, but"));
    const auto learned = learned_now(container, LearningPlace(kernel));
    const bool is_learned = learned == LearnedNow::under_twin;
    if (learned != LearnedNow::no) trace.fields.emplace_back("weakening", "learning");
    auto bounds = exec_bounds(container, confinement, is_learned);
    const auto process = TRY(call.line.process_file ? read_process_file(*call.line.process_file) : read_exec_words(call, target, bounds));
    RunningRoot root(target.state);
    TRY(check_working_directory(root, process.spec.cwd));
    TRY(require_known_capabilities(call.line, process.spec, container));
    TRY(require_filter(container, confinement));

    trace_exec(bounds, process.spec, trace);
    std::vector<std::string> reasons;
    if (needs_program(confinement, bounds) && !process.spec.args.empty()) {
        const auto program = TRY(find_program(root, process.spec, bounds.ceiling.value_or(CapabilitySet::all())));
        trace_program(program, trace);
        auto judged = judge_program(confinement, program, policy, is_learned, bounds, reasons);
        trace.as_exit_status = !judged && is_given_as_status(confinement, judged.error());
        TRY(std::move(judged));
    }
    if (learned != LearnedNow::no) tell_exec(call, confinement, root, process.spec, bounds);
    if (!reasons.empty()) trace.fields.emplace_back("reasons", join(reasons, "; "));
    if (bounds.profile) {
        trace.fields.emplace_back("profile", *bounds.profile);
        TRY(require_profile(kernel, *bounds.profile, trace));
    }
    auto prepared = Prepared::from(call.line, TRY(apply_bounds(call, process, bounds)));
    prepared.binds_exec = {std::move(bounds), target.state.init_pid};
    return prepared;
}

}  // namespace aa::shim
