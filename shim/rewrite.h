// SPDX-License-Identifier: Apache-2.0
//
// Applying a decision: pure translations from what was decided to what the documents and the command line become. Doing it
// twice gives the same result.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/bundle/process_spec.h"
#include "oci/command_line/command_line.h"
#include "shim/decision.h"
#include "shim/record.h"

namespace aa::shim {

// What BOUNDS make of a process.
oci::ProcessChanges process_changes(const Bounds& bounds);

// The splices that make CONFIG obey DECISION and carry its RECORD. ARCHITECTURES are for a seccomp profile made from nothing.
Result<oci::Splices> rewrite_config(const oci::Config& config, std::string_view text, const Decision& decision, const Annotations& record,
                                    const std::vector<std::string>& architectures);

// The process spec TEXT of an exec, read as SPEC, as it obeys BOUNDS.
std::string rewrite_process(const oci::ProcessSpec& spec, std::string_view text, const Bounds& bounds);

}  // namespace aa::shim
