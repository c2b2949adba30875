// SPDX-License-Identifier: Apache-2.0
//
// The list and its default are those of nvidia-container-toolkit, internal/config/config.go (GetDefault); the first that is found is
// executed with the same arguments (internal/oci/runtime_low_level.go, runtime_syscall_exec.go).
#include "ctl/install/engine/nvidia.h"

#include "base/text.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install {

namespace {

constexpr const char* kConfig = "/etc/nvidia-container-runtime/config.toml";
const toml::Path kRuntimes = {"nvidia-container-runtime", "runtimes"};

}  // namespace

// The variants of one mode are nvidia-container-runtime.cdi and .legacy.
bool is_nvidia(std::string_view program) { return program.substr(program.rfind('/') + 1).starts_with("nvidia-container-runtime"); }

bool nvidia_leads_to(const Host& host, std::string_view program, std::string_view shim) {
    if (!is_nvidia(program)) return false;
    const auto file = host.read(kConfig);
    if (!file || !*file) return false;
    const auto document = toml::read((*file)->text, kConfig);
    const auto* pair = document ? document->pair(kRuntimes) : nullptr;
    if (pair == nullptr || pair->strings.empty()) return false;
    const auto& first = pair->strings.front();
    return first == shim || first.starts_with(concat({shim, "-"}));
}

std::string nvidia_remedy(const Host& host, std::string_view program, std::string_view shim) {
    if (!is_nvidia(program)) return {};
    return concat({"let it lead to aa-shim (runtimes = [", toml::quoted(shim), "] under [nvidia-container-runtime] in ",
                   host.place(kConfig), ") and leave it the default, "});
}

}  // namespace aa::ctl::install
