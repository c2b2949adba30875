// SPDX-License-Identifier: Apache-2.0
//
// What a new confinement begins with, as texts: a profile, an entry of the catalog and a policy test, made of the templates of share/templates.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::ctl {

inline constexpr std::string_view kTemplateDirectory = "/usr/share/aa-shim/templates";

// The templates that there are.
inline constexpr std::array<std::string_view, 5> kTemplates = {"web", "database", "baseline", "docker-default", "nothing"};

struct DraftFile {
    std::string path;
    std::string text;
};

// An error of kind usage unless NAME can be all that it is used for: a confinement, a profile and its file, a handler, a part of an image's
// name.
Result<void> require_new_name(const std::string& name);

// The files of the confinement NAME in DIRECTORY, which is laid out as /etc/aa-shim is, of the template FROM in TEMPLATES; the entry of the
// catalog comes last. An error if the catalog there is wrong, or NAME is the name of a confinement or a profile already.
Result<std::vector<DraftFile>> draft(const std::string& name, const std::string& from, const std::string& directory,
                                     const std::string& templates);

}  // namespace aa::ctl
