# What `cmake --install` puts where; packages (cmake/Package.cmake) have the same.
include(GNUInstallDirs)
set(SYSTEMD_UNIT_DIR lib/systemd/system CACHE STRING "Where the systemd units go, below the prefix")
# The package's name: Debian's have no "_".
set(FCGI_HOST_DOC_DIR ${CMAKE_INSTALL_DATADIR}/doc/fcgi-host)

if(NOT DEFINED FCGI_HOST_SYSTEMD_VERSION)
  execute_process(COMMAND systemctl --version OUTPUT_VARIABLE version ERROR_QUIET)
  if(NOT version MATCHES "^systemd ([0-9]+)")
    set(CMAKE_MATCH_1 0)
  endif()
  set(FCGI_HOST_SYSTEMD_VERSION ${CMAKE_MATCH_1} CACHE STRING
    "Of the machine that the units are for; from 253 on they have Type=notify-reload")
endif()

if(TARGET fcgi_host)
  # A Python outside the linker's own folders (-DPython3_ROOT_DIR) must be found again.
  set_target_properties(fcgi_host PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS fcgi_host RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# compressed(FILE NAME OUTPUT): NAME.gz in the build tree, always the same bytes.
function(compressed file name output)
  set(packed ${PROJECT_BINARY_DIR}/compressed/${name}.gz)
  add_custom_command(OUTPUT ${packed}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/compressed
    COMMAND ${CMAKE_COMMAND} -E copy ${file} ${PROJECT_BINARY_DIR}/compressed/${name}
    COMMAND gzip -9nf ${PROJECT_BINARY_DIR}/compressed/${name}
    DEPENDS ${file} VERBATIM)
  set(${output} ${packed} PARENT_SCOPE)
endfunction()

foreach(section 5 8)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
  foreach(page IN LISTS pages)
    cmake_path(GET page FILENAME name)
    compressed(${page} ${name} packed)
    list(APPEND all_compressed ${packed})
    install(FILES ${packed} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endforeach()
endforeach()
compressed(${PROJECT_SOURCE_DIR}/packaging/debian/changelog changelog changelog)
add_custom_target(compressed ALL DEPENDS ${all_compressed} ${changelog})
install(FILES ${changelog} ${PROJECT_SOURCE_DIR}/packaging/debian/copyright
  DESTINATION ${FCGI_HOST_DOC_DIR})

install(FILES ${PROJECT_BINARY_DIR}/completions/fcgi_host.bash RENAME fcgi_host
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fcgi_host USE_SOURCE_PERMISSIONS
  PATTERN __pycache__ EXCLUDE)

# What depends on the prefix, which `cmake --install --prefix` may change: units, configuration.
install(CODE "
  set(SOURCE_DIR \"${PROJECT_SOURCE_DIR}\")
  set(WORK_DIR \"${PROJECT_BINARY_DIR}/installed\")
  set(BINDIR \"${CMAKE_INSTALL_BINDIR}\")
  set(DATADIR \"${CMAKE_INSTALL_DATADIR}\")
  set(UNITDIR \"${SYSTEMD_UNIT_DIR}\")
  set(SYSTEMD_VERSION \"${FCGI_HOST_SYSTEMD_VERSION}\")
  set(ZSH_COMPLETION \"${PROJECT_BINARY_DIR}/completions/fcgi_host.zsh\")")
install(SCRIPT ${CMAKE_CURRENT_LIST_DIR}/InstallService.cmake)
