# SPDX-License-Identifier: Apache-2.0
# twinpool_flags carries what this repository asks of its own code: warnings and sanitizers. Targets link it
# PRIVATE, so none of it reaches a program that uses the library.
add_library(twinpool_flags INTERFACE)

# -Wconversion itself is left out: in code full of byte counts and bit fields it buys casts, not bugs found.
target_compile_options(
  twinpool_flags
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wcast-align
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wimplicit-fallthrough
            -Wextra-semi
            -Wundef
            $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
            $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>)

if(TWINPOOL_WERROR)
  target_compile_options(twinpool_flags INTERFACE -Werror)
endif()

if(TWINPOOL_SANITIZE)
  set(sanitize -fsanitize=${TWINPOOL_SANITIZE} -fno-omit-frame-pointer)
  if(TWINPOOL_SANITIZE MATCHES "undefined")
    list(APPEND sanitize -fno-sanitize-recover=all)
  endif()
  target_compile_options(twinpool_flags INTERFACE ${sanitize})
  target_link_options(twinpool_flags INTERFACE ${sanitize})
endif()
