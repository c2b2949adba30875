// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/syscalls.h"

#include <seccomp.h>

#include <cstdlib>
#include <memory>

#include "base/text.h"

namespace aa::apparmor {
namespace {

struct FreeName {
    void operator()(char* name) const { std::free(name); }  // NOLINT(cppcoreguidelines-no-malloc): libseccomp's own
};

// The names of this machine's system calls.
std::vector<std::string> syscall_names() {
    constexpr int kHighest = 1023;  // far above the highest number in use
    std::vector<std::string> names;
    for (int number = 0; number <= kHighest; ++number) {
        const std::unique_ptr<char, FreeName> name(seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number));
        if (name) names.emplace_back(name.get());
    }
    return names;
}

}  // namespace

std::vector<std::string> machine_architectures() {
    switch (seccomp_arch_native()) {
        case SCMP_ARCH_X86_64:
            return {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
        case SCMP_ARCH_AARCH64:
            return {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
        case SCMP_ARCH_S390X:
            return {"SCMP_ARCH_S390X", "SCMP_ARCH_S390"};
        case SCMP_ARCH_PPC64LE:
            return {"SCMP_ARCH_PPC64LE"};
        case SCMP_ARCH_RISCV64:
            return {"SCMP_ARCH_RISCV64"};
        case SCMP_ARCH_ARM:
            return {"SCMP_ARCH_ARM"};
        case SCMP_ARCH_X86:
            return {"SCMP_ARCH_X86"};
        default:
            return {};
    }
}

std::string syscall_problem(std::string_view name) {
    if (seccomp_syscall_resolve_name(std::string(name).c_str()) != __NR_SCMP_ERROR) return {};
    const auto names = syscall_names();
    const std::vector<std::string_view> views(names.begin(), names.end());
    const auto near = closest(name, views);
    return concat({"unknown system call ", quote(name), near.empty() ? std::string() : concat({", did you mean ", quote(near), "?"})});
}

}  // namespace aa::apparmor
