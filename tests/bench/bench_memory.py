#!/usr/bin/env python3
"""Memory of convolutional decoders from 8³ to 64³ and 128³ cells with 16 channels, on one rank:
what --check says and the measured peak during training, both without data; and seconds from the
command until training of the larger one begins its first step.
"""

import os
import re
import sys

import numpy as np
from bench import HERE, PROGRAM, RUNS, Finished, first_step_seconds, note, row, write_input
from program import CIRCLE

UNITS = {"B": 2**-30, "KiB": 2**-20, "MiB": 2**-10, "GiB": 1, "TiB": 2**10}
COUNT = 20  # samples, one batch
UP = {"conv_transpose": 16, "kernel": 4, "stride": 2, "padding": 1, "activation": "elu"}
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def field_input(size, steps):
    """Trains on fields of size³ cells that `steps` layers make of 8³."""
    data = os.path.join(RUNS, f"fields_{size}.npy")
    if not os.path.exists(data):
        np.save(data, np.random.default_rng(1).random((COUNT, size, size, size), np.float32))
    last = {key: value for key, value in UP.items() if key != "activation"}
    return write_input(os.path.join(RUNS, f"fields_{size}.yaml"), {
        "run.directory": os.path.join(RUNS, f"fields_{size}"), "run.tasks": ["train"],
        "run.restart": "never", "data.train.file": data, "decoder.latent": 8,
        "decoder.layers": [{"dense": 16 * 8**3, "activation": "elu"}, {"reshape": [16, 8, 8, 8]},
                           *[UP] * (steps - 1), {**last, "conv_transpose": 1}],
        "decoder.loss": "mse", "encoding.max_iterations": 2, "training.batch": COUNT,
        "evaluation.train": False, "output.reconstructions": 0, "checkpoint.minutes": 0})


def check(path):
    """GiB according to --check: in all, and for samples and latents."""
    out = Finished([PROGRAM, "--check", path]).out
    return [float(number) * UNITS[unit] for number, unit in (
        re.search(rf"^  {what} .*?(\S+) (\S+)$", out, re.M).groups()
        for what in ("total", "samples and latents"))]


def peak(path):
    """Peak memory of a run in GiB."""
    out = Finished([sys.executable, "-S", os.path.join(HERE, "peak_memory.py"), PROGRAM, path]).out
    return int(re.search(r"^peak (\d+) KiB", out, re.M).group(1)) * UNITS["KiB"]


def main():
    os.makedirs(RUNS, exist_ok=True)
    libraries = peak(write_input(os.path.join(RUNS, "circle.yaml"), CIRCLE, {
        "run.directory": os.path.join(RUNS, "circle"), "run.restart": "never"}))
    for size, steps, must, aim in ((64, 3, "≤ .6", "≤ .4"), (128, 4, "≤ 4", "≤ 3")):
        path, what = field_input(size, steps), f"decoder 8³ to {size}³, 16 channels"
        whole, data = check(path)
        if whole > 0.8 * MEMORY:
            note(what, f"cannot be trained: --check says {whole:.1f} GiB, the machine has "
                    f"{MEMORY:.0f}")
            continue
        measured = peak(path) - libraries
        row(f"{what}: memory beside data, GiB, the larger one of --check ({whole - data:.2f}) and "
            f"the peak ({measured - data:.2f})", max(whole, measured) - data, must, aim)
        if size == 128:
            row(f"{what}: seconds until the first step begins", first_step_seconds(path), "≤ 2")


if __name__ == "__main__":
    main()
