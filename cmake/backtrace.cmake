# What reports read debug information with (src/diag/symbols.cpp): libbacktrace as GCC brings it, or the copy in
# libstdc++, whose names have a prefix. It is linked into whoever links goro; sets goro_backtrace_library and
# goro_backtrace_prefix, or leaves them empty.
include(CheckCXXSourceCompiles)

set(goro_backtrace_library)
set(goro_backtrace_prefix)
foreach(candidate IN ITEMS "backtrace|" "stdc++exp|__glibcxx_" "stdc++_libbacktrace|__glibcxx_")
  string(REPLACE "|" ";" candidate "${candidate}")
  list(GET candidate 0 library)
  list(GET candidate 1 prefix)
  string(MAKE_C_IDENTIFIER "GORO_HAS_${library}" result)
  set(CMAKE_REQUIRED_LIBRARIES ${library})
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles(
    "extern \"C\" void* ${prefix}backtrace_create_state(const char*, int, void (*)(void*, const char*, int), void*);
     int main() { return ${prefix}backtrace_create_state(nullptr, 1, nullptr, nullptr) == nullptr; }"
    ${result})
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_QUIET)
  if(${result})
    set(goro_backtrace_library ${library})
    set(goro_backtrace_prefix "${prefix}")
    break()
  endif()
endforeach()
if(NOT goro_backtrace_library)
  message(STATUS "goro: reports name no files and lines: the compiler brings no libbacktrace")
endif()
