#!/usr/bin/env python3
"""Training on 1,200 images, one pass in batches of 20, seconds of training alone: against the
program BASE and against the same algorithm in PyTorch, alternately. All decoders are tested by
gfe_hpc.
"""

import os

from bench import BASE, FASHION, IMAGES, RUNS, Run, make_images, median, note, pytorch, rounds, \
    row, test_loss

ROUNDS, COUNT = 5, 1200


def train(name, **how):
    return Run(name, FASHION, {"data.train.count": COUNT}, **how)


def main():
    make_images()
    written = os.path.join(RUNS, "decoder_pytorch.h5")
    before, beside = [], []
    for _ in rounds(ROUNDS):
        ours = train("train")
        seconds = ours.summary["training_seconds"]
        theirs = pytorch("pytorch_gfe.py", "train", IMAGES, "train/images", COUNT, written)[1]
        beside.append(theirs["seconds"] / seconds)
        if BASE:
            base = train("train_base", program=BASE)
            before.append(base.summary["training_seconds"] / seconds)
    own = f"{seconds:.2f} s; test loss {test_loss('train_test', ours.results):.4f}"
    if BASE:
        row(f"training on {COUNT:,} images, BASE / ours ({base.summary['training_seconds']:.2f} s; "
            f"test loss {test_loss('train_test', base.results):.4f} / {own})", median(before),
            "≥ 1.7", "≥ 2.2")
    else:
        note("training against an earlier revision", "BASE=/path/to/gfe_hpc is not set")
    row(f"training on {COUNT:,} images, PyTorch / ours ({theirs['seconds']:.2f} s; test loss "
        f"{test_loss('train_test', written):.4f} / {own})", median(beside), "≥ 2.5", "≥ 4")


if __name__ == "__main__":
    main()
