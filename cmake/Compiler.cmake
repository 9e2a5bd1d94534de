# fcgi_host_options: what every target of ours is compiled and linked with.
include(CheckCCompilerFlag)
include(CheckPIESupported)

option(FCGI_HOST_WERROR "Warnings are errors" OFF)
option(FCGI_HOST_LTO "Link-time optimisation" OFF)
option(FCGI_HOST_FUZZ "Build the fuzz programs with libFuzzer (clang only)" OFF)
set(FCGI_HOST_SANITIZE "" CACHE STRING "Argument of -fsanitize=: address,undefined or thread")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)
# assert() stays in release builds: no NDEBUG.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")

add_library(fcgi_host_options INTERFACE)
target_compile_definitions(fcgi_host_options INTERFACE _GNU_SOURCE)
target_include_directories(fcgi_host_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(fcgi_host_options INTERFACE
  -Wall
  -Wextra
  -Wvla
  -Wstrict-prototypes
  -Wmissing-prototypes
  -Wpointer-arith
  -Wwrite-strings
  -Wformat=2
  -Wimplicit-fallthrough
  # The program exports nothing by accident: a function of ours that has the name of one in an
  # extension module would be called in its place. What extensions must see says so
  # (visibility("default"), as Python.h's declarations do).
  -fvisibility=hidden
  # The stale-state check reads the memory of other code as words.
  -fno-strict-aliasing
  # Complete backtraces (faulthandler, perf, sanitizers).
  -fno-omit-frame-pointer
)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # Not with clang, whose -Wshadow also means variables of the C library (environ).
  target_compile_options(fcgi_host_options INTERFACE -Wshadow)
  # What must not be cut short checks snprintf()'s result; gcc warns of every %s.
  target_compile_options(fcgi_host_options INTERFACE -Wno-format-truncation)
endif()
if(FCGI_HOST_WERROR)
  target_compile_options(fcgi_host_options INTERFACE -Werror)
endif()

# Hardening, in optimised builds; a sanitizer brings its own checks.
if(NOT FCGI_HOST_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER "HAS${flag}" has_flag)
    check_c_compiler_flag(${flag} ${has_flag})
    if(${has_flag})
      target_compile_options(fcgi_host_options INTERFACE ${flag})
    endif()
  endforeach()
  # glibc takes 3 for 2 where the compiler cannot do 3; the -U is for compilers that predefine it.
  target_compile_options(fcgi_host_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  target_link_options(fcgi_host_options INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()

if(FCGI_HOST_SANITIZE)
  target_compile_options(fcgi_host_options INTERFACE
    -fsanitize=${FCGI_HOST_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(fcgi_host_options INTERFACE -fsanitize=${FCGI_HOST_SANITIZE})
  # For the few places that must know: Python's allocator, time limits.
  target_compile_definitions(fcgi_host_options INTERFACE FCGI_HOST_SANITIZED=1)
endif()

if(FCGI_HOST_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "FCGI_HOST_FUZZ needs clang: libFuzzer is part of it")
  endif()
  target_compile_options(fcgi_host_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(FCGI_HOST_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
