// SPDX-License-Identifier: Apache-2.0
//
// System calls and architectures by name: all that is taken from libseccomp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aa::apparmor {

// What is wrong with NAME as the name of a system call, with a suggestion; empty if libseccomp knows it.
std::string syscall_problem(std::string_view name);

// The architectures whose calls this machine's kernel takes, in the names of the runtime-spec ("SCMP_ARCH_X86_64"), the
// native one first; none for a machine that is not known here.
std::vector<std::string> machine_architectures();

}  // namespace aa::apparmor
