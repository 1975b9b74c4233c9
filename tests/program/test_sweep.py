#!/usr/bin/env python3
"""Sweeps end to end: every task is the run that its values alone would give, in its own directory;
finished tasks stay, changed ones are refused, and gfe_collect.py gathers them.

usage: test_sweep.py gfe_hpc
"""

import concurrent.futures
import csv
import json
import os
import re
import sys
import tempfile

import h5py
import numpy as np

from program import CIRCLE, IMAGES, ROOT, Checks, arguments, read_summary, run, write_input

COLLECT = os.path.join(ROOT, "postprocess", "gfe_collect.py")
EXAMPLE = os.path.join(ROOT, "inputs", "sweep.yaml")

LAYERS = [[{"dense": 8, "activation": "silu"}, {"dense": 2}], [{"dense": 5}, {"dense": 2}]]
GRID = {"decoder.layers": LAYERS, "training.batch": [10, 15, 20]}
TASKS = [{"decoder.layers": layers, "training.batch": batch}
         for layers in GRID["decoder.layers"] for batch in GRID["training.batch"]]
TINY = {**CIRCLE, "training.epochs": 2, "output.reconstructions": 4}


def write_sweep(path, base, sweep):
    """An input file with a section sweep; its parts are JSON, which is YAML too."""
    write_input(path, base)
    with open(path, "a", encoding="utf-8") as file:
        file.write("sweep:\n")
        for part, content in sweep.items():
            file.write(f"  {part}: {json.dumps(content)}\n")
    return path


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def states(listing):
    """{index: (state, directory)} of what --tasks prints."""
    lines = (re.match(r"  (\d+) +(.+?)  +(task_\d+_[0-9a-f]{8})(?:  |$)", line)
             for line in listing.splitlines())
    return {int(line[1]): (line[2], line[3]) for line in lines if line}


def arrays(path):
    """The bytes of a run's results."""
    with h5py.File(path, "r") as file:
        names = []
        file.visititems(lambda name, node: names.append(name)
                        if isinstance(node, h5py.Dataset)
                        and not name.endswith(("seconds", "imbalance")) else None)
        return {name: file[name][()].tobytes() for name in names}


# ---- a grid ----

def test_grid(checks, program, cwd):
    """Six tasks, started in every way there is, give the bits of six plain runs."""
    write_sweep(os.path.join(cwd, "grid.yaml"), TINY, {"grid": GRID})
    listing = run(program, "--tasks", "grid.yaml", cwd=cwd)
    before = states(listing.out)
    checks(listing.code == 0 and list(before) == list(range(6))
           and {state for state, _ in before.values()} == {"not begun"}, f"--tasks: {listing}")
    dry = run(program, "--check", "--task", "2", "grid.yaml", cwd=cwd)
    checks(dry.code == 0 and "batch: 20" in dry.out, f"--check of a task: {dry}")
    checks(os.listdir(cwd) == ["grid.yaml"], f"before any task runs: {os.listdir(cwd)}")

    with concurrent.futures.ThreadPoolExecutor(3) as pool:  # all at once, as an array would be
        ends = list(pool.map(lambda task: run(
            program, "grid.yaml", *(["--task", task] if task % 2 else []), cwd=cwd,
            ranks=2 if task == 4 else 1,
            environment={} if task % 2 else {"SLURM_ARRAY_TASK_ID": str(task)}), range(6)))
    for task, end in enumerate(ends):
        checks(end.code == 0, f"task {task}: {end}")
    sweep = os.path.join(cwd, "run")
    directories = [before[task][1] for task in range(6)]
    checks(sorted(os.listdir(sweep)) == ["sweep.json", *directories],
           f"a sweep's directory: {sorted(os.listdir(sweep))}")
    after = states(run(program, "--tasks", "grid.yaml", cwd=cwd).out)
    checks(after == {task: ("finished", directories[task]) for task in range(6)},
           f"--tasks at the end: {after}")

    plan = load(os.path.join(sweep, "sweep.json"))
    checks([key["key"] for key in plan["keys"]] == list(GRID), f"keys: {plan['keys']}")
    for task, values in enumerate(TASKS):
        entry = plan["tasks"][task]
        directory = os.path.join(sweep, directories[task])
        checks(entry["index"] == task and entry["directory"] == directories[task]
               and entry["values"]["training.batch"] == values["training.batch"],
               f"sweep.json: {entry}")
        checks(read_summary(directory)["config_hash"] == entry["config_hash"]
               and directories[task] == f"task_{task}_{entry['config_hash'][:8]}",
               f"the hash of task {task}")
        plain = write_input(os.path.join(cwd, "plain.yaml"), TINY, values,
                            {"run.directory": f"plain_{task}"})
        result = run(program, plain, cwd=cwd, environment={"SLURM_ARRAY_TASK_ID": "99"})
        checks(result.code == 0, f"the plain run of task {task}: {result}")
        checks(arrays(os.path.join(cwd, f"plain_{task}", "results.h5"))
               == arrays(os.path.join(directory, "results.h5")),
               f"task {task} should have the bits of a plain run")
    check_echo(checks, program, cwd, os.path.join(sweep, directories[5]))
    return sweep, directories


def check_echo(checks, program, cwd, directory):
    """used_parameters.yaml of a task is a plain input that gives the same run."""
    echo = os.path.join(directory, "used_parameters.yaml")
    with open(echo, encoding="utf-8") as file:
        text = file.read()
    checks("sweep" not in text.replace(directory, ""), "the echo of a task is no sweep")
    again = run(program, echo, "--set", "run.directory=echo", cwd=cwd)
    checks(again.code == 0, f"the echo as input: {again}")
    checks(arrays(os.path.join(cwd, "echo", "results.h5"))
           == arrays(os.path.join(directory, "results.h5")), "the echo gives the same bits")


def test_again(checks, program, cwd, sweep, directories):
    """The same command leaves a finished task alone; another input is refused, untouched."""
    results = os.path.join(sweep, directories[1], "results.h5")
    written = os.stat(results).st_mtime_ns
    again = run(program, "grid.yaml", "--task", "1", cwd=cwd)
    checks(again.code == 0 and "already finished" in again.out, f"a finished task: {again}")
    checks(os.stat(results).st_mtime_ns == written, "a finished task is not run again")
    content = sorted(os.listdir(sweep))
    plan = load(os.path.join(sweep, "sweep.json"))
    for ranks in (1, 3):
        other = run(program, "grid.yaml", "--task", "1", "--set", "training.epochs=3", cwd=cwd,
                    ranks=ranks)
        checks(other.code == 2 and directories[0] in other.err and "task_0_" in other.err
               and "run.directory" in other.err and other.err.count("task 0") == 1
               and "(training.epochs: 2 before, 3 now)" in other.err,
               f"another input in the same directory: {other}")
    listing = run(program, "--tasks", "grid.yaml", "--set", "training.epochs=3", cwd=cwd)
    checks(listing.code == 0 and "exists and has a different input" in listing.err,
           f"--tasks of another input: {listing}")
    checks(sorted(os.listdir(sweep)) == content
           and load(os.path.join(sweep, "sweep.json")) == plan, "what is refused leaves no trace")

    # Ten more tasks: the old ones keep their directories, and their results.
    write_sweep(os.path.join(cwd, "grid.yaml"), TINY,
                {"list": TASKS + [{"training.batch": batch} for batch in range(30, 36)]})
    grown = states(run(program, "--tasks", "grid.yaml", cwd=cwd).out)
    checks(all(grown[task] == ("finished", directories[task]) for task in range(6))
           and grown[6][0] == "not begun" and grown[6][1].startswith("task_06_"),
           f"a sweep that has grown: {grown}")
    checks(len(load(os.path.join(sweep, "sweep.json"))["tasks"]) == 12,
           "--tasks tells sweep.json of tasks that came later")


# ---- random values, failures, the table ----

def test_collect(checks, program, cwd):
    """Random tasks, one that diverges and one that was never begun, in one table."""
    base = {**IMAGES, "run.directory": "random", "data.train.count": 60, "data.test.count": 20}
    write_sweep(os.path.join(cwd, "random.yaml"), base,
                {"random": {"samples": 2, "seed": 5,
                            "training.learning_rate": {"range": [1e-3, 1e-2], "log": True}},
                 "list": [{"training.batch": 10},
                          {"training.batch": 20, "encoding.max_iterations": 3}]})
    listing = states(run(program, "--tasks", "random.yaml", cwd=cwd).out)
    checks(len(listing) == 4, f"--tasks: {listing}")
    for task in range(3):
        end = run(program, "random.yaml", "--task", task, cwd=cwd)
        checks(end.code == 0, f"task {task}: {end}")
    collected = run(COLLECT, "random", cwd=cwd)
    checks(collected.code == 0 and "4 tasks, 3 done, 1 missing" in collected.out
           and f"missing  {listing[3][1]}" in collected.out, f"gfe_collect.py: {collected}")
    with open(os.path.join(cwd, "random", "sweep.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for task in range(3):
        directory = os.path.join(cwd, "random", listing[task][1])
        summary = read_summary(directory)
        found.append(summary["test_loss"])
        checks(all(float(rows[task][name]) == value for name, value in summary.items()
                   if isinstance(value, (int, float))), f"row {task} of sweep.csv: {rows[task]}")
        with open(os.path.join(directory, "used_parameters.yaml"), encoding="utf-8") as file:
            used = dict(re.findall(r"^  (learning_rate|batch): (\S+)", file.read(), re.M))
        checks(float(rows[task]["training.learning_rate"]) == float(used["learning_rate"])
               and rows[task]["training.batch"] == used["batch"],
               f"values of task {task}: {rows[task]}, not {used}")
    checks(rows[3]["status"] == "missing" and rows[3]["test_loss"] == "", f"row 3: {rows[3]}")
    best = found.index(min(found))
    checks(f"best: task {best} with lowest test_loss {min(found):.6g}" in collected.out
           and f"training.batch: {rows[best]['training.batch']}" in collected.out,
           f"the best of {found}: {collected.out}")
    checks(os.path.getsize(os.path.join(cwd, "random", "plots", "sweep_test_loss.png")) > 5000,
           "the plot of a sweep")

    write_sweep(os.path.join(cwd, "wild.yaml"), {**CIRCLE, "run.directory": "wild"},
                {"list": [{"training.optimiser": "sgd", "training.learning_rate": 1e6}]})
    end = run(program, "wild.yaml", "--task", "0", cwd=cwd)
    state = states(run(program, "--tasks", "wild.yaml", cwd=cwd).out)[0][0]
    collected = run(COLLECT, "wild", cwd=cwd)
    checks(end.code == 4 and state == "stopped (numerical failure)"
           and "1 failed" in collected.out, f"a task that diverges: {end} {state} {collected}")


# ---- mistakes ----

def test_mistakes(checks, program, cwd):
    """One message, exit code 2, nothing written; the unit test has all the wrong sections."""
    good = {"grid": {"training.batch": [5, 10]}}
    cases = {
        "no task": (good, [], ["2 tasks", "--task N", "--tasks", "0 to 1"]),
        "no such task": (good, ["--task", "2"], ["--task 2", "2 tasks, 0 to 1"]),
        "no number": (good, ["--task", "one"], ["--task one"]),
        "a swept key": (good, ["--task", "0", "--set", "training.batch=7"],
                        ["--set training.batch=7", "is also swept in x.yaml:"]),
        "a wrong value in another task": ({"grid": {"training.batch": [5, 0]}}, ["--task", "0"],
                                          ["x.yaml:", "training.batch = 0", "at least 1",
                                           "task 1 of the sweep"]),
        "the same in --check": ({"grid": {"training.batch": [5, 0]}}, ["--check", "--task", "0"],
                                ["training.batch = 0"]),
        "the same in --tasks": ({"grid": {"training.batch": [5, 0]}}, ["--tasks"],
                                ["training.batch = 0"]),
        "an unknown key": ({"zip": {"training.bacth": [5, 6]}}, ["--task", "0"],
                           ["training.bacth", "did you mean training.batch?"]),
        "--task without sweep": ({}, ["--task", "0"], ["--task 0", "no section sweep"]),
        "--tasks without sweep": ({}, ["--tasks"], ["--tasks", "no section sweep"]),
    }
    for name, (sweep, options, texts) in cases.items():
        folder = os.path.join(cwd, "mistakes")
        os.makedirs(folder, exist_ok=True)
        write_sweep(os.path.join(folder, "x.yaml"), CIRCLE, sweep)
        for ranks in (1, 3):
            result = run(program, *options, "x.yaml", cwd=folder, ranks=ranks)
            message = [line for line in result.err.splitlines() if line.startswith("gfe_hpc: ")]
            checks(result.code == 2 and len(message) == 1
                   and all(text in message[0] for text in texts), f"{name}: {result}")
            checks(os.listdir(folder) == ["x.yaml"], f"{name}: {os.listdir(folder)}")


def test_own_task(checks, program, cwd):
    """Once a start has checked all tasks, later ones with the same input check only their own."""
    for name in ("a", "b"):
        np.save(os.path.join(cwd, name + ".npy"), np.ones((20, 2), np.float32) * range(2))
    base = {**CIRCLE, "data.train.generate": None, "data.train.count": None, "training.epochs": 0,
            "run.directory": "own"}
    sweep = {"grid": {"data.train.file": ["a.npy", "b.npy"], "run.seed": [1, 2]}}
    write_sweep(os.path.join(cwd, "own.yaml"), base, sweep)
    first = run(program, "--task", 0, "own.yaml", cwd=cwd)
    checks(first.code == 0, f"the first start: {first}")
    recorded = os.path.join(cwd, "own", "sweep.json")
    before = os.stat(recorded).st_mtime_ns
    os.remove(os.path.join(cwd, "b.npy"))
    for ranks in (1, 3):
        one = run(program, "--task", 1, "own.yaml", cwd=cwd, ranks=ranks)
        checks(one.code == 0 and os.stat(recorded).st_mtime_ns == before,
               f"task 1 has nothing to do with b.npy: {one}")
        for options in (["--task", 2], ["--tasks"], ["--task", 1, "--set", "training.batch=7"]):
            other = run(program, *options, "own.yaml", cwd=cwd, ranks=ranks)
            checks(other.code == 2 and "b.npy" in other.err, f"{options} wants b.npy: {other}")
    listed = [task["directory"] for task in load(recorded)["tasks"]]
    checks(len(listed) == 4 and os.path.isdir(os.path.join(cwd, "own", listed[1])),
           f"sweep.json: {listed}")


def test_example(checks, program):
    """The example input is a sweep of six tasks."""
    listing = run(program, "--tasks", EXAMPLE)
    checks(listing.code == 0 and len(states(listing.out)) == 6, f"inputs/sweep.yaml: {listing}")
    dry = run(program, "--check", "--task", "5", EXAMPLE)
    checks(dry.code == 0 and "latent: 20" in dry.out, f"--check of inputs/sweep.yaml: {dry}")


def main():
    program, = arguments("gfe_hpc", 1)
    checks = Checks()
    for test in (test_grid, test_collect, test_mistakes, test_own_task):
        with tempfile.TemporaryDirectory() as cwd:
            state = test(checks, program, cwd)
            if test is test_grid:
                test_again(checks, program, cwd, *state)
        print(f"{test.__name__}: done", flush=True)
    test_example(checks, program)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
