# SPDX-License-Identifier: Apache-2.0
# Toolchain: Debian's cross compiler for arm64, with the libraries that `scripts/sysroot arm64` unpacks; what was built runs under
# qemu's user-mode emulation.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

if(NOT DEFINED CACHE{CMAKE_SYSROOT})
  if(DEFINED ENV{AA_SYSROOT})
    set(sysroot $ENV{AA_SYSROOT})
  else()
    execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../scripts/sysroot arm64 OUTPUT_VARIABLE sysroot OUTPUT_STRIP_TRAILING_WHITESPACE
      COMMAND_ERROR_IS_FATAL ANY)
  endif()
  set(CMAKE_SYSROOT ${sysroot} CACHE PATH "Debian's arm64 libraries and headers")
endif()

# Before the C library of the cross compiler's own packages, which lags behind the release's security updates.
set(libraries ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-B${libraries} -L${libraries}")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

find_program(AA_QEMU_AARCH64 NAMES qemu-aarch64-static qemu-aarch64)
if(AA_QEMU_AARCH64)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${AA_QEMU_AARCH64} -L ${CMAKE_SYSROOT})
endif()
