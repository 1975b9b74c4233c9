#!/bin/sh
# The data-efficiency curve: gradient flow encoding and an autoencoder trained on few images, each
# task of data_efficiency.yaml in a process of its own, and recipes for few images (recipes.yaml);
# then the figures and the tables that README.md beside this file shows.
#
#   sh inputs/paper/data_efficiency.sh            60 to 6,000 images
#   sh inputs/paper/data_efficiency.sh 60000      the autoencoder on all 60,000, too
#
# Builds the program unless GFE_PROGRAM names one; runs GFE_WORKERS (2) tasks at a time. If it was
# stopped, the same command resumes and leaves finished tasks alone. All files are written to
# runs/paper/data_efficiency, runs/paper/recipes and runs/paper/data_efficiency_60000.
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh

# tasks NAME: all tasks of inputs/paper/NAME.yaml, with their output in runs/paper/NAME/logs.
tasks() {
  input=inputs/paper/$1.yaml
  logs=runs/paper/$1/logs
  count=$("$program" --tasks "$input" | sed -n 's/.*a sweep of \([0-9]*\) tasks.*/\1/p')
  echo "$input: $count tasks, output in $logs"
  mkdir -p "$logs"
  # shellcheck disable=SC2016  # the inner shell's own arguments
  seq 0 $((count - 1)) | xargs -P "${GFE_WORKERS:-2}" -I '{}' sh -c \
    '"$1" --task "$4" "$2" >>"$3/task_$4.txt" 2>&1 </dev/null || {
       echo "task $4 has not finished, see $3/task_$4.txt" >&2; exit 1; }' \
    sh "$program" "$input" "$logs" '{}' || {
    echo "data_efficiency.sh: the same command again runs the remaining tasks" >&2
    exit 1
  }
}

case ${1:-} in
  '' | 60000) ;;
  *)
    echo "usage: sh inputs/paper/data_efficiency.sh [60000]" >&2
    exit 2
    ;;
esac
images=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
if [ ! -e "$images" ]; then
  echo "data_efficiency.sh: $images is missing; install Debian's package dataset-fashion-mnist" >&2
  exit 1
fi

install_packages
find_python
export PYTHONPATH="postprocess${PYTHONPATH:+:$PYTHONPATH}" # gfe, the package
program=${GFE_PROGRAM:-build/gfe_hpc}
[ -n "${GFE_PROGRAM:-}" ] || build build

tasks data_efficiency
tasks recipes
set -- runs/paper/data_efficiency ${1:+"runs/paper/data_efficiency_$1"}
[ $# = 1 ] || tasks data_efficiency_60000
"$python" inputs/paper/gfe_study.py "$@"
"$python" inputs/paper/gfe_recipes.py runs/paper/recipes
