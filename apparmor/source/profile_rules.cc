// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/profile_rules.h"

#include <algorithm>
#include <utility>

#include "apparmor/algebra/spelling.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/reader.h"
#include "apparmor/source/profile_words.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kProfilePrefix = "aa-shimctl-rule-";
constexpr std::string_view kDeny = "deny";

std::vector<std::string> words_of(std::string_view text) {
    ProfileWords words(text);
    const auto statement = words.next();
    return statement ? statement->words : std::vector<std::string>();
}

bool holds_deny(std::string_view text) {
    const auto words = words_of(text);
    return std::find(words.begin(), words.end(), kDeny) != words.end();
}

bool denies(const SourceRule& rule) { return holds_deny(rule.text) || std::any_of(rule.blocks.begin(), rule.blocks.end(), holds_deny); }

// TEXT without the word `deny`. What a rule denies is no longer told apart in a compiled profile, what it allows is: a rule
// that allows stands for one that denies, for both match the same paths. (`deny` takes a bare x, all else wants to know how;
// ix would bring m with it.)
std::string allowing(std::string_view text) {
    auto words = words_of(text);
    std::erase(words, kDeny);
    const bool executes = is_exec_rule(words);
    for (auto& word : words) {
        if (executes && is_exec_mode(word)) word.replace(word.find('x'), 1, "px");
    }
    return join(words, " ");
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
    return text;
}

// A profile with RULE alone in it.
std::string profile_of(const SourceRule& rule, std::size_t index, std::string_view profile) {
    std::string text = concat({"profile ", kProfilePrefix, decimal(static_cast<long long>(index)), " {\n"});
    const bool deny = denies(rule);
    for (const auto& block : rule.blocks) {
        const std::string header = deny ? allowing(block) : block;
        text += (header.empty() ? "audit" : header) + " {\n";
    }
    text += with_profile_name(deny ? allowing(rule.text) : rule.text, profile) + ",\n";
    for (std::size_t i = 0; i <= rule.blocks.size(); ++i) text += "}\n";
    return text;
}

Result<std::vector<Profile>> compile(const Parser& parser, const std::vector<std::string>& files, std::string_view name,
                                     const std::string& features, const std::string& input = {}) {
    std::vector<std::string> arguments = {"--skip-kernel-load", "--skip-cache", "--quiet", "--stdout"};
    if (!features.empty()) arguments.push_back("--features-file=" + features);
    arguments.insert(arguments.end(), files.begin(), files.end());
    const auto run = TRY(parser.run(arguments, input));
    if (run.ok()) return read_policy(run.output, name);
    // Where something stands in a text that was made here says nothing to anybody.
    const auto complaint = parser_complaints(run, files.front()).front();
    return Error{ErrorKind::config, concat({name, " does not compile: ", shown(input.empty() ? complaint.text() : complaint.problem)})};
}

}  // namespace

std::string with_profile_name(std::string rule, std::string_view profile) { return replaced(std::move(rule), "@{profile_name}", profile); }

Result<std::vector<Profile>> compile_text(const Parser& parser, std::string_view text, std::string_view name, const std::string& features) {
    return compile(parser, {Parser::kInput}, name, features, std::string(text));
}

Result<std::vector<Profile>> compile_files(const Parser& parser, const std::vector<std::string>& files, const std::string& features) {
    if (files.empty()) return std::vector<Profile>();
    const auto known = files.size() == 1 ? parser.known_policy(files.front(), features) : std::nullopt;
    if (known) return read_policy(*known, quote(files.front()));
    return compile(parser, files, quote(files.front()), features);
}

std::string granted_exec_mode(const Profile& profile, const ExecFile& file) {
    const auto permissions = profile.files.permissions(profile.files.match(profile.files_start, file.path), file.owned);
    return (permissions.allow & permission::kExec) != 0 ? exec_rule_text(profile, permissions.target) : std::string();
}

Result<std::vector<RuleAlone>> rules_alone(const Parser& parser, const ProfileText& text, std::string_view profile,
                                           const std::string& features) {
    std::vector<RuleAlone> result;
    if (text.rules.empty()) return result;
    std::string source = text.preamble;
    for (std::size_t i = 0; i < text.rules.size(); ++i) source += profile_of(text.rules[i], i, profile);
    const auto compiled = TRY(compile_text(parser, source, "each rule alone", features));
    for (std::size_t i = 0; i < text.rules.size(); ++i) {
        const auto name = concat({kProfilePrefix, decimal(static_cast<long long>(i))});
        const auto found = std::find_if(compiled.begin(), compiled.end(), [&](const Profile& one) { return one.name == name; });
        if (found == compiled.end()) continue;
        // Its children are those of PROFILE.
        Profile alone = *found;
        for (auto& target : alone.targets) target = replaced(target, name + "//", concat({profile, "//"}));
        alone.name = profile;
        result.push_back({text.rules[i], denies(text.rules[i]), std::move(alone)});
    }
    return result;
}

Result<std::vector<MatchingRule>> matching_rules(const Parser& parser, const ProfileText& text, std::string_view profile,
                                                 const ExecFile& file, const std::string& features) {
    std::vector<MatchingRule> matching;
    for (auto& alone : TRY(rules_alone(parser, text, profile, features))) {
        auto mode = granted_exec_mode(alone.profile, file);
        if (mode.empty()) continue;
        matching.push_back({std::move(alone.rule), alone.denies, alone.denies ? std::string() : std::move(mode)});
    }
    return matching;
}

}  // namespace aa::apparmor
