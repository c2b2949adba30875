// SPDX-License-Identifier: Apache-2.0
//
// The catalog as the operator wrote it, as a typed value: the confinements and the rules that choose among them. Read
// from JSON by json.h, checked by check.h, written by compile.cc and looked up by compiled_catalog.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "apparmor/catalog/host.h"
#include "base/capability_set.h"

namespace aa::apparmor {

// Where something stands in a catalog file.
struct Origin {
    std::string file;  // as given, e.g. /etc/aa-shim/catalog.d/10-web.json
    std::uint32_t line = 0;
    std::uint32_t column = 0;

    [[nodiscard]] std::string text() const;  // "FILE:LINE:COLUMN"
};

enum class Combine : std::uint8_t { tighten, stack, replace };
enum class Start : std::uint8_t { in_profile, from_profile };
enum class ExecOtherwise : std::uint8_t { transition, base, deny };
enum class Restore : std::uint8_t { refuse, allow };
enum class RefuseExec : std::uint8_t { error, exit_status };

// The grants that weaken. Each is a type of its own, so that code which gives one away can be found by its name.
struct Unconfined {};       // "unconfined": true in place of a profile
struct AllCapabilities {};  // "allCapabilities": true in place of a ceiling

// The label that a confinement puts on its processes.
using ProfileChoice = std::variant<std::string, Unconfined>;

// "capabilities": "from-profile": all that the profile and whatever is reachable from it allows, evaluated by `aa-shimctl load`.
struct FromProfile {
    CapabilitySet evaluated;  // then, of a compiled catalog only
};
using CeilingChoice = std::variant<CapabilitySet, FromProfile, AllCapabilities>;

struct ExecRule {
    std::string command;  // pattern, against the resolved path
    // A profile to run the command under, or the message of a refusal.
    struct Deny {
        std::string message;
    };
    std::variant<std::string, Deny> action;
    Origin origin;
};

// An annotation by which a container may steer the runtime.
struct RuntimeAnnotation {
    std::string key;                   // pattern
    std::optional<std::string> value;  // pattern; nullopt: any value

    friend bool operator==(const RuntimeAnnotation&, const RuntimeAnnotation&) = default;
};

struct Confinement {
    std::string name;
    ProfileChoice profile;
    Combine combine = Combine::tighten;
    CeilingChoice ceiling;
    bool no_new_privileges = false;
    std::vector<std::string> deny_syscalls;
    std::vector<ExecRule> exec_rules;
    ExecOtherwise exec_otherwise = ExecOtherwise::transition;
    bool exec_unconfined = false;                // a transition may lead out of confinement (ux)
    RefuseExec refuse_exec = RefuseExec::error;  // what the engine sees of a command that may not be started
    Start start = Start::in_profile;
    Restore restore = Restore::refuse;  // whether such a container may come from a checkpoint
    std::vector<RuntimeAnnotation> runtime_annotations;
    HostCeilings host;
    Origin origin;
};

// `match`: every clause that is given must hold.
struct Match {
    std::vector<std::pair<std::string, std::string>> labels{};       // key → pattern
    std::vector<std::pair<std::string, std::string>> annotations{};  // key → pattern
    // Patterns.
    std::optional<std::string> engine{};
    std::optional<std::string> handler{};
    std::optional<std::string> kubernetes_namespace{};
    std::optional<std::string> pod{};
    std::optional<std::string> name{};
    std::optional<std::string> image{};
    std::optional<std::string> entrypoint{};
    std::optional<std::uint32_t> user{};
    std::optional<bool> privileged{};
    std::optional<bool> sandbox{};
    // What the request brings from the host.
    std::optional<std::string> host_path{};        // pattern: one of the paths
    std::vector<std::string> host_path_outside{};  // patterns: one of the paths matches none of these
    std::optional<std::string> device{};           // pattern, against its name or its numbers: one of the devices
    std::optional<HostNamespace> host_namespace{};
    std::optional<bool> unmasked{};
    std::optional<bool> hooks{};
};

// What a rule, or `otherwise`, does with a container.
struct Use {
    std::string confinement;
};
struct Reject {
    std::string message;
};
struct Pass {};  // "pass": true: the container is left as its engine made it
using Outcome = std::variant<Use, Reject, Pass>;

struct Rule {
    Match match;
    Outcome outcome;
    std::vector<std::string> selectable;  // confinements that the container may ask for by annotation
    bool weaker = false;
    Origin origin;
};

enum class WithoutAppArmor : std::uint8_t { refuse, capabilities_only };
enum class CompareExecs : std::uint8_t { before, after };  // its first instruction: what an exec starts

struct Catalog {
    std::vector<Confinement> confinements;
    std::vector<Rule> rules;  // in the order in which they are tried
    Outcome otherwise;
    Origin otherwise_origin;
    std::vector<std::string> otherwise_selectable;
    bool otherwise_weaker = false;  // a selectable confinement may be weaker
    WithoutAppArmor without_apparmor = WithoutAppArmor::refuse;
    std::vector<std::string> profile_dirs;
    std::vector<std::string> external_profiles;  // that other tools load: no file need define them where profiles are only checked
    std::string decision_log;                    // path of a JSON-lines file; empty: none
    bool log_exec_processes = false;             // which process an exec becomes is logged, too
    CompareExecs compare_execs = CompareExecs::before;
    // Annotations that the runtime in use says it interprets (`RUNTIME features`), beyond those that aa-shim knows; a last '.' makes a
    // prefix of one. Of a compiled catalog only: `aa-shimctl load` asks the runtime.
    std::vector<std::string> unsafe_annotations;

    [[nodiscard]] const Confinement* find(std::string_view name) const;
    // Whether PROFILE, or what it is a child of, is one of external_profiles.
    [[nodiscard]] bool is_external(std::string_view profile) const;
};

// The annotation by which a container asks for a confinement.
inline constexpr std::string_view kRequestAnnotation = "aa-shim/confinement";
// Keys under this prefix are aa-shim's own.
inline constexpr std::string_view kReservedPrefix = "aa-shim/";

}  // namespace aa::apparmor
