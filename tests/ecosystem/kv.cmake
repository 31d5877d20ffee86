# The larger network examples beside programs that goro did not write: redis-cli, redis-benchmark, Python's
# sockets. Included by tests/CMakeLists.txt where examples are built and nothing is sanitized.

# ---- the parser alone -----------------------------------------------------------------------------

set(kv_sources ${PROJECT_SOURCE_DIR}/examples/kv_server)

add_executable(kv_parser_tests ${CMAKE_CURRENT_LIST_DIR}/kv_parser_test.cpp ${kv_sources}/resp.cpp)
target_link_libraries(kv_parser_tests PRIVATE goro::goro GTest::gtest GTest::gtest_main)
goro_enable_warnings(kv_parser_tests)
add_test(NAME ecosystem.kv_parser COMMAND kv_parser_tests --gtest_brief=1)
set_tests_properties(ecosystem.kv_parser PROPERTIES LABELS example TIMEOUT 60)

add_executable(kv_fuzz ${CMAKE_CURRENT_LIST_DIR}/kv_fuzz.cpp ${kv_sources}/resp.cpp)
target_link_libraries(kv_fuzz PRIVATE goro::goro)
goro_enable_warnings(kv_fuzz)
add_test(NAME ecosystem.kv_fuzz COMMAND kv_fuzz)
set_tests_properties(ecosystem.kv_fuzz PROPERTIES LABELS example TIMEOUT 300)

# With clang: `cmake --build --preset clang --target kv_libfuzzer && build/clang/tests/kv_libfuzzer -max_len=600`.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_executable(kv_libfuzzer EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/kv_fuzz.cpp ${kv_sources}/resp.cpp)
  target_compile_definitions(kv_libfuzzer PRIVATE GORO_LIBFUZZER)
  target_compile_options(kv_libfuzzer PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_options(kv_libfuzzer PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(kv_libfuzzer PRIVATE goro::goro)
  goro_enable_warnings(kv_libfuzzer)
endif()

# ---- the programs, spoken to by others ------------------------------------------------------------

# kv_add_script(NAME SECONDS EXAMPLE ARGUMENT...): a script of this folder with the program of an example as its
# first argument. It ends with 77 when something is missing that it needs, such as redis-cli.
function(kv_add_script name seconds example)
  if(NOT TARGET example_${example})
    return()
  endif()
  add_test(NAME ecosystem.${name} COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${name}.py
                                          $<TARGET_FILE:example_${example}> ${ARGN})
  set_tests_properties(ecosystem.${name} PROPERTIES LABELS example TIMEOUT ${seconds} SKIP_RETURN_CODE 77)
endfunction()

kv_add_script(kv_commands 120 kv_server)
kv_add_script(kv_protocol 120 kv_server)
kv_add_script(kv_beside_redis 300 kv_server --requests 5000)
kv_add_script(proxy_transfer 120 tcp_proxy)
kv_add_script(proxy_behaviour 120 tcp_proxy)
kv_add_script(scan_ports 60 port_scanner)
kv_add_script(live_page_arguments 60 live_page)

add_executable(load_responder ${CMAKE_CURRENT_LIST_DIR}/load_responder.cpp)
target_link_libraries(load_responder PRIVATE goro::goro)
goro_enable_warnings(load_responder)
kv_add_script(load_http 120 load_generator $<TARGET_FILE:load_responder>)

add_executable(
  load_parser_tests ${CMAKE_CURRENT_LIST_DIR}/load_parser_test.cpp
                    ${PROJECT_SOURCE_DIR}/examples/load_generator/response_parser.cpp)
target_link_libraries(load_parser_tests PRIVATE goro::goro GTest::gtest GTest::gtest_main)
goro_enable_warnings(load_parser_tests)
add_test(NAME ecosystem.load_parser COMMAND load_parser_tests --gtest_brief=1)
set_tests_properties(ecosystem.load_parser PROPERTIES LABELS example TIMEOUT 60)

add_executable(load_fuzz ${CMAKE_CURRENT_LIST_DIR}/load_fuzz.cpp
                         ${PROJECT_SOURCE_DIR}/examples/load_generator/response_parser.cpp)
add_executable(address_fuzz ${CMAKE_CURRENT_LIST_DIR}/address_fuzz.cpp)
foreach(fuzzer load_fuzz address_fuzz)
  target_link_libraries(${fuzzer} PRIVATE goro::goro)
  goro_enable_warnings(${fuzzer})
  add_test(NAME ecosystem.${fuzzer} COMMAND ${fuzzer})
  set_tests_properties(ecosystem.${fuzzer} PROPERTIES LABELS example TIMEOUT 60)
endforeach()

if(TARGET example_idle_connections)
  add_test(NAME ecosystem.idle_connections COMMAND example_idle_connections --connections 20000)
  set_tests_properties(ecosystem.idle_connections PROPERTIES LABELS example TIMEOUT 120 RUN_SERIAL ON)
endif()
