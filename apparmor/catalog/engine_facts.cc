// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/engine_facts.h"

#include <algorithm>

#include "apparmor/catalog/pattern.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::uint32_t bits(std::initializer_list<EngineFact> facts) {
    std::uint32_t result = 0;
    for (const auto fact : facts) result |= 1U << static_cast<unsigned>(fact);
    return result;
}

using enum EngineFact;
constexpr std::array<EngineTells, 6> kEngines = {{
    {"docker", bits({name, image, labels, privileged, not_privileged})},
    {"cri-containerd", bits({name, image, kubernetes_namespace, pod, sandbox})},
    {"cri-o", bits({name, image, labels, kubernetes_namespace, pod, privileged, sandbox})},
    {"podman", bits({name, image})},
    {"nerdctl", bits({name, privileged, not_privileged})},
    {"other", 0},
}};

struct FactName {
    EngineFact fact;
    std::string_view text;
};
constexpr std::array<FactName, 8> kNames = {{{name, "name"},
                                             {image, "image"},
                                             {labels, "labels"},
                                             {kubernetes_namespace, "namespace"},
                                             {pod, "pod"},
                                             {privileged, "privileged: true"},
                                             {not_privileged, "privileged: false"},
                                             {sandbox, "sandbox: true"}}};

std::string names_of(const std::vector<EngineFact>& facts) {
    std::vector<std::string> names;
    for (const auto& known : kNames) {
        if (std::ranges::find(facts, known.fact) != facts.end()) names.push_back(quote(known.text));
    }
    return join(names, ", ");
}

bool tells_all(const EngineTells& engine, const std::vector<EngineFact>& facts) {
    return std::ranges::all_of(facts, [&](EngineFact fact) { return engine.tells(fact); });
}

// The engines that tell all of FACTS, for people.
std::string engines_telling(const std::vector<EngineFact>& facts) {
    std::vector<std::string> names;
    for (const auto& engine : kEngines) {
        if (tells_all(engine, facts)) names.push_back(quote(engine.engine));
    }
    return join(names, ", ");
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// Capital letters stand only in the host of a reference and behind its ":" or "@" (distribution/reference, regexp.go). Only what is
// literal counts, and nothing where a "**" could be the host.
bool has_capital_in_path(std::string_view pattern) {
    if (pattern.find_first_of("{[\\") != std::string_view::npos) return false;
    const std::size_t slash = pattern.find('/');
    const auto first = pattern.substr(0, slash);
    if (first.find("**") != std::string_view::npos) return false;
    auto path = slash == std::string_view::npos ? pattern : pattern.substr(slash + 1);
    path = path.substr(0, path.find_first_of(":@*?"));
    return std::ranges::any_of(path, is_upper);
}

}  // namespace

const std::array<EngineTells, 6>& engines_and_facts() { return kEngines; }

std::vector<EngineFact> facts_of(const Match& match) {
    std::vector<EngineFact> facts;
    const auto add = [&](bool wanted, EngineFact fact) {
        if (wanted) facts.push_back(fact);
    };
    add(match.name.has_value(), name);
    add(match.image.has_value(), image);
    add(!match.labels.empty(), labels);
    add(match.kubernetes_namespace.has_value(), kubernetes_namespace);
    add(match.pod.has_value(), pod);
    if (match.privileged) add(true, *match.privileged ? privileged : not_privileged);
    add(match.sandbox.value_or(false), sandbox);
    return facts;
}

std::string why_not_told(const std::string* engine, const std::vector<EngineFact>& facts) {
    std::vector<EngineFact> missing = facts;
    bool several = false;
    for (const auto& known : kEngines) {
        if (engine != nullptr && !matches(*engine, known.engine)) continue;
        if (tells_all(known, facts)) return {};
        std::erase_if(missing, [&](EngineFact fact) { return known.tells(fact); });
    }
    several = missing.empty();  // each is told by one, and all by none
    const auto& untold = several ? facts : missing;
    const auto others = engines_telling(facts);
    return concat({engine == nullptr ? std::string("no engine") : concat({"no engine called ", quote(*engine)}), " tells ",
                   names_of(untold), several ? " together" : "", " of its containers",
                   others.empty() ? "" : concat({": ", others, facts.empty() ? "" : " can"})});
}

std::string why_no_such_fact(const Match& match) {
    if (match.handler && literal_prefix(*match.handler).text.starts_with("aa-shim")) {
        constexpr std::string_view kPrefix = "aa-shim-";
        const bool has_name = match.handler->starts_with(kPrefix) && match.handler->size() > kPrefix.size();
        return has_name
                   ? concat({"the handler of the runtime ", quote(*match.handler), " is ", quote(match.handler->substr(kPrefix.size()))})
                   : std::string("the runtime 'aa-shim' has no handler");
    }
    if (match.name && literal_prefix(*match.name).text.starts_with('/'))
        return concat({"a container's name has no slash in front: write ", quote(match.name->substr(1))});
    if (match.image && match.image->find("://") != std::string::npos)
        return concat({"an image's name has no scheme: write ", quote(match.image->substr(match.image->find("://") + 3))});
    if (match.image && has_capital_in_path(*match.image)) return "an image's name has no capital letters but in its host and its tag";
    for (const auto* text : {&match.kubernetes_namespace, &match.pod}) {
        if (*text && std::ranges::any_of(literal_prefix(**text).text, is_upper))
            return concat({"names of namespaces and pods have no capital letters: ", quote(**text)});
    }
    return {};
}

}  // namespace aa::apparmor
