#!/bin/bash
# Training on one node of a cluster with Slurm. From the repository, once the program has been
# built:
#
#   sbatch jobscripts/one_node.sh inputs/fashion_mnist.yaml
#
# The job stops before its time is up and requeues itself until training is done.
# jobscripts/README.md explains how to choose the numbers below. Lines that begin with #SBATCH are
# options of sbatch; the same options on the command line (sbatch --ntasks=8 jobscripts/one_node.sh
# ...) take precedence. Lines that begin with ##SBATCH are disabled.

#SBATCH --job-name=gfe            # the name in the queue
#SBATCH --nodes=1                 # all ranks on one computer
#SBATCH --ntasks=16               # MPI ranks: processes that share the work
#SBATCH --cpus-per-task=1         # cores of a rank; the program uses one
#SBATCH --mem-per-cpu=2G          # memory of a rank; `gfe_hpc --check` says how much it takes
#SBATCH --time=12:00:00           # time limit of the job; shorter jobs start sooner
#SBATCH --signal=B:USR1@300       # 300 s before that, warn this script (B: the batch shell)
#SBATCH --requeue                 # the job may go back into the queue
#SBATCH --open-mode=append        # ... and then appends to its log instead of overwriting it
#SBATCH --output=%x_%j.log        # what the program prints goes to gfe_JOBID.log
##SBATCH --account=PROJECT        # the account to charge, if your site requires one
##SBATCH --partition=NAME         # which part of the cluster

# The libraries that the program was built with; the names depend on your site.
# module purge
# module load gcc openmpi hdf5-parallel libyaml

input=${1:?"usage: sbatch jobscripts/one_node.sh input.yaml [run directory]"}
directory=${2:-runs/$(basename "$input" .yaml)}  # where results go, whatever the input says
launcher=${GFE_LAUNCHER:-srun --cpu-bind=cores}  # or: mpirun --bind-to core

# The rest is in requeue.sh: it starts build/gfe_hpc, passes Slurm's warning on, and requeues the
# job on exit code 75. The same command starts training, resumes it, and does nothing once it is
# done.
# shellcheck source=jobscripts/requeue.sh
. "${GFE_HOME:-$PWD}/jobscripts/requeue.sh"
run_until_done "$launcher" "$directory" "$input"
