// SPDX-License-Identifier: Apache-2.0
//
// Which tables and keys a TOML document has made so far, and how: what may still be opened or set (TOML 1.0, "Table").
#pragma once

#include <map>
#include <string_view>

#include "ctl/install/toml/toml.h"

namespace aa::ctl::install::toml {

class Names {
public:
    // Each returns why it must not be; empty: it may, and it is remembered.
    std::string_view open_table(const Path& path);
    std::string_view open_array_table(const Path& path);
    // PATH is the key's whole path, the last OWN_PARTS of it stand in the key itself.
    std::string_view set(const Path& path, std::size_t own_parts);

private:
    enum class How { above, header, array, dotted, value };
    std::string_view pass_through(const Path& path);

    std::map<Path, How> known_;
};

}  // namespace aa::ctl::install::toml
