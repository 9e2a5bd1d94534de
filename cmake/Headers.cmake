# Every header compiles alone: the target all_verify_interface_header_sets (dev preset) compiles
# each as a translation unit of its own, with the usage requirements of its layer's library.
foreach(layer pool reload fcgi_host)
  if(layer STREQUAL "fcgi_host")
    set(library fcgi_host_core)
  else()
    set(library fcgi_host_${layer})
  endif()
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${layer}/*.h)
  get_target_property(type ${library} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    set(scope INTERFACE)
  else()
    set(scope PUBLIC)
  endif()
  if(headers)
    # Ours are C, though C++ is enabled for some of the tests' extension modules.
    set_source_files_properties(${headers} TARGET_DIRECTORY ${library} PROPERTIES LANGUAGE C)
    target_sources(${library} ${scope} FILE_SET HEADERS
      BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  endif()
endforeach()
