#!/usr/bin/env python3
"""Encoding 10,000 test images, seconds of the flows: against the same solver in PyTorch."""

from bench import ENCODE, FASHION, IMAGES, QUICK, Run, make_images, median, pytorch, rounds, row, \
    trained_decoder

ROUNDS = 2
BLOCKS = (500, 1000)  # of samples that advance together in PyTorch: its best counts
COUNT = 1000 if QUICK else 10000


def main():
    make_images()
    ratios = []
    for _ in rounds(ROUNDS):
        ours = Run("encode_test", FASHION, ENCODE, {
            "run.tasks": ["encode"], "data.encode.file": IMAGES,
            "data.encode.dataset": "/test/images", "data.encode.count": COUNT,
            "decoder.file": trained_decoder()})
        theirs = min((pytorch("pytorch_gfe.py", "encode", IMAGES, "test/images", COUNT,
                              trained_decoder(), block)[1] for block in BLOCKS),
                     key=lambda found: found["seconds"])
        seconds = ours.phase("flow")
        ratios.append(theirs["seconds"] / seconds)
    found = ours.summary
    row(f"encoding {COUNT:,} images, PyTorch / ours ({theirs['seconds']:.2f} / {seconds:.2f} s; "
        f"loss {theirs['loss']:.6f} / {found['encode_loss']:.6f}, evaluations "
        f"{theirs['evaluations']:.2f} / {found['encode_evaluations_mean']:.2f})", median(ratios),
        "≥ 1.6", "≥ 2")


if __name__ == "__main__":
    main()
