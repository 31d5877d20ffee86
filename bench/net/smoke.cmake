# cmake -D EMULATOR=… -D LOAD=… -D KIND=… -D SERVER=… -P smoke.cmake
# Half a second of load on one server: replies came, all of them right, and nothing else was printed. The load
# program starts the server and takes it along when it ends, by whatever.
separate_arguments(EMULATOR UNIX_COMMAND "${EMULATOR}")
separate_arguments(SERVER UNIX_COMMAND "${SERVER}")
execute_process(
  COMMAND ${EMULATOR} ${LOAD} ${KIND} 16 0.5 ${EMULATOR} ${SERVER}
  RESULT_VARIABLE status
  OUTPUT_VARIABLE output
  ERROR_VARIABLE errors)
set(number "[0-9]+[.]?[0-9]*")
set(line "requests=[1-9][0-9]* req_per_s=${number} p50_us=${number} p99_us=${number} max_us=${number}")
if(NOT status EQUAL 0 OR errors OR NOT output MATCHES "^${line} server_cpu_s=${number}\n$")
  message(FATAL_ERROR "exit code ${status}\n${output}${errors}")
endif()
