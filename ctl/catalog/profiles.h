// SPDX-License-Identifier: Apache-2.0
//
// Profiles without a catalog: `aa-shimctl check FILE…` and `check --profiles DIR`, as where profiles are kept and reviewed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"
#include "apparmor/findings/silence.h"
#include "apparmor/load.h"
#include "base/result.h"
#include "ctl/catalog/examine.h"

namespace aa::ctl {

// Whether the file at PATH is meant as a catalog: it is called *.json, or its text, comments aside, begins with a brace. What cannot be read is.
bool is_catalog_file(const std::string& path);

// The same of a directory as well, which is a catalog if it has files called *.json. What is not there is taken for none, unless it is called
// so.
bool is_catalog(const std::string& path);

// The directory from which profiles at PATH include others before all else; empty for those that `load` takes, which have no other than
// /etc/apparmor.d.
std::string foreign_includes(const std::string& path);

// What was looked at, and what was found there.
struct ProfileCheck {
    std::vector<apparmor::Finding> findings;
    std::vector<apparmor::SourceText> texts;
};

// Checks the profile FILES, which find what they include where the first of them does (include_root()).
Result<ProfileCheck> check_profile_files(const std::vector<std::string>& files);

// Checks the profiles of EXAMINATION, whose catalog is read, as SETTINGS find them: their files, and those that are called after them or
// were complained about.
Result<ProfileCheck> check_profiles_of(const Examination& examination, const apparmor::LoadSettings& settings);

// The same for the files below DIRECTORY that apparmor_parser would take for profiles. An error of kind config if there are none.
Result<ProfileCheck> check_profile_directory(const std::string& directory);

// What is wrong with TEXT, of FILE, if nobody can have written it as a profile; nothing if somebody can.
std::optional<apparmor::Finding> no_text(const std::string& file, std::string_view text);

}  // namespace aa::ctl
