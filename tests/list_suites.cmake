# Read by ctest each time that it starts: one test for each suite of an executable and each value of its parameter.
#
# A process that a sanitizer watches takes a quarter of a second to start, and there are two thousand tests. With
# LABEL "suite", beside those that are one test each: the test presets choose (CMakePresets.json).
#
# Set by whoever includes it: executable, folder, seconds.

set(suite_label suite)
execute_process(
  COMMAND ${executable} --gtest_list_tests
  OUTPUT_VARIABLE listed
  RESULT_VARIABLE failed)
if(failed)
  # Fails when it is run, as it has when it was to list its tests.
  add_test("${folder}.${executable}" ${executable})
  set_tests_properties("${folder}.${executable}" PROPERTIES LABELS ${suite_label})
endif()

set(seen)
string(REGEX REPLACE "[];[]" "_" listed "${listed}")
string(REPLACE "\n" ";" listed "${listed}")
foreach(line IN LISTS listed)
  if(line MATCHES "^([^ ]+)\\.($| )")
    set(suite ${CMAKE_MATCH_1})
    continue()
  elseif(line MATCHES "^  [^ ]+/([0-9]+)  # GetParam\\(\\) = ([0-9]+)$")
    set(name "${folder}.${suite}/${CMAKE_MATCH_2}")
    set(filter "${suite}.*/${CMAKE_MATCH_1}")
  elseif(line MATCHES "^  ")
    set(name "${folder}.${suite}")
    set(filter "${suite}.*")
  else()
    continue()
  endif()
  list(FIND seen "${name}" at)
  if(at EQUAL -1)
    list(APPEND seen ${name})
    add_test("${name}" ${executable} "--gtest_filter=${filter}")
    set_tests_properties("${name}" PROPERTIES TIMEOUT ${seconds} LABELS ${suite_label})
  endif()
endforeach()
