// SPDX-License-Identifier: Apache-2.0
//
// ScriptedPolicy: answers that a test wrote down, in place of a policy.
#pragma once

#include <map>
#include <string>

#include "apparmor/current_policy.h"

namespace aa::shim {

class ScriptedPolicy : public apparmor::PolicyQuestions {
public:
    Result<apparmor::ExecOutcome> exec(std::string_view label, const apparmor::ExecFile& file) override {
        const auto found = outcomes.find(std::string(label) + " " + file.path);
        if (found == outcomes.end()) return Error{ErrorKind::config, "nothing is known about " + std::string(label) + " " + file.path};
        return found->second;
    }
    Result<CapabilitySet> ceiling(std::string_view /*profile*/, CapabilitySet evaluated) override {
        if (unbounded) return Error{ErrorKind::config, "there is no bound"};
        return evaluated;
    }

    std::map<std::string, apparmor::ExecOutcome> outcomes;  // "LABEL PATH" → what happens
    bool unbounded = false;
};

inline apparmor::ExecOutcome outcome_of(apparmor::ExecStep step) {
    apparmor::ExecOutcome outcome;
    outcome.allowed = step.route != apparmor::Route::denied;
    outcome.label = outcome.entered = step.to;
    outcome.unconfined = step.unconfined = step.route == apparmor::Route::unconfined;
    outcome.steps.push_back(std::move(step));
    return outcome;
}

}  // namespace aa::shim
