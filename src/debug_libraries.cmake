# SPDX-License-Identifier: Apache-2.0
# What the layer debug needs: zlib, protozero's headers, and cpp-httplib as Debian has it, a shared
# library.
find_package(ZLIB)
find_path(TAUT_PROTOZERO_INCLUDE protozero/pbf_writer.hpp)
find_path(TAUT_HTTPLIB_INCLUDE httplib.h)
find_path(TAUT_OPENSSL_INCLUDE openssl/ssl.h)
find_library(TAUT_HTTPLIB cpp-httplib)
foreach(need IN ITEMS ZLIB_FOUND:zlib1g-dev TAUT_PROTOZERO_INCLUDE:libprotozero-dev
        TAUT_HTTPLIB:libcpp-httplib-dev TAUT_HTTPLIB_INCLUDE:libcpp-httplib-dev
        TAUT_OPENSSL_INCLUDE:libssl-dev)
  string(REPLACE ":" ";" need ${need})
  list(GET need 0 found)
  list(GET need 1 package)
  if(NOT ${found})
    list(APPEND missing ${package})
  endif()
endforeach()
if(missing)
  list(REMOVE_DUPLICATES missing)
  list(JOIN missing " " missing)
  message(FATAL_ERROR "The debug server needs the Debian packages ${missing}: install them, or "
    "build without it by -DTAUT_DEBUG=OFF")
endif()

# Debian's library was built with OpenSSL, and httplib::Request has one field more then: a source
# that includes its header must say the same. The library has SSLServer exactly if it was.
set(httplib_definitions CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT
    CPPHTTPLIB_BROTLI_SUPPORT)
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES ${TAUT_HTTPLIB})
set(CMAKE_REQUIRED_INCLUDES ${TAUT_HTTPLIB_INCLUDE} ${TAUT_OPENSSL_INCLUDE})
list(TRANSFORM httplib_definitions PREPEND -D OUTPUT_VARIABLE CMAKE_REQUIRED_DEFINITIONS)
check_cxx_source_compiles("
  #include <httplib.h>
  int main() { return httplib::SSLServer(\"\", \"\").is_valid(); }" TAUT_HTTPLIB_HAS_OPENSSL)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_DEFINITIONS)
if(NOT TAUT_HTTPLIB_HAS_OPENSSL)
  message(FATAL_ERROR "${TAUT_HTTPLIB} was built without OpenSSL, or does not match httplib.h: "
    "install Debian's libcpp-httplib-dev, or build without the debug server by -DTAUT_DEBUG=OFF")
endif()
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/debug/session.cc PROPERTIES
  COMPILE_DEFINITIONS "${httplib_definitions}")

target_include_directories(taut SYSTEM PRIVATE ${TAUT_PROTOZERO_INCLUDE} ${TAUT_HTTPLIB_INCLUDE}
                           ${TAUT_OPENSSL_INCLUDE} ${ZLIB_INCLUDE_DIRS})
# One flag, so that its parts stay together: a program that never serves does not load the server's
# libraries (and OpenSSL behind them) just because it links libtaut.a.
set(debug_link "-Wl,--push-state,--as-needed,-lcpp-httplib,-lz,--pop-state")
target_link_libraries(taut PRIVATE ${debug_link})
set(TAUT_DEBUG_LINK ${debug_link} PARENT_SCOPE)
