#!/usr/bin/env python3
"""A real Slurm stops jobs in every possible way, and the job scripts bring them to the results that
they would have had undisturbed.

usage: test_slurm.py gfe_hpc
"""

import glob
import json
import math
import os
import signal
import sys
import tempfile

import h5py

import paper
import slurm
from program import (ENVIRONMENT, IMAGES, ROOT, SMALL, SUPPORT, Checks, arguments, read_summary,
                     run, run_input, write_input)

COMPARE = os.path.join(SUPPORT, "compare_results.py")
REPOSITORY = ROOT
SKIPPED = 77  # meson's exit code for it
TASKS = 6
RANKS = 2
CPUS = 6       # that Slurm believes it has: a job of paused ranks needs none
EPOCHS = 3     # of a task whose legs are steps
SECONDS = 6.0  # of the task that is paused at work, which has to be noticed meanwhile
NO_TIME = 1e-3  # seconds, over before the first step

TRAINING = {**IMAGES, "decoder.layers": paper.LAYERS, "encoding.max_iterations": 20,
            "evaluation.max_iterations": 30}


# ---- looking at run directories ----

def steps(directory):
    """The number of updates of the decoder in history.csv."""
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

def pause(bench, directory, before=0, **variables):
    """Pauses the ranks of a job once its run has made more steps than before; returns their ids."""
    while steps(directory()) <= before:
        yield
    ranks = bench.cluster.ranks(bench.program, **variables)
    slurm.send(ranks, signal.SIGSTOP)
    return ranks


def meet_limit_and_signal(bench, job, directory):
    """The first task of an array: its first leg is paused until Slurm's limit of a minute is over,
    the second gets a USR1."""
    ranks = yield from pause(bench, directory, SLURM_ARRAY_TASK_ID=0)
    while bench.cluster.age(job) <= 60:
        yield
    slurm.send(ranks, signal.SIGCONT)
    while reason(directory()) is None:
        yield
    bench.checks(reason(directory()) == "time limit",
                 f"the limit of a minute should stop {job}, not: {reason(directory())}")
    ranks = yield from pause(bench, directory, steps(directory()), SLURM_ARRAY_TASK_ID=0)
    bench.cluster.signal(job, ranks)
    slurm.send(ranks, signal.SIGCONT)
    while reason(directory()) == "time limit":
        yield
    bench.checks(reason(directory()) == "signal USR1",
                 f"scancel --signal=USR1 should stop {job}, not: {reason(directory())}")


def meet_warning(bench, job, directory):
    """A job whose script Slurm warns, as --signal=B:USR1@25 asks for, before the limit of a minute;
    it is paused until the warning is there."""
    ranks = yield from pause(bench, directory, SLURM_JOB_ID=job)
    while not all(slurm.pending(rank, signal.SIGUSR1) for rank in ranks):
        yield
    slurm.send(ranks, signal.SIGCONT)
    while reason(directory()) is None:
        yield
    bench.checks(reason(directory()) == "signal USR1",
                 f"Slurm's warning should stop job {job}, not: {reason(directory())}")
    bench.cluster.command("scontrol", "update", f"JobId={job}", "TimeLimit=60")  # once is enough


# ---- the tests ----

def undisturbed(checks, program, cwd):
    """A run for every task, that of the first so long that it is caught at work. Returns their
    results.h5 and what sets each of them apart."""
    run_input(checks, program, cwd, "pace", TRAINING, ranks=RANKS)
    pace = read_summary(os.path.join(cwd, "pace"))["training_seconds"]
    tasks = [{"run.seed": task + 1, "training.epochs": EPOCHS} for task in range(TASKS)]
    tasks[0]["training.epochs"] = max(10, math.ceil(SECONDS / pace))
    results = [run_input(checks, program, cwd, f"undisturbed_{task}", TRAINING, values,
                         ranks=RANKS) for task, values in enumerate(tasks)]
    return results, tasks


def write_sweep(bench, tasks, walltimes):
    """The input of the array, replaced as a whole while jobs read it. A wall time decides nothing
    of a result, and may change from one leg of a run to the next."""
    path = write_input(bench.path("sweep.yaml.new"), TRAINING, {
        "run.directory": "elsewhere",
        "sweep.list": [{**values, "run.walltime": walltime}
                       for values, walltime in zip(tasks, walltimes)]})
    os.replace(path, bench.path("sweep.yaml"))


def test_disturbed(bench, references, tasks):
    """Array and single job, disturbed in every way, side by side. Most tasks get so little time
    that a leg is a step, until they have been stopped twice."""
    walltimes = [0] + (TASKS - 1) * [NO_TIME]
    write_sweep(bench, tasks, walltimes)
    write_input(bench.path("single.yaml"), TRAINING, tasks[0], {"run.directory": "elsewhere"})
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
        for each in bench.cluster.jobs(array):
            task = each["ArrayTaskId"]
            if task.isdigit() and int(each["Restarts"]) >= 2 and walltimes[int(task)]:
                walltimes[int(task)] = 0
                write_sweep(bench, tasks, walltimes)
        return bench.cluster.over(array) and bench.cluster.over(single)

    bench.cluster.until(over, "end of the disturbed jobs")
    bench.ended(array, "COMPLETED", (2, 99), "0:0")
    bench.ended(single, "COMPLETED", (1, 99), "0:0")
    for task, reference in enumerate(references):
        directory = "".join(glob.glob(bench.path("study", f"task_{task}_*")))
        bench.equal(reference, directory)
        ranks = read_summary(directory)["ranks"]
        bench.checks(ranks == RANKS, f"task {task} should run {RANKS} ranks, not {ranks}")
        told = [line for line in bench.log(f"gfe_sweep_{array}_{task}.log").splitlines()
                if line.startswith("requeue: ")]
        bench.checks(any(f"job {array}_{task} goes back into the queue (requeue number 2)" in line
                         for line in told),
                     f"the log of task {task} should tell of two requeues: {told}")
    bench.equal(references[0], bench.path("runs", "single"))
    print(f"an array of {TASKS} and a single job: equal to the undisturbed runs", flush=True)
    return single


def test_not_requeued(bench):
    """A job does not come back after a STOP file or scancel."""
    write_input(bench.path("endless.yaml"), TRAINING, {"training.epochs": 10**6})
    stopped, cancelled = (
        bench.submit("one_node.sh", "endless.yaml", name, options=(f"--ntasks={RANKS}",))
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
    """Finished runs are not repeated; their decoder encodes new data."""
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
        references, tasks = undisturbed(checks, program, cwd)
        print(f"undisturbed runs: the first has {tasks[0]['training.epochs']} epochs", flush=True)
        with slurm.Slurm(CPUS) as cluster:
            bench = Bench(checks, program, cwd, cluster)
            single = test_disturbed(bench, references, tasks)
            test_not_requeued(bench)
            test_finished(bench, single, references[0])
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
