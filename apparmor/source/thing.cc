// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/thing.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "apparmor/policy/label.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/profile_words.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::string_view kName = "aa-shimctl-thing-";
constexpr std::string_view kPreamble = "include if exists <tunables/global>\n";

constexpr std::array<std::pair<char, std::uint32_t>, 7> kLetters = {{{'r', permission::kRead},
                                                                     {'w', permission::kWrite},
                                                                     {'a', permission::kAppend},
                                                                     {'x', permission::kExec},
                                                                     {'m', permission::kMapExecutable},
                                                                     {'k', permission::kLock},
                                                                     {'l', permission::kLink}}};
constexpr std::array<std::pair<std::string_view, std::uint8_t>, 14> kRules = {{{"capability", mediation::kCapability},
                                                                               {"network", mediation::kNetwork},
                                                                               {"unix", mediation::kNetwork},
                                                                               {"mount", mediation::kMount},
                                                                               {"remount", mediation::kMount},
                                                                               {"umount", mediation::kMount},
                                                                               {"pivot_root", mediation::kMount},
                                                                               {"signal", mediation::kSignal},
                                                                               {"ptrace", mediation::kPtrace},
                                                                               {"userns", mediation::kNamespace},
                                                                               {"io_uring", mediation::kIoUring},
                                                                               {"mqueue", mediation::kMessageQueue},
                                                                               {"dbus", mediation::kDbus},
                                                                               {"change_profile", mediation::kFile}}};

Error no_thing(std::string_view text, std::string_view why) {
    return {ErrorKind::config, concat({quote(text), " is nothing that can be asked: ", why,
                                       "; a file with letters in front (\"r /etc/shadow\", \"x /bin/*\"), or a rule as in a profile "
                                       "(\"network inet raw\", \"capability chown\", \"mount\")"})};
}

// The permissions of a word of letters such as "rw"; nothing if it is none.
std::optional<std::uint32_t> letters(std::string_view word) {
    std::uint32_t permissions = 0;
    const bool executes = word.find('x') != std::string_view::npos;
    for (const char letter : word) {
        if (executes && std::string_view("ipcuPCU").find(letter) != std::string_view::npos) continue;  // where to is another question
        const auto* known = std::find_if(kLetters.begin(), kLetters.end(), [&](const auto& entry) { return entry.first == letter; });
        if (known == kLetters.end()) return std::nullopt;
        permissions |= known->second;
    }
    return word.empty() ? std::nullopt : std::optional(permissions);
}

bool is_file(std::string_view word) {
    return word.starts_with('/') || word.starts_with('@') || word.starts_with("\"/") || word.starts_with('{');
}

// Whether no file has PATH as the kernel resolves it.
bool is_no_path(std::string_view path) {
    constexpr std::size_t kPathMax = 4096;  // limits.h
    return path.size() > kPathMax || path.find("//") != std::string_view::npos || path.find("/./") != std::string_view::npos ||
           path.find("/../") != std::string_view::npos || path.ends_with("/.") || path.ends_with("/..");
}

// The words of a thing that is about files, with what it asks for. `owner` stays in front; an exec rule has to say how, and a link to what.
std::optional<std::string> file_rule_of(std::vector<std::string> words, Thing& thing) {
    const bool owner = words.front() == "owner";
    if (owner) words.erase(words.begin());
    if (words.size() != 2) return std::nullopt;
    if (is_file(words[0])) std::swap(words[0], words[1]);
    const auto permissions = letters(words[0]);
    if (!permissions || !is_file(words[1])) return std::nullopt;
    if (is_no_path(words[1])) return std::nullopt;
    thing.files = owner ? Granted{*permissions, 0} : all_of(*permissions);
    std::string mode = words[0];
    std::erase_if(mode, [](char letter) { return std::string_view("ipcuPCU").find(letter) != std::string_view::npos; });
    if (const std::size_t x = mode.find('x'); x != std::string::npos) mode.replace(x, 1, "ix");
    // `w` and `a` exclude each other in a rule, and `w` has both.
    if (mode.find('w') != std::string::npos) std::erase(mode, 'a');
    return concat({owner ? "owner " : "", words[1], " ", mode});
}

// Why WORDS, which begin no other rule, are none about a file.
std::string why_no_file(const std::vector<std::string>& words) {
    const auto& first = words[words.size() > 1 && words.front() == "owner" ? 1 : 0];
    if (!letters(first) && !is_file(first)) return concat({quote(words.front()), " begins no rule"});
    if (words.size() == 1) return "a file has letters and a path";
    if (std::none_of(words.begin(), words.end(), is_file)) return "the path of a file begins with a slash";
    if (std::any_of(words.begin(), words.end(), [](const std::string& word) { return is_file(word) && is_no_path(word); }))
        return "no file has that path: it is longer than 4096 bytes, or has //, /./ or /../ in it";
    return "a path with a space stands in quotes";
}

// Whether a change_profile rule names the program with whose exec it happens.
bool changes_on_exec(const std::vector<std::string>& words) {
    return std::any_of(words.begin() + 1, words.end(), is_file) && words.size() > 2 && words[1] != "->" &&
           !(words.size() > 3 && words[2] == "->" && !is_file(words[1]));
}

// The rule that TEXT is, and what it asks for.
Result<std::string> rule_of(const std::string& text, Thing& thing) {
    thing.text = text;
    const std::string rule = text.ends_with(',') ? text : text + ",";
    ProfileWords reader(rule);
    const auto statement = reader.next();
    if (!statement || statement->end != Statement::End::rule || statement->words.empty() || reader.next()) {
        return no_thing(text, "it is not one rule");
    }
    thing.mediation_class = mediation::kFile;
    if (auto file = file_rule_of(statement->words, thing)) return *std::move(file);
    const auto& first = statement->words.front();
    const auto word = std::string_view(first).substr(0, first.find('('));
    const auto* known = std::find_if(kRules.begin(), kRules.end(), [&](const auto& entry) { return entry.first == word; });
    if (known == kRules.end()) return no_thing(text, why_no_file(statement->words));
    thing.mediation_class = known->second;
    if (thing.mediation_class == mediation::kFile)
        thing.files = all_of(changes_on_exec(statement->words) ? permission::kOnExec : permission::kChangeProfile);
    return text.ends_with(',') ? text.substr(0, text.size() - 1) : text;
}

std::string name_of(std::size_t index) { return concat({kName, decimal(static_cast<long long>(index))}); }

// Which of RULES the parser does not take, and what it says.
Error refused(const Parser& parser, const std::vector<std::string>& rules, std::span<const std::string> texts, const std::string& features,
              Error error) {
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const auto alone =
            compile_text(parser, concat({kPreamble, "profile ", kName, " {\n", rules[i], ",\n}\n"}), quote(texts[i]), features);
        if (alone) continue;
        const bool newer = is_newer_rule(std::string_view(rules[i]).substr(0, rules[i].find(' ')));
        if (!newer || alone.error().message.find("syntax error") == std::string::npos) return {ErrorKind::config, alone.error().message};
        return {ErrorKind::config, concat({"this apparmor_parser has no rule such as ", quote(texts[i]),
                                           ", which came with AppArmor 4: ask on a host whose parser has it"})};
    }
    return error;
}

bool mediated(const Confining& profiles, std::uint8_t mediation_class) {
    return mediation_class == mediation::kCapability || mediates(profiles, mediation_class);
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
        case Verdict::allowed:
            return "allowed";
        case Verdict::denied:
            return "denied";
        case Verdict::partly:
            return "partly";
        case Verdict::complains:
            return "complains";
        case Verdict::unasked:
            return "unasked";
        case Verdict::unmediated:
            return "unmediated";
        case Verdict::unproved:
            return "unproved";
    }
    return {};
}

Result<std::vector<Thing>> compile_things(const Parser& parser, std::span<const std::string> texts, std::string_view label,
                                          const std::string& features) {
    std::vector<Thing> things(texts.size());
    std::vector<std::string> rules;
    std::string source(kPreamble);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        rules.push_back(with_profile_name(TRY(rule_of(texts[i], things[i])), label));
        source += concat({"profile ", name_of(i), " {\n", rules.back(), ",\n}\n"});
    }
    if (texts.empty()) return things;
    auto compiled = compile_text(parser, source, "what is asked", features);
    if (!compiled) return refused(parser, rules, texts, features, compiled.error());
    for (auto& profile : *compiled) {
        for (std::size_t i = 0; i < things.size(); ++i) {
            if (profile.name != name_of(i)) continue;
            things[i].profile = std::move(profile);
            break;
        }
    }
    return things;
}

Result<Answer> ask(const Thing& thing, Policy& policy, std::string_view label, Budget& budget) {
    Answer answer;
    const auto profiles = TRY(confining_profiles(policy, label));
    const Confining wanted = {&thing.profile};
    if (profiles.empty()) {
        answer.verdict = TRY(confines_nothing(policy, label)) ? Verdict::allowed : Verdict::complains;
        return answer;
    }
    if (!mediated(profiles, thing.mediation_class) || !mediated(wanted, thing.mediation_class)) {
        answer.verdict = mediated(profiles, thing.mediation_class) ? Verdict::unasked : Verdict::unmediated;
        return answer;
    }
    const std::vector<std::uint8_t> classes = {thing.mediation_class};
    auto denied = allowed_rules({.inside = {wanted}, .outside = &profiles, .classes = classes, .files = thing.files}, budget);
    auto allowed = allowed_rules({.inside = {wanted, profiles}, .classes = classes, .files = thing.files}, budget);
    answer.denied = std::move(denied.allowances);
    answer.allowed = std::move(allowed.allowances);
    if (!answer.allowed.empty() && !answer.denied.empty()) {
        answer.verdict = Verdict::partly;
    } else if (!denied.proved || !allowed.proved) {
        answer.verdict = Verdict::unproved;
        answer.bound = budget.bound();
    } else {
        answer.verdict = answer.denied.empty() && !answer.allowed.empty() ? Verdict::allowed : Verdict::denied;
    }
    return answer;
}

Result<bool> meets(const Thing& thing, const Profile& profile, Budget& budget) {
    const Confining wanted = {&thing.profile};
    const Confining rule = {&profile};
    if (!mediated(rule, thing.mediation_class) || !mediated(wanted, thing.mediation_class)) return false;
    const auto allowed =
        allowed_rules({.inside = {wanted, rule}, .classes = {thing.mediation_class}, .files = thing.files, .most = 0}, budget);
    return !allowed.allowances.empty() || !allowed.complete;
}

}  // namespace aa::apparmor
