// SPDX-License-Identifier: Apache-2.0
//
// The decision id of a refusal. A refusal that comes again has the same one for as long as a minute of the clock lasts, so that its
// message is the same, too: kubelet counts equal events of a pod and shows one, and a probe is refused every few seconds. Each is still a
// record of its own.
//
// An id is a keyed hash of what was refused: who chooses container, command and message chooses no id with them, and foresees none.
#pragma once

#include <string>
#include <string_view>

#include "base/siphash.h"

namespace aa::shim {

// The id of the refusal of COMMAND on CONTAINER for the reason MESSAGE at NOW (seconds).
std::string refusal_id(const SipKey& key, std::string_view command, std::string_view container, std::string_view message, long long now);

}  // namespace aa::shim
