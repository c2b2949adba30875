// SPDX-License-Identifier: Apache-2.0
#include "ctl/test/formats.h"

#include <algorithm>

#include "apparmor/algebra/spelling.h"
#include "base/text.h"
#include "ctl/catalog/formats.h"

namespace aa::ctl::test {

namespace {

constexpr std::size_t kMostRules = 3;  // of one line

std::string number(std::size_t value) { return decimal(static_cast<long long>(value)); }

// What was expected of a case that failed, what came out, and why.
std::string message_of(const Outcome& outcome) {
    std::string text = concat({"expected ", outcome.expected, ", got ", outcome.got});
    if (!outcome.why.empty()) text += concat({": ", outcome.why});
    for (std::size_t i = 0; i < std::min(outcome.rules.size(), kMostRules); ++i) {
        const auto& rule = outcome.rules[i].rule;
        text += concat({i == 0 ? "; by " : ", ", rule.origin.text(), ": ", rule.text});
    }
    if (outcome.rules.size() > kMostRules) text += ", …";
    return apparmor::shown(text);
}

// TEXT in XML 1.0, as content or as the value of an attribute: not every character may stand there, whatever it is written as ("Char").
std::string xml(std::string_view text) {
    constexpr std::string_view kNoCharacters[] = {"\xEF\xBF\xBE", "\xEF\xBF\xBF"};
    const std::string readable = apparmor::shown(text);
    std::string result;
    for (std::size_t i = 0; i < readable.size(); ++i) {
        const auto rest = std::string_view(readable).substr(i);
        const bool is_none =
            std::any_of(std::begin(kNoCharacters), std::end(kNoCharacters), [&](auto none) { return rest.starts_with(none); });
        switch (rest.front()) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += is_none ? std::string("\xEF\xBF\xBD") : rest.substr(0, 1);
                i += is_none ? 2U : 0U;
        }
    }
    return result;
}

std::string junit_case(const Answered& result) {
    const auto& [file, line, column] = result.of->origin;
    std::string text = concat({"    <testcase classname=\"", xml(result.of->kind()), "\" name=\"", xml(result.of->name), "\" file=\"",
                               xml(file), "\" line=\"", number(line), "\""});
    if (result.outcome.passed) return text + "/>\n";
    const auto message = xml(message_of(result.outcome));
    return text + concat({">\n      <failure message=\"", message, "\">", xml(result.of->origin.text()), ": ", message,
                          "</failure>\n    </testcase>\n"});
}

std::string counts(std::span<const Answered> results) {
    return concat({" tests=\"", number(results.size()), "\" failures=\"", number(failures(results)), "\" errors=\"0\""});
}

Json to_json(const Answered& result) {
    const auto& [file, line, column] = result.of->origin;
    const auto& outcome = result.outcome;
    Json one{{"file", file},
             {"line", line},
             {"column", column},
             {"kind", result.of->kind()},
             {"name", result.of->name},
             {"passed", outcome.passed}};
    if (outcome.passed) return one;
    Json rules = Json::array();
    for (const auto& [rule, denies] : outcome.rules) {
        rules.push_back({{"file", rule.origin.file},
                         {"line", rule.origin.line},
                         {"column", rule.origin.column},
                         {"rule", rule.text},
                         {"denies", denies}});
    }
    one.update({{"expected", outcome.expected}, {"got", outcome.got}, {"why", outcome.why}, {"rules", std::move(rules)}});
    return one;
}

}  // namespace

std::size_t failures(std::span<const Answered> results) {
    return static_cast<std::size_t>(
        std::count_if(results.begin(), results.end(), [](const Answered& result) { return !result.outcome.passed; }));
}

std::string to_text(std::span<const Answered> results) {
    std::string text;
    for (const auto& result : results) {
        if (result.outcome.passed) continue;
        text += concat(
            {apparmor::shown(result.of->origin.text()), ": ", apparmor::shown(result.of->name), ": ", message_of(result.outcome), "\n"});
    }
    const auto failed = failures(results);
    return text + concat({number(results.size() - failed), " passed, ", number(failed), " failed.\n"});
}

Json to_json(std::span<const Answered> results) {
    Json cases = Json::array();
    for (const auto& result : results) cases.push_back(to_json(result));
    const auto failed = failures(results);
    return {{"ok", failed == 0}, {"passed", results.size() - failed}, {"failed", failed}, {"cases", std::move(cases)}};
}

std::string to_junit(std::span<const Answered> results) {
    std::string text = concat({"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"aa-shimctl test\"", counts(results), ">\n"});
    // Cases of one file stand together.
    while (!results.empty()) {
        const auto& file = results.front().of->origin.file;
        const auto end =
            std::find_if(results.begin(), results.end(), [&](const Answered& result) { return result.of->origin.file != file; });
        const auto suite = results.first(static_cast<std::size_t>(end - results.begin()));
        text += concat({"  <testsuite name=\"", xml(file), "\"", counts(suite), ">\n"});
        for (const auto& result : suite) text += junit_case(result);
        text += "  </testsuite>\n";
        results = results.subspan(suite.size());
    }
    return text + "</testsuites>\n";
}

std::string to_github(std::span<const Answered> results) {
    std::string text;
    for (const auto& result : results) {
        if (!result.outcome.passed) text += github_command("error", result.of->origin, result.of->name, message_of(result.outcome));
    }
    return text;
}

}  // namespace aa::ctl::test
