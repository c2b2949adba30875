// SPDX-License-Identifier: Apache-2.0
//
// Findings as people and programs want them: lines of text, one JSON document, the commands of GitHub's workflows, and SARIF for
// whatever shows the results of code analysis.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

enum class Format : std::uint8_t { text, json, github, sarif };

// What becomes of warnings.
enum class Strictness : std::uint8_t { usual, warnings_are_errors };

// The severity of FINDING under STRICTNESS.
apparmor::Severity severity(const apparmor::Finding& finding, Strictness strictness);

// Whether nothing of FINDINGS is an error.
bool are_good(std::span<const apparmor::Finding> findings, Strictness strictness);

// One a line on standard error: "FILE:LINE:COLUMN: SEVERITY CODE: MESSAGE".
void report(std::span<const apparmor::Finding> findings, Strictness strictness);

// {"ok", "errors", "notes"}: of each "file", "line", "column", "problem" (the whole message), "code", "severity", "title", "what", "why",
// "cure". Warnings are among the notes, or among the errors under STRICTNESS.
Json to_json(std::span<const apparmor::Finding> findings, Strictness strictness);

// The command NAME (error, warning, notice) that makes a workflow on GitHub show MESSAGE, under TITLE, at ORIGIN.
std::string github_command(std::string_view name, const apparmor::Origin& origin, std::string_view title, std::string_view message);

// Commands that make a workflow on GitHub show each at its line ("Workflow commands for GitHub Actions": error, warning, notice).
std::string to_github(std::span<const apparmor::Finding> findings, Strictness strictness);

// A log of SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format").
Json to_sarif(std::span<const apparmor::Finding> findings, Strictness strictness);

}  // namespace aa::ctl
