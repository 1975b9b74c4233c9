#!/usr/bin/env python3
"""Two ranks against one, and what exact sums cost. Wall seconds: this wants an idle machine with
two cores.
"""

from bench import ENCODE, FASHION, IMAGES, Run, make_images, median, row, trained_decoder

ROUNDS = 3


def pairs(name, *values):
    """Runs on one and on two ranks, in turn."""
    return [(Run(name, FASHION, *values), Run(name, FASHION, *values, ranks=2))
            for _ in range(ROUNDS)]


def encoding():
    runs = pairs("ranks_encode", ENCODE, {
        "run.tasks": ["encode"], "data.encode.file": IMAGES, "data.encode.dataset": "/test/images",
        "data.encode.count": 3000, "decoder.file": trained_decoder()})
    ratio = median(one.phase("flow") / two.phase("flow") for one, two in runs)
    row("2 ranks against 1, encoding 3,000 images", f"{ratio:.2f}", "≥ 1.95")


def training(batch, images, target):
    runs = pairs(f"ranks_train_{batch}", {"training.batch": batch, "data.train.count": images})
    ratio = median(one.summary["training_seconds"] / two.summary["training_seconds"]
                   for one, two in runs)
    row(f"2 ranks against 1, training at batch {batch}", f"{ratio:.2f}", target)
    return runs


def reduction(runs, batch):
    """The share of the phase in which gradients are made fixed-point numbers, summed and made
    floating-point numbers again; on two ranks it includes waiting for the other one."""
    shares = [[100 * run.phase("reduce") / run.summary["training_seconds"] for run in pair]
              for pair in runs]
    one, two = (median(share) for share in zip(*shares))
    row(f"exact reduction, share of training at batch {batch} (on two ranks, the slower one: "
        f"{two:.1f} %)", f"{one:.1f} %", "≤ 5 %")


if __name__ == "__main__":
    make_images()
    encoding()
    training(256, 5120, "≥ 1.85")
    reduction(training(64, 2560, "≥ 1.5"), 64)
