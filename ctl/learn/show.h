// SPDX-License-Identifier: Apache-2.0
//
// What `aa-shimctl learn` tells of a learning: while it goes on, and when it has ended. All that containers chose is quoted here.
#pragma once

#include <string>
#include <vector>

#include "ctl/cli/output.h"
#include "ctl/learn/session.h"

namespace aa::ctl {

// How the learning from CONFINEMENT stands: what is kept of it, and whether it goes on.
struct LearnStatus {
    std::string confinement;
    bool goes_on = false;
    std::string twin;  // empty: the kernel has none
    bool complains = false;
    Progress progress;
    apparmor::Recording recording;
};

std::vector<std::string> lines_of(const LearnStatus& status, long long now);
Json json_of(const LearnStatus& status, long long now);

std::vector<std::string> lines_of(const Learned& learned);
Json json_of(const Learned& learned);

}  // namespace aa::ctl
