#!/bin/sh
# Measures speed and prints one Markdown table, which runs/bench/table.md keeps with a description
# of the machine. Takes less than 15 minutes on an idle machine with two cores. See README.md beside
# this file.
#
#   sh tests/bench/run.sh                     everything
#   sh tests/bench/run.sh ranks training      these topics: bench_TOPIC.py
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
install_packages tests
find_python
build build >/dev/null
ninja -C build tests/bench/bench_encoder tests/bench/bench_adjoint tests/bench/bench_conv \
  tests/bench/bench_floor >/dev/null
allow_root
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

mkdir -p runs/bench
rm -rf runs/bench/decoder_* # made anew by the program as it is now
[ $# -gt 0 ] || set -- encoder evaluations training time_to_loss ranks start adjoint conv
for name in machine "$@"; do
  topic "$name"
done | tee runs/bench/table.md
