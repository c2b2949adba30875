// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/report.h"

#include <algorithm>

namespace aa::ctl::status {

const char* name_of(Standing standing) {
    switch (standing) {
        case Standing::as_decided:
            return "as-decided";
        case Standing::created:
            return "created";
        case Standing::passed:
            return "passed";
        case Standing::deviates:
            return "deviates";
        case Standing::bypassed:
            return "bypassed";
        case Standing::forged:
            return "forged";
        case Standing::elsewhere:
            return "elsewhere";
        case Standing::agent:
            return "agent";
        case Standing::unreadable:
            break;
    }
    return "unreadable";
}

bool Survey::ok() const {
    const auto is_good = [this](const ContainerReport& report) {
        switch (report.standing) {
            case Standing::as_decided:
            case Standing::created:
            case Standing::passed:
            case Standing::agent:
                return true;
            case Standing::elsewhere:
                return !require_all;
            case Standing::deviates:
            case Standing::bypassed:
            case Standing::forged:
            case Standing::unreadable:
                break;
        }
        return false;
    };
    const bool all_forbid = std::none_of(twins.begin(), twins.end(), [](const Twin& twin) { return twin.complains && !twin.is_learned; });
    return catalog && unloaded.empty() && all_forbid && std::all_of(containers.begin(), containers.end(), is_good);
}

}  // namespace aa::ctl::status
