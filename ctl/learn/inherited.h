// SPDX-License-Identifier: Apache-2.0
//
// The files that a program which is executed has open from whoever executes it.
#pragma once

#include <string>
#include <vector>

namespace aa::ctl {

struct InheritedFile {
    std::string name;     // in its container
    std::string letters;  // how it is open, as records have it: "r", "wr", "a"
    unsigned long long owner = 0;
};

// Those of the process PID, as far as it is still there, which are not closed by an exec. Pipes and sockets have no name, and are none of these.
std::vector<InheritedFile> inherited_files(unsigned long long pid);

}  // namespace aa::ctl
