// SPDX-License-Identifier: Apache-2.0
//
// probe_kernel: what aa::apparmor::Kernel says on the kernel that it is run on. For a test host, where AppArmor is real.
//
//   probe_kernel [LABEL…]
//
// prints "enabled: yes" or the complaint, "self: LABEL (mode)", and for each LABEL "loaded: LABEL", "not loaded: LABEL",
// "refused: MESSAGE" (check_label) or "error: MESSAGE". The exit code is 0 however the answers turn out.
#include <cstdio>
#include <string>
#include <string_view>

#include "apparmor/kernel.h"
#include "apparmor/profile_name.h"

namespace {

void print(std::string_view what, std::string_view value) {
    std::printf("%.*s: %.*s\n", static_cast<int>(what.size()), what.data(), static_cast<int>(value.size()), value.data());
}

void probe_label(const aa::apparmor::Kernel& kernel, std::string_view label) {
    if (const auto judged = aa::apparmor::check_label(label); !judged) {
        print("refused", judged.error().message);
        return;
    }
    const auto loaded = kernel.is_loaded(label);
    if (!loaded) {
        print("error", loaded.error().message);
    } else {
        print(*loaded ? "loaded" : "not loaded", label);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const aa::apparmor::Kernel kernel;
    const auto enabled = kernel.require_enabled();
    print("enabled", enabled ? std::string_view("yes") : std::string_view(enabled.error().message));
    const auto self = kernel.task_label(0);
    print("self", self ? self->label + " (" + std::string(mode_name(self->mode)) + ")" : self.error().message);
    for (int i = 1; i < argc; ++i) probe_label(kernel, argv[i]);
    return 0;
}
