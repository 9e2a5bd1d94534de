# embed_python(TARGET FILE.py SYMBOL)
#
# Compiles the source text of FILE.py (relative to the current source directory) into TARGET, as a
# NUL-terminated string, so that the program needs no data file at run time:
#   #include "embedded/SYMBOL.h"       declares:  extern const char SYMBOL[];
#                                                 extern const size_t SYMBOL_bytes;  (without NUL)
# The text is compiled anew whenever FILE.py changes.
set(_EMBED_PYTHON_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/EmbedPythonScript.cmake)

function(embed_python target file symbol)
  cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE source)
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE shown)
  set(include_root ${CMAKE_CURRENT_BINARY_DIR}/generated)
  set(c_file ${include_root}/embedded/${symbol}.c)
  set(h_file ${include_root}/embedded/${symbol}.h)
  add_custom_command(
    OUTPUT ${c_file} ${h_file}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${source} -DSHOWN=${shown} -DSYMBOL=${symbol}
            -DC_FILE=${c_file} -DH_FILE=${h_file} -P ${_EMBED_PYTHON_SCRIPT}
    DEPENDS ${source} ${_EMBED_PYTHON_SCRIPT}
    COMMENT "Embedding ${shown}"
    VERBATIM)
  target_sources(${target} PRIVATE ${c_file} ${h_file})
  target_include_directories(${target} PRIVATE ${include_root})
endfunction()
