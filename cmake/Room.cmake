# fcgi_host_room(LIBRARY): the headers of the current folder are LIBRARY's.  Every header compiles
# alone: the target all_verify_interface_header_sets (dev preset) compiles each as a translation unit
# of its own, with what its room's library may use.
function(fcgi_host_room library)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  # Ours are C, though C++ is enabled for some of the tests' extension modules.
  set_source_files_properties(${headers} PROPERTIES LANGUAGE C)
  target_sources(${library} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
endfunction()
