// SPDX-License-Identifier: Apache-2.0
//
// What came of policy tests as people and programs want it: lines of text, one JSON document, JUnit's XML for whatever shows the results of
// tests, and the commands of GitHub's workflows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ctl/cli/output.h"
#include "ctl/test/cases.h"
#include "ctl/test/outcome.h"

namespace aa::ctl::test {

enum class Format : std::uint8_t { text, json, github, junit };

struct Answered {
    const Case* of = nullptr;
    Outcome outcome;
};

std::size_t failures(std::span<const Answered> results);

// "FILE:LINE:COLUMN: NAME: expected …, got …: why; by FILE:LINE:COLUMN: RULE" of each that failed, and "N passed, N failed.".
std::string to_text(std::span<const Answered> results);

// {"ok", "passed", "failed", "cases"}: of each "file", "line", "column", "kind", "name", "passed" and, if it failed, "expected", "got", "why",
// "rules".
Json to_json(std::span<const Answered> results);

// A suite for each file ("testsuites", as JUnit's Ant task writes it and continuous integration reads it).
std::string to_junit(std::span<const Answered> results);

// An error for each that failed.
std::string to_github(std::span<const Answered> results);

}  // namespace aa::ctl::test
