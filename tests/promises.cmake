# SPDX-License-Identifier: MIT
# What the agent promises to the program it is loaded into, each promise with a test that fails when it is broken.

# A sanitized agent cannot be loaded into a program that is not sanitized.
if(SPIPE_SANITIZE OR SPIPE_FUZZ OR NOT TARGET stackpipe-agent)
  return()
endif()

find_package(Threads REQUIRED)

# Programs as others build them, optimised and knowing nothing of us.
function(spipe_prepare_promise_target name)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/promises
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/promises
    OUTPUT_NAME ${ARGN}
    C_VISIBILITY_PRESET default)
  target_compile_options(${name} PRIVATE -O2 -fomit-frame-pointer)
  target_link_libraries(${name} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

add_library(promise-plugin MODULE promises/plugin.c)
spipe_prepare_promise_target(promise-plugin plugin)
set(promise_targets promise-plugin)
foreach(name children endings handler linked process signals threads unloader)
  add_executable(promise-${name} promises/${name}.c)
  spipe_prepare_promise_target(promise-${name} ${name})
  list(APPEND promise_targets promise-${name})
endforeach()
target_include_directories(promise-linked PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(promise-linked PRIVATE stackpipe-agent)

add_library(promise_kit STATIC EXCLUDE_FROM_ALL
  promises/capture_host.c promises/capture_session.c promises/promise_kit.c promises/target_run.c)
target_include_directories(promise_kit PUBLIC ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(promise_kit PRIVATE _GNU_SOURCE SPIPE_BUILD_DIR="${CMAKE_BINARY_DIR}")
target_link_libraries(promise_kit PUBLIC stackpipe-protocol Threads::Threads)

# The objects that run in the signal handler, for a look at what they refer to.
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/tests/promises/handler_objects.txt
  CONTENT "$<JOIN:$<TARGET_OBJECTS:stackpipe-agent-handler>,\n>\n")
spipe_add_test(test_promises_file test_promises_file.c promises/elf_file.c)
target_compile_definitions(test_promises_file PRIVATE
  SPIPE_HANDLER_OBJECTS="${CMAKE_BINARY_DIR}/tests/promises/handler_objects.txt")
add_dependencies(test_promises_file stackpipe-agent)
set_tests_properties(test_promises_file PROPERTIES LABELS promises)

foreach(area children endings endpoints handler limits process signals threads)
  spipe_add_test(test_promises_${area} test_promises_${area}.c LIBRARIES promise_kit)
  add_dependencies(test_promises_${area} stackpipe-agent ${promise_targets})
  # Alone on the machine while it runs: shares of CPU time are compared.
  set_tests_properties(test_promises_${area} PROPERTIES LABELS promises RUN_SERIAL ON)
endforeach()
