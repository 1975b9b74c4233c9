#!/bin/sh
# Measures speed and memory and prints one Markdown table, with a description of the machine. Takes
# about 25 minutes on two cores, which must be idle. See README.md beside this file.
#
#   sh tests/bench/run.sh                     everything; runs/bench/table.md keeps the table
#   sh tests/bench/run.sh ranks training      these topics: bench_TOPIC.py
#   BASE=/path/to/gfe_hpc sh tests/bench/run.sh    also against the program of another revision
#   QUICK=1 sh tests/bench/run.sh             whether everything runs, in a few minutes
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
packages_tests="$packages_tests libxsmm-dev" # a competitor
install_packages tests
find_python
build build >/dev/null
ninja -C build tests/bench/bench_products tests/bench/bench_decoder \
  tests/bench/bench_decoder_double tests/bench/bench_spread >/dev/null
allow_root
export PYTHONPATH="$PWD/tests/support:$PWD/postprocess"
for python in "$python" /usr/bin/python3; do
  "$python" -c 'import h5py, torch' 2>/dev/null && break
done

both='products decoders training encoding time_to_loss solvers' # for each instruction set
once='ranks spread start memory'

# topic NAME: on one core, but for what runs on two ranks.
topic() {
  case $1 in
    ranks | start | scaling) "$python" "tests/bench/bench_$1.py" ;;
    *) taskset -c 0 "$python" "tests/bench/bench_$1.py" ;;
  esac || echo "| $1 | FAILED | | | |"
}

# use_isa NAME: ours by this instruction set, every opponent by its best kernel for it.
use_isa() {
  export GFE_ISA="$1"
  case $1 in
    avx512) export OPENBLAS_CORETYPE=SkylakeX ;;
    avx2)
      export OPENBLAS_CORETYPE=Haswell LIBXSMM_TARGET=hsw ATEN_CPU_CAPABILITY=avx2 \
        ONEDNN_MAX_CPU_ISA=AVX2
      ;;
  esac
}

# topics NAME...: AVX-512 first, if the CPU has it, then AVX2; on other CPUs what there is.
topics() {
  if grep -q avx512vl /proc/cpuinfo; then
    use_isa avx512
  elif grep -q avx2 /proc/cpuinfo; then
    use_isa avx2
  fi
  for name in machine "$@"; do
    topic "$name"
  done
  [ "${GFE_ISA:-}" = avx512 ] || return 0
  use_isa avx2
  for name; do
    case " $both " in *" $name "*) topic "$name" ;; esac
  done
}

mkdir -p runs/bench
rm -rf runs/bench/decoder_* # made anew by the program as it is now
table=/dev/null
if [ $# = 0 ]; then
  table=runs/bench/table.md
  # shellcheck disable=SC2086  # lists of words
  set -- $both $once
fi
topics "$@" | tee $table
