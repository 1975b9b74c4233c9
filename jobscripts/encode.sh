#!/bin/bash
# Encodes new data with a trained decoder. From the repository, after training in runs/quickstart:
#
#   sbatch jobscripts/encode.sh runs/quickstart/results.h5 inputs/encode.yaml
#
# The input names the new data (data.encode) and says how precisely to encode them (evaluation);
# layers, loss and scaling come with the trained decoder. Samples are independent, so hundreds of
# ranks are as efficient as ten, and finished samples are kept when the job is requeued.
#
# Read jobscripts/one_node.sh first: options that are explained there are not explained here.

#SBATCH --job-name=gfe_encode
#SBATCH --nodes=1
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=02:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x_%j.log
##SBATCH --account=PROJECT
##SBATCH --partition=NAME

# module purge
# module load gcc openmpi hdf5-parallel libyaml

usage='usage: sbatch jobscripts/encode.sh trained/results.h5 input.yaml [run directory]'
decoder=${1:?$usage}
input=${2:?$usage}
directory=${3:-runs/$(basename "$input" .yaml)}
launcher=${GFE_LAUNCHER:-srun --cpu-bind=cores}  # or: mpirun --bind-to core

# shellcheck source=jobscripts/requeue.sh
. "${GFE_HOME:-$PWD}/jobscripts/requeue.sh"
run_until_done "$launcher" "$directory" "$input" \
  --set "decoder.file=$decoder" --set "run.tasks=[encode]"
