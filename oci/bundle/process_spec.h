// SPDX-License-Identifier: Apache-2.0
//
// ProcessSpec: what a runtime-spec `process` object asks for (config.json's member of that name, or the whole
// process.json of an exec), and the places of the fields that aa-shim owns.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/capability_set.h"
#include "base/result.h"
#include "oci/json/json.h"
#include "oci/json/splice.h"

namespace aa::oci {

// The five capability sets of a process, in the order of the runtime-spec (config.md, "Linux Process").
enum class CapabilityKind : std::uint8_t { bounding, effective, inheritable, permitted, ambient };
inline constexpr std::array<std::string_view, 5> kCapabilityKinds{"bounding", "effective", "inheritable", "permitted", "ambient"};

// One capability set as written: where its array is, and what it holds.
struct CapabilityArray {
    json::Extent extent;       // the whole value
    CapabilitySet known;       // the names this program knows
    bool has_unknown = false;  // the array holds a name this program does not know
};

struct ProcessSpec {
    json::Extent object;  // `{` … `}` of the process object itself
    bool empty = false;   // the object has no member

    // Asked for by the caller. `nullopt`: absent or null.
    std::optional<std::string> apparmor_profile;
    std::optional<json::Extent> apparmor_place;  // of the value, a null included
    bool no_new_privileges = false;
    std::optional<json::Extent> no_new_privileges_place;
    std::optional<json::Extent> capabilities_place;  // of the object or the null
    bool capabilities_present = false;               // an object, not absent and not null
    std::array<std::optional<CapabilityArray>, 5> capabilities;

    std::vector<std::string> args;
    std::string cwd;
    std::string path;           // the last PATH= of `env`, empty if none
    bool path_present = false;  // there is one, be it empty
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> additional_gids;

    [[nodiscard]] const std::optional<CapabilityArray>& set(CapabilityKind kind) const {
        return capabilities[static_cast<std::size_t>(kind)];
    }
    // Union of the five sets.
    [[nodiscard]] CapabilitySet requested() const;
};

// Reads the process object at which READER stands. A duplicate or case variant of a member that aa-shim owns or reads
// makes READER fail, a wrong type too; null stands for an absent member.
ProcessSpec read_process_spec(json::Reader& reader);

// What a decision does to a process.
struct ProcessChanges {
    std::optional<std::string> apparmor_profile;  // nullopt: leave it as it is. Never empty
    std::optional<CapabilitySet> ceiling;         // nullopt: leave the sets as they are
    bool set_no_new_privileges = false;
};

// Adds to SPLICES what turns SPEC into one that obeys CHANGES: only the bytes of the owned fields. The ambient set is cut
// to inheritable ∩ permitted as well (capabilities(7): the kernel refuses anything else). A set that obeys already is
// left byte-equal, so doing it twice gives the same result.
void change_process(const ProcessSpec& spec, const ProcessChanges& changes, Splices& splices);

}  // namespace aa::oci
