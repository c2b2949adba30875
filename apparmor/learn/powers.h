// SPDX-License-Identifier: Apache-2.0
//
// What of that which a program does is worth a profile of its own: what others should not be able to do in its place. What everybody may read
// of an image, temporary files and what a process does with itself are none of that. For aa-shimctl only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "apparmor/learn/fact.h"

namespace aa::apparmor {

enum class Power : std::uint8_t {
    capability,
    network,  // beyond the host's kernel
    writing,  // of files that stay
    secrets,  // in homes, and what is handed to containers as such
};

// In words.
std::string_view power_name(Power power);

// What FACT takes; nothing: it is no power.
std::optional<Power> power_of(const Fact& fact);

}  // namespace aa::apparmor
