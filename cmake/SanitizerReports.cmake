# Run as a test: print what is in FOLDER, and fail if there is anything.
file(GLOB reports ${FOLDER}/*)
foreach(report IN LISTS reports)
  file(READ ${report} text LIMIT 20000)
  message("${report}:\n${text}")
endforeach()
if(reports)
  message(FATAL_ERROR "a sanitizer reported an error in the program")
endif()
