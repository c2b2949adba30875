// SPDX-License-Identifier: Apache-2.0
//
// The policy that the kernel holds now, read from its own files (root only): the lists in its order, and the binary policy of
// each profile as it was loaded (`raw_data`), each when a question first needs it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "apparmor/policy/policy.h"

namespace aa::apparmor {

class LoadedPolicy : public Policy {
public:
    // The policy of KERNEL, which must outlive it.
    explicit LoadedPolicy(const Kernel& kernel) : kernel_(kernel) {}

    Result<const Profile*> find(std::string_view name) override;
    Result<std::vector<const Profile*>> list(std::string_view parent, std::string_view path) override;
    Result<std::vector<const Profile*>> all() override;
    [[nodiscard]] KernelBehaviour behaviour() const override;

    // The directory of the loaded profile NAME below the kernel's AppArmor directory: "policy/profiles/web.12".
    Result<std::string> directory(std::string_view name);

    // The binary policy of the loaded profile NAME, as it was loaded, with all that came with it.
    Result<std::string> binary(std::string_view name);

    // All loaded profiles, in the kernel's order, without their policy being read.
    struct Held {
        std::string name;
        Mode mode = Mode::unknown;  // the one that counts
        std::string directory;      // as above; empty: it is being changed right now
    };
    Result<std::vector<Held>> held();

private:
    struct Entry {
        std::string name;
        Mode mode = Mode::unknown;
        std::string directory;
        const Profile* profile = nullptr;  // once it was read
    };
    // One load: a profile with its children, as it was written to the kernel.
    struct Load {
        std::string id;
        std::vector<Profile> profiles;
    };

    Result<void> read_lists();
    Result<void> read_directories(const std::string& directory, std::string_view parent);
    Result<const Profile*> profile(Entry& entry);
    Result<std::vector<Profile>*> load_of(const Entry& entry);
    Entry* entry(std::string_view name);

    const Kernel& kernel_;
    bool lists_read_ = false;
    std::vector<Entry> entries_;  // in the kernel's order
    std::vector<std::unique_ptr<Load>> loads_;
};

// The same of KERNEL's PROFILE, as it is now.
Result<std::string> binary_policy(const Kernel& kernel, std::string_view profile);

}  // namespace aa::apparmor
