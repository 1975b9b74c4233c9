#!/usr/bin/env python3
"""Tables of the physics study: errors of POD, an autoencoder and gradient flow encoding (GFE).

usage: tables.py [DIRECTORY] [--group test|encode|train] [--cost]

DIRECTORY (by default runs/physics) is the run.directory of inputs/physics/study.yaml, or of another
sweep over data.train.file, data.train.subset, decoder.latent, run.model and decoder.initial.
Prints a table per set: the relative L2 error of the whole group, |x - y| / |y| in data units, as a
mean over the seeds. Of tasks that differ only in other keys (the learning rate), the one with the
smallest validation loss counts. `test` is in the range of the training data, `encode` outside it.
An autoencoder has two errors: that of its own encoder, and that of a flow through its decoder,
which begins at 0 or, if the decoder started from POD, at POD's code. Unfinished tasks are left out.
"""

import argparse
import collections
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir)
sys.path.insert(0, os.path.join(ROOT, "postprocess"))

from gfe import command  # noqa: E402

with command.imports():
    import numpy as np

    from gfe.collect import Sweep
    from gfe.results import ResultsError
    from gfe.tables import print_table

PATIENCE = 10  # minutes without a new file after which a task has failed
FILE, SAMPLES, LATENT = "data.train.file", "data.train.subset", "decoder.latent"
MODEL, INITIAL, SEED = "run.model", "decoder.initial", "run.seed"
VALIDATION = "kept_validation_loss"

# Columns: heading, model, where it starts, and the prefix of its errors.
COLUMNS = (("POD", "gfe", "pod", "pod_"),
           ("AE, encoder", "autoencoder", "random", "encoder_"),
           ("AE, flow", "autoencoder", "random", ""),
           ("AE from POD, encoder", "autoencoder", "pod", "encoder_"),
           ("AE from POD, flow", "autoencoder", "pod", ""),
           ("GFE", "gfe", "random", ""),
           ("GFE from POD", "gfe", "pod", ""))


# ---- what has been measured ----

def chosen_tasks(sweep):
    """{(file, samples, latent, model, initial): {seed: task}} of finished tasks; of several, the
    one with the smallest validation loss."""
    keys = (FILE, SAMPLES, LATENT, MODEL, INITIAL)
    missing = [key for key in (*keys, SEED) if key not in sweep.values]
    if missing:
        raise ResultsError(f"{sweep.directory}: this sweep has no key {missing[0]}")
    found = collections.defaultdict(dict)
    if VALIDATION not in sweep.numbers:
        return found
    loss = sweep.metric(VALIDATION)
    for task in np.flatnonzero(np.isfinite(loss)):
        seeds = found[tuple(sweep.values[key][task] for key in keys)]
        seed = sweep.values[SEED][task]
        if seed not in seeds or loss[task] < loss[seeds[seed]]:
            seeds[seed] = task
    return found


def values_of(sweep, name, tasks):
    """A number from the task of each seed; NaN where it was not measured."""
    column = sweep.numbers.get(name)
    return np.array([np.nan if column is None else column[task] for task in tasks.values()])


def errors_of(sweep, chosen, cell, group):
    """Relative L2 errors of a cell (file, samples, latent): an array over seeds for each column."""
    return [values_of(sweep, f"{group}_{whose}relative_l2", chosen.get((*cell, model, initial), {}))
            for _, model, initial, whose in COLUMNS]


# ---- tables ----

def mean(values, form=".4f"):
    known = values[np.isfinite(values)]
    return format(np.mean(known), form) if known.size else "-"


def rows_of(sweep, chosen, path, group):
    """A row per number of samples and latents."""
    cells = sorted({key[:3] for key in chosen if key[0] == path}, key=lambda key: key[1:])
    rows = []
    for cell in cells:
        errors = errors_of(sweep, chosen, cell, group)
        pod, gfe = errors[0], errors[-1]
        ratio = gfe / pod
        worst = format(np.max(ratio), ".3f") if ratio.size else "-"
        rows.append([str(cell[1]), str(cell[2]), str(len(gfe)), *map(mean, errors),
                     mean(ratio, ".3f"), worst])
    return rows


def cost_rows(sweep, chosen, path, group):
    """CPU seconds of training, and evaluations of the decoder per encoded sample."""
    rows = []
    for (file, samples, latent, model, initial), tasks in sorted(chosen.items()):
        if file == path:
            rows.append([str(samples), str(latent), model, initial,
                         mean(values_of(sweep, "training_cpu_seconds", tasks), ".1f"),
                         mean(values_of(sweep, f"{group}_evaluations_mean", tasks), ".1f")])
    return rows


def tables(options):
    sweep = Sweep(options.directory, PATIENCE)
    chosen = chosen_tasks(sweep)
    print(f"{options.directory}: {sweep.status.count('done')} of {len(sweep.status)} tasks are "
          f"done; relative L2 error of `{options.group}`\n")
    for path in dict.fromkeys(key[0] for key in chosen):
        print(f"**{os.path.splitext(os.path.basename(path))[0]}**\n")
        print_table(["n", "d", "seeds", *(column[0] for column in COLUMNS), "GFE from POD / POD",
                     "worst seed"], rows_of(sweep, chosen, path, options.group))
        if options.cost:
            print_table(["n", "d", "model", "initial", "training, CPU s", "evaluations per sample"],
                        cost_rows(sweep, chosen, path, options.group))


def main():
    parser = argparse.ArgumentParser(description="Print the tables of the physics study.")
    parser.add_argument("directory", nargs="?", default=os.path.join("runs", "physics"),
                        help="run.directory of the sweep (default: runs/physics)")
    parser.add_argument("--group", choices=("test", "encode", "train"), default="test",
                        help="test: in the range of the training data; encode: out of it")
    parser.add_argument("--cost", action="store_true",
                        help="also print the cost of training and encoding")
    return command.run(parser, tables, draws=False)


if __name__ == "__main__":
    raise SystemExit(main())
