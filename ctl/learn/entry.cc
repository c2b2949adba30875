// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/entry.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "apparmor/catalog/document.h"
#include "apparmor/catalog/pattern.h"
#include "base/text.h"

namespace aa::ctl::learned {

using apparmor::Node;
using Json = nlohmann::ordered_json;

namespace {

// The offset of PLACE, which counts characters.
std::size_t offset_of(std::string_view text, apparmor::Place place) {
    std::size_t at = 0;
    for (std::uint32_t line = 1; line < place.line; ++line) at = text.find('\n', at) + 1;
    for (std::uint32_t column = 1; column < place.column; ++column) at += std::max<std::size_t>(utf8_length(text.substr(at)), 1);
    return at;
}

std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; text[at] != '"'; ++at) at += text[at] == '\\' ? 1U : 0U;
    return at + 1;
}

// Behind the comment that begins at AT; AT itself if none does.
std::size_t end_of_comment(std::string_view text, std::size_t at) {
    if (text.substr(at).starts_with("//")) return std::min(text.find('\n', at), text.size());
    return text.substr(at).starts_with("/*") ? text.find("*/", at) + 2 : at;
}

// Where the value at AT of TEXT, which is a document, ends.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    for (;;) {
        if (const auto behind = end_of_comment(text, at); behind != at) {
            at = behind;
            continue;
        }
        const char c = text[at];
        if (c == '"') {
            at = end_of_string(text, at);
        } else {
            depth += c == '{' || c == '[' ? 1U : 0U;
            depth -= c == '}' || c == ']' ? 1U : 0U;
            ++at;
        }
        const bool is_word = c != '"' && std::string_view("{}[]").find(c) == std::string_view::npos;
        if (depth == 0 && (!is_word || at == text.size() || std::string_view(",}] \t\r\n/").find(text[at]) != std::string_view::npos))
            return at;
    }
}

// Changes of a text, by their place.
class Splices {
public:
    explicit Splices(const std::string& text) : text_(text) {}

    void replace(const Node& node, std::string value) {
        const auto begin = offset_of(text_, node.place);
        changes_[begin] = {end_of_value(text_, begin) - begin, std::move(value)};
    }
    // The key, and what it has.
    void replace(const apparmor::Member& member, std::string text) {
        const auto begin = offset_of(text_, member.place);
        changes_[begin] = {end_of_value(text_, offset_of(text_, member.value.place)) - begin, std::move(text)};
    }
    // In front of the first member, in a line like that one's.
    void insert(const Node& object, const std::string& text) {
        const auto first = offset_of(text_, object.members.front().place);
        changes_[first].second = concat({text, lead(first).empty() ? ", " : concat({",\n", lead(first)}), changes_[first].second});
    }
    // Behind the last of the items, which are some, in a line like that one's.
    void append(const Node& list, const std::string& text) {
        const auto last = offset_of(text_, list.items.back().place);
        changes_[end_of_value(text_, last)] = {0, concat({lead(last).empty() ? ", " : concat({",\n", lead(last)}), text})};
    }
    [[nodiscard]] std::string apply() const {
        std::string result = text_;
        for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
            const auto& [length, text] = change->second;
            result.replace(change->first, length, text);
        }
        return result;
    }

private:
    // How far in the line of AT begins; empty if anything else does, too.
    [[nodiscard]] std::string lead(std::size_t at) const {
        const auto line = text_.rfind('\n', at) + 1;
        const auto indent = text_.substr(line, at - line);
        return indent.find_first_not_of(" \t") == std::string::npos ? indent : "";
    }

    const std::string& text_;
    std::map<std::size_t, std::pair<std::size_t, std::string>> changes_;
};

const apparmor::Member* member(const Node& node, std::string_view key) {
    const auto found = std::find_if(node.members.begin(), node.members.end(), [&](const apparmor::Member& one) { return one.key == key; });
    return found == node.members.end() ? nullptr : &*found;
}

std::string spelled(const std::string& text) { return Json(text).dump(); }

std::string listed(CapabilitySet capabilities) {
    std::vector<std::string> names;
    for (unsigned number = 0; number < 64; ++number) {
        if (capabilities.has(number)) names.push_back(concat({"\"", capability_name(number), "\""}));
    }
    return concat({"[", join(names, ", "), "]"});
}

std::string exec_rule(const std::string& command, const LearnedEntry& entry) {
    const auto child = entry.labels.find(command);
    const auto& label = child == entry.labels.end() ? entry.profile : child->second;
    return concat({"{ \"command\": ", spelled(command), ", \"apparmor\": ", spelled(label), " }"});
}

std::string exec_member(const LearnedEntry& entry) {
    std::vector<std::string> rules;
    for (const auto& command : entry.commands) rules.push_back(exec_rule(command, entry));
    const auto list = rules.empty() ? std::string() : concat({"\"rules\": [", join(rules, ", "), "], "});
    return concat({"\"exec\": { ", list, R"("otherwise": "deny" })"});
}

// What no rule of the table is about, where the profile would have to let it be executed: a learned one knows only what the container itself
// executes.
void append_rules(Splices& splices, const Node& list, const apparmor::Confinement& confinement, const LearnedEntry& entry) {
    std::vector<std::string> rules;
    for (const auto& command : commands_without_rule(confinement, entry.commands)) rules.push_back(exec_rule(command, entry));
    if (!rules.empty()) splices.append(list, join(rules, ", "));
}

}  // namespace

std::vector<std::string> commands_without_rule(const apparmor::Confinement& confinement, const std::vector<std::string>& commands) {
    if (confinement.exec_rules.empty()) return commands;
    std::vector<std::string> result;
    if (confinement.exec_otherwise != apparmor::ExecOtherwise::transition) return result;
    std::copy_if(commands.begin(), commands.end(), std::back_inserter(result), [&](const std::string& command) {
        return std::none_of(confinement.exec_rules.begin(), confinement.exec_rules.end(),
                            [&](const apparmor::ExecRule& rule) { return apparmor::matches(rule.command, command); });
    });
    return result;
}

Result<std::string> with_entry(const apparmor::CatalogSource& source, const apparmor::Confinement& confinement, const LearnedEntry& entry) {
    std::vector<apparmor::Complaint> errors;
    const auto document = apparmor::parse_document(source, errors);
    const auto* confinements = document ? document->find("confinements") : nullptr;
    const auto* object = confinements == nullptr ? nullptr : confinements->find(confinement.name);
    const auto* profile = object == nullptr ? nullptr : object->find("apparmor");
    if (profile != nullptr && profile->kind == Node::Kind::object) profile = profile->find("profile");
    if (profile == nullptr) {
        return Error{ErrorKind::config, concat({quote(source.name), " gives the confinement ", quote(confinement.name),
                                                " no profile that could be another one: give it one (\"apparmor\")"})};
    }
    Splices splices(source.text);
    if (profile->text != entry.profile) splices.replace(*profile, spelled(entry.profile));
    if (const auto* ceiling = object->find("capabilities"); ceiling != nullptr && ceiling->kind == Node::Kind::list)
        splices.replace(*ceiling, listed(entry.capabilities));
    if (const auto* all = member(*object, "allCapabilities"))
        splices.replace(*all, concat({"\"capabilities\": ", listed(entry.capabilities)}));
    const auto* exec = member(*object, "exec");
    const auto* rules = exec == nullptr ? nullptr : exec->value.find("rules");
    if (exec == nullptr) {
        splices.insert(*object, exec_member(entry));
    } else if (rules == nullptr || rules->items.empty()) {
        splices.replace(*exec, exec_member(entry));
    } else {
        append_rules(splices, *rules, confinement, entry);
    }
    return splices.apply();
}

}  // namespace aa::ctl::learned
