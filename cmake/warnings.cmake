# SPDX-License-Identifier: Apache-2.0
# The whole policy on warnings. They are errors only where AA_WERROR says so, so that a newer compiler breaks nobody's build.
add_library(aa_warnings INTERFACE)
target_compile_options(aa_warnings INTERFACE
  -Wall
  -Wextra
  -Wpedantic
  -Wshadow
  -Wconversion
  -Wsign-conversion
  -Wnon-virtual-dtor
  -Woverloaded-virtual
  -Wold-style-cast
  -Wformat=2
  -Wundef
  -Wimplicit-fallthrough
  -Wswitch-enum
  $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
  $<$<CXX_COMPILER_ID:GNU>:-Wuseless-cast>
  # g++ 12, when it inlines, sees overlapping copies in std::string's own code (GCC bug 105651) and uninitialised strings
  # where a std::variant is moved from.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict;-Wno-maybe-uninitialized>
  # `TRY` is a statement expression; it says __extension__, which clang does not honour in macros.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-gnu-statement-expression>
  $<$<CXX_COMPILER_ID:Clang>:-Wreserved-identifier>)
if(AA_WERROR)
  target_compile_options(aa_warnings INTERFACE -Werror)
endif()
