# SPDX-License-Identifier: MIT
# Symbols and exporters: spipe_add_assets(TARGET) adds their sources to the library's target, and SPIPE_ASSET_LIBRARIES
# names what they need beside libdw and libelf.

find_library(LIBIBERTY_LIBRARY NAMES libiberty.a iberty)
find_path(LIBIBERTY_INCLUDE libiberty/demangle.h)
if(LIBIBERTY_LIBRARY AND LIBIBERTY_INCLUDE)
  set(SPIPE_DEMANGLER demangle_libiberty.c)
  set(SPIPE_ASSET_LIBRARIES ${LIBIBERTY_LIBRARY})
else()
  message(STATUS "libiberty was not found: names in Rust's newer mangling stay as they are")
  set(SPIPE_DEMANGLER demangle_cxxabi.c)
  set(SPIPE_ASSET_LIBRARIES stdc++)
  set(LIBIBERTY_INCLUDE "")
endif()

set(SPIPE_ASSET_SOURCES
  debug_info.c
  demangle.c
  ${SPIPE_DEMANGLER}
  export_collapsed.c
  export_html.c
  export_stacks.c
  html_data.c
  html_summary.c
  image_file.c
  own_vdso_linux.c
  plt_names.c
  ranges.c
  symbol_file.c
  symbol_table.c
  symbols.c
  unwind_starts.c
  utf8.c)
list(TRANSFORM SPIPE_ASSET_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)

set(flamegraph_folder ${CMAKE_CURRENT_LIST_DIR}/flamegraph)
set(flamegraph_page ${CMAKE_CURRENT_BINARY_DIR}/flamegraph_page.c)
file(GLOB flamegraph_sources CONFIGURE_DEPENDS ${flamegraph_folder}/*)
add_custom_command(
  OUTPUT ${flamegraph_page}
  COMMAND ${CMAKE_COMMAND} -DFOLDER=${flamegraph_folder} -DOUTPUT=${flamegraph_page}
          -P ${CMAKE_CURRENT_LIST_DIR}/embed_assets.cmake
  DEPENDS ${flamegraph_sources} ${CMAKE_CURRENT_LIST_DIR}/embed_assets.cmake
  VERBATIM)

function(spipe_add_assets target)
  target_sources(${target} PRIVATE ${SPIPE_ASSET_SOURCES} ${flamegraph_page})
  set_property(SOURCE ${SPIPE_ASSET_SOURCES} APPEND PROPERTY COMPILE_DEFINITIONS _GNU_SOURCE)
endfunction()
