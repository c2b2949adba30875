// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/compiled_catalog.h"

#include <gtest/gtest.h>

#include <random>

#include "apparmor/catalog/pattern.h"
#include "tests/apparmor/catalog/small_catalog.h"

namespace aa::apparmor {
namespace {

using namespace test;

TEST(CompiledCatalog, selects_the_first_rule_that_matches) {
    const auto bytes = compile_catalog(small_catalog());
    const auto catalog = view(bytes);
    for (const auto& c : kSelections) EXPECT_EQ(text(catalog.select(c.facts)), c.expected) << c.name;
}

TEST(CompiledCatalog, keeps_confinements) {
    const auto bytes = compile_catalog(small_catalog());
    const auto catalog = view(bytes);
    EXPECT_EQ(text(catalog.confinement("web")),
              "web at web.json:4:5, profile web, combine 1, ceiling NET_BIND_SERVICE,CHECKPOINT_RESTORE, nnp, deny keyctl, deny add_key, "
              "exec /usr/bin/pg_dump under web//backup at web.json:12:11, exec /{,usr/}bin/sh denied: no shells at web.json:13:11, "
              "annotation run.oci.handler=wasm, annotation org.systemd.property.*, annotation empty=, restore, exit status, otherwise 2, "
              "start 0");
    EXPECT_EQ(text(catalog.confinement("open")), "open at open.json:3:5, unconfined, combine 0, all capabilities, otherwise 0, start 0");
    const auto missing = catalog.confinement("we");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
    EXPECT_EQ(missing.error().message, "the compiled catalog 'test' has no confinement 'we'");
    EXPECT_FALSE(catalog.confinement(""));
    EXPECT_FALSE(catalog.confinement("webs"));
}

TEST(CompiledCatalog, keeps_settings) {
    auto source = small_catalog();
    const auto bytes = compile_catalog(source);
    EXPECT_EQ(bytes, compile_catalog(source));
    EXPECT_EQ(view(bytes).decision_log(), "/var/log/aa-shim.jsonl");
    EXPECT_TRUE(view(bytes).logs_exec_processes());
    EXPECT_EQ(view(bytes).compare_execs(), CompareExecs::before);
    EXPECT_EQ(view(bytes).without_apparmor(), WithoutAppArmor::refuse);
    EXPECT_TRUE(view(bytes).needs_engine_record());
    EXPECT_FALSE(view(bytes).architectures().empty());
    EXPECT_TRUE(view(bytes).architectures().at(0).starts_with("SCMP_ARCH_"));
    source.without_apparmor = WithoutAppArmor::capabilities_only;
    source.log_exec_processes = false;
    source.compare_execs = CompareExecs::after;
    source.rules.clear();
    source.rules.push_back(rule({.engine = "docker", .handler = "web", .entrypoint = "/x"}, Use{"web"}, 1));
    const auto other = compile_catalog(source);
    EXPECT_EQ(view(other).without_apparmor(), WithoutAppArmor::capabilities_only);
    EXPECT_FALSE(view(other).needs_engine_record());
    EXPECT_FALSE(view(other).logs_exec_processes());
    EXPECT_EQ(view(other).compare_execs(), CompareExecs::after);
}

TEST(CompiledCatalog, of_an_empty_catalog) {
    Catalog source;
    source.otherwise = Pass{};
    source.otherwise_origin = {"a.json", 1, 15};
    const auto bytes = compile_catalog(source);
    EXPECT_EQ(text(view(bytes).select({})), "otherwise, a.json:1:15: pass");
    EXPECT_FALSE(view(bytes).confinement("x"));
}

// -- against the plainest possible reading of the rules

bool holds(const std::optional<std::string>& pattern, std::string_view fact) {
    return !pattern || (!fact.empty() && matches(*pattern, fact));
}

bool holds(const std::vector<std::pair<std::string, std::string>>& clauses, std::span<const FactPair> facts) {
    for (const auto& clause : clauses) {
        bool found = false;
        for (const auto& fact : facts) found = found || (fact.first == clause.first && matches(clause.second, fact.second));
        if (!found) return false;
    }
    return true;
}

bool holds(const Match& match, const Facts& facts) {
    return match.sandbox.value_or(false) == facts.sandbox && (!match.user || match.user == facts.user) &&
           (!match.privileged || match.privileged == facts.privileged) && holds(match.engine, facts.engine) &&
           holds(match.handler, facts.handler) && holds(match.kubernetes_namespace, facts.kubernetes_namespace) &&
           holds(match.pod, facts.pod) && holds(match.name, facts.name) && holds(match.entrypoint, facts.entrypoint) &&
           (holds(match.image, facts.image) || holds(match.image, facts.image_full)) && holds(match.labels, facts.labels) &&
           holds(match.annotations, facts.annotations);
}

std::string plainly(const Catalog& catalog, const Facts& facts) {
    for (const auto& rule : catalog.rules) {
        if (holds(rule.match, facts)) return text(Selection{rule.outcome, rule.selectable, "rule " + rule.origin.text(), false});
    }
    if (facts.sandbox) return text(Selection{Pass{}, {}, "the default for a pod's sandbox", true});
    return text(Selection{catalog.otherwise, catalog.otherwise_selectable, "otherwise, " + catalog.otherwise_origin.text(), false});
}

class Dice {
public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return engine_() % n; }
    bool once_in(std::size_t n) { return below(n) == 0; }
    template <class List>
    auto& of(const List& list) {
        return list[below(std::size(list))];
    }

private:
    std::mt19937 engine_;
};

constexpr const char* kPatterns[] = {"a",  "ab", "abc", "a*",    "ab*",    "**",         "*",   "b/*", "b/**",
                                     "?b", "",   "\\*", "{a,b}", "a{b,c}", "[ab]{c,/a}", "/**", "/a",  "1000"};
constexpr const char* kValues[] = {"", "a", "ab", "abc", "b", "b/", "b/a", "b/a/c", "ac", "*", "/a", "/a/b", "1000"};

Match random_match(Dice& dice) {
    Match match;
    for (auto* clause :
         {&match.engine, &match.handler, &match.kubernetes_namespace, &match.pod, &match.name, &match.image, &match.entrypoint}) {
        if (dice.once_in(6)) *clause = dice.of(kPatterns);
    }
    if (dice.once_in(4)) match.labels.emplace_back(dice.of(kValues), dice.of(kPatterns));
    if (dice.once_in(8)) match.labels.emplace_back(dice.of(kValues), dice.of(kPatterns));
    if (dice.once_in(4)) match.annotations.emplace_back(dice.of(kValues), dice.of(kPatterns));
    if (dice.once_in(8)) match.user = static_cast<std::uint32_t>(dice.below(3));
    if (dice.once_in(8)) match.privileged = dice.once_in(2);
    if (dice.once_in(8)) match.sandbox = dice.once_in(2);
    return match;
}

Catalog random_catalog(Dice& dice) {
    auto catalog = small_catalog();
    catalog.rules.clear();
    const auto count = static_cast<std::uint32_t>(dice.below(40));
    for (std::uint32_t i = 0; i < count; ++i) catalog.rules.push_back(rule(random_match(dice), Use{"web"}, i + 1));
    return catalog;
}

TEST(CompiledCatalog, finds_what_a_search_through_all_rules_finds) {
    Dice dice(20);
    for (int round = 0; round < 300; ++round) {
        const auto source = random_catalog(dice);
        const auto bytes = compile_catalog(source);
        const auto catalog = view(bytes);
        for (int i = 0; i < 100; ++i) {
            const FactPair labels[] = {{dice.of(kValues), dice.of(kValues)}, {dice.of(kValues), dice.of(kValues)}};
            const FactPair annotations[] = {{dice.of(kValues), dice.of(kValues)}};
            Facts facts{.labels = labels, .annotations = annotations};
            for (auto* fact : {&facts.engine, &facts.handler, &facts.kubernetes_namespace, &facts.pod, &facts.name, &facts.image,
                               &facts.image_full, &facts.entrypoint}) {
                *fact = dice.of(kValues);
            }
            if (dice.once_in(2)) facts.user = static_cast<std::uint32_t>(dice.below(3));
            if (dice.once_in(2)) facts.privileged = dice.once_in(2);
            facts.sandbox = dice.once_in(8);
            ASSERT_EQ(text(catalog.select(facts)), plainly(source, facts)) << "round " << round;
        }
    }
}

}  // namespace
}  // namespace aa::apparmor
