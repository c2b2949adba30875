// SPDX-License-Identifier: Apache-2.0
//
// A container that is described on the command line of `explain`, in the form that a bundle's facts have.
#pragma once

#include <string>
#include <vector>

#include "base/capability_set.h"
#include "base/result.h"
#include "ctl/explain/explain.h"
#include "oci/bundle/bundle.h"
#include "shim/facts.h"

namespace aa::ctl {

// What a config.json would ask of the host that brings what OPTIONS name.
Result<oci::Config> given_request(const ExplainOptions& options);

enum class Told {
    together,  // an error if no container of the engine could have the facts
    anything,  // they come from a record
};

// The facts that OPTIONS name; REQUEST is what given_request() makes of them. Devices are those of this host, and so are paths, unless they
// are taken as named. An error if no container of the engine could have them: aa-shim would never see them together.
Result<shim::ContainerFacts> given_facts(const ExplainOptions& options, const oci::Config& request, Told told = Told::together);

// "aa-shim-web", as daemon.json, a RuntimeClass and --runtime have it, is the runtime of the handler "web"; "aa-shim" has none.
std::string handler_of(const std::string& name);

// The process that an engine asks for in the container of CONFIG for the command of OPTIONS, and their user if they name one, when it is
// given no other settings than the container's own.
oci::ProcessSpec given_process(const oci::Config& config, const ExplainOptions& options);

// The capabilities that the container of OPTIONS asks for.
Result<CapabilitySet> given_capabilities(const ExplainOptions& options);

}  // namespace aa::ctl
