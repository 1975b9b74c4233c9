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

# adjoint_run SERIES SEED SOLVER TAU ADJOINT: trains; tests by lbfgs, then by the flow trained with.
adjoint_run() {
  place=$1/seed_$2
  echo "$place"
  set -- run.seed="$2" encoding.solver="$3" encoding.tau="$4" training.adjoint="$5" \
    encoding.h0=0.5 encoding.h_min=0.01 encoding.h_max=10 encoding.growth=1.2
  run "$place" adjoint.yaml "$@"
  solver=${2#*=}
  run "$place/same_flow" adjoint.yaml "run.tasks=[evaluate]" decoder.file="$place/results.h5" "$@" \
    evaluation.solver="$solver" evaluation.tolerance=0 evaluation.max_iterations=1000
}

claim_adjoint() {
  for seed in 1 2 3; do
    for tau in 2 5 10 20; do
      for adjoint in none discrete; do
        adjoint_run "$runs/adjoint/euler/tau_$tau/$adjoint" "$seed" euler "$tau" "$adjoint"
      done
    done
    adjoint_run "$runs/adjoint/euler/tau_5/continuous" "$seed" euler 5 continuous
    for adjoint in none discrete; do
      adjoint_run "$runs/adjoint/amd/tau_5/$adjoint" "$seed" amd 5 "$adjoint"
    done
    place=$runs/adjoint/lbfgs/seed_$seed
    echo "$place"
    run "$place" adjoint.yaml run.seed="$seed" encoding.solver=lbfgs encoding.tolerance=1e-4 \
      encoding.max_iterations=20
  done
}

claim_second_order() {
  train_decoder
  out=$runs/second_order
  run "$out/optimum" encode.yaml evaluation.solver=lbfgs evaluation.tolerance=1e-8 \
    evaluation.max_iterations=1000
  encode "$out/lbfgs" '4 6 8 10 12 14 16 18 20 22 25 28 32 36 40 50' solver=lbfgs

  fast='5 10 14 17 20 23 26 29 32 35 39 43 48 53 58 64 72 85 100 130 170'
  encode "$out/amd_nesterov_growth_1.05" "$fast" flow=nesterov growth=1.05
  encode "$out/amd_nesterov_growth_1.2" "$fast" flow=nesterov growth=1.2
  encode "$out/amd_nesterov_restart" "$fast" flow=nesterov growth=1.2 restart=true

  slow='5 10 20 30 40 55 70 85 100 115 130 150 180 220 260 300 340 390 450 550'
  encode "$out/amd_gradient_growth_1.05" "$slow" growth=1.05
  encode "$out/amd_gradient_growth_1.5" "$slow" growth=1.5
  encode "$out/amd_gradient_paper" '10 30 100 300 1000' time=mean h_min=1 h_max=10

  encode "$out/rk4_nesterov_step_1" '2 4 6 8 11 15 20 27 35 45 60 80' \
    solver=rk4 flow=nesterov step=1
  encode "$out/dopri5_nesterov_rtol_0.01" '2 4 6 10 15 20 25 30 35 45 60 80' \
    solver=dopri5 flow=nesterov rtol=1e-2 atol=1e-2
  encode "$out/heun_gradient_rtol_0.1" '5 10 20 40 80 130 200 300 450' \
    solver=heun rtol=0.1 atol=0.1
}

# stiff_decoder NAME FILE FACTOR BUDGETS...: every solver at several steps, by numbers of evaluations.
stiff_decoder() {
  out=$runs/stiff/$1
  file=$2
  shift 2
  run "$out/optimum" encode.yaml decoder.file="$file" evaluation.solver=lbfgs \
    evaluation.tolerance=1e-8 evaluation.max_iterations=1000 output.reconstructions=256
  for evaluations; do
    echo "$out, $evaluations evaluations"
    for step in 0.003 0.01 0.03 0.1 0.3 1; do
      stiff_run euler_$step 1 evaluation.solver=euler evaluation.step=$step
      stiff_run rk4_$step 4 evaluation.solver=rk4 evaluation.step=$step
    done
    for step in 0.003 0.03 0.3; do
      stiff_run amd_$step 1.25 evaluation.h0=$step
    done
    stiff_run heun_0.03 2 evaluation.solver=heun evaluation.rtol=0.1 evaluation.atol=0.1
    stiff_run dopri5_0.03 6 evaluation.solver=dopri5 evaluation.rtol=0.01 evaluation.atol=0.01
  done
}
