# GORO_SANITIZE=address,undefined or GORO_SANITIZE=thread.
#
# The options are set for the whole folder, not per target: a sanitizer that sees only half of the
# program reports races that are none and misses real ones, so the library, the tests, the examples and
# GoogleTest are all compiled with it.
set(GORO_SANITIZE "" CACHE STRING "Sanitizers to build everything with: thread, or address,undefined")

if(GORO_SANITIZE)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${GORO_SANITIZE}>
                      $<$<COMPILE_LANGUAGE:CXX>:-fno-omit-frame-pointer>)
  add_link_options(-fsanitize=${GORO_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC loses track of initialisations among the instrumentation, in the standard library's headers too.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # Without it -g1 leaves out of which class or namespace an inlined function is.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fdebug-info-for-profiling>)
  endif()
  if(GORO_SANITIZE MATCHES "undefined")
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize-recover=undefined>)
  endif()
endif()
