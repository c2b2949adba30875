// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/transition.h"

#include <algorithm>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/attachment.h"
#include "apparmor/policy/label.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

bool has(std::uint32_t bits, std::uint32_t flag) { return (bits & flag) != 0; }

// One profile of the label on its way through the exec.
class Exec {
public:
    Exec(Policy& policy, const Profile& profile, const ExecFile& file)
        : policy_(policy),
          profile_(profile),
          file_(file),
          permissions_(profile.files.permissions(profile.files.match(profile.files_start, file.path), file.owned)) {
        step_.from = profile.name;
    }

    Result<ExecStep> run() {
        if (!has(permissions_.allow, permission::kExec)) {
            refuse(no_rule(), true);
            return std::move(step_);
        }
        TRY(find_target());
        if (step_.to.empty()) {
            refuse(concat({"the rule of ", profile(), " for ", path(), " (", rule(), ") leads nowhere: ", missing_}),
                   policy_.behaviour().complain_replaces_missing_target);
            return std::move(step_);
        }
        const bool goes_on = fell_back_ && step_.to == profile_.name;
        step_.scrubbed = !goes_on && !has(permissions_.target, exec_index::kUnsafe);
        step_.unconfined = !goes_on && TRY(confines_nothing(policy_, step_.to));
        step_.reason = reason();
        return std::move(step_);
    }

private:
    [[nodiscard]] std::string profile() const { return concat({"profile ", quote(profile_.name)}); }
    [[nodiscard]] std::string path() const { return quote(file_.path); }
    [[nodiscard]] std::string rule() const { return exec_rule_text(profile_, permissions_.target); }
    [[nodiscard]] std::uint32_t kind() const { return permissions_.target & exec_index::kTypeMask; }
    [[nodiscard]] std::string target_text() const {
        const std::size_t index = permissions_.target & exec_index::kIndexMask;
        return index < profile_.targets.size() ? profile_.targets[index] : std::string();
    }
    [[nodiscard]] bool of_child() const { return has(permissions_.target, exec_index::kChild); }

    // Sets `to`, or `missing_`.
    Result<void> find_target() {
        const std::string text = kind() == exec_index::kTable ? target_text() : std::string();
        const bool stacked = text.starts_with('&');
        std::string extra;
        if (stacked) extra = TRY(find_named(text.substr(1)));
        const bool gives_up = stacked && extra.empty();
        // 6.1 looks for the stack's base first, and can only fail then.
        const bool gives_up_later = gives_up && !policy_.behaviour().missing_stack_target_is_not_found;
        if (kind() == exec_index::kTable && !stacked) {
            step_.route = Route::named;
            step_.to = TRY(find_named(text));
        } else if (kind() == exec_index::kName || (stacked && (!gives_up || gives_up_later))) {
            TRY(attach());
        }
        if (step_.to.empty()) fall_back();
        if (gives_up_later) step_.to.clear();
        if (extra.empty() || step_.to.empty()) return {};
        step_.route = Route::stacked;
        step_.to = stack(step_.to, extra);
        return {};
    }

    // The label that TEXT names; empty if it is not loaded.
    Result<std::string> find_named(std::string_view text) {
        auto label = TRY(of_child() ? find_child(policy_, profile_, text) : find_label(policy_, text));
        if (label.empty()) missing_ = concat({quote(text), " is not loaded"});
        return label;
    }

    Result<void> attach() {
        const auto attached = TRY(find_attachment(policy_, of_child() ? std::string_view(profile_.name) : std::string_view(), file_));
        step_.route = of_child() ? Route::child : Route::attached;
        step_.ambiguous = attached.ambiguous;
        if (attached.profile != nullptr) {
            step_.to = attached.profile->name;
        } else if (missing_.empty()) {
            missing_ = attached.conflict ? "several profiles attach to it equally well, and so none does"
                       : of_child()      ? "no child of it attaches to the path"
                                         : "no profile attaches to the path";
        }
        return {};
    }

    void fall_back() {
        if (has(permissions_.target, exec_index::kInherit)) {
            step_.route = Route::inherited;
            step_.to = profile_.name;
        } else if (has(permissions_.target, exec_index::kUnconfined)) {
            step_.route = Route::unconfined;
            step_.to = kUnconfined;
        }
        fell_back_ = !step_.to.empty();
        step_.fallback = fell_back_ && kind() != 0;
    }

    [[nodiscard]] std::string no_rule() const {
        if (has(permissions_.deny, permission::kExec)) return concat({"a deny rule of ", profile(), " keeps it from executing ", path()});
        const auto others = profile_.files.permissions(profile_.files.match(profile_.files_start, file_.path), !file_.owned);
        if (!has(others.allow, permission::kExec)) return concat({"no rule of ", profile(), " lets it execute ", path()});
        return file_.owned ? concat({profile(), " does not let the owner of ", path(), " execute it"})
                           : concat({profile(), " lets only the owner of ", path(), " execute it"});
    }

    // PROBLEM refuses the exec, unless complaining is all that the profile does about it.
    void refuse(std::string problem, bool may_learn) {
        ExecStep& step = step_;
        const bool learns = may_learn && profile_.mode == Mode::complain;
        step.route = learns ? Route::learned : Route::denied;
        step.to = learns ? concat({profile_.name, "//null-", file_.path}) : std::string();
        step.fallback = false;
        step.reason = std::move(problem);
        if (learns) step.reason.append("; the profile is in complain mode and only logs this");
        if (profile_.mode == Mode::kill) step.reason.append("; the profile is in kill mode");
    }

    [[nodiscard]] std::string reason() const {
        const ExecStep& step = step_;
        std::string text = concat({profile(), " runs ", path(), " "});
        if (step.route == Route::inherited) {
            text += "in itself";
        } else if (step.route == Route::unconfined) {
            text += kUnconfined;
        } else {
            text.append("in ").append(quote(step.to));
            if (step.route == Route::child) text += ", the child that attaches to it";
            if (step.route == Route::attached) text += ", the profile that attaches to it";
        }
        text.append(" (").append(rule()).append(")");
        if (step.fallback) text.append(", because ").append(missing_);
        if (step.ambiguous && !step.fallback) text += "; another one attaches, too, and would win if it had been loaded in another order";
        return text;
    }

    Policy& policy_;
    const Profile& profile_;
    const ExecFile& file_;
    Permissions permissions_;
    ExecStep step_;
    bool fell_back_ = false;
    std::string missing_;  // why the first choice of the rule was not there
};

// What is not confined, by having no profile or one in unconfined mode, enters the profile that attaches.
Result<ExecStep> leave_unconfined(Policy& policy, std::string_view from, const ExecFile& file) {
    const auto attached = TRY(find_attachment(policy, {}, file));
    ExecStep step;
    step.from = from;
    step.ambiguous = attached.ambiguous;
    if (attached.profile == nullptr) {
        step.route = Route::stayed;
        step.to = from;
        step.reason = attached.conflict ? concat({"several profiles attach to ", quote(file.path), " equally well, and so none does"})
                                        : concat({"no profile attaches to ", quote(file.path)});
        return step;
    }
    step.route = Route::attached;
    step.to = attached.profile->name;
    step.reason = concat({"profile ", quote(step.to), " attaches to ", quote(file.path)});
    if (step.ambiguous) step.reason += "; another one attaches, too, and would win if it had been loaded in another order";
    return step;
}

Result<ExecStep> take(Policy& policy, std::string_view component, const ExecFile& file) {
    if (component == kUnconfined) return leave_unconfined(policy, component, file);
    const Profile& profile = *TRY(find_component(policy, component));
    if (profile.mode == Mode::unconfined) return leave_unconfined(policy, component, file);
    return Exec(policy, profile, file).run();
}

Result<void> check_path(const ExecFile& file) {
    if (file.path.starts_with('/') && file.path.find('\0') == std::string::npos) return {};
    return Error{ErrorKind::config, concat({"cannot evaluate an exec of ", quote(file.path), ": it is not an absolute path"})};
}

void combine(ExecOutcome& outcome, ExecStep step) {
    outcome.scrubbed |= step.scrubbed;
    outcome.unconfined |= step.unconfined;
    outcome.complaining |= step.route == Route::learned;
    if (step.route == Route::denied) outcome.allowed = false;
    const auto add = [](std::string& label, const std::string& more) { label = label.empty() ? more : stack(label, more); };
    add(outcome.label, step.to);
    add(outcome.entered, step.route == Route::learned ? step.from : step.to);
    outcome.steps.push_back(std::move(step));
}

}  // namespace

Result<ExecOutcome> exec_transition(Policy& policy, std::string_view label, const ExecFile& file) {
    TRY(check_path(file));
    ExecOutcome outcome;
    outcome.allowed = true;
    for (const auto component : TRY(label_components(label))) combine(outcome, TRY(take(policy, component, file)));
    if (outcome.allowed) return outcome;
    ExecOutcome refused;
    refused.steps = std::move(outcome.steps);
    return refused;
}

Result<Permissions> file_permissions(Policy& policy, std::string_view label, std::string_view path, bool owned) {
    Permissions all{.allow = ~std::uint32_t{0}};
    for (const auto component : TRY(label_components(label))) {
        if (component == kUnconfined) continue;
        const Profile& profile = *TRY(find_component(policy, component));
        if (profile.mode == Mode::unconfined) continue;
        const auto one = profile.files.permissions(profile.files.match(profile.files_start, path), owned);
        all = {.allow = all.allow & one.allow & ~one.deny, .target = one.target, .deny = all.deny | one.deny};
    }
    return all;
}

}  // namespace aa::apparmor
