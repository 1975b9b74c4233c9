#!/bin/sh
# Measures one of the paper's claims: trains or encodes with its variations, then draws a figure and
# prints a table. README.md in this folder reports the results.
#
#   sh inputs/paper/run.sh adjoint        (c) the adjoint against none
#   sh inputs/paper/run.sh second_order   (d) the second-order flow against the first-order flow
#   sh inputs/paper/run.sh stiff          (e) fixed steps against AMD on a stiff decoder
#   sh inputs/paper/run.sh circle         a circle learned with every flow and solver
#   sh inputs/paper/run.sh circle_points  the circle of the paper's code
#   sh inputs/paper/run.sh segmented      unseen classes
#   sh inputs/paper/run.sh fully_trained  (b) all images
#   sh inputs/paper/run.sh knee           updates needed to reach a loss, by batch size
#   sh inputs/paper/run.sh latents        do latents of a class lie together?
#   sh inputs/paper/run.sh starts         flows that begin at random points
#
# Builds the program unless GFE_PROGRAM names one; runs it on GFE_RANKS ranks (2). Everything is
# written to runs/paper/CLAIM, replacing earlier results, except the decoder in runs/paper/decoder.
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
runs=runs/paper
decoder=$runs/decoder/results.h5  # what `encode` encodes with

# run DIRECTORY INPUT [SECTION.KEY=VALUE...]: one run of the program, output in DIRECTORY/log.txt.
run() {
  directory=$1
  input=inputs/paper/$2
  shift 2
  for setting; do
    shift
    set -- "$@" --set "$setting"
  done
  mkdir -p "$directory"
  # shellcheck disable=SC2086  # nothing, or one option
  mpirun -n "${GFE_RANKS:-2}" $oversubscribe "$program" --set run.directory="$directory" "$@" \
    "$input" >"$directory/log.txt" 2>&1 </dev/null || {
    cat "$directory/log.txt" >&2
    exit 1
  }
}

# ---- (c) ----

# adjoint_run SERIES SEED SOLVER TAU ADJOINT: trains; tests by lbfgs, then by the training flow.
adjoint_run() {
  place=$1/seed_$2
  solver=$3
  echo "$place"
  set -- run.seed="$2" encoding.solver="$3" encoding.tau="$4" training.adjoint="$5"
  run "$place" adjoint.yaml "$@"
  run "$place/same_flow" adjoint.yaml "$@" "run.tasks=[evaluate]" decoder.file="$place/results.h5" \
    evaluation.solver="$solver" evaluation.tolerance=0 evaluation.max_iterations=1000
}

claim_adjoint() {
  for seed in 1 2 3; do
    for adjoint in none discrete; do
      for tau in 2 5 10 20; do
        adjoint_run "$out/euler/$tau/$adjoint" "$seed" euler "$tau" "$adjoint"
      done
      adjoint_run "$out/amd/5/$adjoint" "$seed" amd 5 "$adjoint"
    done
    adjoint_run "$out/euler/5/continuous" "$seed" euler 5 continuous
    place=$out/lbfgs/-/none/seed_$seed
    echo "$place"
    run "$place" adjoint.yaml run.seed="$seed" encoding.solver=lbfgs encoding.tolerance=1e-4 \
      encoding.max_iterations=20
  done
}

# ---- (d) ----

# encode SERIES "ITERATIONS..." [KEY=VALUE of `evaluation`...]: a run for each number of iterations.
encode() {
  series=$1
  iterations=$2
  shift 2
  echo "$series"
  for setting; do
    shift
    set -- "$@" "evaluation.$setting"
  done
  for most in $iterations; do
    run "$series/$most" encode.yaml decoder.file="$decoder" evaluation.max_iterations="$most" "$@"
  done
}

# encode_optimum DIRECTORY: the optimum that other losses are compared with; stores all images.
encode_optimum() {
  echo "$1"
  run "$1" encode.yaml decoder.file="$decoder" output.reconstructions=256 \
    evaluation.solver=lbfgs evaluation.tolerance=1e-8 evaluation.max_iterations=1000
}

train_decoder() {
  [ ! -e "$decoder" ] || return 0
  images=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
  if [ ! -e "$images" ]; then
    echo "run.sh: $images is missing; install Debian's package dataset-fashion-mnist" >&2
    exit 1
  fi
  echo "$runs/decoder"
  run "$runs/decoder" decoder.yaml
}

claim_second_order() {
  train_decoder
  encode_optimum "$out/optimum"
  encode "$out/lbfgs" '2 4 6 8 10 12 14 16 18 20 22 25 28 32 36 40 50' solver=lbfgs

  second='2 5 10 14 17 20 23 26 29 32 35 39 43 48 53 58 64 72 85 100 130 170'
  encode "$out/amd_nesterov_growth_1.05" "$second" flow=nesterov growth=1.05
  encode "$out/amd_nesterov_growth_1.2" "$second" flow=nesterov growth=1.2
  encode "$out/amd_nesterov_restart" "$second" flow=nesterov growth=1.2 restart=true
  encode "$out/rk4_nesterov_step_1" '1 2 4 6 8 11 15 20 27 35 45 60 80' \
    flow=nesterov solver=rk4 step=1
  encode "$out/dopri5_nesterov_rtol_0.01" '1 2 4 6 10 15 20 25 30 35 45 60 80' \
    flow=nesterov solver=dopri5 rtol=1e-2 atol=1e-2

  first='2 5 10 20 30 50 70 85 100 115 130 160 200 240 280 320 360 400 450 550'
  encode "$out/amd_gradient_growth_1.05" "$first 700 900 1200" growth=1.05
  encode "$out/amd_gradient_growth_1.5" "$first" growth=1.5
  encode "$out/amd_gradient_paper" '3 10 30 100 300 1000' time=mean h_min=1 h_max=10
  encode "$out/heun_gradient_rtol_0.1" '2 5 10 20 40 80 130 200 300 450' \
    solver=heun rtol=0.1 atol=0.1
}

# ---- (e) ----

# divided NUMBERS N: the numbers divided by N.
divided() {
  for number in $1; do
    printf '%s ' $((number / $2))
  done
}

# every_solver DIRECTORY "EVALUATIONS...": solvers and steps, for about so many evaluations each.
every_solver() {
  encode_optimum "$1/optimum"
  for step in 0.001 0.003 0.01 0.03 0.1 0.3 1; do
    encode "$1/euler_$step" "$2" solver=euler step=$step
    encode "$1/rk4_$step" "$(divided "$2" 4)" solver=rk4 step=$step
  done
  for step in 0.003 0.03 0.3; do
    encode "$1/amd_$step" "$2" solver=amd h0=$step
  done
  encode "$1/heun_0.03" "$(divided "$2" 2)" solver=heun step=0.03 rtol=0.1 atol=0.1
  encode "$1/dopri5_0.03" "$(divided "$2" 6)" solver=dopri5 step=0.03 rtol=1e-2 atol=1e-2
}

claim_stiff() {
  train_decoder
  every_solver "$out/trained" '120 200'
  "$python" inputs/paper/gfe_claims.py scale "$decoder" "$out/stiff.h5" --layer 3 --factor 3
  decoder=$out/stiff.h5
  every_solver "$out/stiff" '8 20 40 80 120 200 400'
}

# ---- the circle ----

claim_circle() {
  for seed in 1 2 3 4 5; do
    for method in gradient/lbfgs gradient/amd gradient/euler gradient/rk4 gradient/heun \
      gradient/dopri5 nesterov/amd nesterov/rk4 nesterov/heun nesterov/dopri5; do
      place=$out/$method/seed_$seed
      echo "$place"
      set -- run.seed="$seed" encoding.flow="${method%/*}" encoding.solver="${method#*/}"
      # A long descent while the decoder is still a short arc leaps far along the latent axis.
      [ "$method" != gradient/lbfgs ] || set -- "$@" encoding.max_iterations=10
      run "$place" circle.yaml "$@"
    done
  done
}

# ---- further experiments ----

# sweep: all tasks of inputs/paper/CLAIM.yaml, one after the other.
sweep() {
  input=inputs/paper/$claim.yaml
  count=$("$program" --tasks "$input" | sed -n 's/.*a sweep of \([0-9]*\) tasks.*/\1/p')
  mkdir -p "$out"
  for task in $(seq 0 $((count - 1))); do
    echo "$out: task $task of $count"
    # shellcheck disable=SC2086  # nothing, or one option
    mpirun -n "${GFE_RANKS:-2}" $oversubscribe "$program" --task "$task" "$input" \
      >"$out/task_$task.txt" 2>&1 </dev/null || {
      cat "$out/task_$task.txt" >&2
      exit 1
    }
  done
}

claim_segmented() { sweep; }
claim_latents() { sweep; }
claim_fully_trained() { sweep; }
claim_knee() { sweep; }

claim_circle_points() {
  "$python" inputs/paper/gfe_experiments.py points "$out"
  run "$out/run" circle_points.yaml
}

claim_starts() {
  train_decoder
  for start in zero uniform; do
    echo "$out: $start"
    run "$out/lbfgs/$start" encode.yaml evaluation.solver=lbfgs evaluation.tolerance=1e-5 \
      evaluation.start=$start
    run "$out/amd_nesterov/$start" encode.yaml evaluation.flow=nesterov evaluation.h_max=30 \
      evaluation.growth=1.2 evaluation.max_iterations=60 evaluation.start=$start
    run "$out/amd_paper/$start" encode.yaml evaluation.time=mean evaluation.h_min=1 \
      evaluation.h_max=10 evaluation.max_iterations=1000 evaluation.start=$start
  done
}

claim=${1:-}
tables=gfe_claims.py
case $claim in
  adjoint | second_order | stiff | circle) ;;
  segmented | fully_trained | knee | latents | starts | circle_points) tables=gfe_experiments.py ;;
  *)
    echo "usage: sh inputs/paper/run.sh CLAIM, one of adjoint, second_order, stiff, circle," \
      "circle_points, segmented, fully_trained, knee, latents, starts" >&2
    exit 2
    ;;
esac
out=$runs/$claim

install_packages
find_python
export PYTHONPATH="postprocess${PYTHONPATH:+:$PYTHONPATH}" # gfe, the package
program=${GFE_PROGRAM:-build/gfe_hpc}
[ -n "${GFE_PROGRAM:-}" ] || build build
allow_root
oversubscribe=
mpirun -n "${GFE_RANKS:-2}" true 2>/dev/null || oversubscribe=--oversubscribe  # fewer cores

rm -rf "$out"
"claim_$claim"
"$python" "inputs/paper/$tables" "$claim" "$out"
