#!/usr/bin/env python3
"""Whole gradient evaluations (products, activations, loss) of the decoders of inputs/: as a share
of the FMA peak, and the relative cost of second derivatives."""

import os

from bench import QUICK, ROOT, c_rows, row

SECONDS = 0.1 if QUICK else 3  # for each number of rows
DENSE = ((12, "≥ .5", "≥ .6"), (24, "≥ .6", "≥ .7"), (240, "≥ .7", "≥ .8"))


def measure(name, *rows, double=False):
    return c_rows("bench_decoder_double" if double else "bench_decoder",
                  os.path.join(ROOT, "inputs", name + ".yaml"), SECONDS, *rows)


def dense():
    found = measure("fashion_mnist", *(rows for rows, _, _ in DENSE))
    for rows, must, aim in DENSE:
        row(f"dense decoder, {rows} rows: gradient evaluation / FMA peak "
            f"({found[f'{rows}: FMA peak, GFLOP/s']:.0f} GFLOP/s; "
            f"{found[f'{rows}: us per sample']:.1f} µs per sample; with the parameters' gradient "
            f"{found[f'{rows}: share with parameters']:.2f})", found[f"{rows}: share"], must, aim)
    for what, name, must, aim in (("H v", "H v", "≤ 2.2", "≤ 2"),
                                  ("H v and ∂θ[v·g]", "H v with parameters", "≤ 3.3", "≤ 3")):
        row(f"{what} / gradient evaluation, 24 rows (12: {found[f'12: {name}']:.2f}, 240: "
            f"{found[f'240: {name}']:.2f})", found[f"24: {name}"], must, aim)
    found = measure("fashion_mnist", 24, double=True)
    row("dense decoder in float64, 24 rows: gradient evaluation / FMA peak "
        f"({found['24: FMA peak, GFLOP/s']:.0f} GFLOP/s)", found["24: share"], "≥ .5", "≥ .65")


def convolutional():
    found = measure("fashion_mnist_conv", 1, 12)
    one, twelve = (found[f"{rows}: us per sample"] for rows in (1, 12))
    row(f"convolutional decoder: 1 sample / a twelfth of 12 ({one:.1f} / {twelve:.1f} µs)",
        one / twelve, "≤ 1.25", "≤ 1.1")
    for what, name, must, aim in (("residual", "cifar10_residual", "≥ .45", "≥ .6"),
                                  ("transposed", "cifar10", "≥ .3", "≥ .45")):
        found = measure(name, 24)
        row(f"{what} CIFAR-10 decoder, 24 samples: gradient evaluation / FMA peak "
            f"({found['24: us per sample']:.1f} µs per sample; with the parameters' gradient "
            f"{found['24: share with parameters']:.2f})", found["24: share"], must, aim)


if __name__ == "__main__":
    dense()
    convolutional()
