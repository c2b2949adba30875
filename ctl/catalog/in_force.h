// SPDX-License-Identifier: Apache-2.0
//
// The catalog that aa-shim decides by, as a file: which one it is, and since when.
#pragma once

#include <string>

#include "apparmor/catalog/compiled_catalog.h"
#include "base/result.h"

namespace aa::ctl {

struct CatalogInForce {
    std::string hash;      // tells one catalog from another; no protection against forgery
    long long loaded = 0;  // in seconds since the epoch
    apparmor::CatalogSize size;
};

// Reads all of it, as root alone could have written it. An error: there is none that can be used, and why.
Result<CatalogInForce> read_catalog_in_force();

}  // namespace aa::ctl
