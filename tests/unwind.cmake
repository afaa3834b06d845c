# SPDX-License-Identifier: MIT
# The unwinder: tables, walks, and a comparison with libdw. The sources are compiled as in the agent: what runs in a handler
# without stack protector and without calls that the compiler would make by itself.

find_package(Threads REQUIRED)

set(unwind_handler_sources ${PROJECT_SOURCE_DIR}/agent/unwind_x86_64.c ${PROJECT_SOURCE_DIR}/agent/unwind_table.c
    ${PROJECT_SOURCE_DIR}/agent/code_map.c)
set(unwind_compiler_sources ${PROJECT_SOURCE_DIR}/agent/dwarf_cursor.c ${PROJECT_SOURCE_DIR}/agent/cfa_expression.c
    ${PROJECT_SOURCE_DIR}/agent/cfa_program.c ${PROJECT_SOURCE_DIR}/agent/unwind_builder.c
    ${PROJECT_SOURCE_DIR}/agent/eh_frame.c)

add_library(unwind_under_test STATIC ${unwind_handler_sources} ${unwind_compiler_sources} pages_heap.c elf_parts.c)
target_include_directories(unwind_under_test PUBLIC ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
set_source_files_properties(${unwind_handler_sources} PROPERTIES COMPILE_OPTIONS
    "-ffreestanding;-fno-builtin;-fno-stack-protector;-fno-tree-loop-distribute-patterns;-O2")
set_source_files_properties(unwind_scenes.c PROPERTIES COMPILE_OPTIONS
    "-O2;-fomit-frame-pointer;-fno-optimize-sibling-calls;-fasynchronous-unwind-tables")

spipe_add_test(test_unwind test_unwind.c unwind_process.c unwind_scenes.c LIBRARIES unwind_under_test Threads::Threads)
target_link_options(test_unwind PRIVATE -Wl,-z,lazy)
