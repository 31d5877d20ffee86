# The newest clang on this machine, whatever its number: clang++-22 comes before clang++-19 and clang++.
if(NOT CMAKE_CXX_COMPILER)
  file(GLOB goro_clangs /usr/bin/clang++-[0-9]*)
  list(SORT goro_clangs COMPARE NATURAL ORDER DESCENDING)
  list(APPEND goro_clangs clang++)
  list(GET goro_clangs 0 CMAKE_CXX_COMPILER)
endif()
