#!/usr/bin/env python3
"""Training on 1,200 images against the same algorithm in PyTorch, in turn: whole processes, from
the images in HDF5 to a decoder in HDF5. Both decoders are then tested by gfe_hpc.
"""

import os

from bench import FASHION, IMAGES, RUNS, Run, make_images, median, pytorch, row, test_loss

ROUNDS, COUNT = 5, 1200


def main():
    make_images()
    written = os.path.join(RUNS, "decoder_pytorch.h5")
    wall, cpu, loops = [], [], []
    for _ in range(ROUNDS):
        ours = Run("train", FASHION, {"data.train.count": COUNT})
        theirs, found = pytorch("pytorch_gfe.py", "train", IMAGES, "train/images", COUNT, written)
        wall.append(theirs.wall / ours.wall)
        cpu.append(theirs.cpu / ours.cpu)
        loops.append(found["cpu_seconds"] / ours.summary["training_cpu_seconds"])
    losses = test_loss("train_test", ours.results), test_loss("train_test", written)
    row(f"PyTorch / ours, whole process, training on {COUNT:,} images ({theirs.wall:.2f} s / "
        f"{ours.wall:.2f} s; test loss {losses[1]:.4f} / {losses[0]:.4f}, "
        f"{found['evaluations']:.1f} evaluations)", f"{median(wall):.2f}", "≥ 2.5")
    row("the same in CPU seconds", f"{median(cpu):.2f}")
    row("the same, training alone, in CPU seconds", f"{median(loops):.2f}")


if __name__ == "__main__":
    main()
