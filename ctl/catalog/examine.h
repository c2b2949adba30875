// SPDX-License-Identifier: Apache-2.0
//
// Examining a catalog: its files, what is wrong in them, and whether its profiles can be enforced. `check` reports the
// result, `load` acts on it: both look at the same things.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/json.h"
#include "apparmor/findings/finding.h"
#include "apparmor/findings/silence.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/load.h"
#include "base/result.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

enum class Trust { required, not_required };  // whether a catalog file must be root's, writable by nobody else

// The catalog files PATHS names: a file as it is, a directory's *.json in the order of their names. Where there is none, the error says
// that there is no WHAT.
struct WhatFiles {
    std::string_view name = "catalog";
    std::string_view example = "/usr/share/aa-shim/catalog.d";
};
Result<std::vector<apparmor::CatalogSource>> read_catalog_files(const std::vector<std::string>& paths, Trust trust,
                                                                const WhatFiles& what = {});

struct Examination {
    apparmor::Catalog catalog;  // meaningful only if it is_read
    bool is_read = false;
    std::vector<apparmor::Finding> findings;
    std::vector<apparmor::Finding> unknown;  // names of profiles that only a kernel with AppArmor could know, where there is none
    std::vector<apparmor::ProfileSource> sources;
    std::vector<apparmor::CatalogSource> files;
    std::vector<apparmor::SourceText> texts;  // of the catalog's files
    bool has_kernel = false;                  // one with AppArmor, which knows profiles without a source

    [[nodiscard]] bool ok() const;
};

enum class Profiles { examine, skip };

// Reads and checks the catalog in PATHS, and what stands in the way of its PROFILES, which are looked for as SETTINGS say. An
// error only if it cannot be read.
Result<Examination> examine(const std::vector<std::string>& paths, Trust trust, Profiles profiles, const apparmor::Kernel& kernel,
                            const apparmor::LoadSettings& settings = {});

// For --json: {"files", "confinements", "rules", "profiles"}.
Json counts(const Examination& examination);

// "3 files, 4 confinements, 2 rules, 6 profiles".
std::string summary(const Examination& examination);

}  // namespace aa::ctl
