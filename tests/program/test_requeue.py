#!/usr/bin/env python3
"""When and how the job scripts put a job back into the queue, with a fake scontrol and a fake
program that record how they were called. test_slurm.py uses a real Slurm.

usage: test_requeue.py
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from program import ROOT, Checks

REPOSITORY = ROOT
SCRIPT = os.path.join(REPOSITORY, "jobscripts", "one_node.sh")
RUNNING = "JobId=12 JobState=RUNNING Reason=None"

SCONTROL = """#!/bin/sh
case $* in
  *show*) echo "$STATE" ;;
  *) echo "$*" >>requeued; [ -z "$END" ] || kill -s TERM $$ $PPID; [ -z "$REFUSE" ] ;;
esac
"""
PROGRAM = """#!/bin/sh
[ "$1" = --version ] && echo "gfe_hpc 1" && exit
[ -z "$LISTEN" ] || trap 'sleep 1; echo saved >>requeued; exit 75' USR1
echo "$*" >>started
[ -z "$WAIT" ] || while [ -e started ]; do sleep 0.1; done
exit "$CODE"
"""
TWICE = """#!/bin/sh
"$@"
"$@"
"""


def write_script(cwd, name, text):
    path = os.path.join(cwd, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def lines(cwd, name):
    """The lines of a file that may be missing."""
    try:
        with open(os.path.join(cwd, name), encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def waits(pid):
    """Whether a process sleeps: the job script, once its program has started, in wait."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(") ")[2].startswith("S")


def job(number=None, code=75, stop=None, warn=False, **environment):
    """Runs a job script in an empty directory. Returns exit code, what it printed, how the program
    was started and what was requeued."""
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        write_script(cwd, "scontrol", SCONTROL)
        write_script(cwd, "twice", TWICE)
        if stop:
            os.makedirs(os.path.join(cwd, os.path.dirname(stop)))
            write_script(cwd, stop, "")
        settings = {"PATH": cwd + ":" + os.environ["PATH"], "GFE_HOME": REPOSITORY,
                    "GFE_PROGRAM": write_script(cwd, "program", PROGRAM), "GFE_LAUNCHER": "env",
                    "STATE": RUNNING, "SLURM_JOB_ID": "12", "CODE": str(code)}
        if number is not None:
            settings.update(SLURM_ARRAY_JOB_ID="12", SLURM_ARRAY_TASK_ID=str(number))
        settings.update(environment)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
        process = subprocess.Popen(["bash", SCRIPT, "input.yaml", "runs"], cwd=cwd, text=True,
                                   env={**kept, **settings}, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        if warn:
            while not (lines(cwd, "started") and waits(process.pid)) and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(signal.SIGUSR1)
        out = process.communicate()[0]
        return process.returncode, out, lines(cwd, "started"), lines(cwd, "requeued")


def main():
    checks = Checks()

    def expect(what, requeued, code=75, text="", **how):
        got, out, started, again = job(code=how.pop("ends", code), **how)
        checks(got == code and again == requeued and text in out,
               f"{what}: exit code {got}, requeued {again}\n{out}")
        return started

    for code in (0, 2, 3, 4, 137):
        expect(f"exit code {code}", [], code)
    started = expect("stopped", ["requeue 12"], text="requeue number 1")
    checks(started == ["--set run.directory=runs input.yaml"], f"the program's command: {started}")
    expect("a task of an array", ["requeue 12_3"], number=3, SLURM_RESTART_COUNT="1",
           text="requeue number 2")

    # A file STOP where the job looks for it, and where it is for another one.
    expect("STOP", [], stop="runs/STOP", text="runs/STOP")
    expect("STOP of a task", [], number=3, stop="runs/task_3_01234567/STOP")
    expect("STOP of a sweep", [], number=3, stop="runs/STOP")
    expect("STOP of another task", ["requeue 12_3"], number=3, stop="runs/task_30_01234567/STOP")

    expect("scancel", [], STATE="JobState=COMPLETING Reason=None", text="cancelled")
    expect("time limit", ["requeue 12"], STATE="JobState=COMPLETING Reason=TimeLimit")
    expect("often enough", [], SLURM_RESTART_COUNT="100", text="GFE_REQUEUES")
    expect("once more", ["requeue 12"], SLURM_RESTART_COUNT="99")
    expect("fewer allowed", [], SLURM_RESTART_COUNT="2", GFE_REQUEUES="2", text="GFE_REQUEUES")
    expect("Slurm refuses", ["requeue 12"], REFUSE="1",
           text="If squeue does not list job 12, submit")

    expect("Slurm ends the job before scontrol has answered", ["requeue 12"], END="1",
           text="goes back into the queue (requeue number 1)")

    expect("a warning", ["saved", "requeue 12"], warn=True, ends=0, LISTEN="1", WAIT="1")
    expect("a warning to a program that does not listen yet", ["requeue 12"], warn=True, ends=0,
           WAIT="1")
    started = expect("two worlds", [], 3, GFE_LAUNCHER="./twice", text="rank 0 alone, not 2 times")
    checks(not started, f"two worlds: nothing should be started: {started}")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
