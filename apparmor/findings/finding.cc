// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/finding.h"

#include <algorithm>
#include <tuple>

#include "apparmor/findings/codes.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

auto place(const Finding& finding) {
    return std::tie(finding.origin.file, finding.origin.line, finding.origin.column, finding.code, finding.problem);
}

}  // namespace

std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::note:
            return "note";
    }
    return {};
}

std::span<const FindingCode> finding_codes() { return kFindingCodes; }

const FindingCode* find_code(std::string_view code) {
    const auto found = std::lower_bound(kFindingCodes.begin(), kFindingCodes.end(), code,
                                        [](const FindingCode& kind, std::string_view wanted) { return kind.code < wanted; });
    return found != kFindingCodes.end() && found->code == code ? &*found : nullptr;
}

Severity Finding::severity() const {
    const auto* kind = find_code(code);
    return kind != nullptr ? kind->severity : Severity::error;
}

std::string Finding::message() const { return concat({problem, why.empty() ? "" : ": ", why, cure.empty() ? "" : "; ", cure}); }

std::string Finding::text(Severity severity) const {
    return concat({origin.text(), ": ", severity_name(severity), " ", code, ": ", message()});
}

void sort_findings(std::vector<Finding>& findings) {
    std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) { return place(a) < place(b); });
    findings.erase(std::unique(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) { return place(a) == place(b); }),
                   findings.end());
}

}  // namespace aa::apparmor
