# cmake -D EMULATOR=… -D PROGRAM=… -D WORKLOAD=… -D SIZE=… -P smoke.cmake
# Runs one workload of goro-bench with a small size and checks that it prints result lines and nothing else.
separate_arguments(EMULATOR UNIX_COMMAND "${EMULATOR}")
execute_process(
  COMMAND ${EMULATOR} ${PROGRAM} ${WORKLOAD} -p 2 -n ${SIZE}
  RESULT_VARIABLE status
  OUTPUT_VARIABLE output
  ERROR_VARIABLE errors)
set(line "workload=${WORKLOAD} procs=2 metric=[a-z0-9_]+ value=[-+.e0-9]+\n")
if(NOT status EQUAL 0 OR errors OR NOT output MATCHES "^(${line})+$")
  message(FATAL_ERROR "exit code ${status}\n${output}${errors}")
endif()
