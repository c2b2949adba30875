// SPDX-License-Identifier: Apache-2.0
//
// The `linux.seccomp` object of a config.json: taking system calls away from it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/json/json.h"
#include "oci/json/splice.h"

namespace aa::oci {

// One entry of `syscalls`, as far as it matters for taking names away.
struct SeccompRule {
    json::Extent object;
    std::optional<json::Extent> names;
    std::string action;
    bool conditional = false;  // it has `args`: it holds for some calls only
};

struct Seccomp {
    std::optional<json::Extent> place;  // of the object or the null
    bool present = false;               // an object
    bool empty = false;                 // without members
    std::string default_action;
    std::string listener_path;             // of the seccomp agent; empty: none
    std::optional<json::Extent> syscalls;  // of the array or the null
    std::vector<SeccompRule> rules;
};

// Reads the seccomp object (or null) at which READER stands.
Seccomp read_seccomp(json::Reader& reader);

// Adds to SPLICES what denies each of NAMES: the names leave every rule that lets them through, and fail from then on as the
// default action says (Podman's with ENOSYS). Where the default lets calls through, a rule with EPERM is added for those
// that no unconditional rule denies yet.
// Nothing is ever allowed that was not. TEXT is the document that SECCOMP was read from. With no seccomp object at all the
// caller inserts new_seccomp().
void deny_syscalls(const Seccomp& seccomp, std::string_view text, std::span<const std::string> names, Splices& splices);

// A seccomp object that denies NAMES on ARCHITECTURES and allows everything else.
std::string new_seccomp(std::span<const std::string> names, std::span<const std::string> architectures);

}  // namespace aa::oci
