#!/usr/bin/env python3
"""Predictions of postprocess/gfe_scaling.py against runs: the speedup on two ranks, and the balance
of evaluations on 4 to 64 ranks, more than this machine has cores. Its report and figure are written
to runs/bench/scaling.
"""

import os
import sys

from bench import ENCODE, FASHION, IMAGES, ROOT, RUNS, Finished, Run, make_images, note, \
    trained_decoder

TRAINING = {(20, 1): 400, (64, 1): 1280, (256, 1): 2560, (1024, 1): 4096,  # (batch, ranks): images
            (64, 2): 1280, (256, 2): 2560}
ENCODING = {1: 3000, 2: 3000, 4: 2000, 16: 2000, 64: 2000}  # ranks: images


def make_runs():
    for (batch, ranks), images in TRAINING.items():
        yield Run(f"scaling_train_{batch}_{ranks}", FASHION,
                  {"training.batch": batch, "data.train.count": images}, ranks=ranks).results
    for ranks, images in ENCODING.items():
        yield Run(f"scaling_encode_{ranks}", FASHION, ENCODE,
                  {"run.tasks": ["encode"], "data.encode.file": IMAGES,
                   "data.encode.dataset": "/test/images", "data.encode.count": images,
                   "decoder.file": trained_decoder()}, ranks=ranks).results


def main():
    make_images()
    output = os.path.join(RUNS, "scaling")
    report = Finished([sys.executable, os.path.join(ROOT, "postprocess", "gfe_scaling.py"),
                       *make_runs(), "--output", output]).out
    with open(os.path.join(output, "scaling.md"), "w", encoding="utf-8") as file:
        file.write(report)
    for line in report.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith(("| training, batch", "| encoding, ")):
            note(f"2 ranks against 1, {cells[0]}: predicted / measured", " / ".join(cells[1:]))
        elif len(cells) == 4 and cells[0].isdigit():
            note(f"balance of evaluations on {cells[0]} ranks, {cells[1]}: predicted / measured",
                 " / ".join(cells[2:]))


if __name__ == "__main__":
    main()
