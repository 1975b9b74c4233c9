#!/usr/bin/env python3
"""A real Slurm stops jobs in every way that it knows, and the job scripts bring them to the end
that they would have had undisturbed.

usage: test_slurm.py gfe_hpc
"""

import glob
import json
import math
import os
import signal
import sys
import tempfile
import time

import h5py

import slurm
from program import (ENVIRONMENT, IMAGES, PAPER_LAYERS, ROOT, SMALL, SUPPORT, Checks, arguments,
                     read_summary, run, run_input, write_input)

COMPARE = os.path.join(SUPPORT, "compare_results.py")
REPOSITORY = ROOT
SKIPPED = 77  # meson's exit code for it
TASKS = 6
RANKS = 2
CPUS = 6       # that Slurm believes to have: a job of paused ranks needs none
SECONDS = 6.0  # of an undisturbed run

TRAINING = {**IMAGES, "decoder.layers": PAPER_LAYERS, "encoding.max_iterations": 20,
            "evaluation.max_iterations": 30}


# ---- looking at run directories ----

def steps(directory):
    """Updates of the decoder that history.csv tells of."""
    try:
        with open(os.path.join(directory, "history.csv"), encoding="utf-8") as file:
            return max(len(file.readlines()) - 1, 0)
    except FileNotFoundError:
        return 0


def reason(directory):
    """Why the last leg of a run ended, or None."""
    try:
        return read_summary(directory)["exit_reason"]
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return None


def contents(directories):
    """Path -> (time of change, bytes) of all files in the directories."""
    found = {}
    for directory in directories:
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path] = (os.stat(path).st_mtime_ns, file.read())
    return found


class Bench:
    """A cluster, a directory to work in, and what is done with both."""

    def __init__(self, checks, program, cwd, cluster):
        self.checks, self.program, self.cwd, self.cluster = checks, program, cwd, cluster

    def path(self, *names):
        return os.path.join(self.cwd, *names)

    def submit(self, script, *arguments, options=(), launcher=None):
        """One of the job scripts, as they are."""
        environment = {**ENVIRONMENT, "GFE_HOME": REPOSITORY, "GFE_PROGRAM": self.program}
        if launcher:
            environment["GFE_LAUNCHER"] = launcher
        return self.cluster.submit(*options, os.path.join(REPOSITORY, "jobscripts", script),
                                   *arguments, cwd=self.cwd, environment=environment)

    def log(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def ended(self, job, state, restarts, code):
        """Checks how a job that is over ended; `restarts` is (least, most)."""
        for each in self.cluster.jobs(job):
            told = {name: each[name] for name in ("JobState", "Restarts", "ExitCode")}
            self.checks(told["JobState"] == state and told["ExitCode"] == code
                        and restarts[0] <= int(told["Restarts"]) <= restarts[1],
                        f"job {job} should end {state}, {code}, after {restarts} requeues: {told}")

    def equal(self, reference, directory):
        """Checks that the results are those of the undisturbed run."""
        result = run(COMPARE, reference, os.path.join(directory, "results.h5"))
        self.checks(result.code == 0, f"{directory} after its stops: {result.out}{result.err}")


# ---- hands that disturb: generators that look once at a time, and act when it is time ----

def pause(bench, job, directory, seconds, **variables):
    """Pauses the ranks of a job that has begun until it is so old: time passes, work does not."""
    while steps(directory()) < 1:
        yield
    ranks = bench.cluster.ranks(bench.program, **variables)
    bench.checks(len(ranks) == RANKS, f"job {job} should run {RANKS} ranks, not {len(ranks)}")
    slurm.send(ranks, signal.SIGSTOP)
    while bench.cluster.age(job) < seconds:
        yield
    slurm.send(ranks, signal.SIGCONT)


def meet_limit_and_signal(bench, job, directory):
    """The first task of an array: its first leg runs into Slurm's limit of a minute (a pause makes
    a long step, and the program keeps time for another one), the second gets a USR1."""
    yield from pause(bench, job, directory, 45, SLURM_ARRAY_TASK_ID=0)
    while reason(directory()) is None:
        yield
    bench.checks(reason(directory()) == "time limit",
                 f"the limit of a minute should stop {job}, not: {reason(directory())}")
    before = steps(directory())
    while steps(directory()) <= before:
        yield
    bench.cluster.signal(job)
    while reason(directory()) == "time limit":
        yield
    bench.checks(reason(directory()) == "signal USR1",
                 f"scancel --signal=USR1 should stop {job}, not: {reason(directory())}")


def meet_warning(bench, job, directory):
    """A job whose script Slurm warns, as --signal=B:USR1@25 asks for, before the limit of a minute:
    after 35 seconds at the latest, for Slurm looks twice a minute."""
    yield from pause(bench, job, directory, 38, SLURM_JOB_ID=job)
    while reason(directory()) is None:
        yield
    bench.checks(reason(directory()) == "signal USR1",
                 f"Slurm's warning should stop job {job}, not: {reason(directory())}")
    bench.cluster.command("scontrol", "update", f"JobId={job}", "TimeLimit=60")  # once is enough


# ---- the tests ----

def undisturbed(checks, program, cwd):
    """Runs of about SECONDS each, one for every task. Returns their results.h5, the values of their
    inputs, and a wall time that stops them after a tenth of their work, which leaves room for two
    stops if they go much faster later."""
    run_input(checks, program, cwd, "pace", TRAINING, ranks=RANKS)
    pace = read_summary(os.path.join(cwd, "pace"))["training_seconds"]
    values = {**TRAINING, "training.epochs": max(3, math.ceil(SECONDS / pace))}
    results, begun, work = [], time.monotonic(), 0.0
    for task in range(TASKS):
        name = f"undisturbed_{task}"
        results.append(run_input(checks, program, cwd, name, values, {"run.seed": task + 1},
                                 ranks=RANKS))
        work += read_summary(os.path.join(cwd, name))["seconds"] / TASKS
    start = (time.monotonic() - begun) / TASKS - work
    # The wall time counts from the start of the program, which stops a second before its end.
    return results, values, start + 1.2 + work / 10


def write_sweep(bench, values, walltimes):
    """The input of the array, replaced as a whole while jobs read it. A wall time decides nothing
    of a result, and may change from one leg of a run to the next."""
    path = write_input(bench.path("sweep.yaml.new"), values, {
        "run.directory": "elsewhere",
        "sweep.list": [{"run.seed": task + 1, "run.walltime": walltime}
                       for task, walltime in enumerate(walltimes)]})
    os.replace(path, bench.path("sweep.yaml"))


def test_disturbed(bench, references, values, walltime):
    """Array and single job, disturbed in every way, side by side."""
    walltimes = [0] + (TASKS - 1) * [walltime]
    write_sweep(bench, values, walltimes)
    write_input(bench.path("single.yaml"), values, {"run.seed": 1, "run.directory": "elsewhere"})
    size = (f"--ntasks={RANKS}", "--time=1")
    single = bench.submit("one_node.sh", "single.yaml", options=(*size, "--signal=B:USR1@25"),
                          launcher="mpirun --bind-to none")
    array = bench.submit("job_array.sh", "sweep.yaml", "study", options=(
        *size, f"--array=0-{TASKS - 1}%2", "--signal=B:USR1@0"))  # 0: no warning

    def first():
        return "".join(glob.glob(bench.path("study", "task_0_*")))

    hands = [meet_limit_and_signal(bench, f"{array}_0", first),
             meet_warning(bench, single, lambda: bench.path("runs", "single"))]

    def over():
        for hand in hands:
            next(hand, None)
        for each in bench.cluster.jobs(array):  # stopped twice: enough, for it takes time
            task = each["ArrayTaskId"]
            if task.isdigit() and int(each["Restarts"]) >= 2 and walltimes[int(task)]:
                walltimes[int(task)] = 0
                write_sweep(bench, values, walltimes)
        return bench.cluster.over(array) and bench.cluster.over(single)

    bench.cluster.until(over, "end of the disturbed jobs", 600)
    bench.ended(array, "COMPLETED", (2, 99), "0:0")
    bench.ended(single, "COMPLETED", (1, 99), "0:0")
    for task, reference in enumerate(references):
        directory = "".join(glob.glob(bench.path("study", f"task_{task}_*")))
        bench.equal(reference, directory)
        log = bench.log(f"gfe_sweep_{array}_{task}.log")
        bench.checks(f"job {array}_{task} is in the queue again, time 2" in log,
                     f"task {task} should go back into the queue twice: {log[-3000:]}")
    bench.equal(references[0], bench.path("runs", "single"))
    print(f"an array of {TASKS} and a single job: equal to the undisturbed runs", flush=True)
    return single


def test_not_requeued(bench):
    """Neither a STOP file nor scancel lets a job come back."""
    stopped, cancelled = (
        bench.submit("one_node.sh", "single.yaml", name, options=(f"--ntasks={RANKS}",))
        for name in ("stopped", "cancelled"))
    bench.cluster.until(lambda: all(steps(bench.path(name)) for name in ("stopped", "cancelled")),
                        "first steps of two jobs")
    with open(bench.path("stopped", "STOP"), "w", encoding="utf-8"):
        pass
    bench.cluster.command("scancel", cancelled)
    bench.cluster.wait(stopped)
    bench.cluster.wait(cancelled)
    bench.ended(stopped, "FAILED", (0, 0), "75:0")
    bench.checks(reason(bench.path("stopped")) == "stop file",
                 f"a STOP file should be the reason: {reason(bench.path('stopped'))}")
    bench.checks("stopped/STOP; remove it" in bench.log(f"gfe_{stopped}.log"),
                 "the log should name the STOP file")
    state = bench.cluster.jobs(cancelled)[0]
    bench.checks(state["JobState"] == "CANCELLED" and state["Restarts"] == "0",
                 f"a cancelled job should stay so: {state}")
    print("not queued again: after a STOP file, after scancel", flush=True)


def test_finished(bench, single, reference):
    """What is done is not done again; its decoder encodes new data."""
    tasks = glob.glob(bench.path("study", "task_*"))
    bench.checks(len(tasks) == TASKS, f"the sweep should have {TASKS} directories: {tasks}")
    before = contents(tasks)
    array = bench.submit("job_array.sh", "sweep.yaml", "study",
                         options=(f"--ntasks={RANKS}", f"--array=0-{TASKS - 1}"))
    bench.cluster.wait(array)
    bench.ended(array, "COMPLETED", (0, 0), "0:0")
    bench.checks(len(before) >= TASKS * 4 and contents(tasks) == before,
                 "a finished array should be left as it is: changed "
                 f"{[path for path, what in contents(tasks).items() if before.get(path) != what]}")

    directory = bench.path("runs", "single")
    before = contents([directory])
    large = bench.submit("several_nodes.sh", "single.yaml",
                         options=("--nodes=1", f"--ntasks-per-node={RANKS}"))
    bench.cluster.wait(large)
    bench.ended(large, "COMPLETED", (0, 0), "0:0")
    bench.checks(contents([directory]) == before, f"job {single} was done; its files changed")

    new = {"data.encode.file": SMALL, "data.encode.dataset": "/test/images",
           "data.encode.count": IMAGES["data.test.count"], "evaluation.max_iterations": 30}
    write_input(bench.path("new.yaml"), new, {"run.directory": "elsewhere"})
    encode = bench.submit("encode.sh", os.path.join(directory, "results.h5"), "new.yaml",
                          options=(f"--ntasks={RANKS}",))
    bench.cluster.wait(encode)
    bench.ended(encode, "COMPLETED", (0, 0), "0:0")
    with h5py.File(bench.path("runs", "new", "results.h5")) as found, \
         h5py.File(reference) as known:
        bench.checks(found["encode/z"][()].tobytes() == known["test/z"][()].tobytes(),
                     "encode.sh should find the latents that the training's evaluation found")
    print("finished runs: left as they are; a decoder of theirs encodes", flush=True)


def main():
    program, = arguments("gfe_hpc", 1)
    missing = slurm.why_not()
    if missing:
        print(f"skipped: {missing}")
        return 1 if os.environ.get("GFE_TESTS_COMPLETE") else SKIPPED
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        references, values, walltime = undisturbed(checks, program, cwd)
        print(f"undisturbed runs: wall time of the disturbed ones {walltime:.1f} s", flush=True)
        with slurm.Slurm(CPUS) as cluster:
            bench = Bench(checks, program, cwd, cluster)
            single = test_disturbed(bench, references, values, walltime)
            test_not_requeued(bench)
            test_finished(bench, single, references[0])
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
