# Tests of the examples beyond their printed output. Included by examples/CMakeLists.txt.

# The tour's word count against `wc -w`, on odd files; and its answers to bad input.
if(TARGET example_tour AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME example.tour.wordcount COMMAND ${CMAKE_CURRENT_LIST_DIR}/tour/wordcount_check.sh
                                               $<TARGET_FILE:example_tour>)
  set_tests_properties(example.tour.wordcount PROPERTIES LABELS "example;concurrent" TIMEOUT 120)
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
endif()
