// SPDX-License-Identifier: Apache-2.0
//
// Budget: how much work one call of aa-shim does on paths that a container's side wrote: PATH, links, mounts. It works on the host,
// outside of the container's limits, so what takes more than this is refused. Real containers need a few hundred steps.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace aa::oci {

// A step is one name of a path that is walked, one candidate of PATH, or this many bytes of text: a few system calls each, about
// 4 µs. All of them take some 35 ms.
inline constexpr std::size_t kMaxPathSteps = 8192;
inline constexpr std::size_t kBytesPerStep = 64;

// Resolutions that are left to the kernel as a whole (openat2(2)): each may go through 40 links of 4,095 bytes, which takes it 2.5 ms.
inline constexpr std::size_t kMaxKernelLookups = 24;

class Budget {
public:
    // Spends STEPS; an error of kind limit once there are not that many left, and from then on.
    Result<void> spend(std::size_t steps = 1) {
        if (steps > steps_) return exhausted();
        steps_ -= steps;
        return {};
    }

    // Spends what it takes to look at a text of SIZE bytes.
    Result<void> spend_text(std::size_t size) { return spend(1 + size / kBytesPerStep); }

    // Whether the kernel may be given one more path as a whole.
    bool take_kernel_lookup() { return kernel_lookups_ != 0 && kernel_lookups_-- != 0; }

private:
    Error exhausted();

    std::size_t steps_ = kMaxPathSteps;
    std::size_t kernel_lookups_ = kMaxKernelLookups;
};

}  // namespace aa::oci
