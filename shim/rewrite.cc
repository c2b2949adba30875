// SPDX-License-Identifier: Apache-2.0
#include "shim/rewrite.h"

namespace aa::shim {

oci::ProcessChanges process_changes(const Bounds& bounds) {
    return {.apparmor_profile = bounds.profile, .ceiling = bounds.ceiling, .set_no_new_privileges = bounds.no_new_privileges};
}

Result<oci::Splices> rewrite_config(const oci::Config& config, std::string_view text, const Decision& decision, const Annotations& record,
                                    const std::vector<std::string>& architectures) {
    oci::ConfigChanges changes{.process = {}, .annotations = record, .deny_syscalls = {}, .architectures = {}};
    if (!decision.pass) {
        changes.process = process_changes(decision.bounds);
        if (decision.bounds.profile) changes.process.apparmor_profile = decision.first_label();
        changes.deny_syscalls = decision.bounds.deny_syscalls;
        changes.architectures = architectures;
        changes.host = decision.host;
    }
    return oci::change_config(config, text, changes);
}

std::string rewrite_process(const oci::ProcessSpec& spec, std::string_view text, const Bounds& bounds) {
    oci::Splices splices;
    oci::change_process(spec, process_changes(bounds), splices);
    return splices.apply(text);
}

}  // namespace aa::shim
