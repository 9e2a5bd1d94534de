# How tests are registered.  Every function takes care of labels, time limits and sanitizers.
#
# Labels: unit wire e2e stress fuzz lint package; some have the label python as well: what a new version of
# Python breaks first.  A build tree registers the tests that have a label in FCGI_HOST_TEST_LABELS,
# and adds FCGI_HOST_TEST_SUFFIX to each name, so that several trees can be run by one ctest
# (scripts/test).
set(FCGI_HOST_TEST_LABELS "unit;wire;e2e;stress;fuzz;lint;package" CACHE STRING "Labels of the tests to run")
set(FCGI_HOST_TEST_SUFFIX "" CACHE STRING "Added to every test's name")
find_program(FCGI_HOST_TEST_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

# Reports of sanitizers in processes that a test only starts (the program itself, behind a web
# server that may eat its stderr): tests/support/sanitizer_defaults.c sends them to this folder.  It
# is not in the build tree, which the user that a web server becomes may not be able to look into.
string(SHA256 _build_tree ${PROJECT_BINARY_DIR})
string(SUBSTRING ${_build_tree} 0 16 _build_tree)
set(FCGI_HOST_SANITIZER_REPORTS /tmp/fcgi_host-reports-${_build_tree})

# A sanitizer slows everything down; the limits are for hangs, not for measuring.
if(FCGI_HOST_SANITIZE)
  set(FCGI_HOST_TEST_TIMEOUT_FACTOR 4)
else()
  set(FCGI_HOST_TEST_TIMEOUT_FACTOR 1)
endif()

# Options of the sanitizers in a test's own process. A report aborts: Criterion does not take an
# exit status that a sanitizer changes for a failure.
set(_suppressions ${PROJECT_SOURCE_DIR}/tests/suppressions)
set(FCGI_HOST_SANITIZER_ENVIRONMENT
  "ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:use_sigaltstack=0"
  "LSAN_OPTIONS=suppressions=${_suppressions}/lsan.txt:print_suppressions=0"
  "UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1"
  "TSAN_OPTIONS=suppressions=${_suppressions}/tsan.txt:halt_on_error=1:second_deadlock_stack=1"
)
set(FCGI_HOST_SANITIZER_REPORT "ERROR: [A-Za-z]*Sanitizer;WARNING: ThreadSanitizer;runtime error:")

# fcgi_host_sanitized(TARGET): what a program that embeds Python needs in a sanitizer build.
function(fcgi_host_sanitized target)
  if(FCGI_HOST_SANITIZE MATCHES "address")
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/sanitizer_python.c)
    target_link_libraries(${target} PRIVATE PkgConfig::PYTHON)
  endif()
endfunction()

# fcgi_host_add_test(NAME name LABEL label COMMAND … [TIMEOUT seconds])
# What the functions below have in common; sets FCGI_HOST_TEST_NAME to the registered name, or to
# "" when this build tree leaves the label out.
function(fcgi_host_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "LABELS;COMMAND")
  set(FCGI_HOST_TEST_NAME "" PARENT_SCOPE)
  set(is_wanted FALSE)
  foreach(label IN LISTS arg_LABELS)
    if(label IN_LIST FCGI_HOST_TEST_LABELS)
      set(is_wanted TRUE)
    endif()
  endforeach()
  if(NOT is_wanted)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  math(EXPR timeout "${arg_TIMEOUT} * ${FCGI_HOST_TEST_TIMEOUT_FACTOR}")
  set(name ${arg_NAME}${FCGI_HOST_TEST_SUFFIX})
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}"
    TIMEOUT ${timeout}
    ENVIRONMENT "${FCGI_HOST_SANITIZER_ENVIRONMENT}"
    FAIL_REGULAR_EXPRESSION "${FCGI_HOST_SANITIZER_REPORT}")
  set(FCGI_HOST_TEST_NAME ${name} PARENT_SCOPE)
endfunction()

# fcgi_host_python_test(NAME LABELS label… FILE file.py [TIMEOUT seconds] [SERIAL]
#                       [ENVIRONMENT name=value…])
# A file of unittest tests in the current source folder, run by the distribution's python3.  It
# finds, in its environment:
#   FCGI_HOST                 the program of this build tree
#   FCGI_HOST_SOURCE_DIR      the root of the repository
#   FCGI_HOST_BUILD_DIR       the root of the build tree
#   FCGI_HOST_PYTHON_VERSION  of the Python in the program (3.11): others may lack Flask …
#   FCGI_HOST_SANITIZE        what the program was built with: "", "address,undefined", "thread"
# and in sys.path its own folder and tests/ (so: `from support import …`).
# SERIAL: measures time, or needs the machine; no other test runs beside it.
function(fcgi_host_python_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "FILE;TIMEOUT" "LABELS;ENVIRONMENT")
  cmake_path(GET arg_FILE STEM module)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  fcgi_host_add_test(NAME ${name} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT}
    COMMAND ${FCGI_HOST_TEST_PYTHON} -B -m unittest -v ${module})
  if(NOT FCGI_HOST_TEST_NAME)
    return()
  endif()
  set_tests_properties(${FCGI_HOST_TEST_NAME} PROPERTIES
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    RUN_SERIAL ${arg_SERIAL}
    # Python before 3.12 takes a file without tests for a success.
    FAIL_REGULAR_EXPRESSION "${FCGI_HOST_SANITIZER_REPORT};Ran 0 tests"
    # As on a user's machine: byte code is cached, no foreign Python paths.
    ENVIRONMENT_MODIFICATION
      "PYTHONDONTWRITEBYTECODE=unset:;PYTHONHOME=unset:;PYTHONPATH=set:${PROJECT_SOURCE_DIR}/tests")
  set_property(TEST ${FCGI_HOST_TEST_NAME} APPEND PROPERTY ENVIRONMENT
    "FCGI_HOST=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/fcgi_host"
    "FCGI_HOST_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "FCGI_HOST_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "FCGI_HOST_PYTHON_VERSION=${PYTHON_VERSION}"
    "FCGI_HOST_SANITIZE=${FCGI_HOST_SANITIZE}"
    ${arg_ENVIRONMENT})
  if(FCGI_HOST_SANITIZE)
    set_tests_properties(${FCGI_HOST_TEST_NAME} PROPERTIES
      FIXTURES_REQUIRED sanitizer_reports${FCGI_HOST_TEST_SUFFIX})
  endif()
endfunction()

# The folder of sanitizer reports is emptied before, and must be empty after, the tests that start
# the program.
function(fcgi_host_sanitizer_report_tests)
  set(fixture sanitizer_reports${FCGI_HOST_TEST_SUFFIX})
  add_test(NAME sanitizer.begin${FCGI_HOST_TEST_SUFFIX}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${FCGI_HOST_SANITIZER_REPORTS})
  add_test(NAME sanitizer.no_report${FCGI_HOST_TEST_SUFFIX}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${FCGI_HOST_SANITIZER_REPORTS}
            -P ${PROJECT_SOURCE_DIR}/cmake/SanitizerReports.cmake)
  set_tests_properties(sanitizer.begin${FCGI_HOST_TEST_SUFFIX} PROPERTIES FIXTURES_SETUP ${fixture})
  set_tests_properties(sanitizer.no_report${FCGI_HOST_TEST_SUFFIX} PROPERTIES
    FIXTURES_CLEANUP ${fixture})
endfunction()

# fcgi_host_fuzz_test(NAME LIBRARY): tests/fuzz/fuzz_NAME.c defines LLVMFuzzerTestOneInput().
# Every build replays the corpus in tests/fuzz/corpus/NAME/ (label unit); the fuzz preset looks for
# new inputs for FCGI_HOST_FUZZ_SECONDS, starting from it (label fuzz).
set(FCGI_HOST_FUZZ_SECONDS 20 CACHE STRING "How long each fuzz program runs in ctest")
function(fcgi_host_fuzz_test name library)
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  add_executable(fuzz_${name} fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE ${library})
  fcgi_host_sanitized(fuzz_${name})
  if(FCGI_HOST_FUZZ)
    set(found ${CMAKE_CURRENT_BINARY_DIR}/found/${name})
    file(MAKE_DIRECTORY ${found})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    fcgi_host_add_test(NAME fuzz.${name} LABELS fuzz TIMEOUT 600
      COMMAND fuzz_${name} -max_total_time=${FCGI_HOST_FUZZ_SECONDS} -timeout=10 -print_final_stats=1
              -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/ ${found} ${corpus})
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/replay_corpus.c)
    fcgi_host_add_test(NAME unit.corpus.${name} LABELS unit COMMAND fuzz_${name} ${corpus})
  endif()
endfunction()

# fcgi_host_stress_test(NAME LIBRARY [TIMEOUT seconds] [ARGS …]): tests/stress/stress_NAME.c, a
# plain program that exits with 0 when all is well.  (Criterion cannot start under TSan.)
function(fcgi_host_stress_test name library)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "ARGS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(stress_${name} stress_${name}.c)
  target_link_libraries(stress_${name} PRIVATE ${library})
  fcgi_host_sanitized(stress_${name})
  fcgi_host_add_test(NAME stress.${name} LABELS stress TIMEOUT ${arg_TIMEOUT}
    COMMAND stress_${name} ${arg_ARGS})
endfunction()
