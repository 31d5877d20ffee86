# The servers, and what they share. They need Boost's headers, https_server OpenSSL too; where these are
# missing, or would be those of another machine, the servers are left out. Included by examples/CMakeLists.txt.
set(goro_web_examples http_server https_server websocket_chat)

set(goro_web_missing "")
if(CMAKE_CROSSCOMPILING)
  set(goro_web_missing "not when cross-compiling")
elseif(NOT TARGET goro::asio)
  set(goro_web_missing "Boost is missing")
endif()
if(goro_web_missing)
  list(JOIN goro_web_examples ", " names)
  message(STATUS "goro: without the examples ${names}: ${goro_web_missing}")
  return()
endif()

add_library(example_web STATIC EXCLUDE_FROM_ALL web/http_session.cpp web/options.cpp web/server.cpp web/site.cpp
                                                web/static_files.cpp)
target_link_libraries(example_web PUBLIC goro::asio)
# What Beast reads of a file at a time; its own 4096 bytes make a system call of each page.
target_compile_definitions(example_web PUBLIC BOOST_BEAST_FILE_BUFFER_SIZE=65536)
goro_enable_warnings(example_web)

goro_add_example(http_server http_server/main.cpp)
target_link_libraries(example_http_server PRIVATE example_web)
goro_add_example(websocket_chat websocket_chat/main.cpp websocket_chat/client.cpp websocket_chat/hub.cpp)
target_link_libraries(example_websocket_chat PRIVATE example_web)

find_package(OpenSSL 3.0 QUIET)
if(NOT TARGET OpenSSL::SSL)
  message(STATUS "goro: without the example https_server: OpenSSL is missing")
  return()
endif()
goro_add_example(https_server https_server/main.cpp https_server/certificate.cpp)
target_link_libraries(example_https_server PRIVATE example_web OpenSSL::SSL OpenSSL::Crypto)
