// SPDX-License-Identifier: Apache-2.0
//
// From what was denied to what would allow it: a rule of the profile language for exactly this, or, where no rule would do, what would.
// Names in a record are anybody's: in a rule they stand for themselves, whatever they hold. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>

#include "apparmor/audit/record.h"

namespace aa::apparmor {

struct Remedy {
    std::string rule;    // without the comma: "owner /srv/a rw"; empty: no rule of the profile allows it
    std::string flag;    // of the profile: "attach_disconnected"
    std::string advice;  // in words, where there is neither, or more to know
};

// What would allow EVENT, under its label.
Remedy remedy_for(const Event& event);

// The letters of a rule for those of a record, in any order: what creates, deletes and changes is writing (apparmor.d(5), "Access Modes").
std::string rule_letters(std::string_view denied);

// NAME as a pattern of the profile language that matches it and nothing else (apparmor.d(5), "Globbing (AARE)"): in quotes with escapes
// where it holds anything but letters, digits and what has no meaning there.
std::string exactly(std::string_view name);

}  // namespace aa::apparmor
