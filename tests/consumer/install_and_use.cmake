# SPDX-License-Identifier: Apache-2.0
file(REMOVE_RECURSE "${WORK}")

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run("${CMAKE_COMMAND}" --install "${TWINPOOL_BUILD}" --prefix "${WORK}/prefix")
run("${CMAKE_COMMAND}" -S "${PROJECT}" -B "${WORK}/build" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}"
    "-DCMAKE_PREFIX_PATH=${WORK}/prefix" "-DWITH_MAIN=${WITH_MAIN}")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${WORK}/build/consumer")
if(NOT WITH_MAIN)
  return()
endif()

# The workload goes through both twins, right in each.
run("${WORK}/build/own_workload" bench --workload bits --trials 1 --tasks 20 --workers 2 --quiet --json
    "${WORK}/bits.json")
file(READ "${WORK}/bits.json" report)
string(JSON name GET "${report}" cells 0 workload)
string(JSON twins LENGTH "${report}" cells 0 backends)
if(NOT name STREQUAL "bits" OR NOT twins EQUAL 2)
  message(FATAL_ERROR "the program's own workload was not measured in both twins: ${name}, ${twins}")
endif()
