// SPDX-License-Identifier: Apache-2.0
//
// The profile under which containers are learned from, while they are: a twin of the confinement's, or, in place, that one itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::ctl {

class LearnedProfile {
public:
    static std::unique_ptr<LearnedProfile> twin_of(const apparmor::Kernel& kernel, std::string profile, const std::string& confinement);
    static std::unique_ptr<LearnedProfile> in_place(const apparmor::Kernel& kernel, std::string profile, const std::string& confinement);

    LearnedProfile() = default;
    LearnedProfile(const LearnedProfile&) = delete;
    LearnedProfile& operator=(const LearnedProfile&) = delete;
    virtual ~LearnedProfile() = default;

    // What it is called.
    [[nodiscard]] virtual const std::string& name() const = 0;

    // Has the kernel hold it, complaining, and tell of that. To be used under lock_for_load(), as end().
    virtual Result<void> complain() = 0;

    // Whether it still complains, as far as that can be told at once.
    [[nodiscard]] virtual bool goes_on() = 0;

    // Once it complained, nobody is to stay under that, whatever happened: it forbids again, by sources that DIRECTORIES have, or as before. In words.
    virtual Result<std::string> end(const std::vector<std::string>& directories) = 0;
};

}  // namespace aa::ctl
