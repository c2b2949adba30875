// SPDX-License-Identifier: Apache-2.0
//
// The key of this host: 128 random bits that root alone can read, made when they are first needed and anew at every boot. The records of
// decisions are authentic by it (record.h), and equal refusals have equal ids (log/refusal_id.h).
//
// Called by a rootless engine, in a user namespace that leaves the host's root out, aa-shim can read nothing that is root's alone. There
// the key is the user's own, in $XDG_RUNTIME_DIR, where the runtimes keep such containers, too.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/siphash.h"

namespace aa::shim {

inline constexpr std::string_view kHostKeyPath = "/run/aa-shim/key";

// The key; made if there is none. An error if there is something else, or what others can read or write: nothing is replaced, as that
// would make every record void.
Result<SipKey> host_key();

// The key if there is one: nothing is made.
Result<SipKey> known_host_key();

// Makes the key at PATH, whose directory exists, unless there is one; of several that do so at once, one makes it. An error as above.
Result<void> make_host_key(const std::string& path);

}  // namespace aa::shim
