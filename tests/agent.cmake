# SPDX-License-Identifier: MIT
# The agent's modules, and its session from opening to goodbye with fakes for the clock, the sampler and the pipe. None
# of these tests starts an agent thread, so they also hold under sanitizers.

find_package(Threads REQUIRED)

# spipe_add_agent_test(NAME source...): doubles among the sources take the place of the library's files.
function(spipe_add_agent_test name)
  spipe_add_test(${name} ${name}.c ${ARGN} LIBRARIES stackpipe-agent-parts Threads::Threads)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
endfunction()

set(flow_doubles pipe_memory.c clock_fake.c sampler_fake.c waiting_fake.c agent_stream.c)

spipe_add_agent_test(test_handler)
spipe_add_agent_test(test_backoff)
spipe_add_agent_test(test_budget)
spipe_add_agent_test(test_path_pool)
spipe_add_agent_test(test_ring)
spipe_add_agent_test(test_slot)
spipe_add_agent_test(test_slice)
spipe_add_agent_test(test_slice_size)
spipe_add_agent_test(test_intern pages_heap.c)
spipe_add_agent_test(test_opening)
spipe_add_agent_test(test_settings)
spipe_add_agent_test(test_outbox pipe_memory.c pages_heap.c)
spipe_add_agent_test(test_maps)
spipe_add_agent_test(test_elf_image)
spipe_add_agent_test(test_files)
spipe_add_agent_test(test_signals)
spipe_add_agent_test(test_clock)
spipe_add_agent_test(test_next_symbol)
target_link_libraries(test_next_symbol PRIVATE ${CMAKE_DL_LIBS})
spipe_add_agent_test(test_program tool_files.c)
spipe_add_agent_test(test_agent_environment)
spipe_add_agent_test(test_marks ${flow_doubles})
spipe_add_agent_test(test_ledger ${flow_doubles})
spipe_add_agent_test(test_handshake pipe_memory.c clock_fake.c agent_stream.c)
spipe_add_agent_test(test_flow_session flow_kit.c ${flow_doubles})
spipe_add_agent_test(test_flow_audit flow_kit.c ${flow_doubles})
# What a sanitizer puts before and into functions would not be found as frames of the kind that are looked for.
if(NOT SPIPE_SANITIZE AND NOT SPIPE_FUZZ)
  spipe_add_agent_test(test_frame_search)
endif()
spipe_add_agent_test(test_flow_budget flow_kit.c ${flow_doubles})
spipe_add_agent_test(test_waiting)
spipe_add_agent_test(test_wall_time)
spipe_add_agent_test(test_flow_wall flow_kit.c ${flow_doubles})
spipe_add_agent_test(test_text_dialect flow_kit.c json_lines.c ${flow_doubles})

# With the real agent in a program of its own, which a sanitized agent could not be loaded into.
if(NOT SPIPE_SANITIZE AND NOT SPIPE_FUZZ)
  spipe_add_test(test_flow_text test_flow_text.c json_lines.c)
  set_target_properties(test_flow_text PROPERTIES ENABLE_EXPORTS ON)
  add_dependencies(test_flow_text stackpipe-agent)
endif()

foreach(name opening configuration elf_image maps perf_record)
  spipe_add_fuzzer(fuzz_${name} fuzz/fuzz_${name}.c LIBRARIES stackpipe-agent-parts)
endforeach()
