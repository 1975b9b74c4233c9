#!/bin/sh
# The picture of the main README.md and the errors that it quotes: decoders of the fields of
# inputs/fields.yaml with 2 to 16 numbers per sample, and with 10 to 80 training trajectories, beside
# POD and an autoencoder. Twelve runs of some seconds each, in runs/readme; a finished one is kept.
#
#   sh inputs/figures/fields.sh         # writes inputs/figures/fields.png, prints the table
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
find_python

learn() {  # learn NAME OPTION...: one run of fields.yaml
  name=$1
  shift
  build/gfe_hpc "$@" --set "run.directory=runs/readme/$name" inputs/fields.yaml >"runs/readme/$name.log"
}

mkdir -p runs/readme
[ -f runs/burgers.h5 ] || "$python" inputs/fields.py
for latent in 2 4 8 16; do
  learn "latent_$latent" --set "decoder.latent=$latent"
done
for count in 10 20 40 80; do
  for model in gfe autoencoder; do
    learn "${count}_$model" --set "run.model=$model" \
      --set "data.train.select={trajectory: {count: $count}, time: {first: 4, stride: 4}}"
  done
done
PYTHONPATH=postprocess "$python" inputs/figures/fields_figure.py
"$python" postprocess/gfe_compare.py runs/readme/latent_2 runs/readme/latent_4 runs/readme/latent_8 \
  runs/readme/latent_16 runs/readme/*0_gfe runs/readme/*0_autoencoder
