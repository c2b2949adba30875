// SPDX-License-Identifier: Apache-2.0
//
// What each engine tells of its containers, as one table: what the docs say, `check` demands of rules, `explain` takes from the command
// line, and the schema shows editors (docs/catalog.md, "Match"; oci/engine reads it).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"

namespace aa::apparmor {

// Facts that not every engine tells.
enum class EngineFact : std::uint8_t { name, image, labels, kubernetes_namespace, pod, privileged, not_privileged, sandbox };

struct EngineTells {
    std::string_view engine;
    std::uint32_t facts;  // bit 1 << EngineFact for each

    [[nodiscard]] bool tells(EngineFact fact) const { return (facts >> static_cast<unsigned>(fact) & 1U) != 0; }
};

// All engines that the fact `engine` can name.
const std::array<EngineTells, 6>& engines_and_facts();

// The facts that MATCH looks at, of those that not every engine tells.
std::vector<EngineFact> facts_of(const Match& match);

// Why no container of an engine that the pattern ENGINE means can have FACTS ("containers of …"); empty: there is such an engine.
std::string why_not_told(const std::string* engine, const std::vector<EngineFact>& facts);

// Why a fact cannot look as MATCH wants it, whatever the engine: the name of a handler is not that of its runtime, a container's name has
// no slash in front, an image no scheme; empty: it can.
std::string why_no_such_fact(const Match& match);

}  // namespace aa::apparmor
