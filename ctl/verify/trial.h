// SPDX-License-Identifier: Apache-2.0
//
// Whether a container comes to aa-shim: one is started through the engine, looked at as `aa-shimctl status` looks at all, and taken
// away again with everything that was made for it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/status/survey.h"
#include "ctl/verify/recipe.h"

namespace aa::ctl::verify {

// What came of it.
struct Trial {
    std::string through;                            // what started it: "docker run"
    std::string name;                               // what it was called
    std::optional<status::ContainerReport> report;  // how it stood; nothing: it did not start, or was not found
    std::string problem;                            // what is wrong; empty: nothing
    std::vector<std::string> left;                  // what could not be taken away, in words
    std::string note;                               // what else to know

    [[nodiscard]] bool good() const { return problem.empty() && left.empty(); }
};

// Starts a container for ENGINE, which asks for the runtime aa-shim or, BY_DEFAULT, for none. Signals that end a program wait until
// everything is taken away. An error: it could not be tried, as no engine answers or there is no program to ask it with.
Result<Trial> try_container(const std::string& engine, const std::string& shim, bool by_default);

// What the program in the container does (kWait): nothing, for as long as a trial may take. Then it ends by itself, should nobody be
// there any more to end it.
int wait_in_container();

}  // namespace aa::ctl::verify
