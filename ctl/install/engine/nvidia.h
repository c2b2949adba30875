// SPDX-License-Identifier: Apache-2.0
//
// nvidia-container-runtime: no runtime of its own, it adds the GPU to config.json and becomes the first runtime of a list in its
// configuration. So it can come before aa-shim, which then judges what came of it.
#pragma once

#include <string>
#include <string_view>

#include "ctl/host/host.h"

namespace aa::ctl::install {

// Whether PROGRAM is nvidia-container-runtime.
bool is_nvidia(std::string_view program);

// Whether PROGRAM is nvidia-container-runtime, and its configuration leads to SHIM or a handler beside it.
bool nvidia_leads_to(const Host& host, std::string_view program, std::string_view shim);

// How PROGRAM can be had before aa-shim, as the beginning of a list of remedies; empty if it is not nvidia-container-runtime.
std::string nvidia_remedy(const Host& host, std::string_view program, std::string_view shim);

}  // namespace aa::ctl::install
