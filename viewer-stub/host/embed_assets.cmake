# SPDX-License-Identifier: MIT
# Puts the page's sources together and writes them as a C array:
#   cmake -DFOLDER=flamegraph -DOUTPUT=flamegraph_page.c -P embed_assets.cmake

set(scripts format model colours graph panels states main)
file(READ ${FOLDER}/page.html page)
file(READ ${FOLDER}/style.css style)
set(script "\"use strict\";\n(() => {\n")
foreach(name ${scripts})
  file(READ ${FOLDER}/${name}.js text)
  string(APPEND script "${text}")
endforeach()
string(APPEND script "})();")
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")

file(WRITE ${OUTPUT}.html "${page}")
file(READ ${OUTPUT}.html bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* SPDX-License-Identifier: MIT */
/* Made from flamegraph/ when the project is built. */
#include \"viewer-stub/host/flamegraph_page.h\"

const char spipe_flamegraph_page[] = {
${bytes}0x00 };
")
