#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves check_house.sh: a copy of the house with one breach planted must fail, and name the planted file.
#
#   catches_violations.sh REPOSITORY
set -u
repository=${1:?repository}
check=$(dirname "$0")/check_house.sh
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failures=0

spdx='// SPDX-License-Identifier: Apache-2.0'

plant() { # plant FILE LINE...: fails unless a house with this file added is refused because of it
  planted=$1
  shift
  rm -rf "$work/house"
  mkdir "$work/house"
  (cd "$repository" && for entry in threads processes shared bench scripts tests .ci *.txt *.json *.md LICENSE; do
    if [ -e "$entry" ]; then cp -R "$entry" "$work/house/"; fi
  done) || exit 2
  if [ "$planted" != nothing ]; then
    mkdir -p "$work/house/$(dirname "$planted")"
    printf '%s\n' "$@" >>"$work/house/$planted"
  fi
  found=$(sh "$check" "$work/house")
  code=$?
  case "$planted:$code:$found" in
    nothing:0:*) ;;
    nothing:*) echo "the copy without a breach was refused: $found"; failures=$((failures + 1)) ;;
    *":1:"*"$planted: "*) ;;
    *) echo "not caught: $planted ($*); the check gave $code: $found"; failures=$((failures + 1)) ;;
  esac
}

plant nothing
plant threads/planted.h "$spdx" '#include "processes/process_pool.h"'
plant processes/planted.cpp "$spdx" '  #  include "threads/thread_pool.h"'
plant shared/planted.h "$spdx" '#include "threads/thread_pool.h"'
plant shared/planted.cpp "$spdx" '#include <twinpool/processes/process_pool.h>'
plant shared/planted.h "$spdx" '#include "bench/cli.h"'
plant threads/planted.h "$spdx" '#include "bench/cli.h"'
plant processes/planted.h "$spdx" '#include "bench/cli.h"'
plant threads/planted.h "$spdx" '#include "../processes/process_pool.h"'
plant bench/planted.cpp "$spdx" '#include "threads/thread_pool.h"' '#include "processes/process_pool.h"'
plant threads/CMakeLists.txt 'target_link_libraries(twinpool_threads PRIVATE twinpool::processes)'
plant planted.txt 'a room that is none'
plant shared/planted.h '#pragma once'
plant tests/shared/string_utils.h "$spdx"

[ "$failures" -eq 0 ]
