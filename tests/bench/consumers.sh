#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lets the programs that the formats are made for read real results.
#
#   consumers.sh write TWINPOOL DIRECTORY            one short run that writes every format there
#   consumers.sh CONSUMER TWINPOOL DIRECTORY ROOT    exit code 0: it read them; 77: it is not installed
set -eu
consumer=$1 twinpool=$2 directory=$3 root=${4:-}
# Debian's own Python: only that sees Debian's packages.
python=/usr/bin/python3

need() { # exits with 77, as ctest's SKIP_RETURN_CODE says, and the reason
  "$@" >/dev/null 2>&1 || { echo "skipped: '$*' fails here; scripts/packages.txt names the package"; exit 77; }
}

case $consumer in
  write)
    rm -rf "$directory"
    mkdir -p "$directory"
    cd "$directory"
    "$twinpool" bench --workload noop,primes --duration 5ms --trials 4 --workers 2 --quiet --json base.json
    "$twinpool" bench --workload noop,primes --duration 5ms --trials 4 --workers 2 --quiet --json new.json \
      --baseline base.json --fail-if 'lost>0' --out new.google.json --out new.google-flat.json --out new.smaller.json \
      --out new.bigger.json --out new.bmf.json --out new.hyperfine.json --out new.csv --out new.md --out new.txt \
      --out new.xml --out new.prom --out new.hgrm --trace bench.trace.json --trace-limit 512KiB
    "$twinpool" bench --workload noop --duration 40ms --trials 2 --workers 2 --quiet --sweep rate=1k..4k:4 --stall 10ms \
      --arrivals poisson --out open.json --out open.csv --out open.md --out open.prom --out open.hgrm --out open.google.json
    "$twinpool" diff open.json open.json >/dev/null
    "$twinpool" diff base.json new.json --fail-if 'problems>0' --out diff.json --out diff.xml --out diff.md --out diff.csv
    "$twinpool" faults --fault throw --repeat 1 --tasks 20 --workers 2 --quiet --json faults.json --out faults.xml \
      --out faults.csv --out faults.md
    "$twinpool" faults --fault segv --every 20 --duration 100ms --workers 2 --quiet --json rates.json --out rates.xml \
      --out rates.csv --out rates.md
    "$twinpool" faults --fault segv --repeat 1 --tasks 40 --workers 2 --quiet --trace faults.trace.json
    ;;
  json)
    need "$python" -c ''
    for file in "$directory"/*.json; do "$python" -m json.tool "$file" /dev/null; done
    ;;
  schema)
    need "$python" -W ignore -c 'import jsonschema'
    "$python" -W ignore - "$root/bench/schema/twinpool.schema.json" "$directory" <<'END'
import copy, json, pathlib, sys
import jsonschema
validator = jsonschema.Draft7Validator(json.load(open(sys.argv[1])))
results = {name: json.load(open(pathlib.Path(sys.argv[2]) / (name + ".json"))) for name in ("base", "new", "open", "diff", "faults", "rates")}
for name, document in results.items():
    for error in validator.iter_errors(document):
        sys.exit(f"{name}.json: {list(error.absolute_path)}: {error.message[:200]}")
# A schema that takes everything would prove nothing.
def spoilt(change, of="new"):
    document = copy.deepcopy(results[of])
    change(document)
    return not validator.is_valid(document)
sample = lambda document: document["cells"][0]["backends"][0]["samples"][0]
assert spoilt(lambda document: document.pop("noise"))
assert spoilt(lambda document: document.update(schema_version=2))
assert spoilt(lambda document: sample(document).update(wall_s=None))
assert spoilt(lambda document: sample(document).update(checksum="xyz"))
assert spoilt(lambda document: document["cells"][0]["processes_over_threads"]["throughput"].update(low=0.5, high=None))
assert spoilt(lambda document: document["comparison"]["gates"][0].update(answer="perhaps"))
assert spoilt(lambda document: document["runs"][0].update(answer="perhaps"), of="faults")
assert spoilt(lambda document: document["runs"][0].pop("residue"), of="faults")
assert spoilt(lambda document: document["rates"][0].update(lost=-1), of="rates")
assert spoilt(lambda document: document["cells"][0]["judgement"].update(verdict="perhaps"))
END
    mkdir -p "$directory/plan"
    # The plan file that the README shows is one, for the schema and for the command.
    "$python" -W ignore - "$root" "$directory/plan/readme.json" <<'END'
import json, pathlib, re, sys
import jsonschema
root = pathlib.Path(sys.argv[1])
validator = jsonschema.Draft7Validator(json.load(open(root / "bench/schema/plan.schema.json")))
text = re.search(r'```json\n(\{"kind": "plan".*?)```', (root / "README.md").read_text(), re.DOTALL).group(1)
plan = json.loads(text)
validator.validate(plan)
for spoilt in ({"workres": 2}, {"kind": "bench"}, {"trials": 2.5}, {"workers": []}, {"cells": []}, {"cells": [{"trials": 3}]},
               {"workload": "noop", "suite": "quick"}, {"precision": "3"}):
    assert not validator.is_valid({**plan, **spoilt}), spoilt
pathlib.Path(sys.argv[2]).write_text(text)
END
    "$twinpool" bench --plan-file "$directory/plan/readme.json" --plan
    ;;
  trace) # the schema, and what the viewers need beyond it: every arrow has both ends, and time goes forward
    need "$python" -W ignore -c 'import jsonschema'
    "$python" -W ignore - "$root/bench/schema/trace.schema.json" "$directory" <<'END'
import collections, json, sys
import jsonschema
validator = jsonschema.Draft7Validator(json.load(open(sys.argv[1])))
for name in ("bench", "faults"):
    trace = json.load(open(f"{sys.argv[2]}/{name}.trace.json"))
    for error in validator.iter_errors(trace):
        sys.exit(f"{name}.trace.json: {list(error.absolute_path)}: {error.message[:200]}")
    events = trace["traceEvents"]
    times = [event["ts"] for event in events if "ts" in event]
    assert times == sorted(times)
    kinds = collections.Counter(event["ph"] for event in events)
    assert kinds["s"] == kinds["f"] > 0 and kinds["M"] and kinds["C"] and kinds["i"], kinds
    ends = [collections.Counter(event["id"] for event in events if event["ph"] == end) for end in "sf"]
    assert ends[0] == ends[1] and max(ends[0].values()) == 1
    def spoilt(phase, change):
        event = dict(next(event for event in events if event["ph"] == phase))
        change(event)
        return not validator.is_valid(dict(trace, traceEvents=[event]))
    for phase, key in (("X", "dur"), ("X", "ts"), ("s", "id"), ("f", "bp"), ("i", "s"), ("C", "args"), ("M", "args")):
        assert spoilt(phase, lambda event: event.pop(key)), (phase, key)
    assert spoilt("X", lambda event: event.update(ph="Z"))
    assert spoilt("C", lambda event: event.update(args={"bytes": -1}))
END
    ;;
  xmllint)
    need xmllint --version
    xmllint --noout "$directory"/*.xml
    # The rules of junit-10.xsd that matter here: counts that agree, and no `skipped` on the root.
    for file in "$directory"/*.xml; do
      for rule in 'count(/testsuites[@skipped])=0' '/testsuites/@tests=count(//testcase)' \
        '/testsuites/@failures=count(//failure)' '//testsuite/@skipped=count(//skipped)'; do
        [ "$(xmllint --xpath "$rule" "$file")" = true ] || { echo "$file: not so: $rule"; exit 1; }
      done
    done
    ;;
  compare)
    compare=/usr/share/benchmark/compare.py
    need "$python" -c ''
    need test -f "$compare"
    # Debian's python3-scipy needs another Boost than ours. compare.py takes two functions of it, and one of NumPy.
    if ! "$python" -c 'import scipy.stats' 2>/dev/null; then
      mkdir -p "$directory/stand-ins/scipy"
      cat >"$directory/stand-ins/scipy/stats.py" <<'END'
import collections, math, numpy
def mannwhitneyu(a, b, alternative):
    u = sum((x > y) + (x == y) / 2 for x in a for y in b)
    n, m = len(a), len(b)
    z = abs(u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return collections.namedtuple("Result", "pvalue")(math.erfc(z / math.sqrt(2)))
def gmean(rows):
    return numpy.array(math.exp(sum(math.log(value) for value in column) / len(rows)) for column in zip(*rows))
END
      touch "$directory/stand-ins/scipy/__init__.py"
      cat >"$directory/stand-ins/numpy.py" <<'END'
class array(list):
    def any(self): return any(value != 0 for value in self)
END
      export PYTHONPATH="$directory/stand-ins"
    fi
    "$python" "$compare" filters "$directory/new.google.json" backend:threads backend:processes >"$directory/compare.out"
    cat "$directory/compare.out"
    for workload in noop primes; do
      [ "$(grep -c "$workload/\[backend:threads vs. backend:processes\]/workers:2/real_time " "$directory/compare.out")" -eq 4 ]
      grep -q "$workload/\[backend:threads vs. backend:processes\]/workers:2/real_time_pvalue" "$directory/compare.out"
    done
    ;;
  gates) # the command's exit codes, for changes that are exact
    need "$python" -c ''
    "$python" - "$directory" <<'END'
import copy, json, sys
base = json.load(open(sys.argv[1] + "/base.json"))
def write(name, change):
    document = copy.deepcopy(base)
    change(document["cells"][0])
    json.dump(document, open(f"{sys.argv[1]}/gate-{name}.json", "w"))
def lose(cell): cell["backends"][1]["samples"][0]["lost"] = 3
def shorten(cell):
    for side in cell["backends"]: del side["samples"][3:]
write("lost", lose)
write("few", shorten)
END
    expect() { # CODE NEW OPTION...
      wanted=$1 new=$2 code=0
      shift 2
      "$twinpool" diff "$directory/base.json" "$directory/$new.json" --quiet "$@" || code=$?
      [ "$code" -eq "$wanted" ] || { echo "exit code $code instead of $wanted: $new $*"; exit 1; }
    }
    expect 0 base --fail-if 'lost>0' --fail-if 'pss>+1%' --strict
    expect 3 gate-lost --fail-if 'lost>0'
    expect 0 gate-lost --fail-if 'threads.lost>0'
    expect 0 gate-few --fail-if 'noop: ratio<-5%'
    expect 6 gate-few --fail-if 'noop: ratio<-5%' --strict
    expect 2 base --fail-if 'nothing: ratio<-5%'
    ;;
  openmetrics)
    need "$python" -c 'import prometheus_client'
    "$python" - "$directory/new.prom" <<'END'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = {family.name: family for family in text_string_to_metric_families(open(sys.argv[1]).read())}
assert set(families) == {"twinpool_build_info", "twinpool_tasks", "twinpool_throughput", "twinpool_throughput_per_cpu",
                         "twinpool_memory_bytes", "twinpool_task_seconds"}, families
assert families["twinpool_task_seconds"].type == "histogram"
END
    ;;
  promtool)
    need promtool --version
    promtool check metrics <"$directory/new.prom" >"$directory/promtool.out" 2>&1 || {
      cat "$directory/promtool.out"
      exit 1
    }
    ;;
  benchcmp) # of Go's tools; like benchstat it reads golang.org/design/14313-benchmark-format
    need command -v benchcmp
    for twin in threads processes; do
      sed -n "/backend=$twin/!{/^Benchmark/d}; s#/backend=$twin##p; /^Benchmark/!p" "$directory/new.txt" >"$directory/$twin.txt"
    done
    benchcmp -best "$directory/threads.txt" "$directory/processes.txt" >"$directory/benchcmp.out"
    for workload in noop primes; do
      grep -q "^BenchmarkPool/workload=$workload/workers=2-" "$directory/benchcmp.out" || { cat "$directory/benchcmp.out"; exit 1; }
    done
    ;;
  junitparser)
    need "$python" -c 'import junitparser'
    "$python" - "$directory" <<'END'
import pathlib, sys
import junitparser
for path in pathlib.Path(sys.argv[1]).glob("*.xml"):
    document = junitparser.JUnitXml.fromfile(str(path))
    cases = [case for suite in document for case in suite]
    assert cases and len(cases) == document.tests, path
    assert all(case.name and case.classname for case in cases), path
END
    ;;
  sqlite)
    need command -v sqlite3
    for backend in threads processes; do
      rows=$(sqlite3 :memory: ".import --csv $directory/new.csv samples" \
        "select count(*) from samples where backend = '$backend' and throughput_tasks_per_s > 0")
      [ "$rows" -eq 8 ] || { echo "$rows rows of $backend instead of 8"; exit 1; }
    done
    ;;
  cmark)
    need command -v cmark-gfm
    for file in "$directory"/*.md; do
      cmark-gfm --extension table "$file" >"$directory/markdown.html"
      grep -q '<table>' "$directory/markdown.html" || { echo "$file: no table"; exit 1; }
      ! grep -q '|' "$directory/markdown.html" || { echo "$file: a row that is in no table"; exit 1; }
    done
    ;;
  who_wins) # the README's table; the stand-in for twinpool renames its results into place, as twinpool does
    need "$python" -c ''
    begin='<!-- who-wins: written by scripts/who-wins -->' end='<!-- who-wins: end -->' page=$directory/who-wins/page.md
    mkdir -p "$directory/who-wins"
    printf 'before\n%s\nold\n%s\nafter\n' "$begin" "$end" >"$page"
    printf '#!/bin/sh\nfor path; do :; done\ncp "%s/new.json" "$path.new" && mv "$path.new" "$path"\n' "$directory" \
      >"$directory/stand-in"
    chmod +x "$directory/stand-in"
    "$python" "$root/scripts/who-wins" --twinpool "$directory/stand-in" --max-time 1s --write "$page"
    for line in before "$begin" "$end" after; do grep -qxF "$line" "$page" || { echo "lost: $line"; exit 1; }; done
    [ "$(grep -cx old "$page")" -eq 0 ]
    [ "$(grep -cE '^\| (noop|primes) \|' "$page")" -eq 2 ] || { cat "$page"; exit 1; }
    printf 'no marks\n' >"$page"
    code=0
    "$python" "$root/scripts/who-wins" --from "$directory/new.json" --write "$page" 2>"$directory/who-wins.err" || code=$?
    [ "$code" -eq 1 ]
    [ "$(cat "$page")" = 'no marks' ]
    grep -q 'has no place for the table' "$directory/who-wins.err"
    ;;
  csv)
    need "$python" -c ''
    "$python" - "$directory/new.csv" "$directory/faults.csv" "$directory/rates.csv" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == 2 * 2 * 4, len(rows)
assert all(float(row["throughput_tasks_per_s"]) > 0 and None not in row.values() and None not in row for row in rows)
faults, rates = (list(csv.DictReader(open(path))) for path in sys.argv[2:])
assert len(faults) == 2 and len(rates) == 4, (len(faults), len(rates))
assert all(None not in row.values() and None not in row for row in faults + rates)
END
    ;;
  *)
    echo "unknown consumer '$consumer'" >&2
    exit 2
    ;;
esac
