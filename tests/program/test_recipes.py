#!/usr/bin/env python3
"""Batches used more than once: replay, short flows in between, Newton steps of the last layer, and
`auto`.

usage: test_recipes.py gfe_hpc
"""
import csv
import os
import re
import sys
import tempfile

import numpy as np

from program import IMAGES, Checks, read_summary, run, run_input, write_input
from test_job import stopped_copy
from test_ranks import compare, cpu_has

BASE = {**IMAGES, "data.train.count": 45, "data.test.count": 8, "training.batch": 10,
        "training.epochs": 2, "training.updates": 3, "training.learning_rate": 3e-3,
        "encoding.max_iterations": 8, "evaluation.max_iterations": 10,
        "decoder.latent": 4, "decoder.layers": [{"dense": 24, "activation": "elu"},
                                                {"dense": 784}]}
REPLAY = {"training.replay": True, "encoding.again_iterations": 3}
LAST = {"training.last_layer_steps": 2, "training.learning_rate": 1e-3}
AUTO = {"training.updates": "auto", "training.learning_rate": "auto", "training.schedule": "auto"}
EULER = {"encoding.solver": "euler", "encoding.time": "sum", "encoding.tau": 6,
         "encoding.again_iterations": 0, "training.adjoint": "discrete", "training.epochs": 1}


def uses(count, batch, updates, epochs):
    """Samples in all updates with replay, counted one by one."""
    total, loaded = 0, 0
    for epoch in range(epochs):
        for first in range(0, count, batch):
            size = min(batch, count - first)
            loaded = max(loaded, first + size) if epoch == 0 else count
            total += size + sum(min(batch, loaded) for _ in range(updates - 1))
    return total


def test_bits(checks, program, cwd):
    """The same bits with any number of ranks, instruction set and stop in the middle of a pass."""
    variants = {"replay": (BASE, REPLAY), "again": (BASE, REPLAY, {"training.replay": False}),
                "cold": (BASE, REPLAY, {"training.warm_start": False}),
                "copies": (BASE, REPLAY, {"training.copies.shift": 1}),
                "adjoint": (BASE, REPLAY, EULER),
                "encoder": (BASE, REPLAY, {"run.model": "autoencoder"}),
                "last": (BASE, LAST), "last_pod": (BASE, LAST, {"decoder.initial": "pod"}),
                "last_replay": (BASE, LAST, REPLAY),
                "last_encoder": (BASE, LAST, {"run.model": "autoencoder"})}
    runs = {}
    for name, values in variants.items():
        isa = {"GFE_ISA": "avx2"} if cpu_has("avx2") and cpu_has("fma") else {}
        one = run_input(checks, program, cwd, f"{name}_1", *values)
        three = run_input(checks, program, cwd, f"{name}_3", *values, ranks=3, environment=isa)
        compare(checks, name, {"1 rank": one, "3 ranks": three})
        runs[name] = one
    for name in ("replay", "again", "last"):
        path = stopped_copy(checks, program, cwd, f"{name}_stopped", *variants[name], ranks=2)
        result = run(program, "input.yaml", cwd=os.path.dirname(path))
        checks(result.code == 0, f"{name}, resumed: {result}")
        compare(checks, f"{name}, stopped", {
            "at once": runs[name], "resumed": os.path.join(os.path.dirname(path),
                                                           "run", "results.h5")})
    return runs


def test_counts(checks, runs):
    """Uses and evaluations in summary.json are the true ones."""
    for name, total in (("replay", uses(45, 10, 3, 2)), ("again", 45 * 3 * 2)):
        directory = os.path.dirname(runs[name])
        summary = read_summary(directory)
        checks(abs(summary["uses_per_sample"] - total / 45) < 1e-12,
               f"{name}: {total / 45} uses, not {summary['uses_per_sample']}")
        with open(os.path.join(directory, "history.csv"), encoding="utf-8", newline="") as file:
            steps = list(csv.DictReader(file))
        sizes = [10 if name == "replay" and k % 3 else min(10, 45 - k // 3 % 5 * 10)
                 for k in range(len(steps))]
        done = sum(float(step["evaluations"]) * size for step, size in zip(steps, sizes))
        checks(abs(summary["training_evaluations_per_sample"] - done / 45) < 1e-3 * done,
               f"{name}: {done / 45} evaluations, not {summary['training_evaluations_per_sample']}")
        seen = [int(step["samples"]) for step in steps]
        checks(seen[-1] == 90 and (np.diff(seen) >= 0).all(), f"{name}: samples seen {seen}")
        short = [float(step["evaluations"]) for k, step in enumerate(steps) if k % 3]
        checks(max(short) < 7, f"{name}: three steps should be short: {max(short)}")


def test_latents(checks, program, cwd):
    """Drawn samples continue from their latest latents: with a decoder that does not change, many
    flows of one step come as far as one of many steps."""
    still = {**BASE, "training.learning_rate": 1e-12, "training.epochs": 1,
             "encoding.max_iterations": 1, "evaluation.max_iterations": 1}
    loss = {}
    for name, more in {"one": {"training.updates": 1},
                       "replay": {**REPLAY, "training.updates": 60,
                                  "encoding.again_iterations": 1},
                       "whole": {"training.updates": 1, "encoding.max_iterations": 60}}.items():
        path = run_input(checks, program, cwd, f"still_{name}", still, more)
        loss[name] = read_summary(os.path.dirname(path))["train_loss"]
    checks(loss["replay"] - loss["whole"] < 0.3 * (loss["one"] - loss["whole"]),
           f"the draws should go on from the latents of the last: {loss}")


def test_copies(checks, program, cwd):
    """Only samples whose copies of the present pass have been loaded are drawn, with the latents of
    these copies: with a decoder that does not change, the flows of batches and, while there is only
    one batch to draw from, of draws are those of training without replay."""
    still = {**BASE, "training.learning_rate": 1e-12, "training.copies.shift": 1,
             "encoding.max_iterations": 4}
    loss = {}
    for replay in (False, True):
        path = run_input(checks, program, cwd, f"copies_{replay}", still,
                         {"training.replay": replay})
        with open(os.path.join(os.path.dirname(path), "history.csv"), encoding="utf-8",
                  newline="") as file:
            steps = [float(step["loss"]) for step in csv.DictReader(file)]
        loss[replay] = np.array(steps).reshape(2, 5, 3)  # pass, batch, update
    checks(np.allclose(loss[True][:, :, 0], loss[False][:, :, 0], rtol=1e-6), f"batches: {loss}")
    checks(np.allclose(loss[True][:, 0], loss[False][:, 0], rtol=1e-6), f"first draws: {loss}")


def test_last_layer(checks, program, cwd):
    """With as many updates the loss is lower, as well where entries are missing."""
    rng = np.random.default_rng(5)
    fronts = np.tanh(8 * (np.linspace(0, 1, 32)[None, :] - rng.uniform(0, 1, (48, 1))))
    fronts[rng.uniform(size=fronts.shape) < 0.2] = np.nan
    np.save(os.path.join(cwd, "fields.npy"), fronts)
    fields = {"data.train.file": "fields.npy", "data.test.file": "fields.npy",
              "data.train.count": 40, "data.test.first": 40, "data.test.count": 0, "data.missing": "nan",
              "data.scale": "standardise", "decoder.loss": "mse",
              "decoder.layers": [{"dense": 24, "activation": "silu"}, {"dense": 32}],
              "training.batch": 40}
    images = {"training.batch": 45, "training.schedule": "cosine"}
    for name, more in (("images", images), ("fields", fields)):
        loss = {}
        base = BASE if name == "images" else {k: v for k, v in BASE.items() if k not in IMAGES}
        for steps in (0, 1):
            path = run_input(checks, program, cwd, f"lower_{name}_{steps}", base, more,
                             {"training.last_layer_steps": steps, "training.epochs": 4})
            loss[steps] = read_summary(os.path.dirname(path))["train_loss"]
        checks(loss[1] < 0.9 * loss[0], f"{name}: {loss}")


def test_refused(checks, program, cwd):
    for what, more in {
            "needs encoding.solver = lbfgs": {**REPLAY, "encoding.solver": "amd"},
            "needs training.updates of at least 2": {**REPLAY, "training.updates": 1},
            "auto is known only for training.optimiser = adam": {**AUTO, "training.optimiser": "sgd"},
            "must be constant, step, cosine or auto": {"training.schedule": "autox"},
            "must be an integer or auto": {"training.updates": "many"},
            "must be at least 0": {"encoding.again_iterations": -1},
            "must be true or false": {"training.replay": 2},
            "needs training.adjoint = none": {**LAST, **EULER},
            "last layer is dense and has no activation": {
                **LAST, "decoder.layers": [{"dense": 784, "activation": "tanh"}],
                "decoder.loss": "mse"},
            "the last layer has 5001 inputs": {
                **LAST, "decoder.layers": [{"dense": 5000}, {"dense": 784}]},
            "training.last_layer_damping": {**LAST, "training.last_layer_damping": 0}}.items():
        path = write_input(os.path.join(cwd, "refused.yaml"), BASE, more)
        result = run(program, os.path.basename(path), cwd=cwd)
        checks(result.code == 2 and what in result.err, f"{what}: {result}")


def chosen(directory):
    """What auto has become, from used_parameters.yaml."""
    with open(os.path.join(directory, "used_parameters.yaml"), encoding="utf-8") as file:
        return dict(re.findall(r"^  (\w+): auto  # (\S+)$", file.read(), re.MULTILINE))


def test_auto(checks, program, cwd):
    """The rules, and more epochs than at first."""
    for name, more, wanted in (
            ("small", {}, ("16", "0.002")),
            ("once", {"training.updates": 1}, (None, "0.004")),
            ("few", {"training.updates": 4}, (None, "0.003")),
            ("pod", {"decoder.initial": "pod"}, ("16", "0.001")),
            ("large", {"data.train.count": 600, "training.batch": 250, "training.epochs": 20},
             ("8", "0.002")),
            ("last_layer", {**LAST, "training.learning_rate": "auto", "data.train.count": 600,
                            "training.batch": 250, "training.epochs": 8}, ("4", "0.001")),
            ("very_large", {"data.train.count": 600, "training.batch": 600,
                            "training.epochs": 1, "training.updates": 8}, (None, "0.004")),
            ("replay", {**REPLAY, "training.epochs": 60}, ("2", "0.002"))):
        path = write_input(os.path.join(cwd, name + ".yaml"), BASE, {"training.epochs": 1}, AUTO,
                           more, {"run.directory": name})
        result = run(program, "--check", os.path.basename(path), cwd=cwd)
        text = dict(re.findall(r"training\.(\w+) = ([^,\n]+)", result.out))
        checks(result.code == 0 and (text.get("updates"), text.get("learning_rate")) == wanted
               and text.get("schedule") == "cosine", f"{name}: {wanted} wanted: {text}")

    small = (BASE, REPLAY, AUTO, {"data.train.count": 20, "training.epochs": 1})
    longer = (*small, {"training.epochs": 3})
    paths = [write_input(os.path.join(cwd, name, "input.yaml"), *small) for name in ("p", "q")]
    for path in paths:
        checks(run(program, "input.yaml", cwd=os.path.dirname(path)).code == 0, "one epoch")
    checks(chosen(os.path.join(cwd, "p", "run")).get("schedule") == "cosine", "the echo")
    write_input(paths[0], *longer)
    result = run(program, "input.yaml", cwd=os.path.join(cwd, "p"))
    checks(result.code == 0 and "3 epochs instead of 1: over the remaining 64 updates the rate falls"
           in result.out, f"the new plan should be said: {result}")
    with open(os.path.join(cwd, "p", "run", "history.csv"), encoding="utf-8", newline="") as file:
        rates = [float(step["learning_rate"]) for step in csv.DictReader(file)]
    checks(len(rates) == 96 and rates[0] == rates[32] == 2e-3
           and abs(rates[31] / 2e-3 - 0.02) < 1e-6 and abs(rates[95] / 2e-3 - 0.02) < 1e-6
           and all(np.diff(rates[32:]) < 0), f"the rates: {rates}")
    path = stopped_copy(checks, program, cwd, "q", *longer, ranks=2)
    result = run(program, "input.yaml", cwd=os.path.dirname(path))
    checks(result.code == 0 and "instead of" not in result.out,
           f"it is the plan that was made: {result}")
    compare(checks, "more epochs, stopped", {
        name: os.path.join(cwd, name, "run", "results.h5") for name in ("p", "q")})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    program, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory() as cwd:
        runs = test_bits(checks, program, cwd)
        test_counts(checks, runs)
        test_latents(checks, program, cwd)
        test_copies(checks, program, cwd)
        test_last_layer(checks, program, cwd)
        test_refused(checks, program, cwd)
        test_auto(checks, program, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
