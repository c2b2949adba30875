// SPDX-License-Identifier: Apache-2.0
#include "shim/enforce.h"

#include "apparmor/kernel/profile_name.h"
#include "base/text.h"

namespace aa::shim {
namespace {

Error not_loaded(std::string_view component) {
    return {ErrorKind::not_found, concat({"the AppArmor profile ", quote(component),
                                          " is not loaded: run 'aa-shimctl load', or load it with "
                                          "apparmor_parser"})};
}

}  // namespace

Result<AppArmorState> apparmor_state(const apparmor::Kernel& kernel, apparmor::WithoutAppArmor choice) {
    auto enabled = kernel.require_enabled();
    if (enabled) return AppArmorState::available;
    if (choice == apparmor::WithoutAppArmor::capabilities_only) return AppArmorState::unavailable;
    return std::move(enabled).error();
}

Result<void> require_loaded(const apparmor::Kernel& kernel, const std::string& label) {
    if (label == apparmor::kUnconfined) return {};
    TRY(apparmor::check_label(label));
    if (TRY(kernel.is_loaded(label))) return {};
    for (const auto component : apparmor::components(label)) {
        if (!TRY(kernel.is_loaded(component))) return not_loaded(component);
    }
    return not_loaded(label);
}

}  // namespace aa::shim
