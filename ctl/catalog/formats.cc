// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/formats.h"

#include <algorithm>

#include "base/text.h"

namespace aa::ctl {

using apparmor::Finding;
using apparmor::FindingCode;
using apparmor::Severity;

namespace {

Json to_json(const Finding& finding, Strictness strictness) {
    const auto* kind = apparmor::find_code(finding.code);
    return {{"file", finding.origin.file},
            {"line", finding.origin.line},
            {"column", finding.origin.column},
            {"problem", finding.message()},
            {"code", finding.code},
            {"severity", severity_name(severity(finding, strictness))},
            {"title", kind != nullptr ? kind->title : std::string_view()},
            {"what", finding.problem},
            {"why", finding.why},
            {"cure", finding.cure}};
}

std::string percent(char c) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    return {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
}

// TEXT as the runner of workflows reads it: as the value of a property, or as the message behind the last "::".
std::string escaped(std::string_view text, bool is_property) {
    std::string result;
    for (const char c : text) {
        const bool special = c == '%' || c == '\r' || c == '\n' || (is_property && (c == ':' || c == ','));
        result += special ? percent(c) : std::string(1, c);
    }
    return result;
}

std::string number(std::uint32_t value) { return decimal(static_cast<long long>(value)); }

std::string_view command_for(Severity severity) { return severity == Severity::note ? "notice" : severity_name(severity); }

// FILE as a reference of RFC 3986: absolute paths as file: URLs.
std::string uri_of(std::string_view file) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    std::string uri = file.starts_with('/') ? "file://" : "";
    for (const char c : file) uri += kPlain.find(c) != kPlain.npos ? std::string(1, c) : percent(c);
    return uri;
}

// Whole files have no line; SARIF numbers lines from 1, and so do we.
Json location(const apparmor::Origin& origin) {
    Json place = {{"artifactLocation", {{"uri", uri_of(origin.file)}}}};
    if (origin.line > 0) place["region"] = {{"startLine", origin.line}, {"startColumn", std::max(origin.column, 1U)}};
    return {{"physicalLocation", std::move(place)}};
}

Json sarif_rule(const FindingCode& kind) {
    return {{"id", kind.code},
            {"shortDescription", {{"text", kind.title}}},
            {"defaultConfiguration", {{"level", severity_name(kind.severity)}}}};
}

}  // namespace

Severity severity(const Finding& finding, Strictness strictness) {
    const auto own = finding.severity();
    return own == Severity::warning && strictness == Strictness::warnings_are_errors ? Severity::error : own;
}

bool are_good(std::span<const Finding> findings, Strictness strictness) {
    return std::none_of(findings.begin(), findings.end(),
                        [&](const Finding& finding) { return severity(finding, strictness) == Severity::error; });
}

void report(std::span<const Finding> findings, Strictness strictness) {
    for (const auto& finding : findings) complain(finding.text(severity(finding, strictness)));
}

Json to_json(std::span<const Finding> findings, Strictness strictness) {
    Json errors = Json::array();
    Json notes = Json::array();
    for (const auto& finding : findings)
        (severity(finding, strictness) == Severity::error ? errors : notes).push_back(to_json(finding, strictness));
    return {{"ok", errors.empty()}, {"errors", std::move(errors)}, {"notes", std::move(notes)}};
}

std::string github_command(std::string_view name, const apparmor::Origin& origin, std::string_view title, std::string_view message) {
    const auto& [file, line, column] = origin;
    std::string text = concat({"::", name, " file=", escaped(file, true)});
    if (line > 0) text += concat({",line=", number(line), ",col=", number(column)});
    return text + concat({",title=", escaped(title, true), "::", escaped(message, false), "\n"});
}

std::string to_github(std::span<const Finding> findings, Strictness strictness) {
    std::string text;
    for (const auto& finding : findings)
        text += github_command(command_for(severity(finding, strictness)), finding.origin, finding.code, finding.message());
    return text;
}

Json to_sarif(std::span<const Finding> findings, Strictness strictness) {
    Json rules = Json::array();
    for (const auto& kind : apparmor::finding_codes()) rules.push_back(sarif_rule(kind));
    Json results = Json::array();
    for (const auto& finding : findings) {
        results.push_back({{"ruleId", finding.code},
                           {"level", severity_name(severity(finding, strictness))},
                           {"message", {{"text", finding.message()}}},
                           {"locations", Json::array({location(finding.origin)})}});
    }
    const Json driver = {{"name", "aa-shimctl"}, {"version", AA_VERSION}, {"rules", std::move(rules)}};
    Json run = {{"tool", {{"driver", driver}}}, {"columnKind", "unicodeCodePoints"}, {"results", std::move(results)}};
    return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({std::move(run)})}};
}

}  // namespace aa::ctl
