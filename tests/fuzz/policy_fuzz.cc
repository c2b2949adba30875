// SPDX-License-Identifier: Apache-2.0
//
// Whatever the bytes are, they are read as policy or complained about, in time; what is read can be asked anything. Most
// bytes of a policy lie in tables whose checks they would fail, so that a mutator changes numbers where it knows them to be.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "apparmor/policy/reachable.h"
#include "apparmor/policy/reader.h"
#include "apparmor/policy/transition.h"

using namespace aa::apparmor;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const ExecOutcome& outcome) {
    require(outcome.allowed == !outcome.label.empty() && outcome.allowed == !outcome.entered.empty());
    bool denied = false;
    for (const auto& step : outcome.steps) {
        require(!step.reason.empty() && (step.route == Route::denied) == step.to.empty());
        require(step.route != Route::learned || outcome.complaining || !outcome.allowed);
        denied = denied || step.route == Route::denied;
    }
    require(!outcome.steps.empty() && outcome.allowed == !denied);
}

void ask(PolicySet& set, const std::string& label) {
    static const std::string kPaths[] = {"/s", "/i", "/n", "/usr/bin/abc", "/psb/at", std::string(300, '/')};
    for (const auto& path : kPaths) {
        const auto outcome = exec_transition(set, label, {path, path.size() % 2 == 0, [](std::string_view) { return "yes"; }});
        if (outcome) check(*outcome);
        require(!outcome || file_permissions(set, label, path, true));
    }
    const auto own = allowed_capabilities(set, label);
    const auto reachable = reachable_from(set, label);
    if (!reachable) return;
    require(own && own->subset_of(reachable->capabilities) && !reachable->labels.empty());
    require((reachable->exactness == Exactness::exact) == reachable->why.empty());
    for (const auto& reached : reachable->labels) {
        if (reachable->exactness != Exactness::unbounded) require(reached.capabilities.subset_of(reachable->capabilities));
    }
}

// Where DATA has elements whose values say something: after the tags of numbers, strings and so on, and in automata.
std::vector<std::size_t> interesting_places(const std::uint8_t* data, std::size_t size) {
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at + 16 < size;) {
        const std::size_t length = std::size_t{data[at + 1]} | std::size_t{data[at + 2]} << 8U;
        std::size_t step = 1;
        if (data[at] < 4) step += std::size_t{1} << data[at];
        if (data[at] == 4 || data[at] == 5) step += 2 + length;
        if (data[at] == 6) step += 4;
        if (data[at] == 11) step += 2;
        if (data[at] > 12 || step >= size - at) step = 1;
        places.push_back(at);
        if (data[at] < 4) places.push_back(at + 1);
        if (data[at] == 6) {
            // An automaton: its tables' beginnings have numbers that matter most.
            for (std::size_t i = 0; i < 64 && at + 5 + i + 8 < size; i += 2) places.push_back(at + 5 + i);
        }
        at += step;
    }
    return places;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
    if (seed % 4 == 0 || size < 64) return LLVMFuzzerMutate(data, size, max_size);
    const auto places = interesting_places(data, size);
    if (places.empty()) return LLVMFuzzerMutate(data, size, max_size);
    const std::size_t at = places[(seed / 4) % places.size()];
    const std::size_t width = std::size_t{1} << (seed / 64 % 3);
    // The size stays, so that what follows stays where it is.
    LLVMFuzzerMutate(data + at, std::min(width, size - at), std::min(width, size - at));
    return size;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    auto profiles = read_policy({reinterpret_cast<const char*>(data), size}, "a");
    if (!profiles) {
        require(profiles.error().kind == aa::ErrorKind::config && profiles.error().message.starts_with("a: "));
        return 0;
    }
    std::vector<std::string> labels = {"unconfined"};
    for (const auto& profile : *profiles) labels.push_back(profile.name);
    if (labels.size() > 2) labels.push_back(labels[1] + "//&" + labels[2]);
    // Enough to meet every kind, and not the same a hundred times.
    if (labels.size() > 16) labels.resize(16);
    PolicySet set(*std::move(profiles));
    for (const auto& label : labels) ask(set, label);
    return 0;
}
