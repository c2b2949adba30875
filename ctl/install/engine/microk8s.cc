// SPDX-License-Identifier: Apache-2.0
//
// MicroK8s: a snap with a containerd of its own, whose configuration its start script makes of a template with variables in it (canonical/
// microk8s, microk8s-resources/wrappers/run-containerd-with-args). The default runtime is one of these variables, so what containers
// start with is not to be read from any file: it is recognised, so that no other containerd is taken for the node's, and left to a person.
#include "base/text.h"
#include "ctl/install/engine/engines.h"

namespace aa::ctl::install {

namespace {

constexpr const char* kTemplate = "/var/snap/microk8s/current/args/containerd-template.toml";

Result<void> want(Draft& draft, const Wanted& /*wanted*/) {
    return Error{
        ErrorKind::config,
        concat({"this node's engine is MicroK8s, whose containerd gets its configuration from ", quote(draft.host().place(kTemplate)),
                ", where variables stand for the runtime: aa-shimctl does not change it; docs/install.md has what to write "
                "there by hand"})};
}

Result<void> forget(Draft& draft) {
    const auto file = TRY(draft.host().read(kTemplate));
    if (file) draft.found_elsewhere(found_of_ours(DocumentKind::toml, file->text, draft.host().place(kTemplate)));
    return {};
}

Result<Validation> validation(const Host& /*host*/, bool /*any_state*/) { return Validation{nullptr, {}}; }

}  // namespace

const Engine kMicrok8s = {"microk8s", want, forget, validation};

}  // namespace aa::ctl::install
