#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lets a fuzzer run for TWINPOOL_FUZZ_SECONDS (20 unless told), from its corpus on; what it adds is not kept.
#
#   run.sh PROGRAM CORPUS [OPTION...]    exit code 0 when nothing was found; else the input lies beside PROGRAM
set -eu
program=$1
corpus=$2
shift 2
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
# A fault is the fuzzer's to report, not the pool's: nothing here has a fault handler of its own.
"$program" -max_total_time="${TWINPOOL_FUZZ_SECONDS:-20}" -timeout=20 -rss_limit_mb=1024 \
  -print_final_stats=1 -artifact_prefix="$program-" "$@" "$found" "$corpus" >"$found.log" 2>&1 || {
  code=$?
  tail -n 60 "$found.log"
  rm -f "$found.log"
  exit "$code"
}
grep '^stat::' "$found.log" || true
rm -f "$found.log"
