#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the rules of the house that a compiler cannot see; prints each breach as "file: rule".
#
#   check_house.sh REPOSITORY    exit code 0 when there is none, 1 when there is
set -u
export LC_ALL=C
cd "${1:?repository}" || exit 2
breaches=$(mktemp) || exit 2
trap 'rm -f "$breaches"' EXIT

files_of() { # every file of the folders named, in a stable order
  find "$@" -type f 2>/dev/null | sort
}

# Top level: the rooms and what tools demand, nothing else. Build folders and dotfiles are nobody's room.
for entry in *; do
  case "$entry" in
    threads | processes | shared | bench | scripts | tests) ;;
    CMakeLists.txt | CMakePresets.json | README.md | LICENSE | CHANGELOG.md) ;;
    build | build-* | CMakeUserPresets.json | compile_commands.json) ;;
    *) echo "$entry: not one of the rooms of the top level" ;;
  esac
done >>"$breaches"

# Include directions. Only quoted or <twinpool/...> includes can reach a room; a "../" path would hide which.
# (/dev/null is there so that awk never waits on standard input.)
files_of shared threads processes bench | grep -E '\.(h|hpp|ipp|cpp)$' | xargs awk '
  function breach(rule) { printf "%s: %s\n", FILENAME, rule }
  BEGIN {
    allowed["shared"] = " shared "
    allowed["threads"] = " threads shared "
    allowed["processes"] = " processes shared "
    allowed["bench"] = " bench threads processes shared "
  }
  FNR == 1 {
    own = FILENAME
    sub(/\/.*/, "", own)
    seen_threads = seen_processes = 0
  }
  /^[ \t]*#[ \t]*include/ {
    if (!match($0, /["<][^">]*[">]/)) next
    quoted = substr($0, RSTART, 1) == "\""
    path = substr($0, RSTART + 1, RLENGTH - 2)
    sub(/^twinpool\//, "", path)
    room = path
    sub(/\/.*/, "", room)
    known = room ~ /^(shared|threads|processes|bench|tests|scripts)$/ && path ~ /\//
    if (quoted && !known) breach("includes \"" path "\", which is not written from the repository root")
    if (!known) next
    if (index(allowed[own], " " room " ") == 0) breach(own "/ must not include " room "/ (" path ")")
    if (room == "threads") seen_threads = 1
    if (room == "processes") seen_processes = 1
    # bench/micro measures the twins bare, beside the command and not as part of it.
    if (seen_threads && seen_processes && own == "bench" && FILENAME !~ /^bench\/(backend\.|micro\/)/)
      breach("names both twins; in the product only bench/backend.* does")
  }' /dev/null >>"$breaches"

# The same directions among the targets.
for rule in 'shared threads|processes|bench' 'threads processes|bench' 'processes threads|bench'; do
  room=${rule%% *}
  files_of "$room" | grep -E '(CMakeLists\.txt|\.cmake)$' | while IFS= read -r file; do
    grep -qE "twinpool(::|_)(${rule#* })" "$file" && echo "$file: $room must not link ${rule#* }"
  done
done >>"$breaches"

# Names that say nothing, and the licence line.
files_of shared threads processes bench tests | grep -E '/[^/]*(utils?|common|helpers?|manager)[^/]*$' |
  sed 's/$/: a file says one idea in its name (not utils, common, helpers, manager)/' >>"$breaches"
{
  files_of shared threads processes bench tests | grep -E '\.(h|hpp|ipp|c|cpp|sh|cmake|cmake\.in)$|CMakeLists\.txt$'
  files_of scripts .ci
  echo CMakeLists.txt
} | xargs grep -L 'SPDX-License-Identifier: Apache-2\.0' | sed 's/$/: no SPDX line/' >>"$breaches"

cat "$breaches"
[ ! -s "$breaches" ]
