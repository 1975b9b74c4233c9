#!/bin/sh
# From a fresh clone to trained decoders and their plots: installs what is missing, builds, trains
# with 1,200 real images on 2 ranks (inputs/quickstart.yaml) and with generated fields on one rank
# (inputs/fields.yaml), draws the figures, and compares the errors with those of POD.
set -eu
cd "$(dirname "$0")/.."
. jobscripts/setup.sh

install_packages
find_python
configure build
meson compile -C build gfe_hpc gfe_hpc_double  # without the tests

allow_root
oversubscribe=
mpirun -n 2 true 2>/dev/null || oversubscribe=--oversubscribe  # fewer than 2 cores
mpirun -n 2 $oversubscribe build/gfe_hpc inputs/quickstart.yaml
"$python" inputs/fields.py
build/gfe_hpc inputs/fields.yaml

for run in runs/quickstart runs/fields; do
  "$python" postprocess/gfe_plot.py "$run"
done
cat <<TEXT

The results are in $PWD/runs/quickstart (images) and $PWD/runs/fields (fields):
  results.h5     latents, losses, errors, reconstructions, training history and the decoder
  summary.json   the main figures of the run
  plots/         the figures

Errors on test samples, which the decoders have not seen, compared with POD of the same latent size
(the linear decoder with the smallest squared error; on images, training minimises cross-entropy);
"centred" is relative to the deviation from the mean:

TEXT
"$python" postprocess/gfe_compare.py runs/fields runs/quickstart
cat <<TEXT
Figures and errors of your own run, here of runs/mine:
  $python postprocess/gfe_plot.py runs/mine
  $python postprocess/gfe_compare.py runs/mine
TEXT
