# SPDX-License-Identifier: Apache-2.0
# Compiler and linker hardening, after the OpenSSF guide for C and C++.
add_library(aa_hardening INTERFACE)
if(NOT AA_SANITIZE)
  target_compile_options(aa_hardening INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE>
    $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=3>
    -fstack-protector-strong
    -fstack-clash-protection
    $<$<CXX_COMPILER_ID:GNU>:-ftrivial-auto-var-init=zero>
    -D_GLIBCXX_ASSERTIONS)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_compile_options(aa_hardening INTERFACE -fcf-protection=full)
  endif()
endif()
target_link_options(aa_hardening INTERFACE
  -Wl,-z,relro
  -Wl,-z,now
  -Wl,-z,noexecstack
  -Wl,-z,separate-code)
