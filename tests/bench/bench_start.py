#!/usr/bin/env python3
"""What a run takes before it learns, on two ranks: seconds until the first step, and memory per
rank."""

import os
import re
import subprocess
import sys
import time

from bench import BUILD, ENVIRONMENT, FASHION, HERE, IMAGES, PROGRAM, ROOT, RUNS, Finished, \
    make_images, median, row, write_input

ROUNDS, RANKS = 5, 2
FULL = {"run.tasks": ["train", "evaluate"], "data.test.file": IMAGES,
        "data.test.dataset": "/test/images", "training.batch": 64}
FAST = {"encoding.max_iterations": 1, "evaluation.max_iterations": 1}  # memory does not mind


def start_seconds():
    """Seconds from the command to the first step in history.csv. The run is then ended."""
    directory = os.path.join(RUNS, "start")
    history = os.path.join(directory, "history.csv")
    path = write_input(directory + ".yaml", FASHION, FULL, {"run.directory": directory})
    if os.path.exists(history):
        os.remove(history)
    begun = time.perf_counter()
    process = subprocess.Popen(["mpirun", "-n", str(RANKS), PROGRAM, path], cwd=ROOT,
                               env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        if os.path.exists(history):
            with open(history, encoding="ascii") as file:
                if len(file.readlines()) > 1:
                    break
        if process.poll() is not None:
            sys.exit(f"the run of {path} has ended without a step")
        time.sleep(0.002)
    seconds = time.perf_counter() - begun
    process.terminate()
    process.wait()
    return seconds


def peak(*command):
    """The largest memory of a rank, MiB."""
    found = Finished(["mpirun", "-n", str(RANKS), sys.executable, "-S",
                      os.path.join(HERE, "peak_memory.py"), *command]).out
    return max(int(kib) for kib in re.findall(r"^peak (\d+) KiB", found, re.M)) / 1024


def memory(count):
    """MiB per rank: all, and the share of samples and latents, with `count` training images."""
    path = write_input(os.path.join(RUNS, "memory.yaml"), FASHION, FULL, FAST,
                       {"run.directory": os.path.join(RUNS, "memory"), "data.train.count": count})
    check = Finished(["mpirun", "-n", str(RANKS), PROGRAM, "--check", path]).out
    share, unit = re.search(r"samples and latents +(\S+) (\S+)", check).groups()
    return peak(PROGRAM, path), float(share) * {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024}[unit]


def main():
    make_images()
    floor = peak(os.path.join(BUILD, "tests", "bench", "bench_floor"))
    for count in (10000, 60000):
        whole, share = memory(count)
        row(f"memory per rank, {count:,} + 10,000 images on {RANKS} ranks: {whole:.0f} MiB, less "
            f"{share:.0f} of samples and latents, {floor:.0f} of MPI, HDF5 and OpenBLAS",
            f"{whole - share - floor:.0f} MiB", "≤ 64 MiB, whatever N")
    seconds = [start_seconds() for _ in range(ROUNDS)]
    row(f"start-up to first step, 60,000 + 10,000 images from HDF5, {RANKS} ranks (longest "
        f"{max(seconds):.2f} s)", f"{median(seconds):.2f} s", "≤ 1.5 s")


if __name__ == "__main__":
    main()
