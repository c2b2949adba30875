// SPDX-License-Identifier: Apache-2.0
//
// The subject of a record in the log.
#pragma once

#include <string>

namespace aa::shim {

// Who a container is, for those who look for it in the log: what its engine said when it was judged. What the engine does not say,
// or was not asked, is empty. Nothing is decided by it.
struct Subject {
    std::string engine;
    std::string kubernetes_namespace;
    std::string pod;
    std::string name;
    std::string image;

    friend bool operator==(const Subject&, const Subject&) = default;
};

}  // namespace aa::shim
