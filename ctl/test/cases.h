// SPDX-License-Identifier: Apache-2.0
//
// Policy tests as values: what the operator expects of a catalog and of its profiles, case by case. Read from JSON by reader.cc, answered by
// run.cc, which asks the code that decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/json.h"
#include "base/capability_set.h"
#include "ctl/explain/explain.h"

namespace aa::ctl::test {

// What is to come out; what is not given may be anything.
struct Expected {
    std::optional<std::string> confinement;
    std::optional<std::string> rule;                      // a part of the place that decides: "10-web.json", "10-web.json:31", "otherwise"
    std::optional<std::string> label;                     // of the program that is started
    std::optional<std::string> base;                      // the label from which programs are started
    std::optional<std::string> refused;                   // a part of the message
    std::optional<std::optional<CapabilitySet>> ceiling;  // nullopt in it: all capabilities
    std::optional<bool> no_new_privileges;
    bool pass = false;  // left as its engine made it
};

// A container by its facts, or by its bundle.
struct ContainerCase {
    ExplainOptions container;
    Expected expected;
};

// A command that is started in a container.
struct CommandCase {
    std::string confinement;   // empty: that of the container
    ExplainOptions container;  // or its bundle, in which the program is looked for
    std::string base;          // the label to start from; empty: that of the container or confinement
    std::vector<std::string> command;
    std::optional<std::uint32_t> user;
    std::string cwd;            // of a bundle
    std::optional<bool> owned;  // whether the process owns the file; nullopt: as the bundle has it, or root's process does
    Expected expected;          // `label` or `refused`
};

enum class Question : std::uint8_t { may, may_not, within };

// What a label allows, for all that `thing` covers.
struct ProfileCase {
    std::string label;
    Question question = Question::may;
    std::string thing;   // as for `query`; of `within` a label
    bool alone = false;  // of `may_not`: not wherever its processes can get
};

struct Case {
    apparmor::Origin origin;
    std::string name;
    std::variant<ContainerCase, CommandCase, ProfileCase> what;

    [[nodiscard]] std::string_view kind() const;  // "container", "command", "profile"
};

struct Reading {
    std::vector<Case> cases;  // meaningful only without errors
    std::vector<apparmor::Complaint> errors;
};

// Reads the SOURCES, all complaints in one go. A file without a case is an error: it would seem to test something.
Reading read_cases(const std::vector<apparmor::CatalogSource>& sources);

}  // namespace aa::ctl::test
