# SPDX-License-Identifier: Apache-2.0
# Installs BUILD for /usr into an empty folder, as packages are made, and looks whether GDB will find
# the commands of a shared library by itself: its script has the library's own name, in the folder
# that GDB looks into for libraries of that folder.
file(REMOVE_RECURSE ${STAGE})
set(ENV{DESTDIR} ${STAGE})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix /usr
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
set(library ${STAGE}/usr/${LIBDIR}/${LIBRARY})
set(script ${STAGE}/usr/share/gdb/auto-load/usr/${LIBDIR}/${LIBRARY}-gdb.py)
foreach(file IN ITEMS ${library} ${script})
  if(NOT EXISTS ${file} OR IS_SYMLINK ${file})
    file(GLOB_RECURSE all RELATIVE ${STAGE} ${STAGE}/*)
    list(JOIN all "\n  " all)
    message(FATAL_ERROR "${file} was not installed as a file; there is\n  ${all}")
  endif()
endforeach()
