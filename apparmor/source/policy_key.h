// SPDX-License-Identifier: Apache-2.0
//
// What compiled policy depends on, as a key: the texts that the parser reads (parser_inputs.h), and the parser itself, what it is told by its options
// and its configuration, and what it compiles for. Equal keys mean equal policy; nothing but that is promised, and where it cannot be known
// there is no key. For aa-shimctl only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apparmor/source/parser_inputs.h"

namespace aa::apparmor {

// How the parser is called, as far as that counts.
struct ParserCall {
    std::string program;
    std::string includes;  // the directory in which it looks for included files first; empty: none
    std::string features;  // what it compiles for; empty: the running kernel

    friend auto operator<=>(const ParserCall&, const ParserCall&) = default;
};

// Where the parser finds what it is not told.
struct ParserPlaces {
    std::string base = "/etc/apparmor.d";
    std::string configuration = "/etc/apparmor/parser.conf";
    std::string kernel_features = "/sys/kernel/security/apparmor/features";
    std::string kernel_release =
        "/proc/sys/kernel/osrelease";  // which parsers from AppArmor 4 on look at as they compile, whatever for (seen with 4.1)
    // Written anew by ldconfig(8), which package managers run when a library was installed: of it, the time counts.
    std::string libraries = "/etc/ld.so.cache";
};

// The key of one file's policy.
struct PolicyKey {
    std::string digest;
    std::string stamp;  // see InputState; not a part of the key

    friend bool operator==(const PolicyKey&, const PolicyKey&) = default;
};

// The keys of files, by what these were when they were first asked for: each file is read once.
class PolicyKeys {
public:
    explicit PolicyKeys(ParserPlaces places) : places_(std::move(places)) {}

    // The key of what FILE becomes by CALL. Nothing if it depends on what is not known, or on the operator's links for the file ("disable",
    // "force-complain").
    std::optional<PolicyKey> of(const ParserCall& call, const std::string& file);

private:
    const std::optional<PolicyKey>& surroundings(const ParserCall& call);

    ParserPlaces places_;
    std::map<ParserCall, std::optional<PolicyKey>> surroundings_;
    std::map<std::string, ParserInputs> inputs_;  // by the directory of includes
};

}  // namespace aa::apparmor
