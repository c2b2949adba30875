// SPDX-License-Identifier: Apache-2.0
//
// The counters of this host: one small file of 64-bit numbers that every aa-shim adds to, through shared memory and without
// waiting for anybody. `aa-shimctl load` makes it, `aa-shimctl metrics` reads it; docs/logging.md describes it. Counting never
// stops or fails anything: where there is no file, or one that is not ours, nothing is counted.
//
// The file belongs to root, who alone can write it, and never shrinks: a new one takes its place by a rename. So the memory that
// maps it stays valid.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/command_line/command_line.h"
#include "shim/log/trace.h"

namespace aa::shim {

inline constexpr std::string_view kCountersPath = "/run/aa-shim/counters";

// Behind a head of 16 bytes (magic, version, number of counters) each has its place for good: new ones are added at the end.
enum class Counter : std::uint8_t {
    create_allowed,
    create_refused,
    run_allowed,
    run_refused,
    restore_allowed,
    restore_refused,
    exec_allowed,
    exec_refused,
    refused_policy,  // these five: in the order of Refusal
    refused_catalog,
    refused_profile,
    refused_config,
    refused_system,
    mismatches,
    passed_sandboxes,
    passed_containers,
    found_processes,  // these four, and what was killed for it: by aa-shimctl watch
    found_containers,
    found_profiles,
    found_host,
    killed_processes,
};
inline constexpr std::size_t kCounters = 21;

using CounterValues = std::array<std::uint64_t, kCounters>;

// Adds one for the decision on COMMAND (create, run, restore or exec); one for the REFUSAL if it is one, else one for a container that
// was passed.
void count_allowed(oci::Command command, Passed passed) noexcept;
void count_refused(oci::Command command, Refusal refusal) noexcept;

// Adds one to the containers that were ended because the kernel's word on them was not the decision's.
void count_mismatch() noexcept;

// Adds one to COUNTER, which is none of the above.
void count(Counter counter) noexcept;

// What the file at PATH says; a counter that it does not have yet is 0. An error if it is missing, not root's, or something else.
Result<CounterValues> read_counters(const std::string& path);

// Makes the file at PATH, whose directory exists, unless one is there that has all counters. What an older one counted is kept.
Result<void> make_counters(const std::string& path);

}  // namespace aa::shim
