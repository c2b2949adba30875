// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/recorder.h"

#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "ctl/learn/audit_limits.h"

namespace aa::ctl {
namespace {

constexpr long long kSaveEvery = 5;  // seconds

std::optional<std::uint32_t> lost_so_far() {
    const auto status = read_audit_status();
    return status ? std::optional(status->lost) : std::nullopt;
}

}  // namespace

Recorder::Recorder(const apparmor::Kernel& kernel, std::string confinement, std::string twin, const LogRead& read,
                   apparmor::Recording recording, Progress progress)
    : kernel_(kernel),
      confinement_(std::move(confinement)),
      twin_(std::move(twin)),
      read_(read),
      programs_([&kernel, this](unsigned long long pid) { return look_at_process(kernel, pid, twin_); }),
      recording_(std::move(recording)),
      progress_(std::move(progress)),
      lost_before_(lost_so_far()) {}

Result<void> Recorder::begin(long long now, long long ends) {
    progress_.began = now;
    progress_.ends = ends;
    return save(now);
}

void Recorder::take(const apparmor::Event& event, long long now) {
    // What a process says through the kernel, any container may say.
    if (event.teller != apparmor::Teller::kernel || !apparmor::is_under(event.label, twin_)) return;
    const auto facts = recording_.facts().size();
    const auto program = programs_.of(event);
    auto told = event;
    if (told.operation == "exec" && told.type == apparmor::EventType::audit) told.info.clear();  // "ix fallback": of the twin's own rule
    recording_.add(told, program);
    if (!programs_.interpreter().empty()) add_inherited(event, {programs_.interpreter(), "mr", event.user.value_or(0) + 1}, program);
    if (told.operation == "exec") add_inherited(told);
    ++progress_.events;
    note(facts, now);
}

// Under another profile the kernel would ask for these, too; under the twin it does not (security/apparmor/file.c, aa_inherit_files()).
void Recorder::add_inherited(const apparmor::Event& exec) {
    if (!exec.pid || !exec.user || exec.type == apparmor::EventType::denied || !look_at_process(kernel_, *exec.pid, twin_)) return;
    for (const auto& file : inherited_files(*exec.pid)) add_inherited(exec, file, exec.name);
}

// FILE was open already when the process of EVENT executed PROGRAM.
void Recorder::add_inherited(const apparmor::Event& event, const InheritedFile& file, const std::string& program) {
    apparmor::Event inherited;
    inherited.type = apparmor::EventType::audit;
    inherited.operation = apparmor::kInherited;
    inherited.label = event.label;
    inherited.name = file.name;
    inherited.denied = file.letters;
    inherited.user = event.user.value_or(0);
    inherited.owner = file.owner;
    recording_.add(inherited, program);
}

void Recorder::take(const shim::LearnedCall& call, long long now) {
    const auto& known = call.is_exec ? recording_.execs() : recording_.starts();
    const bool is_new = known.find(call.program) == known.end();
    programs_.know(call.program, call.called);
    call.is_exec ? recording_.add_exec(call.program, call.may_gain) : recording_.add_start(call.program, call.may_gain);
    ++(call.is_exec ? progress_.execs : progress_.starts);
    if (is_new) progress_.note_new(1, now);
}

void Recorder::note(std::size_t facts_before, long long now) {
    const auto facts = recording_.facts().size();
    if (facts > facts_before) progress_.note_new(facts - facts_before, now);
}

void Recorder::count_losses() {
    apparmor::RecordingLosses losses;
    losses.suppressed = read_.losses.suppressed + read_.losses.overwritten - counted_.suppressed - counted_.overwritten;
    losses.overruns = read_.losses.overruns - counted_.overruns;
    losses.unrecorded = read_.damaged - damaged_;
    const auto lost = lost_so_far();
    if (lost && lost_before_) losses.backlog = *lost - (*lost < *lost_before_ ? 0 : *lost_before_);  // somebody may set it to 0
    lost_before_ = lost;
    counted_ = read_.losses;
    damaged_ = read_.damaged;
    recording_.add(losses);
}

Result<void> Recorder::save(long long now) {
    count_losses();
    progress_.move_to(now);
    progress_.saved = now;
    return keep(confinement_, recording_, progress_);
}

Result<void> Recorder::save_sometimes(long long now) {
    const bool is_set_back = now < progress_.saved;  // the clock of the day is anybody's to set
    return is_set_back || now - progress_.saved >= kSaveEvery ? save(now) : Result<void>();
}

}  // namespace aa::ctl
