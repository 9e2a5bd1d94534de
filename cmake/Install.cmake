# What `cmake --install` puts where.
include(GNUInstallDirs)
set(SYSTEMD_UNIT_DIR lib/systemd/system CACHE STRING "Where the systemd units go, below the prefix")

if(TARGET fcgi_host)
  # A Python outside the linker's own folders (-DPython3_ROOT_DIR) must be found again.
  set_target_properties(fcgi_host PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS fcgi_host RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
file(GLOB man_pages_5 CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.5)
file(GLOB man_pages_8 CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.8)
file(GLOB units CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/packaging/*.service ${PROJECT_SOURCE_DIR}/packaging/*.socket)
install(FILES ${man_pages_5} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${man_pages_8} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${units} DESTINATION ${SYSTEMD_UNIT_DIR})
