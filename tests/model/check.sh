#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks one instance of the model, or that the model catches a mutant of the protocol.
#
#   check.sh INSTANCE [MUTANT]    exit code 0 when the instance holds, or the mutant breaks it; see README.md
#   check.sh list                 every instance, and each mutant behind the instance that catches it
set -eu

here=$(cd "$(dirname "$0")" && pwd)
instance=${1:?instance}
mutant=${2:-0}

case "$instance" in
  burst) options='-DDEATHS=1 -DTOGETHER=1' ;;
  pair) options='-DTASKS=2 -DDEATHS=1 -DTOGETHER=1' ;;
  submitters) options='-DTASKS=2 -DSUBMITTERS=2 -DTOGETHER=1' ;;
  retry) options='-DTASKS=2 -DDEATHS=1 -DATTEMPTS=2 -DTOGETHER=1 -DQUEUED_BEFORE=1' ;;
  cancel) options='-DCANCELS=2 -DQUEUED_BEFORE=1' ;;
  cancel_retry) options='-DTASKS=1 -DCANCELS=1 -DDEATHS=1 -DATTEMPTS=2 -DQUEUED_BEFORE=1' ;;
  notice) options='-DTASKS=2 -DNOTICE=1 -DDEATHS=1 -DQUEUED_BEFORE=1' ;;
  memory) options='-DTASKS=2 -DLARGE=1 -DDEATHS=1 -DQUEUED_BEFORE=1' ;;
  reuse) options='-DSLOTS=2 -DRING=4' ;;
  room) options='-DTASKS=2 -DSLOTS=1 -DRING=2 -DDEATHS=1' ;;
  list)
    printf '%s\n' burst pair submitters retry cancel cancel_retry notice memory reuse room \
      'pair 1' 'pair 2' 'pair 3' 'cancel_retry 4' 'burst 5' 'pair 6' 'notice 7' 'pair 8' 'cancel_retry 9' 'room 10' \
      'submitters 11'
    exit 0
    ;;
  *)
    echo "check.sh: no instance '$instance'" >&2
    exit 2
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/*.pml "$here"/*.h "$work"
cd "$work"
# Spin says on standard output what it does not like; it warns of rendezvous beside `unless` (see README.md).
# shellcheck disable=SC2086
spin -a $options "-DMUTANT=$mutant" slot_protocol.pml >spin.log 2>&1 || true
if [ ! -f pan.c ]; then
  cat spin.log >&2
  exit 2
fi
gcc -O1 -w -DSAFETY -DNOFAIR -DCOLLAPSE -DMEMLIM=1000 -o pan pan.c
./pan -m10000 -n >pan.log 2>&1 || true
cat pan.log

if grep -qE 'max search depth too small|reached -DMEMLIM|out of memory|Interrupted' pan.log ||
  ! grep -q 'errors: [01]$' pan.log; then
  echo "check.sh: $instance was not searched to its end" >&2
  exit 1
fi
if [ "$mutant" = 0 ]; then
  grep -q 'errors: 0$' pan.log && exit 0
  # shellcheck disable=SC2086
  spin $options -p -t slot_protocol.pml
  exit 1
fi
if grep -q 'errors: 0$' pan.log; then
  echo "check.sh: the model does not see that mutant $mutant is wrong" >&2
  exit 1
fi
