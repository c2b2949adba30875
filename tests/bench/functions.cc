// SPDX-License-Identifier: Apache-2.0
//
// In-process costs: reading a config.json, and finding the rule for a container among many.
#include <benchmark/benchmark.h>

#include <string>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/compiled_catalog.h"
#include "oci/bundle/bundle.h"

namespace {

// A config.json whose size comes from environment variables, BYTES of them.
std::string config_of(std::size_t bytes) {
    std::string text =
        R"({"ociVersion":"1.0.2","process":{"args":["/bin/true"],"cwd":"/","capabilities":{"bounding":["CAP_KILL"]},"env":[)";
    while (text.size() < bytes) text += R"("VARIABLE=some \"escaped\" text of a usual length",)";
    return text + R"("LAST=1"]},"root":{"path":"rootfs"},"linux":{}})";
}

void read_config(benchmark::State& state) {
    const std::string text = config_of(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        auto config = aa::oci::read_config(text);
        if (!config) state.SkipWithError(config.error().message.c_str());
        benchmark::DoNotOptimize(config);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<benchmark::IterationCount>(text.size()));
}
BENCHMARK(read_config)->Arg(14 << 10)->Arg(1 << 20)->Arg(10 << 20);

aa::apparmor::Catalog catalog_of(std::size_t rules) {
    aa::apparmor::Catalog catalog;
    aa::apparmor::Confinement confinement;
    confinement.name = "base";
    confinement.profile = std::string("base");
    catalog.confinements.push_back(confinement);
    for (std::size_t i = 0; i < rules; ++i) {
        aa::apparmor::Rule rule;
        rule.match.image = "registry.example/team" + std::to_string(i) + "/*";
        rule.outcome = aa::apparmor::Use{"base"};
        catalog.rules.push_back(std::move(rule));
    }
    catalog.otherwise = aa::apparmor::Use{"base"};
    return catalog;
}

// The last of the rules matches.
void select_rule(benchmark::State& state) {
    const auto rules = static_cast<std::size_t>(state.range(0));
    const std::string bytes = aa::apparmor::compile_catalog(catalog_of(rules));
    const std::string image = "registry.example/team" + std::to_string(rules - 1) + "/app";
    aa::apparmor::Facts facts;
    facts.image = image;
    facts.image_full = image;
    auto catalog = aa::apparmor::CompiledCatalog::view(bytes, "bench");
    if (!catalog) return state.SkipWithError(catalog.error().message.c_str());
    for (auto _ : state) benchmark::DoNotOptimize(catalog->select(facts));
}
BENCHMARK(select_rule)->Arg(10)->Arg(10'000);

void open_catalog(benchmark::State& state) {
    const std::string bytes = aa::apparmor::compile_catalog(catalog_of(static_cast<std::size_t>(state.range(0))));
    for (auto _ : state) benchmark::DoNotOptimize(aa::apparmor::CompiledCatalog::view(bytes, "bench"));
}
BENCHMARK(open_catalog)->Arg(10)->Arg(10'000);

}  // namespace
