# Tests of the examples beyond their printed output. Included by examples/CMakeLists.txt.

# The tour's word count against `wc -w`, on odd files; and its answers to bad input.
if(TARGET example_tour AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME example.tour.wordcount COMMAND ${CMAKE_CURRENT_LIST_DIR}/tour/wordcount_check.sh
                                               $<TARGET_FILE:example_tour>)
  set_tests_properties(example.tour.wordcount PROPERTIES LABELS "example;concurrent" TIMEOUT 120)
endif()

# Where a process may have little address space: 8 GB, of which a stack of 1 GB each would soon be all.
if(TARGET example_tour AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME example.tour.little_space COMMAND sh -c "ulimit -v 8000000 && exec \"$0\" \"$1\""
                                                  $<TARGET_FILE:example_tour> ${PROJECT_SOURCE_DIR}/include)
  set_tests_properties(example.tour.little_space PROPERTIES LABELS example TIMEOUT 300 RUN_SERIAL ON ENVIRONMENT
                                                            TMPDIR=${CMAKE_CURRENT_BINARY_DIR})
endif()

# The trace that it records of itself, and the picture of it.
find_package(Python3 COMPONENTS Interpreter)
if(TARGET example_tour
   AND Python3_FOUND
   AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME example.tour.trace
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/tour/trace_check.py $<TARGET_FILE:example_tour>
                   ${PROJECT_SOURCE_DIR}/tools/draw_trace.py)
  set_tests_properties(example.tour.trace PROPERTIES LABELS example TIMEOUT 120)
  # Ten seconds of its last chapter.
  add_test(NAME example.tour.word_count_trace
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/tour/word_count_trace.py $<TARGET_FILE:example_tour>
                   ${PROJECT_SOURCE_DIR}/tools/check_trace.py)
  set_tests_properties(example.tour.word_count_trace PROPERTIES LABELS example TIMEOUT 120)
endif()
