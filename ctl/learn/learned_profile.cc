// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/learned_profile.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "base/text.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {
namespace {

class UnderTwin : public LearnedProfile {
public:
    UnderTwin(const apparmor::Kernel& kernel, std::string profile, const std::string& confinement)
        : kernel_(kernel), profile_(std::move(profile)), twin_(concat({shim::kTwinPrefix, confinement})) {}

    [[nodiscard]] const std::string& name() const override { return twin_; }
    Result<void> complain() override { return load_complaining(kernel_, twin_); }
    [[nodiscard]] bool goes_on() override { return true; }  // a load leaves it alone
    Result<std::string> end(const std::vector<std::string>& directories) override {
        return load_enforcing(kernel_, directories, twin_, profile_);
    }

private:
    const apparmor::Kernel& kernel_;
    std::string profile_, twin_;
};

class UnderItself : public LearnedProfile {
public:
    UnderItself(const apparmor::Kernel& kernel, std::string profile, std::string confinement)
        : kernel_(kernel), profile_(std::move(profile)), confinement_(std::move(confinement)) {}

    [[nodiscard]] const std::string& name() const override { return profile_; }
    Result<void> complain() override {
        if (in_place_) return in_place_->load_again(kernel_);
        in_place_.emplace(TRY(InPlace::begin(kernel_, confinement_, profile_)));
        return {};
    }
    // The policy is read only where something of it has changed.
    [[nodiscard]] bool goes_on() override {
        const auto revision = kernel_.policy_revision();
        if (!revision || *revision == revision_) return true;
        revision_ = *revision;
        return !in_place_ || in_place_->complains(kernel_);
    }
    Result<std::string> end(const std::vector<std::string>& /*directories*/) override { return put_back(kernel_, confinement_); }

private:
    const apparmor::Kernel& kernel_;
    std::string profile_, confinement_;
    std::optional<InPlace> in_place_;
    std::uint64_t revision_ = 0;
};

}  // namespace

std::unique_ptr<LearnedProfile> LearnedProfile::twin_of(const apparmor::Kernel& kernel, std::string profile,
                                                        const std::string& confinement) {
    return std::make_unique<UnderTwin>(kernel, std::move(profile), confinement);
}

std::unique_ptr<LearnedProfile> LearnedProfile::in_place(const apparmor::Kernel& kernel, std::string profile,
                                                         const std::string& confinement) {
    return std::make_unique<UnderItself>(kernel, std::move(profile), confinement);
}

}  // namespace aa::ctl
