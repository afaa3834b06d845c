# SPDX-License-Identifier: MIT
# End-to-end tests: target programs, and scripts that profile them and programs that everybody has.

# A sanitized agent cannot be loaded into a program that is not sanitized.
if(SPIPE_SANITIZE OR SPIPE_FUZZ)
  return()
endif()

# Target programs are built as stock programs are: optimised, without frame pointers, knowing nothing of us.
function(spipe_prepare_target name)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/targets
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/targets
    C_VISIBILITY_PRESET default
    CXX_VISIBILITY_PRESET default)
  target_compile_options(${name} PRIVATE -O2 -fomit-frame-pointer)
endfunction()

find_package(Threads REQUIRED)

add_library(shares-far SHARED targets/shares_far.c)
add_library(shares-plugin MODULE targets/shares_plugin.c)
add_executable(shares targets/shares.c targets/shares_throw.cpp)
target_link_libraries(shares PRIVATE shares-far Threads::Threads ${CMAKE_DL_LIBS})
# Lazy binding, so that calls of the other library go through stubs.
target_link_options(shares PRIVATE -Wl,-z,lazy)
add_executable(threads targets/threads.c)
target_link_libraries(threads PRIVATE Threads::Threads)
foreach(name families lives processes)
  add_executable(${name} targets/${name}.c)
  target_link_libraries(${name} PRIVATE Threads::Threads)
endforeach()
foreach(name shares-far shares-plugin shares threads families lives processes)
  spipe_prepare_target(${name})
endforeach()

# The same program as it is while it is being written: not optimised, with frame pointers.
add_executable(lives-debug targets/lives.c)
target_link_libraries(lives-debug PRIVATE Threads::Threads)
spipe_prepare_target(lives-debug)
target_compile_options(lives-debug PRIVATE -O0 -fno-omit-frame-pointer)

if(TARGET stackpipe-host-static)
add_executable(damaged_capture e2e/damaged_capture.c)
target_include_directories(damaged_capture PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(damaged_capture PRIVATE stackpipe-host-static)
set_target_properties(damaged_capture PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()

# spipe_add_e2e(NAME SCRIPT [argument...]): a ctest entry for a script in tests/e2e, alone on the machine while it runs.
function(spipe_add_e2e name script)
  add_test(NAME ${name} COMMAND ${SPIPE_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${script} ${ARGN})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT "STACKPIPE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1"
    LABELS e2e RUN_SERIAL ON SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()

spipe_add_e2e(e2e_programs programs --quick)
spipe_add_e2e(e2e_audit audit --quick python3 openssl cc1 node)
foreach(case kept short_threads)
  spipe_add_e2e(e2e_budget_${case} budget ${case})
endforeach()
spipe_add_e2e(e2e_shares shares)
spipe_add_e2e(e2e_lives lives)
spipe_add_e2e(e2e_agree_with_perf agree_with_perf)
spipe_add_e2e(e2e_exports exports)
spipe_add_e2e(e2e_flamegraph flamegraph)
spipe_add_e2e(e2e_install install)
spipe_add_e2e(e2e_valgrind valgrind)
foreach(family every_way bare_fork make shell python perl unprofiled ignored)
  spipe_add_e2e(e2e_follow_${family} follow ${family})
endforeach()
foreach(flow threads_together thread_storm forks exec endings kill_target kill_host stop_host traces)
  spipe_add_e2e(e2e_survive_${flow} survive ${flow})
endforeach()
foreach(flow damaged_capture no_endpoint plain_file foreign_owner silent_host hostile_host no_room options)
  spipe_add_e2e(e2e_bad_input_${flow} bad_input ${flow})
endforeach()
