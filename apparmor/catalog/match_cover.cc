// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/match_cover.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "apparmor/catalog/pattern.h"
#include "apparmor/catalog/rule_index.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kImage = static_cast<std::size_t>(format::Trie::image);
constexpr std::array<std::string_view, format::kTextClauses> kTextNames{"engine", "handler", "namespace", "pod",
                                                                        "name",   "image",   "entrypoint"};

template <class T>
bool same_if_given(const std::optional<T>& wide, const std::optional<T>& narrow) {
    return !wide || wide == narrow;
}

bool covers_if_given(const std::optional<std::string>& wide, const std::optional<std::string>& narrow) {
    return !wide || (narrow && pattern_covers(*wide, *narrow));
}

bool covers(const Pairs& general, const Pairs& specific) {
    return std::ranges::all_of(general, [&](const auto& wide) {
        return std::ranges::any_of(
            specific, [&](const auto& narrow) { return wide.first == narrow.first && pattern_covers(wide.second, narrow.second); });
    });
}

// What the request brings from the host.
bool covers_host(const Match& general, const Match& specific) {
    return covers_if_given(general.host_path, specific.host_path) && covers_if_given(general.device, specific.device) &&
           (general.host_path_outside.empty() || general.host_path_outside == specific.host_path_outside) &&
           same_if_given(general.host_namespace, specific.host_namespace) && same_if_given(general.unmasked, specific.unmasked) &&
           same_if_given(general.hooks, specific.hooks);
}

// What names without a registry stand for, and what is left out of them.
constexpr std::array<std::string_view, 3> kImplied{"index.docker.io/", "docker.io/", "library/"};

// A container has one image under two names, as typed and in full ("nginx", "docker.io/library/nginx:latest"): two different texts may
// match the same one. So they are compared without what may be left out.
bool may_both_match_image(std::string_view one, std::string_view other) {
    const auto is_begun = [](std::string_view prefix) {
        return std::ranges::any_of(kImplied, [&](std::string_view head) { return head.starts_with(prefix); });
    };
    const auto without_implied = [](std::string text) {
        for (const auto head : kImplied) {
            if (text.starts_with(head)) text.erase(0, head.size());
        }
        return text;
    };
    const auto first = without_implied(literal_prefix(one).text);
    const auto second = without_implied(literal_prefix(other).text);
    return is_begun(first) || is_begun(second) || first.starts_with(second) || second.starts_with(first);
}

template <class T>
bool may_both_hold(const std::optional<T>& one, const std::optional<T>& other) {
    return !one || !other || *one == *other;
}

bool may_both_match_pairs(const Pairs& one, const Pairs& other) {
    return std::ranges::all_of(one, [&](const auto& first) {
        return std::ranges::all_of(
            other, [&](const auto& second) { return first.first != second.first || patterns_may_meet(first.second, second.second); });
    });
}

void add_text(std::vector<std::string>& words, std::string_view name, const std::optional<std::string>& pattern) {
    if (pattern) words.push_back(concat({name, " ", quote(*pattern)}));
}

void add_pairs(std::vector<std::string>& words, std::string_view name, const Pairs& pairs) {
    for (const auto& [key, pattern] : pairs) words.push_back(concat({name, " ", quote(key), " = ", quote(pattern)}));
}

void add_flag(std::vector<std::string>& words, std::string_view name, const std::optional<bool>& flag) {
    if (flag) words.push_back(*flag ? std::string(name) : concat({"not ", name}));
}

}  // namespace

bool covers(const Match& general, const Match& specific) {
    if (general.sandbox.value_or(false) != specific.sandbox.value_or(false)) return false;
    if (!same_if_given(general.user, specific.user) || !same_if_given(general.privileged, specific.privileged)) return false;
    const auto wide = text_clauses(general);
    const auto narrow = text_clauses(specific);
    for (std::size_t i = 0; i < wide.size(); ++i) {
        if (wide[i] != nullptr && (narrow[i] == nullptr || !pattern_covers(*wide[i], *narrow[i]))) return false;
    }
    return covers(general.labels, specific.labels) && covers(general.annotations, specific.annotations) && covers_host(general, specific);
}

// Of paths, devices and namespaces of the host a request may bring several, so that clauses about them never exclude each other.
bool may_both_match(const Match& one, const Match& other) {
    if (one.sandbox.value_or(false) != other.sandbox.value_or(false)) return false;
    if (!may_both_hold(one.user, other.user) || !may_both_hold(one.privileged, other.privileged)) return false;
    if (!may_both_hold(one.unmasked, other.unmasked) || !may_both_hold(one.hooks, other.hooks)) return false;
    const auto first = text_clauses(one);
    const auto second = text_clauses(other);
    for (std::size_t i = 0; i < first.size(); ++i) {
        if (first[i] == nullptr || second[i] == nullptr) continue;
        if (!(i == kImage ? may_both_match_image(*first[i], *second[i]) : patterns_may_meet(*first[i], *second[i]))) return false;
    }
    return may_both_match_pairs(one.labels, other.labels) && may_both_match_pairs(one.annotations, other.annotations);
}

std::string to_text(const Match& match) {
    std::vector<std::string> words;
    const auto texts = text_clauses(match);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (texts[i] != nullptr) words.push_back(concat({kTextNames[i], " ", quote(*texts[i])}));
    }
    add_pairs(words, "label", match.labels);
    add_pairs(words, "annotation", match.annotations);
    if (match.user) words.push_back(concat({"user ", decimal(*match.user)}));
    add_flag(words, "privileged", match.privileged);
    if (match.sandbox.value_or(false)) words.emplace_back("a pod's sandbox");
    add_text(words, "host path", match.host_path);
    if (!match.host_path_outside.empty()) {
        std::vector<std::string> patterns;
        for (const auto& pattern : match.host_path_outside) patterns.push_back(quote(pattern));
        words.push_back(concat({"host path outside ", join(patterns, ", ")}));
    }
    add_text(words, "device", match.device);
    if (match.host_namespace) words.push_back(concat({"host namespace ", name_of(*match.host_namespace)}));
    add_flag(words, "unmasked", match.unmasked);
    add_flag(words, "hooks", match.hooks);
    return words.empty() ? std::string("any container") : join(words, ", ");
}

}  // namespace aa::apparmor
