#!/usr/bin/env python3
"""The ensemble of flows: as a share of the matrix products that it consists of, and against the
same solver in PyTorch. CPU seconds.
"""

import os

from bench import IMAGES, RUNS, c_rows, make_images, median, pytorch, row, trained_decoder, \
    write_input

ROUNDS = 2
BLOCKS = (500, 1000)  # of samples that advance together in PyTorch: its best counts
SIZE = 10000          # test images


def ensemble_input(name, dataset, count, start="zero"):
    return write_input(os.path.join(RUNS, name + ".yaml"), {
        "run.directory": os.path.join(RUNS, name), "run.tasks": ["encode"],
        "data.encode.file": IMAGES, "data.encode.dataset": dataset, "data.encode.count": count,
        "data.scale": 255, "decoder.file": trained_decoder(),
        "encoding.tolerance": 1e-4, "encoding.max_iterations": 20, "training.batch": 20,
        "evaluation.tolerance": 1e-5, "evaluation.max_iterations": 100,
        "evaluation.start": start})


def shares():
    found = c_rows("bench_ensemble", ensemble_input("encode", "/train/images", 1000))
    row(f"ensemble, 1,000 samples in the pool / SGEMM 2048³ ({found['SGEMM 2048^3, GFLOP/s']} "
        "GFLOP/s)", found["ensemble / SGEMM"], "≥ 0.85")
    row("the same with a batch of 20", found["batches / SGEMM"], "≥ 0.50")
    row("gradient evaluations alone, µs per sample",
        found["gradient evaluations alone, us per sample"])


def against_pytorch():
    paths = [ensemble_input(f"encode_test_{start}", "/test/images", SIZE, start)
             for start in ("zero", "predictor")]
    ours, predicted, theirs = [], [], []
    for _ in range(ROUNDS):
        for path, found in zip(paths, (ours, predicted)):
            found.append(c_rows("bench_ensemble", path, 1))
        theirs.append(min((pytorch("pytorch_gfe.py", "encode", IMAGES, "test/images",
                                   trained_decoder(), block)[1] for block in BLOCKS),
                          key=lambda found: found["cpu_seconds"]))
    torch_rates = [found["samples"] / found["cpu_seconds"] for found in theirs]
    other = theirs[-1]
    for what, found, target in (("ensemble / PyTorch", ours, "≥ 1.4"),
                                ("the same, ours by evaluation.start = predictor", predicted, "")):
        rates = [float(run["ensemble, samples per second"]) for run in found]
        ratio = median(a / b for a, b in zip(rates, torch_rates))
        own = found[-1]
        row(f"{what}, {SIZE:,} samples per second ({median(rates):.0f} / "
            f"{median(torch_rates):.0f}; loss {own['ensemble, mean loss']} / {other['loss']:.6f}, "
            f"evaluations {own['ensemble, evaluations per sample']} / {other['evaluations']:.2f})",
            f"{ratio:.2f}", target)


if __name__ == "__main__":
    make_images()
    shares()
    against_pytorch()
