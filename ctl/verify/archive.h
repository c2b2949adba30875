// SPDX-License-Identifier: Apache-2.0
//
// The archive of an image with one file in it, as `docker import` reads it.
#pragma once

#include <string>
#include <string_view>

namespace aa::ctl::verify {

// A tar archive (POSIX.1-2001 pax(1), "ustar Interchange Format") in which CONTENT is root's program /NAME.
std::string archive_of_program(std::string_view name, std::string_view content);

}  // namespace aa::ctl::verify
