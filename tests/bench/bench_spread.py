#!/usr/bin/env python3
"""How evenly the flows of a batch are distributed over ranks: the largest share of evaluations over
that of the best assignment of the same counts, in the second and in a later pass. Counts do not
depend on the number of ranks, so one process finds them for any number, and no time is measured.
"""

import os

import h5py
import numpy as np
from bench import BUILD, ROOT, RUNS, Finished, Run, note, row

SMALL = os.path.join(ROOT, "inputs", "data", "fashion_mnist_small.h5")
DENSE = [{"dense": 150, "activation": "elu"}, {"dense": 300, "activation": "elu"},
         {"dense": 600, "activation": "elu"}, {"dense": 784}]
CONV = [{"dense": 150, "activation": "elu"}, {"dense": 784, "activation": "elu"},
        {"reshape": [16, 7, 7]},
        {"conv_transpose": 32, "kernel": 4, "stride": 2, "padding": 1, "activation": "elu"},
        {"conv_transpose": 1, "kernel": 4, "stride": 2, "padding": 1}]


def counts(name, layers, batch, passes):
    """Evaluations of the samples' flows in the last of some passes."""
    run = Run(f"spread_{name}_{passes}", {
        "run.tasks": ["train"], "run.restart": "never", "data.train.file": SMALL,
        "data.train.dataset": "/train/images", "data.train.count": 1024, "data.scale": 255,
        "decoder.latent": 20, "decoder.layers": layers, "decoder.loss": "bce",
        "encoding.solver": "lbfgs", "encoding.tolerance": 1e-4, "encoding.max_iterations": 20,
        "training.epochs": passes, "training.batch": batch, "training.warm_start": True,
        "evaluation.train": False, "output.reconstructions": 0})
    with h5py.File(os.path.join(run.directory, "checkpoint.h5")) as file:
        found = []
        file.visit(lambda path: found.append(path) if path.endswith("training/evaluations") else None)
        return file[found[0]][()].ravel()


def balance(ranks, batch, before, now):
    order = np.random.default_rng(1).permutation(len(now))
    path = os.path.join(RUNS, "spread.txt")
    np.savetxt(path, np.column_stack([before, now])[order], "%d")
    program = os.path.join(BUILD, "tests", "bench", "bench_spread")
    out = Finished(["sh", "-c", f"{program} {ranks} {batch} < {path}"]).out
    return {words[0]: words[1] for words in
            (line.strip("| ").split(" | ") for line in out.splitlines())}


if __name__ == "__main__":
    os.makedirs(RUNS, exist_ok=True)
    for name, layers, batch in (("dense", DENSE, 256), ("conv", CONV, 64)):
        for last in (2, 12):
            before, now = (counts(name, layers, batch, k) for k in (last - 1, last))
            correlation = np.corrcoef(before, now)[0, 1]
            for ranks in (8, 64):
                found = balance(ranks, batch, before, now)
                what = f"{ranks} ranks, batch {batch} {name}, pass {last}"
                row(f"{what}: largest share of evaluations over the best assignment's",
                    float(found["spread"]), "≤ 1.08", "≤ 1.03", ".3f")
                row(f"{what}: ranks without work", int(found["idle"]), "≤ 0", form="d")
                if name == "dense":  # whose rows share the weights
                    row(f"{what}: longest time over the best assignment's",
                        float(found["time"]), "≤ 1.08", "≤ 1.03", ".3f")
                note(f"{what}: what any rule reaches that knows only how counts are distributed; "
                     "their correlation with the pass before",
                     f"{found['shuffled']}; {correlation:.2f}")
