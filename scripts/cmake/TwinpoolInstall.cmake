# SPDX-License-Identifier: Apache-2.0
# Makes find_package(twinpool CONFIG) give twinpool::shared, twinpool::threads and twinpool::processes, and
# twinpool::main where the command was built and what it is made of is found.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/twinpool)
install(EXPORT twinpool FILE twinpool-targets.cmake NAMESPACE twinpool:: DESTINATION ${package_dir})
if(TARGET twinpool_main)
  install(EXPORT twinpool-main FILE twinpool-main-targets.cmake NAMESPACE twinpool:: DESTINATION ${package_dir})
endif()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/twinpool-config.cmake.in"
                              "${PROJECT_BINARY_DIR}/twinpool-config.cmake" INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/twinpool-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/twinpool-config.cmake"
              "${PROJECT_BINARY_DIR}/twinpool-config-version.cmake" DESTINATION ${package_dir})
