# goro_enable_warnings(TARGET): the warnings that all of goro's own code compiles without.
# They are errors where CMAKE_COMPILE_WARNING_AS_ERROR is set, as every preset does.
function(goro_enable_warnings target)
  target_compile_options(${target}
                         PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow>)
endfunction()
