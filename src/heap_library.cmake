# SPDX-License-Identifier: Apache-2.0
# taut::heap: the allocation functions that sample, for programs that want heap profiles. A library
# of its own, because whoever links it has them called for every allocation. Static always: the
# program itself defines malloc then, and no linker leaves the library out as not needed.
add_library(taut_heap STATIC heap/hook/malloc.cc)
add_library(taut::heap ALIAS taut_heap)
target_compile_features(taut_heap PUBLIC cxx_std_20)
target_include_directories(taut_heap PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(taut_heap PUBLIC taut)
set_target_properties(taut_heap PROPERTIES OUTPUT_NAME taut-heap EXPORT_NAME heap
  POSITION_INDEPENDENT_CODE ON
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
if(NOT PROJECT_IS_TOP_LEVEL AND NOT TAUT_INSTALL)
  set_target_properties(taut_heap PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
# Some instructions before each allocation: good ones in every build. Nothing here may become a call
# of what it defines.
set_source_files_properties(heap/hook/malloc.cc PROPERTIES
  COMPILE_OPTIONS "-O2;-fomit-frame-pointer;-fno-builtin;-fno-plt;-fno-lto")
# malloc is wanted from here even if the program names only operator new.
target_link_options(taut_heap INTERFACE -Wl,-u,malloc)
