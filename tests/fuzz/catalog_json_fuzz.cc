// SPDX-License-Identifier: Apache-2.0
//
// Whatever the bytes are, they are read as a catalog or complained about in them; what is read compiles to a file that
// can be looked up in.
#include <cstdlib>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/json.h"

using namespace aa::apparmor;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const CatalogSource source{"a", std::string(reinterpret_cast<const char*>(data), size)};
    const auto reading = read_catalog({&source, 1});
    for (const auto& error : reading.errors) {
        if (error.origin.column > size + 1 || error.origin.line > size + 1) std::abort();
    }
    if (!reading.ok()) return 0;
    const auto bytes = compile_catalog(reading.catalog);
    const auto catalog = CompiledCatalog::view(bytes, "a");
    if (!catalog || !catalog->select({})) std::abort();
    for (const auto& confinement : reading.catalog.confinements) {
        if (!catalog->confinement(confinement.name)) std::abort();
    }
    return 0;
}
