// SPDX-License-Identifier: Apache-2.0
//
// One learning, from its beginning to its end: a profile complains, aa-shim is told, what comes is recorded; then the profile forbids again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/denials/log.h"
#include "ctl/learn/progress.h"
#include "shim/learning.h"

namespace aa::ctl {

struct LearnOptions {
    std::string confinement;
    shim::LearningFilter filter;
    bool in_place = false;                // the confinement's own profile complains, and not a twin
    std::vector<std::string> containers;  // in place: how the IDs begin of those that are meant; none: all of the confinement
    bool shared = false;                  // in place: whoever else has the profile is meant, too
    long long seconds = 0;                // after which it ends
};

struct Learned {
    Progress progress;
    apparmor::RecordingLosses losses;
    std::size_t facts = 0;
    LogRead read;
    std::vector<std::string> remarks;  // what was put right before, and how it ended
};

// Learns until the time is over, or SIGINT or SIGTERM comes. TELL is called with what a person should know meanwhile.
Result<Learned> learn(const LearnOptions& options, const std::function<void(const std::string&)>& tell);

}  // namespace aa::ctl
