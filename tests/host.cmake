# SPDX-License-Identifier: MIT
# Tests of the host's library: store, captures, call tree, summary, and the pipe's host side.

if(NOT TARGET stackpipe-host-static)
  return()
endif()

foreach(name test_store test_capture test_calltree test_summary test_json test_host test_flow_host)
  spipe_add_test(${name} ${name}.c records.c LIBRARIES stackpipe-host-static)
endforeach()
spipe_add_test(test_processes test_processes.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_golden test_golden.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_second_unwinder test_second_unwinder.c own_stack.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_audit test_audit.c own_stack.c records.c LIBRARIES stackpipe-host-static)
spipe_add_fuzzer(fuzz_audit fuzz/fuzz_audit.c own_stack.c LIBRARIES stackpipe-host-static)
foreach(name capture session)
  spipe_add_fuzzer(fuzz_${name} fuzz/fuzz_${name}.c LIBRARIES stackpipe-host-static)
endforeach()

add_executable(make_capture make_capture.c records.c)
target_link_libraries(make_capture PRIVATE stackpipe-protocol)
target_include_directories(make_capture PRIVATE ${PROJECT_SOURCE_DIR})
set_target_properties(make_capture PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
