# SPDX-License-Identifier: Apache-2.0
# Parsing GoogleTest, JSON and the standard library was half of the time of building the command and the tests. The
# library itself is built without, so that its files keep including what they use.
#
#   twinpool_precompile(<target> <header>...)       parses these headers once for all files of <target>
#   twinpool_precompile_as(<target> <other target>)   uses what was parsed for <other target>, of the same flags
#
# -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without.
set(TWINPOOL_STANDARD_HEADERS
    <algorithm>
    <array>
    <atomic>
    <chrono>
    <cstring>
    <functional>
    <map>
    <memory>
    <optional>
    <random>
    <set>
    <span>
    <sstream>
    <string>
    <string_view>
    <thread>
    <tuple>
    <unordered_map>
    <utility>
    <variant>
    <vector>)

function(twinpool_precompile target)
  target_precompile_headers(${target} PRIVATE ${TWINPOOL_STANDARD_HEADERS} ${ARGN})
  twinpool_let_ccache_precompile(${target})
endfunction()

function(twinpool_precompile_as target other)
  target_precompile_headers(${target} REUSE_FROM ${other})
  twinpool_let_ccache_precompile(${target})
endfunction()

# What ccache asks for (its manual, "Precompiled headers"); besides, sloppiness = pch_defines,time_macros.
function(twinpool_let_ccache_precompile target)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                                           "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endfunction()
