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

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(AA_CCACHE ccache)
  if(AA_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${AA_CCACHE})
  endif()
endif()

# aa_library(NAME SOURCES… LINKS LIB…): one layer of the design as a static library.
function(aa_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC aa_settings ${ARG_LINKS} PRIVATE aa_warnings aa_hardening aa_sanitize)
endfunction()
