#!/bin/sh
# Measures speed and prints one Markdown table, with a description of the machine. Takes about a
# quarter of an hour on two cores, which should be idle. See README.md beside this file.
#
#   sh tests/bench/run.sh                     everything; runs/bench/table.md keeps the table
#   sh tests/bench/run.sh ranks training      these topics: bench_TOPIC.py
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
install_packages tests
find_python
export PYTHONPATH="$PWD/tests/support:$PWD/postprocess"
build build >/dev/null
ninja -C build tests/bench/bench_ensemble tests/bench/bench_adjoint tests/bench/bench_conv \
  tests/bench/bench_balance tests/bench/bench_floor >/dev/null
allow_root
export PYTHONPATH="$PWD/tests/support:$PWD/postprocess"
for python in "$python" /usr/bin/python3; do
  "$python" -c 'import h5py, torch' 2>/dev/null && break
done

# topic NAME: on one core, but for what runs on two ranks.
topic() {
  case $1 in
    adjoint) taskset -c 0 build/tests/bench/bench_adjoint | sed 's/$/ |/' ;;
    ranks | start) "$python" "tests/bench/bench_$1.py" ;;
    *) taskset -c 0 "$python" "tests/bench/bench_$1.py" ;;
  esac || echo "| $1 | FAILED | |"
}

# topics NAME...: then, if the machine could use it, once more those that depend on the BLAS kernel.
topics() {
  for name in machine "$@"; do
    topic "$name"
  done
  grep -q avx512f /proc/cpuinfo || return 0
  ! build/gfe_hpc --check inputs/quickstart.yaml | grep -q 'SkylakeX kernel' || return 0
  export OPENBLAS_CORETYPE=SkylakeX BENCH_KERNEL=SkylakeX
  for name; do
    case $name in ensemble | training | time_to_loss | ranks) topic "$name" ;; esac
  done
}

mkdir -p runs/bench
rm -rf runs/bench/decoder_* # made anew by the program as it is now
table=/dev/null
if [ $# = 0 ]; then
  table=runs/bench/table.md
  set -- ensemble evaluations training time_to_loss ranks balance start adjoint conv
fi
topics "$@" | tee $table
