# SPDX-License-Identifier: MIT
# Symbols and exporters, added to the target named in SPIPE_ASSETS_TARGET; included by CMakeLists.txt of this folder.

find_library(LIBIBERTY_LIBRARY NAMES libiberty.a iberty)
find_path(LIBIBERTY_INCLUDE libiberty/demangle.h)
if(LIBIBERTY_LIBRARY AND LIBIBERTY_INCLUDE)
  set(demangler demangle_libiberty.c)
else()
  message(STATUS "libiberty was not found: Rust names stay mangled")
  set(demangler demangle_cxxabi.c)
endif()
