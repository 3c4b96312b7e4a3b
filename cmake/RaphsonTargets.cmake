# Warnings and sanitizers for every target of ours.
function(raphson_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion
    $<$<BOOL:${RAPHSON_WERROR}>:-Werror>)
  # GCC 12 warns of overlapping copies in `"text" + string` where there are none (its bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(RAPHSON_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RAPHSON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    # What cmake/sanitizer-ignore.txt says; g++ has no such list.
    target_compile_options(${target} PRIVATE
      $<$<CXX_COMPILER_ID:Clang>:-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/cmake/sanitizer-ignore.txt>
      $<$<CXX_COMPILER_ID:GNU>:-fno-sanitize=null>)
    target_link_options(${target} PUBLIC -fsanitize=${RAPHSON_SANITIZE})
  endif()
endfunction()
