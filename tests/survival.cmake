# SPDX-License-Identifier: MIT
# The survival checklist: what programs and systems do to a profiler, a ctest entry named survive_<row> for each row.

# A sanitized agent cannot be loaded into a program that is not sanitized.
if(NOT TARGET promise_kit)
  return()
endif()

add_library(survival_kit STATIC EXCLUDE_FROM_ALL survival/survival_kit.c)
target_link_libraries(survival_kit PUBLIC promise_kit)

# spipe_add_survival(ROW command...): a ctest entry survive_ROW with the label "survival". Rows may run beside others.
function(spipe_add_survival row)
  add_test(NAME survive_${row} COMMAND ${ARGN})
  set_tests_properties(survive_${row} PROPERTIES
    LABELS survival TIMEOUT 120 SKIP_RETURN_CODE 77 SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
endfunction()

# spipe_add_survival_target(NAME [SOURCE name] [LIBRARIES library...]): the program tests/survival/NAME.c (or another
# source there), SURVIVAL_PROGRAM("NAME") to its tests.
function(spipe_add_survival_target name)
  cmake_parse_arguments(TARGET "" "SOURCE" "LIBRARIES" ${ARGN})
  if(NOT TARGET_SOURCE)
    set(TARGET_SOURCE ${name})
  endif()
  add_executable(survive-${name} survival/${TARGET_SOURCE}.c)
  target_include_directories(survive-${name} PRIVATE ${PROJECT_SOURCE_DIR})
  spipe_prepare_promise_target(survive-${name} survive-${name})
  target_link_libraries(survive-${name} PRIVATE ${TARGET_LIBRARIES})
endfunction()

# spipe_add_survival_area(AREA [TARGETS name...]): the cmocka program test_survival_AREA.c, and a row for each test in
# it. A test is called as its ctest entry is, survive_ROW, and is found by its `cmocka_unit_test(survive_ROW)`.
function(spipe_add_survival_area area)
  cmake_parse_arguments(AREA "" "" "TARGETS" ${ARGN})
  set(program test_survival_${area})
  add_executable(${program} ${program}.c)
  target_link_libraries(${program} PRIVATE survival_kit ${CMOCKA_LIBRARY})
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_dependencies(${program} stackpipe-agent)
  foreach(name ${AREA_TARGETS})
    add_dependencies(${program} survive-${name})
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${program}.c)
  file(READ ${program}.c source)
  string(REGEX MATCHALL "cmocka_unit_test\\(survive_[a-z0-9_]+\\)" entries "${source}")
  foreach(entry ${entries})
    string(REGEX REPLACE ".*\\(survive_([a-z0-9_]+)\\)" "\\1" row ${entry})
    spipe_add_survival(${row} ${program} survive_${row})
  endforeach()
endfunction()

spipe_add_survival_target(workers)
spipe_add_survival_area(hosts TARGETS workers)
target_sources(test_survival_hosts PRIVATE fault_pipe.c)
# The delays that it prints are not judged here, memory and account are.
if(TARGET work_quanta)
  spipe_add_survival(host_is_stopped_and_measured
    ${SPIPE_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/bench/stopped_host --seconds 3)
  set_tests_properties(survive_host_is_stopped_and_measured PROPERTIES
    ENVIRONMENT "STACKPIPE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endif()

foreach(version 1 2)
  add_library(survive-library-${version} MODULE survival/library.c)
  spipe_prepare_promise_target(survive-library-${version} survive-library-${version})
  target_compile_definitions(survive-library-${version} PRIVATE LIBRARY_VERSION=${version})
endforeach()
if(TARGET stackpipe-host-static)
  spipe_add_survival_target(libraries)
  spipe_add_survival_area(libraries TARGETS libraries library-1 library-2)
  target_link_libraries(test_survival_libraries PRIVATE stackpipe-host-static)
endif()

spipe_add_survival_target(crowds)
spipe_add_survival_area(crowds TARGETS crowds)

spipe_add_survival_target(enclose)
spipe_add_survival_area(containers TARGETS enclose workers)

# The same program with musl; the row is skipped where there is none.
spipe_add_survival_area(systems)
# In a root that tests/survival/make_older_root makes; passed over where it was not.
if(TARGET stackpipe)
  spipe_add_survival(system_with_an_older_glibc ${SPIPE_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/survival/older_glibc)
  set_tests_properties(survive_system_with_an_older_glibc PROPERTIES
    ENVIRONMENT "STACKPIPE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endif()
find_program(SPIPE_MUSL_GCC musl-gcc)
if(SPIPE_MUSL_GCC)
  set(musl_workers ${CMAKE_BINARY_DIR}/tests/promises/survive-workers-musl)
  set(musl_source ${CMAKE_CURRENT_SOURCE_DIR}/survival/workers.c)
  add_custom_command(OUTPUT ${musl_workers}
    COMMAND ${SPIPE_MUSL_GCC} -O2 -fomit-frame-pointer -I${PROJECT_SOURCE_DIR} -o ${musl_workers} ${musl_source}
    DEPENDS ${musl_source} VERBATIM)
  add_custom_target(survive-workers-musl DEPENDS ${musl_workers})
  add_dependencies(test_survival_systems survive-workers-musl)
endif()

spipe_add_survival_target(sleeps)
spipe_add_survival_area(sleeps TARGETS sleeps)

spipe_add_survival_target(handlers)
spipe_add_survival_target(handlers-late SOURCE handlers LIBRARIES stackpipe-agent)
spipe_add_survival_area(handlers TARGETS handlers handlers-late)

spipe_add_survival_target(masks)
spipe_add_survival_area(masks TARGETS masks)

spipe_add_survival_target(stacks)
spipe_add_survival_target(broken)
spipe_add_survival_area(stacks TARGETS stacks broken)

spipe_add_survival_target(crashes)
spipe_add_survival_area(crashes TARGETS crashes)

add_library(survive-taker MODULE survival/taker.c)
spipe_prepare_promise_target(survive-taker survive-taker)
spipe_add_survival_target(company)
spipe_add_survival_area(company TARGETS company taker)

spipe_add_survival_target(scarce)
spipe_add_survival_target(scarce-late SOURCE scarce LIBRARIES stackpipe-agent)
spipe_add_survival_area(limits TARGETS scarce scarce-late)

spipe_add_survival_target(forks)
spipe_add_survival_area(forks TARGETS forks)

spipe_add_survival_target(departures)
spipe_add_survival_area(departures TARGETS departures)
add_dependencies(test_survival_departures promise-endings)

spipe_add_survival_target(rights)
spipe_add_survival_area(rights TARGETS rights)
