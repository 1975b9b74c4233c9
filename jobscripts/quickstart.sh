#!/bin/sh
# From a fresh clone to a trained decoder and its plots: installs what is missing, builds, trains on
# 1,200 real images on 2 ranks (inputs/quickstart.yaml) and draws the figures.
set -eu
cd "$(dirname "$0")/.."
. jobscripts/setup.sh

install_packages
find_python
build build

allow_root
oversubscribe=
mpirun -n 2 true 2>/dev/null || oversubscribe=--oversubscribe  # fewer than 2 cores
mpirun -n 2 $oversubscribe build/gfe_hpc inputs/quickstart.yaml

results=runs/quickstart
"$python" postprocess/gfe_plot.py "$results/results.h5"
cat <<TEXT

The results are in $PWD/$results:
  results.h5     latents, losses, reconstructions, history and the decoder
  summary.json   the run in a few numbers
  plots/         the figures
TEXT
