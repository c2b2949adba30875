// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/catalog.h"

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

}  // namespace aa::apparmor
