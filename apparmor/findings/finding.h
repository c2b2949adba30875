// SPDX-License-Identifier: Apache-2.0
//
// What `aa-shimctl check` finds in profiles and catalogs, in one form for people, programs and code review tools. Each kind of finding
// has a stable code, which docs/findings.md explains and a comment in the file can silence. For aa-shimctl only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"

namespace aa::apparmor {

enum class Severity : std::uint8_t {
    error,    // the profile does not load, or does not confine
    warning,  // it loads, and a container under it will fail or is less confined than it looks
    note,     // worth a look
};

std::string_view severity_name(Severity severity);  // "error", "warning", "note"

// A kind of finding. Codes are never given to another kind: what is gone leaves a gap.
//   AA1xx syntax, AA2xx names and attachments, AA3xx flags, AA4xx living in a container, AA5xx the catalog against the profiles,
//   AA9xx silences.
struct FindingCode {
    std::string_view code;  // "AA101"
    Severity severity;
    std::string_view title;  // "exec qualifier in a deny rule"
};

// All kinds, by code.
std::span<const FindingCode> finding_codes();

// The kind CODE; nullptr if there is none.
const FindingCode* find_code(std::string_view code);

// A replacement of LENGTH bytes at OFFSET of the file that the finding is about.
struct Edit {
    std::size_t offset = 0;
    std::size_t length = 0;
    std::string text;

    friend bool operator==(const Edit&, const Edit&) = default;
};

struct Finding {
    std::string_view code;  // one of finding_codes()
    Origin origin;
    std::string problem;    // what is there, in one sentence without its period
    std::string why;        // why it matters, likewise
    std::string cure;       // what to write or do; empty where nobody can know
    std::vector<Edit> fix;  // the cure as edits of origin.file, where it is safe to apply: it widens nothing. In order, not overlapping

    [[nodiscard]] Severity severity() const;
    // "PROBLEM: WHY; CURE"
    [[nodiscard]] std::string message() const;
    // "FILE:LINE:COLUMN: SEVERITY AA101: PROBLEM: WHY; CURE", with the severity of its kind or another.
    [[nodiscard]] std::string text(Severity severity) const;
    [[nodiscard]] std::string text() const { return text(severity()); }
};

// By file, line, column and code, without repetitions.
void sort_findings(std::vector<Finding>& findings);

}  // namespace aa::apparmor
