# Static analysis and formatting: the `analyze` preset and the targets `lint` and `format`.
option(FCGI_HOST_ANALYZE "Run clang-tidy and cppcheck on every file that is compiled" OFF)
find_program(CLANG_FORMAT clang-format)
find_program(CLANG_TIDY clang-tidy)
find_program(CPPCHECK cppcheck)

if(FCGI_HOST_ANALYZE)
  if(NOT CLANG_TIDY OR NOT CPPCHECK)
    message(FATAL_ERROR "FCGI_HOST_ANALYZE needs clang-tidy and cppcheck (scripts/deps test)")
  endif()
  set(CMAKE_C_CLANG_TIDY ${CLANG_TIDY} --quiet --warnings-as-errors=*)
  string(REGEX MATCH "^[0-9]+[.]([0-9]+)" _ ${PYTHON_VERSION})
  math(EXPR python_hex "(3 << 24) | (${CMAKE_MATCH_1} << 16) | 0x00f0" OUTPUT_FORMAT HEXADECIMAL)
  set(CMAKE_C_CPPCHECK ${CPPCHECK}
    --quiet
    --inline-suppr
    --enable=warning,performance,portability
    --suppressions-list=${PROJECT_SOURCE_DIR}/tests/suppressions/cppcheck.txt
    --error-exitcode=2
    -DPY_VERSION_HEX=${python_hex} # it is not given Python's headers
    --library=${PROJECT_SOURCE_DIR}/cmake/cppcheck.cfg # <sys/queue.h>
    --library=posix
    --library=python
  )
endif()

# The C files of the repository, wherever they are: also those that nobody builds yet.
file(GLOB_RECURSE FCGI_HOST_C_FILES CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/bench/*.[ch]
  ${PROJECT_SOURCE_DIR}/fcgi_host/*.[ch]
  ${PROJECT_SOURCE_DIR}/pool/*.[ch]
  ${PROJECT_SOURCE_DIR}/reload/*.[ch]
  ${PROJECT_SOURCE_DIR}/tests/*.[ch]
)

if(CLANG_FORMAT)
  add_custom_target(format
    COMMAND ${CLANG_FORMAT} -i ${FCGI_HOST_C_FILES}
    COMMENT "clang-format -i" VERBATIM)
endif()

# lint: the lint tests, then the analysers over the whole code in a build tree of their own.
add_custom_target(lint
  COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${PROJECT_BINARY_DIR} -L lint --output-on-failure
  COMMAND ${CMAKE_COMMAND} --preset analyze
  COMMAND ${CMAKE_COMMAND} --build --preset analyze
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} USES_TERMINAL VERBATIM)
