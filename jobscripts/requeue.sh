# shellcheck shell=bash
# What the job scripts have in common. They source it and end with
#
#   run_until_done LAUNCHER DIRECTORY INPUT [OPTION...]
#
# which starts the program, passes Slurm's warning on to it, and puts the job back into the queue
# when the program has stopped cleanly with work left (exit code 75). A requeued job runs its script
# from the top; the program finds its checkpoint in DIRECTORY and continues.
#
# Environment variables: GFE_HOME, the repository or the installed share/gfe_hpc, unless jobs are
# submitted from there; GFE_PROGRAM, if it is neither build/gfe_hpc there nor the gfe_hpc in PATH;
# GFE_REQUEUES, how many times a job may be requeued (100).

program=${GFE_PROGRAM:-${GFE_HOME:-$PWD}/build/gfe_hpc}
if [ -z "${GFE_PROGRAM:-}" ] && [ ! -x "$program" ]; then
  program=$(command -v gfe_hpc || echo "$program")
fi
readonly stopped=75 # the program's exit code for "stopped cleanly, submit me again"
program_id=         # process id of mpirun or srun while it runs
asked=              # the last signal this shell has received

# The id by which Slurm requeues this job. In an array it is that of the task, not $SLURM_JOB_ID:
# for one of the tasks the latter is the number of the array, and would requeue all of them.
job_id() {
  if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then
    echo "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
  else
    echo "$SLURM_JOB_ID"
  fi
}

# mpirun and srun hand USR1 to every rank; the ranks finish their step and write a checkpoint.
pass_on_warning() {
  asked=USR1
  [ -z "$program_id" ] || kill -s USR1 "$program_id"
}

# one_world LAUNCHER: do the ranks find each other? With a launcher that does not support the
# program's MPI, every rank would start a separate run, and all of these would write the same files.
one_world() {
  local answers
  # shellcheck disable=SC2086  # the launcher is a list of words
  answers=$($1 "$program" --version | grep -c '^gfe_hpc')
  [ "$answers" -eq 1 ] && return 0
  echo "requeue: '$1 $program --version' should be answered by rank 0 alone, not $answers times." \
    "Is the launcher that of the program's MPI? See jobscripts/README.md." >&2
  return 1
}

# Waits for the program. A signal to this shell interrupts `wait`, not the program.
await_program() {
  local code
  while kill -0 "$program_id" 2>/dev/null; do wait "$program_id"; done
  wait "$program_id"
  code=$?
  program_id=
  # A signal that arrives before the program handles signals kills it; its last checkpoint stays
  # valid.
  if [ -n "$asked" ] && [ "$code" -gt 128 ]; then code=$stopped; fi
  return "$code"
}

# stop_file DIRECTORY: prints the name of the STOP file, if there is one. It means: stop, and stay
# stopped until the file is removed. It is in the run directory; in a sweep, in that of the task or
# of the whole sweep. In a sweep of more than ten tasks, the number in the name of a task's
# directory is zero-padded.
stop_file() {
  local file mine="/(task_0*${SLURM_ARRAY_TASK_ID:-none}_[^/]*/)?STOP$"
  for file in "$1/STOP" "$1"/task_*/STOP; do
    [ -e "$file" ] && [[ ${file#"$1"} =~ ^$mine ]] && echo "$file" && return 0
  done
  return 1
}

# Runs scontrol, protected from the signal with which Slurm ends the job: otherwise a requeue that
# succeeded might look like one that was refused.
ask_slurm() (
  trap '' TERM
  exec scontrol "$@"
)

# Has the user cancelled this job? Then Slurm is ending it for a reason other than its time limit.
cancelled() {
  case $(ask_slurm --oneliner show job "$(job_id)") in
    *JobState=RUNNING* | *Reason=TimeLimit*) return 1 ;;
  esac
}

# queue_again DIRECTORY: requeues this job, or says why not. What it does is said first: once Slurm
# has been asked, it may end this script at any time.
queue_again() {
  local file reason restarts=${SLURM_RESTART_COUNT:-0}
  if file=$(stop_file "$1"); then
    reason="there is $file; remove it first"
  elif cancelled; then
    reason="it was cancelled"
  elif [ "$restarts" -ge "${GFE_REQUEUES:-100}" ]; then
    reason="it has been requeued $restarts times, the maximum (GFE_REQUEUES)"
  else
    echo "requeue: job $(job_id) goes back into the queue (requeue number $((restarts + 1)))"
    ask_slurm requeue "$(job_id)" || echo "requeue: Slurm reports an error. If squeue does not" \
      "list job $(job_id), submit the same command to continue."
    return
  fi
  echo "requeue: job $(job_id) is not queued again: $reason. To continue, submit the same command."
}

# run_until_done LAUNCHER DIRECTORY INPUT [OPTION...]: ends the script with the exit code of the
# program. DIRECTORY replaces that of the input, so that this script knows where a STOP file may be.
run_until_done() {
  local launcher=$1 directory=$2 code=$stopped
  shift 2
  trap pass_on_warning USR1
  trap 'asked=TERM' TERM # Slurm sends this one to every process of the job
  one_world "$launcher" || exit 3
  set -- "$program" --set "run.directory=$directory" "$@"
  echo "requeue: job $(job_id), ${SLURM_RESTART_COUNT:-0} times requeued: $launcher $*"
  if [ -z "$asked" ]; then
    # shellcheck disable=SC2086
    $launcher "$@" &
    program_id=$!
    await_program
    code=$?
  fi
  [ "$code" -ne "$stopped" ] || queue_again "$directory"
  exit "$code"
}
