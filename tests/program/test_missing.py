#!/usr/bin/env python3
"""Real images with 70 % of their pixels hidden: the decoder recovers them.

usage: test_missing.py gfe_hpc

The hidden pixels must be reconstructed closer to the truth than by the mean of the same pixel over
the training images in which it was observed, on training and test images, for both losses, with the
same result from weights as from NaN.
"""

import os
import sys
import tempfile

import h5py
import numpy as np

from program import IMAGES, SMALL, SUPPORT, Checks, arguments, run, run_input
from gfe.results import Results

HIDDEN, COUNTS = 0.7, {"train": 600, "test": 128}

VALUES = {
    "data.train.count": COUNTS["train"],
    "data.test.count": COUNTS["test"],
    "decoder.latent": 10,
    "decoder.layers": [{"dense": 100, "activation": "elu"}, {"dense": 300, "activation": "elu"},
                       {"dense": 784}],
    "training.epochs": 6,
    "training.learning_rate": 2e-3,
    "evaluation.every": 0,
    "output.reconstructions": max(COUNTS.values()),
}


def write_images(path, rng):
    """Per set: the true images, which of their pixels are hidden; and the file of both ways."""
    truth, hidden = {}, {}
    with h5py.File(SMALL, "r") as small, h5py.File(path, "w") as file:
        for name, count in COUNTS.items():
            images = small[f"{name}/images"][:count]
            truth[name], hidden[name] = images / 255, rng.random(images.shape) < HIDDEN
            # The values of hidden pixels must not matter.
            file[f"{name}/noise"] = np.where(hidden[name], rng.integers(0, 256, images.shape),
                                             images).astype(np.uint8)
            file[f"{name}/observed"] = (~hidden[name]).astype(np.uint8)
            file[f"{name}/nan"] = np.where(hidden[name], np.nan, images).astype(np.float32)
            file[f"{name}/labels"] = small[f"{name}/labels"][:count]
    return truth, hidden


def hidden_error(truth, hidden, x):
    """Mean square error of the hidden pixels."""
    return float(np.mean((x - truth)[hidden] ** 2))


def check_recovery(checks, what, results, truth, hidden):
    observed = ~hidden["train"]
    mean = (truth["train"] * observed).sum(axis=0) / observed.sum(axis=0)
    decoder = results.decoder()
    for name in COUNTS:
        encoded = results.set(name)
        x = decoder.decode(encoded.z)
        error = hidden_error(truth[name], hidden[name], x)
        baseline = hidden_error(truth[name], hidden[name], mean)
        print(f"{what}, {name} images: squared error of the hidden pixels {error:.4f}, of the "
              f"mean of the observed {baseline:.4f}", flush=True)
        checks(error < 0.8 * baseline, f"{what}, {name}: {error} should be well below {baseline}")
        difference = np.abs(encoded.reconstruction / 255 - x).max()
        checks(difference < 1e-4, f"{what}, {name}: reconstruction is off by {difference}")
        checks(np.array_equal(np.isnan(encoded.target), hidden[name]),
               f"{what}, {name}: the target should be NaN where a pixel is hidden")
        checks(np.array_equal(encoded.weight == 0, hidden[name]),
               f"{what}, {name}: the weights stored should be 0 where a pixel is hidden")


def main():
    program, = arguments("gfe_hpc", 1)
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        path = os.path.join(cwd, "images.h5")
        truth, hidden = write_images(path, np.random.default_rng(1))
        ways = {"weights": {}, "nan": {"data.missing": "nan"}}
        for name in COUNTS:
            for way, dataset in (("weights", "noise"), ("nan", "nan")):
                ways[way].update({f"data.{name}.file": path,
                                  f"data.{name}.dataset": f"/{name}/{dataset}",
                                  f"data.{name}.labels": f"/{name}/labels"})
            ways["weights"][f"data.{name}.weights"] = f"/{name}/observed"
        for loss in ("bce", "mse"):
            latents = {}
            for way, values in ways.items():
                file = run_input(checks, program, cwd, f"{loss}_{way}", IMAGES, VALUES, values,
                                 {"decoder.loss": loss}, ranks=2)
                weights = ["--weights", "/test/observed"] if way == "weights" else []
                losses = run(os.path.join(SUPPORT, "check_losses.py"), file, *weights)
                checks(losses.code == 0, f"{loss}, {way}: {losses}")
                with Results(file) as results:
                    latents[way] = results.set("test").z
                    if way == "nan":
                        check_recovery(checks, loss, results, truth, hidden)
            checks(latents["weights"].tobytes() == latents["nan"].tobytes(),
                   f"{loss}: weights 0 and NaN should give the same latents")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
