# Run by `cmake --install`, which knows the prefix: the systemd units, with the paths of this
# installation; the configuration, unless there is one already; what zsh completes by.
#   SOURCE_DIR, WORK_DIR      of the project, of the build tree
#   BINDIR, DATADIR, UNITDIR  below the prefix
#   SYSTEMD_VERSION           of the machine that the units are for
#   ZSH_COMPLETION            the file
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/?$")
  set(config_dir /etc/fcgi_host)
else()
  set(config_dir ${CMAKE_INSTALL_PREFIX}/etc/fcgi_host)
endif()
set(BINDIR ${CMAKE_INSTALL_PREFIX}/${BINDIR})
set(DATADIR ${CMAKE_INSTALL_PREFIX}/${DATADIR})

# `systemctl reload` waits for the end of the reload where systemd can (253 and later).
if(SYSTEMD_VERSION VERSION_GREATER_EQUAL 253)
  set(RELOAD "Type=notify-reload")
else()
  # The shell's own kill: /bin/kill need not be there.
  set(RELOAD "Type=notify\nExecReload=/bin/sh -c \"kill -HUP \${MAINPID}\"")
endif()

# One host, and a template: as many as there are configurations.
foreach(AT IN ITEMS "" "@")
  if(AT)
    set(OF_INSTANCE " as NAME of fcgi_host@NAME")
    set(SHOWN ": %i")
    set(CONFIG ${config_dir}/%i.conf)
    set(RUNTIME fcgi_host-%i)
    set(STATE fcgi_host/%i)
    set(AT_NAME "@NAME")
    set(SOCKET /run/fcgi_host-%i.sock)
    set(AT "@%i")
    set(file fcgi_host@)
  else()
    set(OF_INSTANCE "")
    set(SHOWN "")
    set(CONFIG ${config_dir}/fcgi_host.conf)
    set(RUNTIME fcgi_host)
    set(STATE fcgi_host)
    set(AT_NAME "")
    set(SOCKET /run/fcgi_host.sock)
    set(file fcgi_host)
  endif()
  set(RUNTIME_FOLDER /run/${RUNTIME})
  set(STATE_FOLDER /var/lib/${STATE})
  foreach(kind service socket)
    configure_file(${SOURCE_DIR}/packaging/fcgi_host.${kind}.in ${WORK_DIR}/units/${file}.${kind} @ONLY)
    file(INSTALL DESTINATION ${CMAKE_INSTALL_PREFIX}/${UNITDIR} TYPE FILE
      FILES ${WORK_DIR}/units/${file}.${kind})
  endforeach()
endforeach()

configure_file(${SOURCE_DIR}/packaging/fcgi_host.conf.in ${WORK_DIR}/fcgi_host.conf @ONLY)
if(EXISTS $ENV{DESTDIR}${config_dir}/fcgi_host.conf)
  message(STATUS "Kept: $ENV{DESTDIR}${config_dir}/fcgi_host.conf")
else()
  file(INSTALL DESTINATION ${config_dir} TYPE FILE FILES ${WORK_DIR}/fcgi_host.conf)
endif()

# Debian's zsh has a folder of its own for what packages bring, and looks into no other below /usr.
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr/?$" AND EXISTS /etc/debian_version)
  set(zsh_dir share/zsh/vendor-completions)
else()
  set(zsh_dir share/zsh/site-functions)
endif()
file(INSTALL DESTINATION ${CMAKE_INSTALL_PREFIX}/${zsh_dir} TYPE FILE RENAME _fcgi_host
  FILES ${ZSH_COMPLETION})
