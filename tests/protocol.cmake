# SPDX-License-Identifier: MIT
# Tests of protocol/.

spipe_add_test(test_arena test_arena.c LIBRARIES stackpipe-protocol)
spipe_add_test(test_status test_status.c LIBRARIES stackpipe-protocol)
spipe_add_test(test_record test_record.c LIBRARIES stackpipe-protocol)
spipe_add_test(test_message test_message.c LIBRARIES stackpipe-protocol)
spipe_add_test(test_endpoint test_endpoint.c LIBRARIES stackpipe-protocol)
spipe_add_test(test_encode test_encode.c record_kit.c LIBRARIES stackpipe-protocol)
spipe_add_test(test_decode test_decode.c record_kit.c LIBRARIES stackpipe-protocol)
find_package(Threads REQUIRED)
spipe_add_test(test_pipe test_pipe.c LIBRARIES stackpipe-protocol Threads::Threads)
spipe_add_test(test_fault_pipe test_fault_pipe.c fault_pipe.c)
spipe_add_test(test_pipe_memory test_pipe_memory.c pipe_memory.c LIBRARIES stackpipe-protocol)
spipe_add_test(test_specification test_specification.c example_session.c LIBRARIES stackpipe-protocol)
target_compile_definitions(test_specification PRIVATE SPIPE_PROTOCOL_DIR="${PROJECT_SOURCE_DIR}/protocol")

foreach(name decode host_message message endpoint)
  spipe_add_fuzzer(fuzz_${name} fuzz/fuzz_${name}.c LIBRARIES stackpipe-protocol)
endforeach()
