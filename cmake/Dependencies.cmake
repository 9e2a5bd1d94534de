# Python: the distribution's (pkg-config python3-embed).  -DPython3_ROOT_DIR=DIR names another one's prefix,
# -DFCGI_HOST_PYTHON=X.Y another version that is installed beside the distribution's.
find_package(PkgConfig REQUIRED)
if(Python3_ROOT_DIR)
  set(ENV{PKG_CONFIG_PATH} "${Python3_ROOT_DIR}/lib/pkgconfig")
endif()
set(FCGI_HOST_PYTHON "3" CACHE STRING "which of pkg-config's python-X.Y-embed; 3: the default")
if(FCGI_HOST_PYTHON STREQUAL "3")
  set(_python_package python3-embed)
else()
  set(_python_package python-${FCGI_HOST_PYTHON}-embed)
endif()
pkg_check_modules(PYTHON REQUIRED IMPORTED_TARGET ${_python_package})
pkg_get_variable(PYTHON_EXEC_PREFIX ${_python_package} exec_prefix)
set(FCGI_HOST_PYTHON_EXECUTABLE "${PYTHON_EXEC_PREFIX}/bin/python${PYTHON_VERSION}"
    CACHE FILEPATH "the python that sys.executable names")
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_INCLUDES ${PYTHON_INCLUDE_DIRS})
check_c_source_compiles("
#include <Python.h>
#ifdef Py_GIL_DISABLED
#error free-threaded
#endif
int main(void) { return 0; }" FCGI_HOST_PYTHON_HAS_A_GIL)
unset(CMAKE_REQUIRED_INCLUDES)
if(NOT FCGI_HOST_PYTHON_HAS_A_GIL)
  message(FATAL_ERROR "${_python_package} is a free-threaded build of Python (or its headers do not compile). "
    "fcgi_host refuses it: the check for stale extension state stops every thread by the GIL and reads objects "
    "laid out as in a build with one; without it a reload could not be checked.")
endif()

pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(ELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
find_package(Threads REQUIRED)
