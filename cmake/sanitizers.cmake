# SPDX-License-Identifier: Apache-2.0
# Flags of TAUT_SANITIZE, for everything built below this project: a sanitizer that sees only half
# of a program reports the other half.
if(TAUT_SANITIZE STREQUAL "address")
  set(sanitizer -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_compile_definitions(TAUT_ASAN=1)
elseif(TAUT_SANITIZE STREQUAL "thread")
  set(sanitizer -fsanitize=thread)
  add_compile_definitions(TAUT_TSAN=1)
elseif(TAUT_SANITIZE)
  message(FATAL_ERROR "TAUT_SANITIZE is \"${TAUT_SANITIZE}\"; it may be empty, address or thread")
endif()
add_compile_options(${sanitizer})
add_link_options(${sanitizer})
