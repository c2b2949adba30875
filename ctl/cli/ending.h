// SPDX-License-Identifier: Apache-2.0
//
// The end of a command that goes on until somebody ends it, as something to wait for with poll(2).
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace aa::ctl {

// From now on SIGINT, SIGTERM and SIGHUP wait for who reads them, and nobody's reading what we write is no signal.
void block_end_signals();

// Readable once one of them has come; they are blocked from now on.
Result<Fd> end_signals();

// Readable after so many SECONDS; 0: never.
Result<Fd> end_after(unsigned seconds);

}  // namespace aa::ctl
