# SPDX-License-Identifier: Apache-2.0
# Adds bench/micro, bench/peers, bench/life and bench/growth to a build. scripts/micro and scripts/peers hand it to CMake as
# CMAKE_PROJECT_twinpool_INCLUDE, so that no other build sees the targets or needs Google Benchmark or oneTBB. The rooms
# come later; targets are looked up when all are there.
if(TWINPOOL_BUILD_MICRO)
  add_subdirectory("${PROJECT_SOURCE_DIR}/bench/micro" bench/micro)
endif()
if(TWINPOOL_BUILD_PEERS)
  add_subdirectory("${PROJECT_SOURCE_DIR}/bench/peers" bench/peers)
  add_subdirectory("${PROJECT_SOURCE_DIR}/bench/life" bench/life)
  add_subdirectory("${PROJECT_SOURCE_DIR}/bench/growth" bench/growth)
endif()
