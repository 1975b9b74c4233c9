"""Small results files of random decoders, as the program writes them."""

import subprocess
import sys

import h5py
import numpy as np

from gfe.results import Results, write_decoder


def run(*command):
    """Runs a script with this Python."""
    return subprocess.run([sys.executable, *command], capture_output=True, text=True)


def random_layers(rng, widths, activation="tanh"):
    return [(rng.normal(size=(out, into)) / np.sqrt(into), rng.normal(size=out) / 4,
             activation if out != widths[-1] else "identity")
            for into, out in zip(widths, widths[1:])]


def write_results(path, rng, shape, loss="mse", latent=3, labels=True, steps=30,
                  missing=False, samples=40, stored=20):
    """A results file of a random decoder, with its data file beside it."""
    n = int(np.prod(shape))
    write_decoder(path, random_layers(rng, (latent, 8, n)), loss, 1.0, 4.0, shape)
    with Results(path) as results:
        decoder = results.decoder()
    z = rng.normal(size=(samples, latent))
    y = np.clip(decoder.decode(z) + 0.1 * rng.normal(size=(samples, *shape)), 0, 1)
    w = (rng.random((samples, *shape)) < 0.8) * 1.0 if missing else None
    data = path.replace(".h5", "_data.h5")
    with h5py.File(data, "w") as file:
        file["samples"] = np.concatenate((np.zeros((5, *shape)), decoder.to_data_units(y)))
        if missing:
            file["samples"][5:] = np.where(w > 0, decoder.to_data_units(y), np.nan)

    with h5py.File(path, "a") as file:
        file.attrs.update(software="gfe_hpc", softwareVersion="test", input="run: {}\n")
        group = file.create_group("test")
        group.attrs.update(file=data, dataset="samples", mean_loss=1.0)
        scale(group, "latent", latent)
        group["z"], group["loss"] = z, decoder.loss(y, z, w)
        group["evaluations"] = rng.integers(5, 60, samples)
        group["iterations"] = group["evaluations"][()] - 1
        group["rejected"] = rng.integers(0, 5, samples)
        group["rejected"].attrs.update(units="1", long_name="rejected trials of the flow")
        group["rejected"].dims[0].attach_scale(scale(group, "sample", samples))
        group["status"] = rng.integers(0, 3, samples).astype("i1")
        group["status"].attrs.update(flag_values="0 1 2 3 4",
                                     flag_meanings="converged tau limit underflow nonfinite")
        group["index"] = np.arange(5, 5 + samples)
        if labels:
            group["label"] = np.arange(samples) % 7
        if stored:
            group["target"], group["reconstruction"] = y[:stored], decoder.decode(z[:stored])
            scale(group, "shown", stored)
            for name in ("target", "reconstruction"):
                group[name].dims[0].attach_scale(group["shown"])
            if missing:
                group["target"][...], group["weight"] = (w * y)[:stored], w[:stored]
        write_history(file.create_group("history"), steps, epochs=3)


def scale(group, name, length):
    """A dimension, as netCDF-4 has it."""
    group[name] = np.zeros(length)
    group[name].make_scale("This is a netCDF dimension but not a netCDF variable.")
    return group[name]


def write_history(group, steps, epochs):
    group["step"] = np.zeros(steps)  # a dimension, no series
    group["step_loss"] = 1 / np.arange(1, steps + 1)
    group["step_samples"] = 20 * np.arange(1, steps + 1)
    group["epoch_samples"] = 20 * steps // epochs * np.arange(1, epochs + 1)
    group["epoch_train_loss"] = 1 / np.arange(1, epochs + 1)
    group["epoch_test_loss"] = np.where(np.arange(epochs) < epochs - 1, np.nan, 0.5)
