# Python: the distribution's (pkg-config python3-embed) unless -DPython3_ROOT_DIR=DIR names another.
find_package(PkgConfig REQUIRED)
if(Python3_ROOT_DIR)
  set(ENV{PKG_CONFIG_PATH} "${Python3_ROOT_DIR}/lib/pkgconfig")
endif()
pkg_check_modules(PYTHON REQUIRED IMPORTED_TARGET python3-embed)
pkg_get_variable(PYTHON_EXEC_PREFIX python3-embed exec_prefix)
set(FCGI_HOST_PYTHON_EXECUTABLE "${PYTHON_EXEC_PREFIX}/bin/python${PYTHON_VERSION}"
    CACHE FILEPATH "the python that sys.executable names")

pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(ELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
find_package(Threads REQUIRED)
