// SPDX-License-Identifier: Apache-2.0
//
// Facts: what config.json and the engine's own records tell of a container, as the catalog's rules want it. The only
// place that knows both sides.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/facts.h"
#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"
#include "shim/decision.h"
#include "shim/host_facts.h"
#include "shim/program.h"

namespace aa::shim {

// Owns the strings that apparmor::Facts only views.
struct ContainerFacts {
    oci::EngineFacts engine;
    std::string handler;
    std::string image_full;
    std::string entrypoint;  // empty: it was not looked for
    std::vector<std::pair<std::string, std::string>> annotations;
    std::uint32_t user = 0;
    HostFacts host;

    // The facts as views into this object, which must not move meanwhile. The vectors hold what they view.
    struct View {
        std::vector<apparmor::FactPair> labels;
        std::vector<apparmor::FactPair> annotations;
        std::vector<std::vector<std::string>> host_paths;
        std::vector<apparmor::DeviceFact> devices;
        apparmor::Facts facts;
    };
    [[nodiscard]] View view() const;

    [[nodiscard]] Subject subject() const;

    // One line for the log: only what is known.
    [[nodiscard]] std::string summary() const;
};

// Who a container is by what its engine says.
Subject subject_of(const oci::EngineFacts& engine);

// What of the facts the rules ask for that takes looking for; what nobody asks for is not looked for.
struct FactsNeeded {
    bool engine_record = true;  // the engine's own files
    bool entrypoint = true;     // the file that the first program is
    bool host = true;           // what the request brings from the host
    bool device_names = true;   // … and the names that the host gives to devices
};

// The facts of the container that CALL is about, with that ROOT, called by the name HANDLER.
Result<ContainerFacts> collect_facts(const oci::EngineCall& call, BundleRoot& root, std::string_view handler, FactsNeeded needed);

// The handler that the program's own file name says: "web" for /usr/bin/aa-shim-web, empty for aa-shim.
std::string_view handler_from_program(std::string_view program);

}  // namespace aa::shim
