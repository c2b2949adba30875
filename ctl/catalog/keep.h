// SPDX-License-Identifier: Apache-2.0
//
// Between the history and the kernel: what a load consists of, taken from the files and from the kernel once the profiles are
// loaded; and back again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/json.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/load.h"
#include "base/result.h"
#include "ctl/catalog/history.h"

namespace aa::ctl {

// What is kept of a load beside the compiled catalog.
struct Ingredients {
    std::vector<apparmor::CatalogSource> catalog;
    std::vector<apparmor::ProfileSource> profiles;
};

// Keeps in HISTORY all of a load of INGREDIENTS: KERNEL's binary policy of the profiles that have a file (nullptr: AppArmor is off), and
// COMPILED, the catalog that is about to be published. What the kernel does not give makes a load that cannot be brought back.
Result<KeptLoad> keep_load(History& history, const Ingredients& ingredients, const apparmor::Kernel* kernel, std::string_view compiled);

// What LOAD consists of, every content of it compared with its hash. An error: it cannot be brought back, and why.
struct KeptContents {
    std::vector<apparmor::CatalogSource> catalog;
    std::vector<std::string> policies;  // binary
};
Result<KeptContents> read_contents(const History& history, const HistoryEntry& entry);

// The profiles that NOW has from its files and THEN has not: they stay loaded, as to remove one would leave its processes unconfined.
std::vector<std::string> left_over(const KeptLoad& now, const KeptLoad& then);

}  // namespace aa::ctl
