#!/usr/bin/env python3
"""Prior and error bars of latents: of a linear decoder against the closed form, and their coverage.

usage: test_prior.py gfe_hpc gfe_hpc_double
"""

import os
import shutil
import sys
import tempfile

import h5py
import numpy as np

from gfe.figures_samples import sample_figures
from gfe.results import Results, write_decoder
from gfe.samples import read_samples
from program import CIRCLE, Checks, arguments, run, run_input, write_input
from test_job import compare_only_results
from test_starts import legs_of

D, N, COUNT = 3, 24, 1200
NOISE = np.array([0.4, 0.1])   # of two channels, in data units
OFFSET, FACTOR = np.array([3.0, -1.0]), np.array([2.0, 0.5])
TRAINED = 0.02                 # mean squared residual of training
RANDOM = np.random.default_rng(8)
MEAN = np.array([1.0, -2.0, 0.5])
ROOT = np.array([[1.5, 0, 0], [0.4, 0.6, 0], [-0.3, 0.2, 0.2]])
COVARIANCE = ROOT @ ROOT.T
PRECISION = np.linalg.inv(COVARIANCE + 1e-6 * np.trace(COVARIANCE) / D * np.eye(D))


def per_entry(values):
    return np.repeat(values, N // 2)


def write_data(cwd):
    """A linear decoder with trained latents; samples with few sensors, drawn from the prior."""
    weight, bias = RANDOM.standard_normal((N, D)), RANDOM.standard_normal(N)
    entries = MEAN + RANDOM.standard_normal((50, D)) @ ROOT.T
    path = os.path.join(cwd, "decoder.h5")
    write_decoder(path, [(weight, bias, "identity")], "mse", OFFSET, FACTOR, (2, N // 2))
    with h5py.File(path, "r+") as file:
        group = file.create_group("dictionary")
        group["z"], group["origin"] = entries, np.arange(1, 51)
        group["mean"], group["covariance"] = MEAN, COVARIANCE
        group.attrs.update(trained_loss=TRAINED, latents=1000.0)
    shutil.copy(path, os.path.join(cwd, "entries.h5"))
    with h5py.File(os.path.join(cwd, "entries.h5"), "r+") as file:
        del file["dictionary/mean"], file["dictionary/covariance"]
    shutil.copy(path, os.path.join(cwd, "singular.h5"))
    with h5py.File(os.path.join(cwd, "singular.h5"), "r+") as file:
        file["dictionary/covariance"][...] = 0
    shutil.copy(path, os.path.join(cwd, "without.h5"))
    with h5py.File(os.path.join(cwd, "without.h5"), "r+") as file:
        del file["dictionary"]
    variance = per_entry(NOISE / FACTOR) ** 2 + TRAINED
    z = MEAN + RANDOM.standard_normal((COUNT, D)) @ ROOT.T
    y = z @ weight.T + bias + RANDOM.standard_normal((COUNT, N)) * np.sqrt(variance)
    w = (RANDOM.random((COUNT, N // 2)) < 0.2) * RANDOM.choice([1.0, 2.0], (COUNT, N // 2))
    w[w.sum(1) == 0, 5] = 1
    w[:COUNT // 2] = w[:COUNT // 2] > 0
    w = np.tile(w, 2)  # of both channels
    raw = y * per_entry(FACTOR) + per_entry(OFFSET)
    with h5py.File(os.path.join(cwd, "data.h5"), "w") as file:
        for k, name in enumerate(("a", "b")):
            file[name] = raw[:, k * N // 2:(k + 1) * N // 2]
        file["w"] = w[:, :N // 2]
    return weight, bias, variance, z, y, w


ENCODE = {"run.directory": "run", "run.tasks": ["encode"], "decoder.file": "decoder.h5",
          "data.encode.file": "data.h5", "data.encode.fields": ["/a", "/b"],
          "data.encode.weights": "/w", "evaluation.start": ["zero", "mean", "dictionary"],
          "evaluation.noise": [float(value) for value in NOISE],
          "evaluation.tolerance": 1e-15, "evaluation.max_iterations": 500,
          "evaluation.uncertainty": "covariance", "output.reconstructions": COUNT}


def closed_form(weight, bias, variance, y, w):
    """Mean and covariance of the posterior of each sample."""
    precision = np.einsum("ij,sj,jk->sik", weight.T, w / variance, weight) + PRECISION
    right = (w / variance * (y - bias)) @ weight + PRECISION @ MEAN
    return np.linalg.solve(precision, right[..., None])[..., 0], np.linalg.inv(precision)


def test_closed_form(checks, double, cwd, problem):
    weight, bias, variance, z, y, w = problem
    path = run_input(checks, double, cwd, "closed", ENCODE)
    mean, covariance = closed_form(weight, bias, variance, y, w)
    with Results(path) as results:
        found, decoder = results.set("encode"), results.decoder()
        samples = read_samples(results, "encode", decoder)
        figures = sample_figures(samples, found.z, decoder)
    checks(samples.deviation.shape == samples.target.shape and any(
        "95 %" in text for axes in figures["reconstructions_a"].axes
        for text in axes.get_legend_handles_labels()[1]), "curves have a band")
    off = np.abs(found.z - mean).max(), np.abs(found.z_covariance - covariance).max()
    checks(off[0] < 1e-6 and off[1] < 1e-6, f"posterior mean and covariance are off by {off}")
    checks(np.allclose(found.z_std, np.sqrt(np.einsum("sii->si", covariance)), atol=1e-6),
           "z_std is not the root of the diagonal")
    spread = np.sqrt(np.einsum("ij,sjk,ik->si", weight, covariance, weight)) * per_entry(FACTOR)
    checks(np.allclose(found.reconstruction_std.reshape(COUNT, N), spread, rtol=1e-5),
           "standard deviations of the reconstruction")
    with h5py.File(path) as file:
        group = file["encode"]
        checks((group["modes"][()] == 1).all(), "there is a single maximum")
        for name, same in (("mean", found.reconstruction), ("std", found.reconstruction_std)):
            checks(np.allclose(group[f"posterior_{name}"][()], same, rtol=1e-9),
                   f"posterior_{name} is that of this maximum")
    residual = (w * (found.z @ weight.T + bias - y) ** 2).sum(1)
    checks(np.allclose(found.loss, residual / w.sum(1), rtol=1e-6), "the loss is that of the data")
    u = found.z - MEAN
    q = np.einsum("si,ij,sj->s", u, PRECISION, u)
    minimised = ((w / variance * (found.z @ weight.T + bias - y) ** 2).sum(1) + q) / (
        w / variance).sum(1)
    checks(np.allclose(found.objective, minimised, rtol=1e-5), "the objective has the prior's part")
    # The start of each sample has the smallest objective of all candidates.
    with h5py.File(path) as file:
        entries = file["dictionary/z"][()]
        names = file["encode/start"].attrs["flag_meanings"].split()
    candidates = np.vstack([np.zeros((1, D)), entries.mean(0, keepdims=True), entries])
    u = candidates - MEAN
    values = (w[:, None] / variance * ((candidates @ weight.T + bias)[None] - y[:, None]) ** 2
              ).sum(2) + np.einsum("si,ij,sj->s", u, PRECISION, u)
    expected = np.array([names.index(kind) for kind in ("zero", "mean", "dictionary")])[
        np.minimum(values.argmin(1), 2)]
    checks(np.array_equal(found.start, expected), "starts are ranked by the objective")
    # Coverage, of latents and of what they say of the fields; weights of 1 are what errors are.
    first = slice(0, COUNT // 2)
    true = (z @ weight.T + bias) * per_entry(FACTOR) + per_entry(OFFSET)
    reconstruction = found.reconstruction.reshape(COUNT, N)
    for name, error in (("latents", (found.z - z) / found.z_std),
                        ("fields", (reconstruction - true) /
                         found.reconstruction_std.reshape(COUNT, N))):
        for bar, share, margin in ((1, .6827, .03), (1.96, .95, .02)):
            covered = (np.abs(error[first]) < bar).mean()
            checks(abs(covered - share) < margin, f"{name}: {covered:.3f} lie within {bar} sigma")


def test_ranks(checks, program, cwd):
    """The same bytes on 1 and 3 ranks, and by default a prior only where entries are missing."""
    paths = [run_input(checks, program, cwd, f"ranks_{ranks}", ENCODE,
                       {"evaluation.tolerance": 1e-6}, ranks=ranks) for ranks in (1, 3)]
    with h5py.File(paths[0]) as one, h5py.File(paths[1]) as three:
        for name in ("z", "loss", "objective", "z_std", "z_covariance", "reconstruction_std",
                     "modes", "posterior_mean", "posterior_std"):
            checks(np.array_equal(one["encode"][name], three["encode"][name]),
                   f"{name} differs between 1 and 3 ranks")
    for name, more, same in (("all", {"data.encode.weights": None}, True),
                             ("none", {"evaluation.prior": "none"}, True),
                             ("gaussian", {"data.encode.weights": None,
                                           "evaluation.prior": "gaussian"}, False)):
        path = run_input(checks, program, cwd, name, ENCODE, more)
        with h5py.File(path) as file:
            equal = np.array_equal(file["encode/loss"], file["encode/objective"])
            checks(equal == same, f"{name}: is there a prior?")
            checks("z_std" in file["encode"], f"{name}: no bars")


def test_moments(checks, program, double, cwd):
    """Mean and covariance of all trained latents are in the results, on any number of ranks."""
    paths = [run_input(checks, program, cwd, f"train_{ranks}", CIRCLE, {
        "decoder.latent": 2, "evaluation.start": ["zero", "dictionary"],
        "training.epochs": 2}, ranks=ranks) for ranks in (1, 3)]
    with h5py.File(paths[0]) as one, h5py.File(paths[1]) as three:
        group, other = one["dictionary"], three["dictionary"]
        for name in ("mean", "covariance"):
            checks(np.array_equal(group[name], other[name]),
                   f"{name} differs between 1 and 3 ranks")
        checks(group.attrs["latents"] == 60, "all training samples have a part")
        z = one["train/z"][()].astype(float)
        scale = z.std()  # the flows of the last pass ended near the trained latents
        checks(np.allclose(group["covariance"], np.cov(z.T, bias=True), atol=.2 * scale ** 2)
               and np.allclose(group["mean"], z.mean(0), atol=.2 * scale),
               "mean and covariance of the trained latents")
    # Of a file that has entries alone, theirs.
    path = run_input(checks, double, cwd, "entries", ENCODE, {"decoder.file": "entries.h5"})
    with h5py.File(path) as file:
        z = file["dictionary/z"][()]
        checks(np.allclose(file["dictionary/covariance"], np.cov(z.T, bias=True), rtol=1e-9)
               and np.allclose(file["dictionary/mean"], z.mean(0), rtol=1e-9),
               "mean and covariance of the entries")


# A decoder from POD whose new samples are known at 11 of 64 places.
SENSORS = {"run.directory": "run", "data.train.file": "fronts.npy", "data.train.count": 60,
           "data.test.file": "fronts.npy", "data.test.first": 60, "data.missing": "nan",
           "data.scale": "standardise", "decoder.latent": 3, "decoder.loss": "mse",
           "decoder.initial": "pod",
           "decoder.layers": [{"dense": 20, "activation": "silu"}, {"dense": 64}],
           "training.epochs": 2, "training.batch": 30, "training.validation": 0.2,
           "evaluation.every": 0, "evaluation.train": False, "evaluation.noise": 0.05, "evaluation.uncertainty": "covariance",
           "evaluation.start": ["zero", "mean", "pod", "predictor", "dictionary", "uniform"],
           "evaluation.tries": 2}


def test_sensors(checks, program, cwd):
    """Few sensors: the same bits on any number of ranks, instruction set and after restarts, for
    every start; the decoder's own error is that of the samples held out."""
    x = (np.arange(64) + 0.5) / 64
    place, width = 0.1 + 0.8 * RANDOM.random((90, 1)), 0.02 + 0.05 * RANDOM.random((90, 1))
    fronts = (1 - np.tanh((x - place) / width)).astype("f4")
    fronts[60:, RANDOM.permutation(64)[11:]] = np.nan
    np.save(os.path.join(cwd, "fronts.npy"), fronts)
    coder = {"run.model": "autoencoder", "evaluation.start": [*SENSORS["evaluation.start"], "encoder"]}
    for name, change, runs in (("flow", {}, ((2, None), (3, None), (7, None), (1, "avx2"),
                                             (1, "plain"))),
                               ("coder", coder, ((3, None), (1, "avx2")))):
        one = run_input(checks, program, cwd, name, SENSORS, change)
        for ranks, isa in runs:
            again = run_input(checks, program, cwd, f"{name}_{ranks}_{isa}", SENSORS, change, ranks=ranks,
                              environment={"GFE_ISA": isa} if isa else None)
            compare_only_results(checks, f"{name}, {ranks} ranks, {isa}", one, again)
    again, result, legs = legs_of(program, cwd, "legs", SENSORS, {})
    checks(result.code == 0 and legs > 5, f"{legs} legs: {result}")
    compare_only_results(checks, f"{legs} legs", os.path.join(cwd, "flow/results.h5"), again)
    with h5py.File(os.path.join(cwd, "flow/results.h5")) as file:
        own = file["dictionary"].attrs["held_out_loss"]
        checks(own == file["history"].attrs["kept_validation_loss"] > file["dictionary"].attrs[
            "trained_loss"], f"loss of samples held out {own}")
        decoder_file, z = os.path.abspath(file.filename), file["test/z_std"][()]
    encode = {**SENSORS, **{key: None for key in SENSORS if key.split(".")[0] in ("decoder", "training")},
              "run.tasks": ["encode"], "decoder.file": decoder_file, "data.train.file": None,
              "data.train.count": None, "data.test.file": None, "data.test.first": None,
              "data.encode.file": "fronts.npy", "data.encode.first": 60, "data.scale": None,
              "evaluation.every": None}
    path = run_input(checks, program, cwd, "later", encode)
    with h5py.File(path) as file:
        checks(np.array_equal(file["encode/z_std"], z), "with decoder.file the bars are the same")
    np.save(os.path.join(cwd, "zeros.npy"), np.zeros((3, 64), "f4"))
    name = write_input(os.path.join(cwd, "zeros.yaml"), encode, {
        "run.directory": "zeros", "data.encode.file": "zeros.npy", "data.encode.first": None})
    result = run(program, os.path.basename(name), cwd=cwd, ranks=1)
    checks(result.code == 0 and "all samples are 0" in result.out, f"samples of 0: {result}")


def test_mistakes(checks, program, cwd):
    for name, values, text in (
            ("negative", {"evaluation.noise": -1}, "must be at least 0"),
            ("three", {"evaluation.noise": [1, 2, 3]}, "3 numbers, but a sample of"),
            ("words", {"evaluation.noise": "much"}, "must be a finite number"),
            ("without", {"decoder.file": "without.h5", "evaluation.prior": "gaussian"},
             "has no trained latents"),
            ("bars", {"decoder.file": "without.h5", "evaluation.uncertainty": True},
             "has no trained latents"),
            ("singular", {"decoder.file": "singular.h5", "evaluation.prior": "gaussian"},
             "singular"),
            ("misspelt", {"evaluation.prior": "gausian"}, "did you mean gaussian?")):
        path = write_input(os.path.join(cwd, name + ".yaml"), ENCODE,
                           {"evaluation.uncertainty": None, "evaluation.start": None}, values,
                           {"run.directory": name})
        result = run(program, os.path.basename(path), cwd=cwd, ranks=1)
        checks(result.code == 2 and text in result.err, f"{name}: {result}")


def main():
    program, double = arguments("gfe_hpc gfe_hpc_double", 2)
    checks = Checks()
    with tempfile.TemporaryDirectory() as cwd:
        problem = write_data(cwd)
        test_closed_form(checks, double, cwd, problem)
        test_ranks(checks, program, cwd)
        test_moments(checks, program, double, cwd)
        test_sensors(checks, program, cwd)
        test_mistakes(checks, program, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
