// SPDX-License-Identifier: Apache-2.0
//
// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): a keyed hash of a few hundred instructions. Who does not know
// the key can neither foresee the hash of a text nor find a text with a given one, but by trying it out on somebody who knows.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace aa {

using SipKey = std::array<std::uint64_t, 2>;

// The hash of TEXT in 64 bits.
std::uint64_t siphash64(const SipKey& key, std::string_view text);

// The hash of TEXT in 128 bits, by the authors' own variant (their reference code, siphash.c): with the same key, it tells nothing of the
// one in 64 bits.
std::array<std::uint64_t, 2> siphash128(const SipKey& key, std::string_view text);

}  // namespace aa
