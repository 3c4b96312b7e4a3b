# Warnings and sanitizers for every target of ours.
function(raphson_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion
    $<$<BOOL:${RAPHSON_WERROR}>:-Werror>)
  if(RAPHSON_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RAPHSON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${RAPHSON_SANITIZE})
  endif()
endfunction()
