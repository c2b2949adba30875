// SPDX-License-Identifier: Apache-2.0
//
// An option on a command line: what it is, and where it stands.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace aa::oci {

using Arguments = std::span<const char* const>;  // argv without argv[0]

struct Flag;  // tables.h

// One option as it was read.
struct Option {
    const Flag* flag = nullptr;
    std::string_view value;         // of an option without value: "true"
    std::uint32_t token = 0;        // where its name stands
    std::uint32_t value_token = 0;  // where its value stands: `token` itself when it is attached
    std::uint32_t letter_at = 0;    // of a short option in a cluster: where in the token its letter stands (crun)
    bool short_name = false;

    friend bool operator==(const Option& a, const Option& b) {
        return a.flag == b.flag && a.token == b.token && a.value_token == b.value_token;
    }
};

}  // namespace aa::oci
