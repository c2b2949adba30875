// SPDX-License-Identifier: Apache-2.0
//
// Whatever the bytes are, they are refused with a place in them, or can be changed: then the changed document is one that is read
// again and says what was wanted, and taking the change out gives back every byte.
#include <cstdlib>
#include <string>
#include <string_view>

#include "ctl/install/document/marks.h"
#include "ctl/install/toml/toml.h"

using namespace aa::ctl::install;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto document = toml::read(text, "f");
    if (!document) {
        if (!document.error().message.starts_with("'f:") && !document.error().message.starts_with("f:")) std::abort();
        return 0;
    }
    for (const auto& entry : document->entries) {
        if (entry.lines.end > size || entry.key.end > entry.lines.end || entry.value.end > entry.lines.end) std::abort();
    }
    const auto without = without_marked(text, "f");
    if (!without || *without != text) return 0;  // it has marks of its own

    MarkedChanges changes(*document);
    const toml::Path runtimes = {"engine", "runtimes"};
    if (!changes.set({"engine"}, "runtime", "\"aa-shim\"") || !changes.add({runtimes, {{"aa-shim", "[\"/usr/bin/aa-shim\"]"}}})) return 0;
    const std::string changed = changes.apply();
    const auto again = toml::read(changed, "f");
    if (!again) std::abort();
    const auto* runtime = again->pair({"engine", "runtime"});
    if (runtime == nullptr || runtime->strings != std::vector<std::string>{"aa-shim"}) std::abort();
    if (again->pair({"engine", "runtimes", "aa-shim"}) == nullptr) std::abort();
    const auto restored = without_marked(changed, "f");
    if (!restored || *restored != text) std::abort();
    return 0;
}
