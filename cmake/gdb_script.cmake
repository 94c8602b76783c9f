# SPDX-License-Identifier: Apache-2.0
# GDB's commands: the parts below tools/gdb as the one text that is installed and embedded.
set(TAUT_GDB_SCRIPT_FILE ${PROJECT_BINARY_DIR}/taut_gdb.py)
set(text "")
foreach(part IN ITEMS table frames commands values)
  set(file ${PROJECT_SOURCE_DIR}/tools/gdb/${part}.py)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} content)
  string(APPEND text "${content}\n\n")
endforeach()
file(GENERATE OUTPUT ${TAUT_GDB_SCRIPT_FILE} CONTENT "${text}")
