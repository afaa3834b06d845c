# SPDX-License-Identifier: MIT
# Tests of tools/stackpipe/.

if(NOT TARGET stackpipe-command)
  return()
endif()

foreach(module options numbers plain_text help environment elf_check launch recorder tally doctor socket_list private_folder
    out_file progress dump losses record_processes report_text report_tree agent_file)
  spipe_add_test(test_${module} test_${module}.c tool_files.c LIBRARIES stackpipe-command)
endforeach()
foreach(name options program_file socket_list text views)
  spipe_add_fuzzer(fuzz_${name} fuzz/fuzz_${name}.c LIBRARIES stackpipe-command)
endforeach()
spipe_add_test(test_report_wall test_report_wall.c records.c LIBRARIES stackpipe-command)
spipe_add_test(test_recording test_recording.c fake_agent.c tool_files.c LIBRARIES stackpipe-command)

# A program that speaks to its host as an agent does, without being one: record can be tested with it and nothing else.
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/fake_agent_library.c "extern int spipe_fake_agent_library;\nint spipe_fake_agent_library;\n")
add_library(fake_agent_library MODULE ${CMAKE_CURRENT_BINARY_DIR}/fake_agent_library.c)
set_target_properties(fake_agent_library PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_executable(fake_agent_program fake_agent_program.c fake_agent.c)
target_include_directories(fake_agent_program PRIVATE ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(fake_agent_program PRIVATE stackpipe-protocol)
set_target_properties(fake_agent_program PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
spipe_add_test(test_flow_record test_flow_record.c tool_files.c LIBRARIES stackpipe-command)
add_dependencies(test_flow_record stackpipe fake_agent_program fake_agent_library)
target_compile_definitions(test_flow_record PRIVATE
  SPIPE_TEST_COMMAND="$<TARGET_FILE:stackpipe>" SPIPE_TEST_FAKE_AGENT="$<TARGET_FILE:fake_agent_program>"
  SPIPE_TEST_FAKE_LIBRARY="$<TARGET_FILE:fake_agent_library>")
