#!/usr/bin/env python3
"""Copies of the training samples: the same bits on any number of ranks, after stops and with any
instruction set; other copies in each pass; the samples themselves in the results.

usage: test_copies.py gfe_hpc
"""
import os
import sys
import tempfile

import h5py
import numpy as np

from program import IMAGES, Checks, run, run_input, write_input
from test_ranks import compare, write_missing
from test_validation import BASE, SHARE, read, run_in_legs, same_decoder

AFFINE = {"training.copies.shift": 1, "training.copies.scale": 0.08, "training.copies.rotation": 5}
COPIES = {**BASE, **AFFINE, "training.copies.reflect": ["axis_1"], "training.epochs": 3}
FIELDS = {"training.copies.periodic": ["axis_0", "axis_1"], "training.copies.reflect": ["axis_0"]}


def missing_values(cwd):
    """Images with missing pixels and weights."""
    path = os.path.join(cwd, "missing.h5")
    write_missing(path, np.random.default_rng(1))
    return {"data.missing": "nan", "training.epochs": 2,
            **{f"data.{group}.{key}": value for group in ("train", "test")
               for key, value in (("file", path), ("dataset", f"/{group}/images"),
                                  ("weights", f"/{group}/weights"), ("labels", None))}}


def test_ranks(checks, program, cwd):
    """Equal bits of gradient flow encoding, an autoencoder, a refit and gappy data."""
    first = {}
    for name, more in (("gfe", {}), ("autoencoder", {"run.model": "autoencoder"}),
                       ("refit", {**SHARE, "training.refit": True}),
                       ("missing", {**missing_values(cwd), **FIELDS, **{k: None for k in AFFINE}})):
        values = {**COPIES, **more}
        runs = {f"{ranks} ranks": run_input(checks, program, cwd, f"{name}_{ranks}", values,
                                            ranks=ranks) for ranks in (1, 3)}
        if name in ("gfe", "refit"):
            runs["in legs"] = run_in_legs(checks, program, cwd, f"{name}_legs", values)
        compare(checks, name, runs)
        first[name] = read(runs["1 ranks"])
    path = write_input(os.path.join(cwd, "plain", "input.yaml"), COPIES)
    result = run(program, "input.yaml", cwd=os.path.dirname(path),
                 environment={"GFE_ISA": "plain"})
    checks(result.code == 0, f"plain C: {result}")
    checks(same_decoder(first["gfe"], read(os.path.join(cwd, "plain", "run", "results.h5"))),
           "other instruction sets, other bits")
    return first["gfe"]


def test_passes(checks, program, cwd, found):
    """Training samples change from pass to pass; the samples themselves are encoded."""
    with h5py.File(IMAGES["data.train.file"], "r") as file:
        images = file["/train/images"][:8] / 255
    checks(np.abs(found["train/target"].reshape(8, 28, 28) - 255 * images).max() < 1e-3,
           "the results should hold the samples themselves")
    still = {**BASE, "training.learning_rate": 1e-30, "training.batch": 60, "training.epochs": 3,
             "run.model": "autoencoder", "decoder.initial": "random"}
    losses = {}
    for name, more in (("same", {}), ("other", AFFINE)):
        results = run_input(checks, program, cwd, name, still, more)
        losses[name] = read(results)["history/step_loss"]
    checks(len(set(losses["same"])) == 1 and len(set(losses["other"])) == 3,
           f"a decoder at rest sees other copies in each pass: {losses}")


def test_check(checks, program, cwd):
    """--check says what the copies are, and that flows begin at z = 0."""
    write_input(os.path.join(cwd, "check.yaml"), COPIES)
    result = run(program, "--check", "check.yaml", cwd=cwd)
    checks(result.code == 0 and "shift up to 1, scale 0.92 to 1.08, rotation up to 5 degrees, "
           "reflection along axis_1; axes axis_0 (28), axis_1 (28); flows from z = 0" in result.out
           and "warm_start: false" in result.out, f"--check: {result}")


def test_refusals(checks, program, cwd):
    """Mistakes, each in one message."""
    circle = {f"data.{group}.{key}": value for group in ("train", "test") for key, value in
              (("file", None), ("dataset", None), ("labels", None), ("generate", "circle"))}
    for values, message in (
            ({"training.copies.scale": 1}, "training.copies.scale"),
            ({"training.copies.rotation": 181}, "training.copies.rotation"),
            ({"training.copies.reflect": ["axis0"]}, "did you mean axis_0"),
            ({"training.copies.outside": "wrap"}, "nearest or zero"),
            ({"training.copies.turn": 5}, "training.copies.turn"),
            ({**FIELDS, **AFFINE}, "scaled data are not periodic"),
            ({**FIELDS, "training.copies.rotation": 5}, "rotated data are not periodic"),
            ({**AFFINE, "training.warm_start": True}, "belongs to another copy"),
            ({**AFFINE, "run.model": "pod"}, "leave training.copies out"),
            ({**AFFINE, **circle}, "points of a circle have no grid"),
            ({**AFFINE, "data.train.dataset": "/flat", "data.test.dataset": "/flat"},
             "needs samples with two spatial axes, but those of data.train have only axis_0"),
            ({"training.copies.shift": 1, "data.train.dataset": "/numbers",
              "data.test.dataset": "/numbers"}, "no spatial axis")):
        if "flat" in str(values) or "numbers" in str(values):
            with h5py.File(os.path.join(cwd, "flat.h5"), "w") as file:
                file["flat"], file["numbers"] = np.zeros((80, 784)), np.zeros((80, 1))
            values = {**values, **{f"data.{group}.{key}": value for group in ("train", "test")
                                   for key, value in (("file", "flat.h5"), ("labels", None))},
                      "data.allow_overlap": True}
        path = write_input(os.path.join(cwd, "wrong.yaml"), BASE, values)
        result = run(program, os.path.basename(path), cwd=cwd)
        checks(result.code == 2 and message in " ".join(result.err.split()),
               f"{values} should be refused with '{message}': {result}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        test_passes(checks, program, cwd, test_ranks(checks, program, cwd))
        test_check(checks, program, cwd)
        test_refusals(checks, program, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
