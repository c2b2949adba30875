// SPDX-License-Identifier: Apache-2.0
//
// Whatever pattern and text are: what check_pattern() refuses matches nothing, a literal prefix is one, and what covers a
// pattern matches what that matches.
#include <cstdlib>

#include "apparmor/catalog/pattern.h"

using namespace aa::apparmor;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto take = [&] {
        const auto part = input.substr(0, input.find('\n'));
        input.remove_prefix(std::min(input.size(), part.size() + 1));
        return part;
    };
    const auto pattern = take();
    const auto other = take();
    const auto text = input;
    const bool matched = matches(pattern, text);
    if (!check_pattern(pattern)) {
        if (matched) std::abort();
        return 0;
    }
    const auto prefix = literal_prefix(pattern);
    if (matched && !text.starts_with(prefix.text)) std::abort();
    if (prefix.whole && matched != (text == prefix.text)) std::abort();
    if (matched && pattern_covers(other, pattern) && !matches(other, text)) std::abort();
    return 0;
}
