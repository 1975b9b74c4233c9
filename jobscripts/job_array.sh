#!/bin/bash
# All tasks of a sweep as a job array, each in its own job. The input has a section `sweep:`; every
# task is one combination of its values. From the repository, once the program has been built:
#
#   build/gfe_hpc --tasks input.yaml                       # lists the tasks, numbered from 0
#   sbatch --array=0-5 jobscripts/job_array.sh input.yaml  # runs tasks 0 to 5
#   python3 postprocess/gfe_collect.py runs/input          # one table of all of them, when done
#
# Every task stops before its time is up and requeues itself, without affecting the others. You can
# submit the same array again at any time: finished tasks end at once.
#
# Read jobscripts/one_node.sh first: options that are explained there are not explained here.

#SBATCH --job-name=gfe_sweep
#SBATCH --array=0-5%4             # tasks 0 to 5, at most 4 of them at the same time
#SBATCH --nodes=1
#SBATCH --ntasks=4                # ranks of one task: few, since tasks run side by side
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00           # of one task, before it is requeued
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x_%A_%a.log     # a log for each task: %A is the array's number, %a the task's
##SBATCH --account=PROJECT
##SBATCH --partition=NAME

# module purge
# module load gcc openmpi hdf5-parallel libyaml

input=${1:?"usage: sbatch --array=0-N jobscripts/job_array.sh input.yaml [directory of the sweep]"}
directory=${2:-runs/$(basename "$input" .yaml)}  # holds a directory task_N_HASH per task
launcher=${GFE_LAUNCHER:-srun --cpu-bind=cores}  # or: mpirun --bind-to core

# The program itself reads the number of its task from $SLURM_ARRAY_TASK_ID.
# shellcheck source=jobscripts/requeue.sh
. "${GFE_HOME:-$PWD}/jobscripts/requeue.sh"
run_until_done "$launcher" "$directory" "$input"
