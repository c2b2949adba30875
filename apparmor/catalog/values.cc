// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/values.h"

#include "apparmor/catalog/pattern.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using Kind = Node::Kind;
using Words = Values::Words;

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::null:
            return "null";
        case Kind::boolean:
            return "true or false";
        case Kind::integer:
        case Kind::fraction:
            return "a number";
        case Kind::text:
            return "a text";
        case Kind::list:
            return "a list";
        case Kind::object:
            return "an object";
    }
    return "";
}

std::string_view wanted_name(Kind kind) { return kind == Kind::integer ? "a whole number from 0" : kind_name(kind); }

// ", did you mean 'X'?"; empty if none of CANDIDATES is near to WORD.
std::string nearest(std::string_view word, Words candidates) {
    const auto near = closest(word, candidates);
    return near.empty() ? std::string() : concat({", did you mean ", quote(near), "?"});
}

// The nearest of CANDIDATES, else all of them.
std::string suggestion(std::string_view word, Words candidates) {
    auto text = nearest(word, candidates);
    if (!text.empty()) return text;
    text = ": known are";
    for (const auto candidate : candidates) text += concat({candidate == candidates.front() ? " " : ", ", quote(candidate)});
    return text;
}

std::string alternatives(Words words) {
    std::string text;
    for (const auto word : words) text += concat({text.empty() ? "" : word == words.back() ? " or " : ", ", "\"", word, "\""});
    return text;
}

}  // namespace

std::string Values::quoted(std::string_view key) { return concat({"\"", key, "\""}); }

bool Values::expect(const Node& node, Kind kind, std::string_view what) {
    if (node.kind == kind) return true;
    const bool other_number = kind == Kind::integer && node.kind == Kind::fraction;
    complain(node.place,
             concat({what, " must be ", wanted_name(kind), ", not ", other_number ? "any other number" : kind_name(node.kind)}));
    return false;
}

bool Values::expect_text_or_object(const Node& node, std::string_view what, std::string_view name) {
    if (node.kind == Kind::text || node.kind == Kind::object) return true;
    complain(node.place, concat({what, " must be ", name, " or an object, not ", kind_name(node.kind)}));
    return false;
}

void Values::check_keys(const Node& node, Words known, std::string_view what) {
    for (const auto& member : node.members) {
        if (std::ranges::find(known, member.key) != known.end()) continue;
        complain(member.place, concat({"unknown key ", quote(member.key), " in ", what, suggestion(member.key, known)}));
    }
}

const Node* Values::get(const Node& node, std::string_view key, Kind kind) {
    const Node* value = node.find(key);
    return value != nullptr && expect(*value, kind, quoted(key)) ? value : nullptr;
}

bool Values::read_true(const Node& node, std::string_view key) {
    const Node* value = node.find(key);
    if (value == nullptr) return false;
    if (value->kind != Kind::boolean || !value->boolean) complain(value->place, quoted(key) + " can only be true");
    return true;
}

bool Values::read_flag(const Node& node, std::string_view key) {
    const Node* value = get(node, key, Kind::boolean);
    return value != nullptr && value->boolean;
}

std::string Values::read_message(const Node& node, std::string_view what) {
    if (expect(node, Kind::text, what) && node.text.empty()) {
        complain(node.place, concat({what, " needs a message for the one who is refused"}));
    }
    return node.text;
}

std::string Values::read_pattern(const Node& node) {
    if (const auto checked = check_pattern(node.text); !checked) complain(node.place, checked.error().message);
    return node.text;
}

DeviceGrant Values::read_device(const Node& node) {
    auto grant = parse_device_grant(node.text);
    if (grant) return *std::move(grant);
    complain(node.place, grant.error().message);
    return {};
}

HostNamespace Values::read_host_namespace(const Node& node) {
    const auto space = host_namespace(node.text);
    if (space) return *space;
    std::array<std::string_view, kHostNamespaces> known;
    for (std::size_t i = 0; i < known.size(); ++i) known[i] = name_of(static_cast<HostNamespace>(i));
    complain(node.place, concat({"unknown namespace ", quote(node.text), suggestion(node.text, known)}));
    return {};
}

std::string Values::read_path_pattern(const Node& node, std::string_view what) {
    const auto& pattern = node.text;
    const auto start = literal_prefix(pattern).text;
    if (pattern.empty()) {
        complain(node.place, concat({"an empty pattern can never match: ", what, " begins with '/'"}));
    } else if (!start.empty() && start[0] != '/') {
        complain(node.place, concat({"the pattern ", quote(pattern), " can never match: ", what, " begins with '/' (write ",
                                     quote("/**/" + pattern), " for one that lies anywhere)"}));
    }
    if (pattern.size() > 1 && pattern.ends_with('/'))
        complain(node.place, concat({"the pattern ", quote(pattern), " can never match: ", what, " has no '/' at its end"}));
    return read_pattern(node);
}

RuntimeAnnotation Values::read_runtime_annotation(const Node& node) {
    const std::string_view text = node.text;
    std::size_t equals = 0;
    while (equals < text.size() && text[equals] != '=') equals += text[equals] == '\\' ? 2U : 1U;
    RuntimeAnnotation annotation{std::string(text.substr(0, equals)), std::nullopt};
    if (equals < text.size()) annotation.value = text.substr(equals + 1);
    for (const auto* pattern : {&annotation.key, annotation.value ? &*annotation.value : nullptr}) {
        if (pattern == nullptr) continue;
        if (const auto checked = check_pattern(*pattern); !checked) complain(node.place, checked.error().message);
    }
    const auto start = literal_prefix(annotation.key);
    if (annotation.key.empty()) {
        complain(node.place, concat({quote(text), " names no annotation: write \"KEY\" or \"KEY=VALUE\""}));
    } else if (start.text.starts_with(kReservedPrefix) || (start.whole && start.text == "bundle")) {
        complain(node.place, concat({"the annotation ", quote(annotation.key), " is refused whatever the catalog says: take it out"}));
    }
    return annotation;
}

std::string Values::read_absolute(const Node& node, std::string_view key) {
    const std::string& path = node.text;
    const std::string framed = path + "/";
    const bool plain = path.size() > 1 && path.front() == '/' && framed.find("//") == std::string::npos &&
                       framed.find("/./") == std::string::npos && framed.find("/../") == std::string::npos;
    if (!plain) {
        complain(node.place, concat({quoted(key), ": ", quote(path), " is not an absolute path without '.', '..' and empty parts"}));
    }
    return path;
}

std::string Values::read_profile_name(const Node& node) {
    const auto checked = check_label(node.text);
    if (!checked && node.text == "unconfined") {
        complain(node.place, "to leave processes unconfined, write \"unconfined\": true in place of \"apparmor\"");
    } else if (!checked) {
        complain(node.place, "\"apparmor\": " + checked.error().message);
    }
    return node.text;
}

void Values::read_capability(const Node& node, CapabilitySet& set) {
    constexpr std::string_view kPrefix = "CAP_";
    const std::string_view word = node.text;
    const std::string_view bare = word.starts_with(kPrefix) || word.starts_with("cap_") ? word.substr(kPrefix.size()) : word;
    const auto number = capability_number(concat({kPrefix, bare}));
    const bool spelled = number && capability_name(*number) == bare && !word.starts_with("cap_");
    if (spelled) {
        if (set.has(*number)) complain_of_repetition(node);
        set.add(*number);
    } else if (word == "ALL" || word == "all") {
        complain(node.place, "there is no capability 'ALL': write \"allCapabilities\": true in place of \"capabilities\"");
    } else {
        std::array<std::string_view, CapabilitySet::kKnown> known;
        for (unsigned i = 0; i < known.size(); ++i) known[i] = capability_name(i);
        complain(node.place, concat({"unknown capability ", quote(word), nearest(bare, known)}));
    }
}

void Values::complain_of_word(const Node& node, std::string_view key, Words known) {
    if (node.kind != Kind::text)
        return complain(node.place, concat({quoted(key), " must be ", alternatives(known), ", not ", kind_name(node.kind)}));
    complain(node.place, concat({"unknown value ", quote(node.text), " of ", quoted(key), suggestion(node.text, known)}));
}

void Values::complain_of_repetition(const Node& node) { complain(node.place, quote(node.text) + " is listed twice"); }

}  // namespace aa::apparmor
