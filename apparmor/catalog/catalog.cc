// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/catalog.h"

#include <algorithm>

#include "base/text.h"

namespace aa::apparmor {

std::string Origin::text() const {
    if (line == 0) return file;
    return concat({file, ":", decimal(line), ":", decimal(column)});
}

const Confinement* Catalog::find(std::string_view name) const {
    for (const auto& confinement : confinements) {
        if (confinement.name == name) return &confinement;
    }
    return nullptr;
}

bool Catalog::is_external(std::string_view profile) const {
    return std::any_of(external_profiles.begin(), external_profiles.end(), [&](const std::string& external) {
        return profile == external || (profile.starts_with(external) && profile.substr(external.size()).starts_with("//"));
    });
}

}  // namespace aa::apparmor
