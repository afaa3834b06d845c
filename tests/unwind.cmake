# SPDX-License-Identifier: MIT
# The unwinder: tables, walks, and a comparison with libdw. The sources are compiled as in the agent: what runs in a
# handler without stack protector and without calls that the compiler would make by itself.

find_package(Threads REQUIRED)

set(unwind_handler_sources ${PROJECT_SOURCE_DIR}/agent/unwind_x86_64.c ${PROJECT_SOURCE_DIR}/agent/unwind_table.c
    ${PROJECT_SOURCE_DIR}/agent/code_map.c)
set(unwind_compiler_sources ${PROJECT_SOURCE_DIR}/agent/dwarf_cursor.c ${PROJECT_SOURCE_DIR}/agent/cfa_expression.c
    ${PROJECT_SOURCE_DIR}/agent/cfa_program.c ${PROJECT_SOURCE_DIR}/agent/unwind_builder.c
    ${PROJECT_SOURCE_DIR}/agent/eh_frame.c)

add_library(unwind_under_test STATIC ${unwind_handler_sources} ${unwind_compiler_sources} pages_heap.c elf_parts.c)
target_include_directories(unwind_under_test PUBLIC ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
set_source_files_properties(${unwind_handler_sources} PROPERTIES COMPILE_OPTIONS
    "-ffreestanding;-fno-builtin;-fno-stack-protector;$<$<C_COMPILER_ID:GNU>:-fno-tree-loop-distribute-patterns>;-O2")
set_source_files_properties(unwind_scenes.c PROPERTIES COMPILE_OPTIONS
    "-O2;-fomit-frame-pointer;-fno-optimize-sibling-calls;-fasynchronous-unwind-tables")

spipe_add_test(test_code_map test_code_map.c LIBRARIES unwind_under_test)
spipe_add_test(test_unwind_table test_unwind_table.c LIBRARIES unwind_under_test)
spipe_add_test(test_eh_frame test_eh_frame.c LIBRARIES unwind_under_test)
spipe_add_test(test_unwind_rules test_unwind_rules.c LIBRARIES unwind_under_test)

# Walks of this process. The loader binds late here, so that it is met on stacks.
add_library(unwind_early SHARED unwind_early.c)
target_include_directories(unwind_early PRIVATE ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
spipe_add_test(test_unwind test_unwind.c unwind_process.c unwind_scenes.c
               LIBRARIES unwind_under_test unwind_early Threads::Threads)
target_link_options(test_unwind PRIVATE -Wl,-z,lazy)

pkg_check_modules(LIBDW IMPORTED_TARGET libdw libelf)
if(LIBDW_FOUND)
  add_executable(unwind_audit unwind_audit.c)
  target_link_libraries(unwind_audit PRIVATE unwind_under_test PkgConfig::LIBDW)
  set_target_properties(unwind_audit PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME unwind_audit COMMAND unwind_audit -n 20000)
  set_tests_properties(unwind_audit PROPERTIES TIMEOUT 120)
endif()

foreach(name eh_frame cfa_program)
  spipe_add_fuzzer(fuzz_${name} fuzz/fuzz_${name}.c fuzz/unwind_kit.c fuzz/pages_guarded.c ${unwind_handler_sources}
                   ${unwind_compiler_sources})
endforeach()
