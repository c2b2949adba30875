// SPDX-License-Identifier: Apache-2.0
//
// What the kernel would do if a process under a label executed a file (security/apparmor/domain.c): refuse it, or run it
// under which label, and why. Exact, or an error: never a guess.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "base/result.h"

namespace aa::apparmor {

// The file that is executed.
struct ExecFile {
    std::string path;    // as AppArmor sees it: absolute, symlinks resolved, in the task's mount namespace; of a script: its own
    bool owned = false;  // the task's fsuid owns it (both as the host numbers users)
    // The value of an extended attribute of it; nothing if it has none of that name. Without a function, a profile whose
    // attachment looks at attributes cannot be evaluated.
    std::function<std::optional<std::string>(std::string_view)> attribute{};
};

// How one component of a label takes the exec.
enum class Route : std::uint8_t {
    denied,      // no rule allows it, or its target is missing
    inherited,   // ix: the same profile goes on
    child,       // cx: a child, by attachment
    attached,    // px, or leaving a profile in unconfined mode: by attachment
    named,       // -> target
    stacked,     // -> &target
    unconfined,  // ux
    stayed,      // in unconfined mode, and nothing attaches
    learned,     // complain mode: the kernel makes a null profile
};

struct ExecStep {
    std::string from;  // the profile
    Route route = Route::denied;
    std::string to;           // the label that the kernel gives; empty: denied
    bool fallback = false;    // the rule's first choice was not there
    bool scrubbed = false;    // the rule asks for AT_SECURE
    bool unconfined = false;  // a rule leads to where nothing confines: `ux`, or a profile in unconfined mode
    bool ambiguous = false;   // several profiles attach: either none was taken, or the order of loading decided
    std::string reason;       // for people: "no rule of profile 'web' lets it execute '/bin/x'", …
};

struct ExecOutcome {
    bool allowed = false;
    // The label afterwards, as the kernel would have it but perhaps in another order of components; null profiles of
    // complain mode by the kernel's name for them ("web//null-/bin/x"). Empty: not allowed.
    std::string label;
    // The label to start the program under from outside: as `label`, with the profile itself in place of its null profile.
    std::string entered;
    bool scrubbed = false;        // AT_SECURE is set
    bool unconfined = false;      // so does the rule of some component
    bool complaining = false;     // allowed only because a profile complains instead of denying
    std::vector<ExecStep> steps;  // one for each component of the label
};

// What happens to a task under LABEL ("A", "A//child", "A//&B", "unconfined") that executes FILE. An error of kind
// not_found: a component is not loaded. Of kind config: it cannot be evaluated.
Result<ExecOutcome> exec_transition(Policy& policy, std::string_view label, const ExecFile& file);

// The permissions that LABEL has on PATH by its file rules: those that all components allow (the kernel's .access gives the
// same answer). `target` means something only for a label of one component.
Result<Permissions> file_permissions(Policy& policy, std::string_view label, std::string_view path, bool owned);

}  // namespace aa::apparmor
