// SPDX-License-Identifier: Apache-2.0
//
// What must hold before the command line is read.
#pragma once

namespace aa::ctl {

// Makes sure that descriptors 0 to 2 are open, so that no file of ours is taken for one of them; says so and returns false if it cannot.
bool open_standard_descriptors();

}  // namespace aa::ctl
