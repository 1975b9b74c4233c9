#!/usr/bin/env python3
"""Products alone: forward and backward products of all layers of the dense decoder, against
OpenBLAS and against LIBXSMM on the same panels."""

from bench import QUICK, c_rows, note, row

SECONDS = 0.1 if QUICK else 2  # for each number of rows
OPENBLAS = (((1, 2, 3), "≥ .55", "≥ .8"), ((4, 6, 10, 12, 20, 24, 64, 240, 1000), "≥ 1", "≥ 1.2"))
LIBXSMM = (((12, 20, 24, 64, 240), "≥ .8", "≥ .95"),)


def main():
    found = c_rows("bench_products", SECONDS, *(r for rows, _, _ in OPENBLAS for r in rows))
    for library, ranges in (("LIBXSMM", LIBXSMM), ("OpenBLAS", OPENBLAS)):
        for rows, must, aim in ranges:
            if f"{rows[0]}: {library}, GFLOP/s" not in found:
                note(f"products / {library}", "not found: apt-get install libxsmm-dev")
                continue
            ratios = {r: found[f"{r}: ours, GFLOP/s"] / found[f"{r}: {library}, GFLOP/s"]
                      for r in rows}
            every = ", ".join(f"{r}: {ratio:.2f}" for r, ratio in ratios.items())
            row(f"products / {library}, {rows[0]} to {rows[-1]} rows, the least of {every}",
                min(ratios.values()), must, aim)


if __name__ == "__main__":
    main()
