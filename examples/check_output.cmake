# cmake -D EMULATOR=… -D PROGRAM=… -D EXPECTED=… -P check_output.cmake
separate_arguments(EMULATOR UNIX_COMMAND "${EMULATOR}")
execute_process(
  COMMAND ${EMULATOR} ${PROGRAM}
  RESULT_VARIABLE status
  OUTPUT_VARIABLE output
  ERROR_VARIABLE errors)
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "exit code ${status}\n${output}${errors}")
elseif(NOT output STREQUAL expected)
  message(FATAL_ERROR "---- expected\n${expected}\n---- printed\n${output}")
endif()
