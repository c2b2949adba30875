// SPDX-License-Identifier: Apache-2.0
#include "oci/json/string_map.h"

namespace aa::oci {

StringMap read_string_map(json::Reader& reader) {
    StringMap map;
    if (reader.null()) return map;
    reader.object([&](const json::Text& key) {
        reader.count(json::kObjectWeight);
        const json::Text value = reader.string();
        if (!reader.failed()) map.emplace_back(key.decoded(), value.decoded());
    });
    return map;
}

std::optional<std::string_view> find_value(const StringMap& map, std::string_view key) {
    for (const auto& [name, value] : map) {
        if (name == key) return value;
    }
    return std::nullopt;
}

}  // namespace aa::oci
