// SPDX-License-Identifier: Apache-2.0
//
// aa-shim: the executable that engines call in place of their OCI runtime.
#include <sys/auxv.h>

#include <cstddef>
#include <cstdlib>
#include <exception>

#include "shim/shim.h"

// What libstdc++ calls for an exception that nobody catches. Its own would print the name of the type, and that takes a demangler and
// printf: 40 KB, and a thousand addresses to relocate at every start (libsupc++/vterminate.cc).
void __gnu_cxx::__verbose_terminate_handler() { std::abort(); }

int main(int argc, char** argv) {
    const std::span<const char* const> arguments(argc > 0 ? argv + 1 : argv, argc > 0 ? static_cast<std::size_t>(argc) - 1 : 0);
    try {
        // The kernel's word on the file that was executed, not argv[0], which the caller writes.
        const auto* program = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
        return aa::shim::run(arguments, program != nullptr ? program : "");
    } catch (const std::exception&) {
        return aa::shim::fail_without_memory(arguments);
    }
}
