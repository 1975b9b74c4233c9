#!/usr/bin/env python3
"""The physics study on few points: conserved quantities of its fields, one task of every set, its
tables; fields from sensors.

usage: test_physics.py gfe_hpc
"""

import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from program import ENVIRONMENT, ROOT, Checks, arguments

PHYSICS = os.path.join(ROOT, "inputs", "physics")
# Points of the small sets in place of those of the study, and two passes.
SMALLER = (("{dense: 256}", "{dense: 32}"), ("{dense: 12288}", "{dense: 192}"),
           ("{dense: 4096}", "{dense: 64}"), ("[400, 150, 40]", "[2, 2, 2]"),
           ("max_iterations: 200", "max_iterations: 20"))
SETS = ("fronts", "burgers", "shallow_water", "navier_stokes")
FROM_POD = 24                     # 50 fronts, d = 4, seed 1: GFE from POD
TASKS = (0, 1, 2, 3, FROM_POD, 48, 72)  # GFE of all sets; fronts by the other methods
check = Checks()


def script(name, *options, directory):
    return subprocess.run([sys.executable, os.path.join(PHYSICS, name), *options], cwd=directory,
                          capture_output=True, text=True, env=ENVIRONMENT)


def test_fields(directory):
    """Sums that the equations conserve, and what the files say of their axes."""
    made = script("generate.py", "--small", directory=directory)
    check(made.returncode == 0, f"generate.py: {made.stderr[-300:]}")
    files = {name: h5py.File(os.path.join(directory, "runs", "physics_data", f"{name}.h5"))
             for name in SETS}
    for name, field in (("burgers", "velocity"), ("shallow_water", "height"),
                        ("navier_stokes", "vorticity")):
        values = files[name][field][:].astype(float)
        sums = values.mean(axis=tuple(range(2, values.ndim)))
        drift = np.max(np.abs(sums - sums[:, :1]))
        check(drift <= 1e-6, f"{name}: the mean {field} drifts by {drift:.1e}")
        axes = [axis.label or axis[0].name.strip("/") for axis in files[name][field].dims]
        check(axes[:2] == ["trajectory", "time"], f"{name}: axes {axes}")
    water = files["shallow_water"]
    height = water["height"][:].astype(float) + 1
    for axis in ("x", "y"):
        momentum = np.abs(np.sum(height * water[f"velocity_{axis}"], axis=(2, 3))).max()
        check(momentum <= 1e-4, f"shallow water: momentum in {axis} of {momentum:.1e} from rest")
    energy = np.mean(files["burgers"]["velocity"][:].astype(float) ** 2, axis=2)
    check(np.all(np.diff(energy, axis=1) <= 1e-7), "burgers: energy grows")
    return files


def pod_error(learned, test, rank):
    """NumPy's POD: relative L2 error of `test`."""
    mean = learned.mean(0)
    modes = np.linalg.svd(learned - mean, full_matrices=False)[2][:rank]
    rest = (test - mean) - (test - mean) @ modes.T @ modes
    return np.linalg.norm(rest) / np.linalg.norm(test)


def run_tasks(program, directory, name, smaller, tasks):
    """Some tasks of a sweep on the small sets."""
    with open(os.path.join(PHYSICS, name), encoding="utf-8") as file:
        text = file.read()
    for old, new in smaller:
        check(old in text, f"{name} without {old}")
        text = text.replace(old, new)
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(text)
    for task in tasks:
        ran = subprocess.run([program, "--task", str(task), name], cwd=directory,
                             capture_output=True, text=True, env=ENVIRONMENT)
        check(ran.returncode == 0, f"{name}, {task}: {ran.stdout[-300:]}{ran.stderr[-300:]}")


def test_compare(program, directory):
    """The table of one's own data: 50 states of Burgers' equation, d = 4, GFE from POD."""
    smaller = [pair for pair in SMALLER if "12288" not in pair[0] and "4096" not in pair[0]]
    run_tasks(program, directory, "compare.yaml", smaller, [6])
    shown = script("tables.py", os.path.join("runs", "compare"), directory=directory)
    check("1 of 48 tasks are done" in shown.stdout and "**burgers**" in shown.stdout
          and "| 50 | 4 | 1 |" in shown.stdout, f"tables.py: {shown.stdout}{shown.stderr[-300:]}")


def test_study(program, directory, files):
    run_tasks(program, directory, "study.yaml", SMALLER, TASKS)
    for group, wanted in (("test", slice(1000, 1300)), ("encode", None)):
        shown = script("tables.py", "--group", group, "--cost", directory=directory)
        check(shown.returncode == 0, f"tables.py: {shown.stderr[-300:]}")
        check(f"{len(TASKS)} of 576 tasks are done" in shown.stdout,
              f"tables.py: {shown.stdout[:90]}")
        rows = [line for line in shown.stdout.splitlines() if line.startswith("| 50 | 4 | 1 |")]
        check(len(rows) == 1, f"tables.py has {len(rows)} rows of fronts")
        if wanted is None or not rows:
            continue
        cells = rows[0].strip("| ").split(" | ")
        check("-" not in cells, f"a method is missing: {rows[0]}")
        run = next(name for name in os.listdir(os.path.join(directory, "runs", "physics"))
                   if name.startswith(f"task_{FROM_POD:03d}_"))
        with h5py.File(os.path.join(directory, "runs", "physics", run, "results.h5")) as results:
            index = results["train/index"][:]
        front = files["fronts"]["front"][:].astype(float)
        known = pod_error(front[index], front[wanted], 4)
        check(len(index) == 50 and abs(float(cells[3]) - known) <= 1e-4,
              f"{len(index)} samples, POD {cells[3]} where NumPy has {known:.4f}")


def test_sensors(program, directory):
    """Fields from sensors, on few points: a row per case, and no method far above the mean."""
    shown = script("sensors.py", "fronts", "--latent", "4", "--quick", "--program", program,
                   directory=directory)
    check(shown.returncode == 0, f"sensors.py: {shown.stderr[-300:]}")
    rows = [line.strip("| ").split(" | ") for line in shown.stdout.splitlines()
            if line.startswith("| fronts |")]
    check([row[2] for row in rows] == 2 * ["all", "random", "fixed"], f"rows {rows}")
    errors = [[float(cell.split()[0]) for cell in row[4:]] for row in rows[:3]]
    check(errors and errors[0][2] < 0.5 * errors[0][1], f"all observed: {errors}")
    check(all(error < 1.02 for _, pod, _, *flows in errors for error in (pod, *flows)),
          f"with a prior no worse than the mean: {errors}")


def main():
    program = arguments("gfe_hpc", 1)[0]
    with tempfile.TemporaryDirectory() as directory:
        test_study(program, directory, test_fields(directory))
        test_compare(program, directory)
        test_sensors(program, directory)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
