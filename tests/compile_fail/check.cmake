# cmake -D COMPILER=… -D INCLUDE=… -D SOURCE=… -P check.cmake
file(STRINGS ${SOURCE} lines REGEX "^// expect: ")
if(NOT lines)
  message(FATAL_ERROR "${SOURCE} has no line '// expect: …'")
endif()
list(GET lines 0 line)
string(REGEX REPLACE "^// expect: *" "" expected "${line}")

set(ENV{LC_ALL} C) # plain quotation marks in the compiler's messages
execute_process(
  COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I${INCLUDE} ${SOURCE}
  RESULT_VARIABLE status
  ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, and must not")
elseif(NOT output MATCHES "${expected}")
  message(FATAL_ERROR "the compiler's message does not match '${expected}':\n${output}")
endif()

# How many there may be, if the file says so.
file(STRINGS ${SOURCE} limit REGEX "^// errors: ")
if(limit)
  string(REGEX REPLACE "^// errors: *" "" limit "${limit}")
  string(REGEX MATCHALL "error:" errors "${output}")
  list(LENGTH errors count)
  if(count GREATER limit)
    message(FATAL_ERROR "${count} errors instead of ${limit}:\n${output}")
  endif()
endif()
