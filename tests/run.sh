#!/bin/sh
# The tests of the optimised build and with the address and undefined behaviour sanitizers:
#
#   sh tests/run.sh       what every change has to pass
#   sh tests/run.sh all   also tests that take long, such as the leak test with valgrind, and tests
#                         that one build covers for the other (suite `slow`)
#
# See README.md beside this file. The last lines list the tests that failed, then the counts:
# N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 1
. jobscripts/setup.sh

case ${1:-} in
  '') without_slow='--no-suite slow' ;;
  all) without_slow= ;;
  *)
    echo 'usage: sh tests/run.sh [all]' >&2
    exit 2
    ;;
esac

passed=0
failed=0
failures= # a line each

# count_results DIRECTORY: prints "PASSED FAILED NAME..." of the last `meson test` there, the names
# of those that failed.
count_results() {
  "$python" - "$1/meson-logs/testlog.json" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as log:
    tests = [json.loads(line) for line in log]
good = sum(test["result"] in ("OK", "EXPECTEDFAIL") for test in tests)
bad = [test for test in tests if test["result"] not in ("OK", "EXPECTEDFAIL", "SKIP")]
print(good, len(bad), *(test["name"].split()[-1] for test in bad))
PYTHON
}

# One more than the number of processors: some tests wait for Slurm's clock, or for a heartbeat.
processes=$(($(nproc) + 1))

# run_tests DIRECTORY [OPTION OF MESON TEST...]: a missing build or log is a failure.
# Ten times the time limits of meson.build, so that no slow or busy machine exceeds one.
run_tests() {
  directory=$1
  shift
  rm -f "$directory/meson-logs/testlog.json"
  meson test -C "$directory" --print-errorlogs --timeout-multiplier 10 --num-processes "$processes" "$@"
  # shellcheck disable=SC2046  # words
  set -- $(count_results "$directory" || echo 0 1 "no log")
  passed=$((passed + $1))
  failed=$((failed + $2))
  shift 2
  for name; do
    failures="$failures  $directory: $name
"
  done
}

if ! install_packages tests || ! find_python; then
  echo "0 passed, 1 failed"
  exit 1
fi
allow_root
export GFE_TESTS_COMPLETE=1 # all packages are installed: no test may be skipped for lack of one

# The same program built by another compiler; program_ranks compares the bits.
if CC=clang configure build-clang && meson compile -C build-clang gfe_hpc; then
  GFE_OTHER_COMPILER=$PWD/build-clang/gfe_hpc
  export GFE_OTHER_COMPILER
fi

if build build; then
  # shellcheck disable=SC2086  # words
  run_tests build $without_slow
else
  failed=$((failed + 1))
fi

# Leaks are left to valgrind: MPI keeps memory until the process ends.
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1:abort_on_error=1
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
if build build-sanitize -Dbuildtype=debugoptimized -Db_sanitize=address,undefined \
     -Db_lundef=false; then
  # shellcheck disable=SC2086  # words
  run_tests build-sanitize $without_slow
else
  failed=$((failed + 1))
fi

[ -z "$failures" ] || printf 'failed:\n%s' "$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
