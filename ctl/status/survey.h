// SPDX-License-Identifier: Apache-2.0
//
// A survey of this host: every container that a runtime's state tells of, with every process in it, as the kernel sees them now,
// against what was decided. Nothing is changed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/status/report.h"

namespace aa::ctl::status {

struct SurveyOptions {
    std::vector<std::string> containers;  // as people name them; empty: all
    std::string root;                     // the runtime's --root; empty: everywhere the engines put containers
    bool require_all = false;             // see Survey
    bool patient = true;                  // what deviates counts if it does so for two seconds: it may be on its way into the container
};

// An error if the host cannot be looked at, or a container that was named is not there.
Result<Survey> take_survey(const SurveyOptions& options);

}  // namespace aa::ctl::status
