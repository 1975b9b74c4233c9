#!/usr/bin/env python3
"""How many gradient evaluations a sample takes until its loss is within 1 % of its optimum: the
first 256 test images, decoders trained on 6,000. They are encoded repeatedly, with 1, 2, 3, ...
iterations; the optimum is the lowest loss that any run finds, including a long one. First the flows
begin at z = 0, then

usage: bench_evaluations.py [KEY=VALUE...]      with these settings (evaluation.start=predictor)
"""

import json
import sys

import numpy as np
from bench import ENCODE, FASHION, IMAGES, Run, row, trained_decoder
from gfe.results import Results

LENGTHS = (*range(1, 25), 27, 30, 35, 40)
SHARE = 0.01
TARGETS = {"bce": 10, "mse": 5}


def setting(text):
    """(key, value) of KEY=VALUE, the value a number if it looks like one."""
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def encode(loss, iterations, tolerance, settings):
    """Losses and evaluations of the samples."""
    run = Run(f"evaluations_{loss}", FASHION, ENCODE,
              {"run.tasks": ["encode"], "data.encode.file": IMAGES,
               "data.encode.dataset": "/test/images", "data.encode.count": 256,
               "decoder.file": trained_decoder(loss), "evaluation.tolerance": tolerance,
               "evaluation.max_iterations": iterations}, settings)
    with Results(run.results) as results:
        found = results.set("encode")
    return found.loss, found.evaluations


def main():
    settings = dict(map(setting, sys.argv[1:] or ["evaluation.start=predictor"]))
    changed = ", ".join(f"{key} = {value}" for key, value in settings.items())
    for loss, target in TARGETS.items():
        kinds = {"from z = 0": ({}, ""), changed: (settings, f"≤ {target}")}
        runs = {kind: [encode(loss, length, 0, values) for length in LENGTHS]
                for kind, (values, _) in kinds.items()}
        ends = {kind: encode(loss, 100, 1e-5, values) for kind, (values, _) in kinds.items()}
        optimum = np.min([run[0] for several in (*runs.values(), ends.values()) for run in several]
                         + [encode(loss, 1000, 1e-8, {})[0]], axis=0)
        for kind, (_, wanted) in kinds.items():
            needed = np.full(len(optimum), np.inf)
            for losses, evaluations in reversed(runs[kind]):
                close = losses <= (1 + SHARE) * optimum
                needed[close] = evaluations[close]
            final, spent = (values.mean() for values in ends[kind])
            row(f"gradient evaluations to within 1 % of the optimum, {loss.upper()}, {kind}: median "
                f"(95 % {np.percentile(needed, 95):.0f}; to the stopping rule {spent:.1f}, loss "
                f"{final:.6f})", np.median(needed), wanted, form=".0f")


if __name__ == "__main__":
    main()
