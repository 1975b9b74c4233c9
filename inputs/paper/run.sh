#!/bin/sh
# Measures one of the paper's claims: trains or encodes with its variations, then draws a figure and
# prints a table. What came out is told in README.md beside this file.
#
#   sh inputs/paper/run.sh adjoint        (c) the adjoint against none
#   sh inputs/paper/run.sh second_order   (d) the second-order flow against the first-order flow
#   sh inputs/paper/run.sh stiff          (e) fixed steps against AMD on a stiff decoder
#   sh inputs/paper/run.sh circle         a circle learned with every flow and solver
#
# Builds the program unless GFE_PROGRAM names one; runs on GFE_RANKS ranks (2). Everything it makes
# lies in runs/paper.
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
runs=runs/paper
ranks=${GFE_RANKS:-2}

# run DIRECTORY INPUT [SECTION.KEY=VALUE...]: one run of the program, its output in DIRECTORY/log.txt.
run() {
  directory=$1
  input=inputs/paper/$2
  shift 2
  for setting; do
    shift
    set -- "$@" --set "$setting"
  done
  mkdir -p "$directory"
  mpirun -n "$ranks" $oversubscribe "$program" --set run.directory="$directory" "$@" "$input" \
    >"$directory/log.txt" 2>&1 </dev/null || {
    cat "$directory/log.txt" >&2
    exit 1
  }
}

# encode SERIES "ITERATIONS..." [KEY=VALUE of `evaluation`...]: one run for each number of iterations.
encode() {
  series=$1
  echo "$series"
  iterations=$2
  shift 2
  for setting; do
    shift
    set -- "$@" "evaluation.$setting"
  done
  for most in $iterations; do
    run "$series/$most" encode.yaml evaluation.max_iterations="$most" "$@"
  done
}

train_decoder() {
  [ -e "$runs/decoder/results.h5" ] && return
  images=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
  if [ ! -e "$images" ]; then
    echo "run.sh: $images is missing; install Debian's package dataset-fashion-mnist" >&2
    exit 1
  fi
  echo "$runs/decoder"
  run "$runs/decoder" decoder.yaml
}

# train_adjoint DIRECTORY SEED [SECTION.KEY=VALUE...]: trains; tests by lbfgs and by the flow itself.
train_adjoint() {
  directory=$1/seed_$2
  echo "$directory"
  seed=$2
  shift 2
  run "$directory" adjoint.yaml run.seed="$seed" "$@"
  run "$directory/same_flow" adjoint.yaml "run.tasks=[evaluate]" \
    decoder.file="$directory/../results.h5" evaluation.solver=euler \
    evaluation.max_iterations=1000 evaluation.tolerance=0 "$@"
}
