// SPDX-License-Identifier: Apache-2.0
//
// StringMap: the pairs of a JSON object whose values are strings (annotations, labels), in the order of the document.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oci/json/json.h"

namespace aa::oci {

using StringMap = std::vector<std::pair<std::string, std::string>>;

// Reads the object (or null, which is empty) at which READER stands; a value that is not a string is an error.
StringMap read_string_map(json::Reader& reader);

// The value of the first pair named KEY.
std::optional<std::string_view> find_value(const StringMap& map, std::string_view key);

}  // namespace aa::oci
