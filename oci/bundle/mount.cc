// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/mount.h"

#include <algorithm>
#include <utility>

namespace aa::oci {
namespace {

// The front of TEXT up to a character of ENDS, and takes both off. A backslash hides what follows it.
std::string take_part(std::string_view& text, std::string_view ends) {
    std::string part;
    std::size_t at = 0;
    for (; at < text.size() && ends.find(text[at]) == ends.npos; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        part += text[at];
    }
    text.remove_prefix(at < text.size() ? at + 1 : at);
    return part;
}

}  // namespace

void add_overlay_layers(std::string_view options, std::vector<std::string>& layers) {
    constexpr std::string_view kKeys[] = {"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"};
    while (!options.empty()) {
        const auto key = options.substr(0, options.find_first_of("=,"));
        options.remove_prefix(key.size());
        bool names_layers = false;
        for (const auto known : kKeys) names_layers = names_layers || key == known;
        if (!names_layers || !options.starts_with('=')) {
            (void)take_part(options, ",");
            continue;
        }
        options.remove_prefix(1);
        std::size_t end = 0;
        while (end < options.size() && options[end] != ',') end += options[end] == '\\' ? 2U : 1U;
        auto value = options.substr(0, end);
        options.remove_prefix(std::min(end + 1, options.size()));
        while (!value.empty()) {
            if (auto layer = take_part(value, ":"); !layer.empty()) layers.push_back(std::move(layer));
        }
    }
}

}  // namespace aa::oci
