# SPDX-License-Identifier: MIT
# Tests of symbols and exporters.

find_program(XZ_PROGRAM xz)
find_program(ADDR2LINE_PROGRAM addr2line)
set(fixtures ${CMAKE_CURRENT_BINARY_DIR}/symbols)

# A library that is compiled as programs are: optimised, with debug information, without frame pointers, never sanitised.
function(spipe_add_fixture name source)
  add_library(${name} SHARED ${source})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${fixtures} C_VISIBILITY_PRESET default
    CXX_VISIBILITY_PRESET default)
  target_compile_options(${name} PRIVATE -O2 -g -fomit-frame-pointer -fno-sanitize=all)
  target_link_options(${name} PRIVATE ${ARGN})
endfunction()

spipe_add_fixture(spipe-fixture symbols/fixture.c -Wl,--build-id=0x00112233445566778899aabbccddeeff)
spipe_add_fixture(spipe-fixture-nameless symbols/fixture.c -Wl,--build-id=none)
spipe_add_fixture(spipe-fixture-cxx symbols/fixture_cxx.cpp)

add_custom_command(
  OUTPUT ${fixtures}/done
  COMMAND ${CMAKE_COMMAND} -DOBJCOPY=${CMAKE_OBJCOPY} -DSTRIP=${CMAKE_STRIP} "-DXZ=$<$<BOOL:${XZ_PROGRAM}>:${XZ_PROGRAM}>"
          -DLIBRARY=$<TARGET_FILE:spipe-fixture> -DFOLDER=${fixtures}
          -P ${CMAKE_CURRENT_SOURCE_DIR}/symbols/make_variants.cmake
  DEPENDS spipe-fixture ${CMAKE_CURRENT_SOURCE_DIR}/symbols/make_variants.cmake
  VERBATIM)
add_custom_target(spipe-fixture-variants ALL DEPENDS ${fixtures}/done)

spipe_add_test(test_utf8 test_utf8.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_ranges test_ranges.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_demangle test_demangle.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_symbol_file test_symbol_file.c LIBRARIES stackpipe-host-static ${CMAKE_DL_LIBS})
spipe_add_test(test_symbols test_symbols.c profile_kit.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_export_collapsed test_export_collapsed.c profile_kit.c LIBRARIES stackpipe-host-static)
spipe_add_test(test_export_html test_export_html.c profile_kit.c LIBRARIES stackpipe-host-static)
foreach(name demangle symbol_file)
  spipe_add_fuzzer(fuzz_${name} fuzz/fuzz_${name}.c LIBRARIES stackpipe-host-static)
endforeach()

if(LIBIBERTY_LIBRARY AND LIBIBERTY_INCLUDE)
  target_compile_definitions(test_demangle PRIVATE SPIPE_TEST_RUST)
endif()
foreach(test test_symbol_file test_symbols)
  target_compile_definitions(${test} PRIVATE SPIPE_TEST_FIXTURES="${fixtures}" _GNU_SOURCE)
  add_dependencies(${test} spipe-fixture-variants spipe-fixture-nameless spipe-fixture-cxx)
endforeach()
if(ADDR2LINE_PROGRAM)
  target_compile_definitions(test_symbol_file PRIVATE SPIPE_TEST_ADDR2LINE="${ADDR2LINE_PROGRAM}")
endif()
if(XZ_PROGRAM)
  target_compile_definitions(test_symbol_file PRIVATE SPIPE_TEST_XZ)
endif()

# A page of known content, opened in a browser.
add_executable(make_sample_page html/make_sample_page.c profile_kit.c)
target_include_directories(make_sample_page PRIVATE ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(make_sample_page PRIVATE stackpipe-host-static ${CMOCKA_LIBRARY})
add_test(NAME html_flamegraph
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/html/test_flamegraph.sh $<TARGET_FILE:make_sample_page>)
set_tests_properties(html_flamegraph PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
