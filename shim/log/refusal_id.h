// SPDX-License-Identifier: Apache-2.0
//
// The decision id of a refusal. A refusal that comes again has the same one for as long as a minute of the clock lasts, so that its
// message is the same, too: kubelet counts equal events of a pod and shows one, and a probe is refused every few seconds. Each is still a
// record of its own.
//
// An id is a keyed hash (SipHash-2-4) of what was refused, by a key that is made anew at every boot and that root alone can read: who
// chooses container, command and message chooses no id with them, and foresees none.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aa::shim {

inline constexpr std::string_view kRefusalKeyPath = "/run/aa-shim/refusal-key";

using RefusalKey = std::array<std::uint64_t, 2>;

// Makes the key at PATH, whose directory exists, unless there is one.
Result<void> make_refusal_key(const std::string& path);

// The id of the refusal of COMMAND on CONTAINER for the reason MESSAGE at NOW (seconds); empty if there is no key that is root's.
std::string refusal_id(std::string_view command, std::string_view container, std::string_view message, long long now);

// SipHash-2-4 of TEXT (Aumasson and Bernstein, "SipHash: a fast short-input PRF").
std::uint64_t siphash(const RefusalKey& key, std::string_view text);

}  // namespace aa::shim
