add_library(fcgi_host_options INTERFACE)
target_compile_features(fcgi_host_options INTERFACE c_std_11)
target_compile_definitions(fcgi_host_options INTERFACE _GNU_SOURCE)
target_include_directories(fcgi_host_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(fcgi_host_options INTERFACE -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes
  -Wmissing-prototypes -Wpointer-arith -Wwrite-strings)
