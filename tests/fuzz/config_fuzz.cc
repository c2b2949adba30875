// SPDX-License-Identifier: Apache-2.0
//
// A config.json that can be read can be changed, obeys afterwards, and needs no second change.
#include <cstdlib>

#include "oci/bundle/bundle.h"

namespace {

using namespace aa::oci;

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto config = read_config(text);
    if (!config) return 0;
    const std::pair<std::string, std::string> annotations[] = {{"aa-shim/confinement", "w\"eb"}, {"aa-shim/id", "1"}};
    const std::string denied[] = {"keyctl", "socket"};
    const aa::CapabilitySet ceiling(0x421);
    const ConfigChanges changes{.process = {.apparmor_profile = "web//&x", .ceiling = ceiling, .set_no_new_privileges = true},
                                .annotations = annotations,
                                .deny_syscalls = denied,
                                .architectures = {}};
    const auto splices = change_config(*config, text, changes);
    require(splices.has_value());
    const std::string result = splices->apply(text);
    const auto after = read_config(result);
    require(after && after->process.apparmor_profile == "web//&x" && after->process.no_new_privileges);
    require(after->process.requested().subset_of(ceiling) && after->annotation("aa-shim/confinement") == "w\"eb");
    const auto again = change_config(*after, result, changes);
    require(again && again->empty());
    return 0;
}
