# The Debian package, of what `cmake --install` installs: `cpack -G DEB` in a build tree, or
# scripts/package, which makes it from a tree of its own.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fcgi-host) # Debian's names have no "_"
# Who builds a package answers for it: DEBFULLNAME, DEBEMAIL, as Debian's tools have it.
set(name "The fcgi_host authors")
set(email fcgi_host@example.org)
if(NOT "$ENV{DEBFULLNAME}" STREQUAL "")
  set(name "$ENV{DEBFULLNAME}")
endif()
if(NOT "$ENV{DEBEMAIL}" STREQUAL "")
  set(email "$ENV{DEBEMAIL}")
endif()
set(CPACK_PACKAGE_CONTACT "${name} <${email}>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "FastCGI host for Python (WSGI) applications")
set(CPACK_PACKAGE_DESCRIPTION
"It keeps a pool of named CPython sub-interpreters, each serving a WSGI
application, behind lighttpd, Apache or nginx. It watches the files of the
applications and replaces the one interpreter whose files changed, in
milliseconds, without losing a request.
.
No service is enabled: fcgi_host.socket serves what
/etc/fcgi_host/fcgi_host.conf says, fcgi_host@NAME.socket what
/etc/fcgi_host/NAME.conf says.")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})

# Staged below DESTDIR, with the prefix that the program has in the end.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# A package is for one release of Debian, whose Python it needs: 0.1.0~deb12 < 0.1.0~deb13.
cmake_host_system_information(RESULT debian QUERY DISTRIB_INFO)
if(debian_ID STREQUAL "debian" AND debian_VERSION_ID)
  set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION}~deb${debian_VERSION_ID})
else()
  set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION})
endif()
execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE architecture
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${architecture})
set(CPACK_DEBIAN_FILE_NAME fcgi_host_${CPACK_DEBIAN_PACKAGE_VERSION}_${architecture}.deb)
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What sys.executable names: for virtual environments, and for what starts a Python.
cmake_path(GET FCGI_HOST_PYTHON_EXECUTABLE FILENAME python)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "${python}, python3")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nginx | lighttpd | apache2")
set(scripts ${PROJECT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${scripts}/conffiles ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
