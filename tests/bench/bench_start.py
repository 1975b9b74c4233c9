#!/usr/bin/env python3
"""Seconds from the command until training on 60,000 images from HDF5 begins its first step, on two
ranks. bench_memory.py measures the same for a large decoder."""

import os

from bench import FASHION, IMAGES, RUNS, first_step_seconds, make_images, median, rounds, row, \
    write_input

ROUNDS, RANKS = 5, 2


def main():
    make_images()
    directory = os.path.join(RUNS, "start")
    path = write_input(directory + ".yaml", FASHION, {
        "run.directory": directory, "run.tasks": ["train", "evaluate"], "data.test.file": IMAGES,
        "data.test.dataset": "/test/images", "training.batch": 64})
    seconds = [first_step_seconds(path, RANKS) for _ in rounds(ROUNDS)]
    row(f"seconds until the first step begins, 60,000 + 10,000 images from HDF5, {RANKS} ranks "
        f"(longest {max(seconds):.2f})", median(seconds), "≤ 1")


if __name__ == "__main__":
    main()
