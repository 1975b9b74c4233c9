#!/bin/bash
# Large training runs on several nodes of a cluster with Slurm. From the repository, once the
# program has been built, with results and data on a file system shared by all nodes:
#
#   sbatch jobscripts/several_nodes.sh input.yaml
#
# This many ranks need large batches; inputs/fashion_mnist.yaml shows how (1,000 samples, with Newton
# steps of the last layer).
#
# Read jobscripts/one_node.sh first: options that are explained there are not explained here.

#SBATCH --job-name=gfe_large
#SBATCH --nodes=4                 # computers
#SBATCH --ntasks-per-node=64      # MPI ranks on each: as many as it has cores
#SBATCH --cpus-per-task=1
#SBATCH --exclusive               # no other jobs on these nodes: they would slow all ranks down
#SBATCH --mem=0                   # ... and all of their memory
#SBATCH --hint=nomultithread      # one rank per physical core, not per hardware thread
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@600       # longer: many ranks write a checkpoint to a busy file system
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x_%j.log
##SBATCH --account=PROJECT
##SBATCH --partition=NAME
##SBATCH --switches=1             # nodes close to each other in the network
##SBATCH --constraint=TYPE        # nodes with one kind of CPU

# module purge
# module load gcc openmpi hdf5-parallel libyaml

input=${1:?"usage: sbatch jobscripts/several_nodes.sh input.yaml [run directory]"}
directory=${2:-runs/$(basename "$input" .yaml)}
launcher=${GFE_LAUNCHER:-srun --cpu-bind=cores}  # or: mpirun --bind-to core --map-by core

# shellcheck source=jobscripts/requeue.sh
. "${GFE_HOME:-$PWD}/jobscripts/requeue.sh"
run_until_done "$launcher" "$directory" "$input"
