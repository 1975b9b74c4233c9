#!/bin/sh
# The figure and the first rows of the table in the main README.md: decoders for the fields of
# inputs/fields.yaml with 2 to 16 numbers per sample and 10 to 80 training trajectories, compared
# with POD and an autoencoder; three seeds each. Makes 33 runs of a few seconds in runs/readme;
# finished runs are not repeated.
#
#   sh inputs/figures/fields.sh         # writes inputs/figures/fields.png, prints the table
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
find_python

learn() {  # learn NAME OPTION...: a run of fields.yaml with each seed
  name=$1
  shift
  for seed in 1 2 3; do
    build/gfe_hpc "$@" --set "run.seed=$seed" --set "run.directory=runs/readme/${name}_$seed" \
      inputs/fields.yaml >"runs/readme/${name}_$seed.log"
  done
}

mkdir -p runs/readme
[ -f runs/burgers.h5 ] || "$python" inputs/fields.py
for latent in 2 4 16; do
  learn "gfe_80_$latent" --set "decoder.latent=$latent"
done
for count in 10 20 40 80; do
  for model in gfe autoencoder; do
    learn "${model}_${count}_8" --set "run.model=$model" \
      --set "data.train.select={trajectory: {count: $count}, time: {first: 4, stride: 4}}"
  done
done
PYTHONPATH=postprocess "$python" inputs/figures/fields_figure.py
