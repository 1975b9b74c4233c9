#!/usr/bin/env python3
"""The speed of two ranks relative to that of two independent processes, and the cost of exact sums
and exchange on one rank. Wall-clock seconds: needs an idle machine with two cores.
"""

from concurrent.futures import ThreadPoolExecutor

from bench import ENCODE, FASHION, IMAGES, Run, make_images, median, rounds, row, trained_decoder

ROUNDS = 3
TRAINING = ((256, 5120, "≥ .92", "≥ .95"), (64, 2560, "≥ .85", "≥ .9"), (20, 1200, "≥ .7", "≥ .8"))
SUMS = ((20, 1200, "≤ 10", "≤ 5"), (256, 5120, "≤ 6", "≤ 3"))


def share(name, seconds, *values):
    """(share, speedup against one of the two processes) by `seconds` of a run."""
    def alone(core):
        return seconds(Run(f"{name}_{core}", FASHION, *values, core=core))
    shares, speedups = [], []
    for _ in rounds(ROUNDS):
        with ThreadPoolExecutor(2) as both:
            processes = list(both.map(alone, (0, 1)))
        together = seconds(Run(name, FASHION, *values, ranks=2))
        shares.append(1 / together / sum(1 / process for process in processes))
        speedups.append(sum(processes) / 2 / together)
    return median(shares), median(speedups)


def training_seconds(run):
    return run.summary["training_seconds"]


def training(batch, count):
    return {"training.batch": batch, "data.train.count": count}


def ranks():
    found, speedup = share("ranks_encode", lambda run: run.phase("flow"), ENCODE, {
        "run.tasks": ["encode"], "data.encode.file": IMAGES, "data.encode.dataset": "/test/images",
        "data.encode.count": 3000, "decoder.file": trained_decoder()})
    row("2 ranks / two unconnected processes, encoding 3,000 images (2 ranks against one of them "
        f"{speedup:.2f})", found, "≥ .95", "≥ .98")
    for batch, count, must, aim in TRAINING:
        found, speedup = share(f"ranks_{batch}", training_seconds, training(batch, count))
        row(f"2 ranks / two unconnected processes, training at batch {batch} (2 ranks against one "
            f"of them {speedup:.2f})", found, must, aim)


def sums():
    for batch, count, must, aim in SUMS:
        runs = [Run("sums", FASHION, training(batch, count), core=0) for _ in rounds(ROUNDS)]
        found = median(100 * run.phase("reduce") / training_seconds(run) for run in runs)
        row(f"exact sums and exchange on one rank, % of training at batch {batch}", found, must,
            aim, ".1f")


if __name__ == "__main__":
    make_images()
    sums()
    ranks()
