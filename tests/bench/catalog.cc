// SPDX-License-Identifier: Apache-2.0
//
// bench_catalog CATALOG POLICY REVISION OUT: compiles the catalog file CATALOG with a copy of the compiled policy in POLICY as
// if the kernel held that, at REVISION: what `aa-shimctl load` does on a host with AppArmor.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/json.h"
#include "apparmor/catalog/policy_snapshot.h"
#include "apparmor/policy/reader.h"

namespace {

std::string content(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

int fail(const std::string& message) {
    (void)std::fprintf(stderr, "bench_catalog: %s\n", message.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace aa::apparmor;
    if (argc != 5) return fail("usage: bench_catalog CATALOG POLICY REVISION OUT");
    const CatalogSource source{argv[1], content(argv[1])};
    const auto reading = read_catalog({&source, 1});
    if (!reading.ok()) return fail(reading.errors.front().text());
    const auto profiles = read_policy(content(argv[2]), argv[2]);
    if (!profiles) return fail(profiles.error().message);
    PolicySnapshot snapshot;
    snapshot.revision = std::strtoull(argv[3], nullptr, 10);
    for (const auto& profile : *profiles) snapshot.profiles.push_back({&profile, true, {}, {}});
    std::ofstream(argv[4], std::ios::binary) << compile_catalog(reading.catalog, &snapshot);
    return 0;
}
