# SPDX-License-Identifier: MIT
# The benchmark's helper programs; tests/bench/run is the command. Nothing that is timed is a test: ctest only looks
# whether the command works.

if(SPIPE_SANITIZE OR SPIPE_FUZZ OR NOT TARGET stackpipe-host-static)
  return()
endif()

find_package(Threads REQUIRED)
set(bench ${CMAKE_CURRENT_SOURCE_DIR}/bench)

# spipe_add_bench(NAME source... [LIBRARIES library...]): a program in build/bench.
function(spipe_add_bench name)
  cmake_parse_arguments(BENCH "" "" "LIBRARIES" ${ARGN})
  add_executable(${name} ${BENCH_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/agent)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  target_compile_options(${name} PRIVATE -O2 -fomit-frame-pointer)
  target_link_libraries(${name} PRIVATE ${BENCH_LIBRARIES} Threads::Threads ${CMAKE_DL_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()

# What a program links that has the whole agent in itself.
set(bench_whole_agent $<TARGET_OBJECTS:stackpipe-agent-handler> $<TARGET_OBJECTS:stackpipe-agent-pump>)

add_library(bench_frames SHARED ${bench}/frames.c)
target_compile_options(bench_frames PRIVATE -O2 -fomit-frame-pointer)
set_target_properties(bench_frames PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench C_VISIBILITY_PRESET default)

spipe_add_bench(bench_session ${bench}/session.c ${bench}/account.c ${bench}/agent_memory.c ${bench}/toggle.c
  LIBRARIES stackpipe-host-static)
spipe_add_bench(sample_cost ${bench}/sample_cost.c ${bench}/subject_agent.c ${bench}/own_slot.c ${bench_whole_agent}
  LIBRARIES bench_frames stackpipe-protocol ${PROTOBUF_C_STATIC})
spipe_add_bench(sample_cost_gperftools ${bench}/sample_cost.c ${bench}/subject_gperftools.c LIBRARIES bench_frames)
spipe_add_bench(pump_load ${bench}/pump_load.c ${bench}/own_slot.c ${bench_whole_agent}
  LIBRARIES bench_frames stackpipe-protocol ${PROTOBUF_C_STATIC})
spipe_add_bench(read_capture ${bench}/read_capture.c LIBRARIES stackpipe-host-static)
spipe_add_bench(table_size ${bench}/table_size.c LIBRARIES unwind_under_test)
spipe_add_bench(handler_count ${bench}/handler_count.c unwind_process.c elf_parts.c
  LIBRARIES bench_frames stackpipe-agent-parts)
target_include_directories(handler_count PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})

# Programs to be slowed down.
spipe_add_bench(work_objects ${bench}/work_objects.cpp)
spipe_add_bench(work_steady ${bench}/work_steady.c LIBRARIES bench_frames)
spipe_add_bench(work_sleeper ${bench}/work_sleeper.c)
spipe_add_bench(work_threads ${bench}/work_threads.c LIBRARIES bench_frames)

# Threads that time themselves, for a host that stands still.
spipe_add_bench(work_quanta ${bench}/work_quanta.c)

# The command works and prints every row; no figure is judged.
add_test(NAME bench_works COMMAND ${SPIPE_PYTHON} ${bench}/check_run)
set_tests_properties(bench_works PROPERTIES
  ENVIRONMENT "STACKPIPE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1" RUN_SERIAL ON TIMEOUT 120)
