// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl load --history and --rollback: the loads that were in force, and bringing one of them back.
#pragma once

#include <string>

#include "ctl/cli/command.h"

namespace aa::ctl {

// Prints the loads that are kept. kWrong if one of them was changed or damaged.
int show_history(const Context& context);

// Puts the load in force that was so many loads BACK; 0 is the last one.
int roll_back(const Context& context, unsigned back);

}  // namespace aa::ctl
