// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "oci/bundle/host_request.h"
#include "shim/call.h"

namespace aa::shim {

// crun would set the rules for devices that it finds (libcrun/cgroup-resources.c), and Podman gives it those that the container's user once asked
// for, whatever was decided of them at its start. Both write what files of the control group "unified" names (runc update.go).
Result<Prepared> prepare_update(const Call& call) {
    oci::ArgumentChanges changes;
    if (call.line.resources_file) {
        const auto path = *call.line.resources_file == "-" ? std::string_view("/dev/stdin") : *call.line.resources_file;
        const auto text = TRY(read_document(path));
        const auto bounded = TRY(oci::bounded_resources(text).context(concat({"the resources in ", quote(path)})));
        changes.resources = TRY(hand_over(bounded, call.line));
    }
    return Prepared::from(call.line, changes);
}

}  // namespace aa::shim
