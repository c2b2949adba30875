# SPDX-License-Identifier: Apache-2.0
# What every target is compiled with.
add_library(aa_settings INTERFACE)
target_compile_features(aa_settings INTERFACE cxx_std_20)
target_include_directories(aa_settings INTERFACE ${PROJECT_SOURCE_DIR})
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Sections of their own let the linker drop what aa-shim does not use: fewer pages to map at every start.
target_compile_options(aa_settings INTERFACE -ffunction-sections -fdata-sections)
target_link_options(aa_settings INTERFACE -Wl,--gc-sections)
# Addresses in tables are relocated at every start; in this form their list is a hundredth as long. glibc 2.36 and newer read it.
include(CheckCXXSourceCompiles)
include(CheckLinkerFlag)
check_linker_flag(CXX -Wl,-z,pack-relative-relocs AA_LINKER_HAS_RELR)
check_cxx_source_compiles("#include <features.h>\n#if !__GLIBC_PREREQ(2, 36)\n#error\n#endif\nint main() {}" AA_LIBC_HAS_RELR)
# The same bytes from every directory; but where someone debugs, the sources are to be found.
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR AA_SANITIZE OR AA_TIDY)
  target_compile_options(aa_settings INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
endif()

# clang-tidy looks at a source before it is compiled, so the cache has an object only of what it had nothing to say of. Its answer depends on
# more than an object does: on its checks and itself, and on comments (NOLINT) and macros, which are gone from what the preprocessor writes
# and ccache otherwise goes by. By CCACHE_DEPEND it goes by the contents of the source and of all its headers.
if(AA_TIDY)
  set(tidy ${PROJECT_SOURCE_DIR}/cmake/tidy)
  find_program(AA_CLANG_TIDY clang-tidy-14 REQUIRED)
  set(with_tidy CCACHE_PREFIX=${tidy} CCACHE_DEPEND=1 CCACHE_EXTRAFILES=${tidy}:${PROJECT_SOURCE_DIR}/.clang-tidy:${AA_CLANG_TIDY})
endif()

# With a base directory, a tree takes from the cache what was compiled in another one.
if(AA_TIDY OR NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(AA_CCACHE ccache)
  if(AA_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${with_tidy} ${AA_CCACHE})
  elseif(AA_TIDY)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${tidy})
  endif()
endif()

# aa_library(NAME SOURCES… LINKS LIB…): one layer of the design as a static library.
function(aa_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC aa_settings ${ARG_LINKS} PRIVATE aa_warnings aa_hardening aa_sanitize)
endfunction()

# aa_compact(TARGET FAST FILE…): compiles TARGET for size, except the FILEs, whose loops run long. aa-shim runs nearly every line of
# its own once and then is gone: what a line costs is to be fetched (docs/operation.md, "What a call costs").
function(aa_compact target)
  cmake_parse_arguments(ARG "" "" "FAST" ${ARGN})
  set(optimized "$<CXX_COMPILER_ID:GNU>,$<NOT:$<CONFIG:Debug>>")
  target_compile_options(${target} PRIVATE $<$<AND:${optimized}>:-Os>)
  set_source_files_properties(${ARG_FAST} PROPERTIES COMPILE_OPTIONS $<$<AND:${optimized}>:-O2>)
endfunction()
