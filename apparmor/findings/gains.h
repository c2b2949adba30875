// SPDX-License-Identifier: Apache-2.0
//
// What one label allows and another does not, in the words of a finding.
#pragma once

#include <functional>
#include <string>

#include "apparmor/algebra/inclusion.h"

namespace aa::apparmor {

// What LABEL allows and BASE does not, both of POLICY: "'w /srv/**', such as 'w /srv/a', …". Empty if there is nothing, or if a profile is not
// there. What IS_MEANT says so of is left out.
std::string told_gains(Policy& policy, const std::string& label, const std::string& base,
                       const std::function<bool(const Gain&)>& is_meant = nullptr);

}  // namespace aa::apparmor
