// SPDX-License-Identifier: Apache-2.0
//
// Whatever the bytes are, looking things up stays in them. Checksums would keep a fuzzer out, so they are set right first.
#include <cstdlib>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/compiled_format.h"

using namespace aa::apparmor;

namespace {

void store(std::string& bytes, std::size_t at, std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) bytes[at + i] = static_cast<char>((value >> (8U * i)) & 0xFFU);
}

// Makes the preamble right, and the checksums of the blocks that follow one another.
void repair(std::string& bytes) {
    if (bytes.size() < format::kPreamble) return;
    bytes.replace(0, format::kMagic.size(), format::kMagic);
    store(bytes, 8, format::kVersion, 4);
    store(bytes, 12, bytes.size(), 4);
    for (std::size_t at = format::kPreamble; bytes.size() - at >= format::kBlockHead;) {
        const std::size_t size = format::load_u32(bytes.data() + at);
        if (size > bytes.size() - at - format::kBlockHead) return;
        const auto payload = std::string_view(bytes).substr(at + format::kBlockHead, size);
        store(bytes, at + 4, format::checksum(payload, static_cast<std::uint32_t>(at)), 8);
        at += format::kBlockHead + size;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    std::string bytes(reinterpret_cast<const char*>(data), size);
    repair(bytes);
    const auto catalog = CompiledCatalog::view(bytes, "a");
    if (!catalog) return 0;
    const FactPair pairs[] = {{"tier", "web"}};
    const Facts facts{.engine = "docker", .name = "a", .image = "nginx", .labels = pairs, .annotations = pairs, .user = 0};
    (void)catalog->select(facts).has_value();
    (void)catalog->confinement("web").has_value();
    return 0;
}
