#!/usr/bin/env python3
"""From a field in a file to a table and figures: how many numbers does a state of a fluid need?

usage: tutorial.py   (in the repository after the build, or anywhere after `meson install`)

The fields are solutions of Burgers' equation from inputs/fields.py, waves that steepen into fronts:
velocity (trajectory, time, x). For a field of your own, change FILE and `states`. Each state is
compressed to 2, 4 or 8 numbers and rebuilt from them, by POD, the best linear decoder, and by
gfe_hpc. Errors are measured on 60 trajectories that were not used for training. All files go
to runs/tutorial; finished runs are not repeated.
"""
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path += [os.path.join(ROOT, "inputs"), os.path.join(ROOT, "postprocess")]
from gfe import command
with command.imports():
    import matplotlib.pyplot as plt
    import fields
    from gfe import figures, style, tables
    from gfe.results import Results

PROGRAM = shutil.which("gfe_hpc", path=f"{ROOT}/build:{os.environ['PATH']}")
OUT, FILE = "runs/tutorial", "runs/tutorial/burgers.h5"


def states(**trajectories):  # trajectory and time number the samples, x is left: a sample is u(x)
    return {"file": FILE, "fields": ["/velocity"], "samples": ["trajectory", "time"],
            "select": {"trajectory": trajectories, "time": {"first": 4, "stride": 4}}}


def learn(numbers):  # an input file is YAML, and JSON is YAML; gfe_hpc --parameters lists all keys
    keys = {"run": {"directory": f"{OUT}/{numbers}_numbers"},
            "data": {"train": states(count=240), "test": states(first=240), "scale": "standardise"},
            "decoder": {"latent": numbers, "loss": "mse", "initial": "pod", "layers": [
                {"dense": 64, "activation": "silu"}, {"dense": 128, "activation": "silu"},
                {"dense": 128}]},  # the last layer has as many outputs as a sample has points
            "training": {"epochs": 40, "batch": 20, "schedule": "cosine", "schedule_factor": 0.01},
            "encoding": {"max_iterations": 5}, "evaluation": {"every": 0, "max_iterations": 200}}
    with open(f"{OUT}/{numbers}_numbers.yaml", "w", encoding="utf-8") as file:
        json.dump(keys, file, indent=2)
    subprocess.run([PROGRAM, file.name], check=True)  # on four cores: ["mpirun", "-n", "4", ...]
    return Results(f"{OUT}/{numbers}_numbers/results.h5")


os.makedirs(OUT, exist_ok=True)
if not os.path.exists(FILE):
    fields.write(FILE, trajectories=300)
runs = {numbers: learn(numbers) for numbers in (2, 4, 8)}
errors = {numbers: run.set("test").attributes for numbers, run in runs.items()}
tables.print_table(["numbers per state", "error of POD", "error of gfe_hpc"], [
    [str(n), f"{e['pod_relative_l2']:.1%}", f"{e['relative_l2']:.1%}"] for n, e in errors.items()])
style.use()
curve, axes = plt.subplots()
for name, label in (("pod_relative_l2", "POD"), ("relative_l2", "gfe_hpc")):
    axes.plot(list(errors), [error[name] for error in errors.values()], "o-", label=label)
axes.set(xlabel="numbers per state", ylabel="relative L2 error, new trajectories", ylim=(0, None))
axes.legend()
command.save_figures({"errors": curve, **figures.figures_of(runs[8], "test")}, OUT, "png")
