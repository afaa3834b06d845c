# SPDX-License-Identifier: MIT
# Copies of a library with more and less in them:
#   cmake -DOBJCOPY=... -DSTRIP=... -DXZ=... -DLIBRARY=libx.so -DFOLDER=... -P make_variants.cmake

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGN}")
  endif()
endfunction()

file(MAKE_DIRECTORY ${FOLDER})
run(${STRIP} --strip-debug -o ${FOLDER}/symtab.so ${LIBRARY})
run(${STRIP} --strip-all -o ${FOLDER}/stripped.so ${LIBRARY})
run(${OBJCOPY} --only-keep-debug ${LIBRARY} ${FOLDER}/linked.debug)
file(REMOVE ${FOLDER}/linked.so)
execute_process(COMMAND ${OBJCOPY} --strip-all --add-gnu-debuglink=linked.debug ${LIBRARY} linked.so
  WORKING_DIRECTORY ${FOLDER} RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "failed: a copy with .gnu_debuglink")
endif()
if(XZ)
  run(${OBJCOPY} --only-keep-debug --strip-debug ${LIBRARY} ${FOLDER}/mini)
  run(${XZ} --force --keep ${FOLDER}/mini)
  run(${OBJCOPY} --strip-all --add-section .gnu_debugdata=${FOLDER}/mini.xz ${LIBRARY} ${FOLDER}/mini.so)
endif()
file(WRITE ${FOLDER}/done "")
