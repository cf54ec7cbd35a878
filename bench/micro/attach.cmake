# SPDX-License-Identifier: Apache-2.0
# Adds bench/micro to a build. scripts/micro hands it to CMake as CMAKE_PROJECT_twinpool_INCLUDE, so that no other
# build sees the target or needs Google Benchmark. The rooms come later; targets are looked up when all are there.
if(TWINPOOL_BUILD_MICRO)
  add_subdirectory("${PROJECT_SOURCE_DIR}/bench/micro" bench/micro)
endif()
