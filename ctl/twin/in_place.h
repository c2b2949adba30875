// SPDX-License-Identifier: Apache-2.0
//
// Learning in place: a profile itself becomes its twin, under its own name, for all that runs under it. What the kernel had in its place is kept
// in a file before that, beside one that whoever learns holds; both are gone once it is put back. What one that was killed has left is put
// right by the next `learn` or `load`.
#pragma once

#include <string>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/fd.h"
#include "base/result.h"

namespace aa::ctl {

inline constexpr const char* kInPlaceDirectory = "/run/aa-shim/in-place";

// What stands there of the learning from a confinement.
struct InPlaceRecord {
    std::string confinement;
    std::string profile;
    std::string hash;        // of the binary policy that complains
    bool complains = false;  // the kernel has that
    bool is_held = false;    // somebody is there to learn
};
Result<std::vector<InPlaceRecord>> find_in_place(const apparmor::Kernel& kernel, const std::string& directory = kInPlaceDirectory);

// All that follows is to be used under lock_for_load().

// Has KERNEL hold again what it held before CONFINEMENT was learned from, unless somebody has loaded the profile since; which of these, in
// words. Nothing stands in DIRECTORY of it then.
Result<std::string> put_back(const apparmor::Kernel& kernel, const std::string& confinement,
                             const std::string& directory = kInPlaceDirectory);

class InPlace {
public:
    // Has KERNEL hold PROFILE, CONFINEMENT's, complaining. An error, and nothing is changed, where it could not be put back, where processes of
    // the host's would not come under it any more, or where it forbids nothing as it is.
    static Result<InPlace> begin(const apparmor::Kernel& kernel, const std::string& confinement, const std::string& profile);

    // Loads it once more, so that the kernel tells of it; an error if somebody else has loaded the profile meanwhile.
    Result<void> load_again(const apparmor::Kernel& kernel) const;

    // Whether KERNEL still has it so.
    [[nodiscard]] bool complains(const apparmor::Kernel& kernel) const;

private:
    InPlace(std::string profile, std::string twin, Fd held)
        : profile_(std::move(profile)), twin_(std::move(twin)), held_(std::move(held)) {}

    std::string profile_, twin_;  // the latter binary
    Fd held_;
};

}  // namespace aa::ctl
