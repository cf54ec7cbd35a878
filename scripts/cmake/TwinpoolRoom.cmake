# SPDX-License-Identifier: Apache-2.0
# A room is one folder of the repository that is one library: target twinpool_<room>, alias twinpool::<room>.
#
#   twinpool_room(<room>
#     PUBLIC_HEADERS <header>...   installed, and each compiled alone by all_verify_interface_header_sets
#     SOURCES <file>...            sources and private headers
#     PUBLIC <target>...           what the public headers need
#     PRIVATE <target>...          what only the sources need
#   )
#
# Headers include each other from the repository root ("shared/pool.h"). Once installed they live in
# include/twinpool/<room>/, and both include/ and include/twinpool/ are on a consumer's path: the first for the
# consumer's own <twinpool/shared/pool.h>, the second for the includes inside the headers.
function(twinpool_room room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PUBLIC_HEADERS;SOURCES;PUBLIC;PRIVATE")
  set(target twinpool_${room})

  # A room of headers alone has nothing to archive.
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(public PUBLIC)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:twinpool_flags> ${arg_PRIVATE})
    # Position-independent code that nobody replaces at load time: g++ may inline a room's functions into each other.
    target_compile_options(${target} PRIVATE -fno-semantic-interposition)
  else()
    add_library(${target} INTERFACE)
    set(public INTERFACE)
  endif()
  add_library(twinpool::${room} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${room} POSITION_INDEPENDENT_CODE ON)

  target_compile_features(${target} ${public} cxx_std_20)
  target_link_libraries(${target} ${public} ${arg_PUBLIC})
  target_include_directories(${target} ${public} $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  if(arg_PUBLIC_HEADERS)
    target_sources(${target} ${public} FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES
                                       ${arg_PUBLIC_HEADERS})
    set(headers FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/twinpool)
  endif()

  install(
    TARGETS ${target}
    EXPORT twinpool
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${CMAKE_INSTALL_INCLUDEDIR}/twinpool
    ${headers})
endfunction()

include(GNUInstallDirs)
