#!/usr/bin/env python3
"""POD as a model and as a start, against NumPy's singular value decomposition and least squares.

usage: test_pod.py gfe_hpc gfe_hpc_double
"""

import os
import sys
import tempfile

import h5py
import numpy as np

from program import Checks, arguments, run, run_input, write_input
from gfe.results import Results

D, N = 4, 60
RANDOM = np.random.default_rng(5)
LAYERS = [{"dense": 12, "activation": "silu"}, {"dense": N}]


def write_data(path):
    """Waves of three phases with noise; weights that hide a part, or are the same for all."""
    x = np.linspace(0, 1, N)
    phases = RANDOM.uniform(0, 2 * np.pi, (90, 3))
    samples = 3 + sum(np.sin(2 * np.pi * (k + 1) * x + phases[:, k, None]) / (k + 1)
                      for k in range(3)) + .05 * RANDOM.standard_normal((90, N))
    shared = np.broadcast_to(np.cos(np.pi * (x - .5)), samples.shape)
    with h5py.File(path, "w") as file:
        file["samples"] = samples
        file["gaps"] = (RANDOM.random(samples.shape) > .3).astype(float)
        file["shared"] = shared
        file["steps"] = (samples > 3).astype(float)
        file["images"] = samples.reshape(90, 1, 6, 10)
    return samples


def values(count, **more):
    data = {f"data.{name}.{key}": value for name, part in
            (("train", {"count": count}), ("test", {"first": 70}), ("encode", {"first": 70}))
            for key, value in {"file": "data.h5", "dataset": "/samples", **part}.items()}
    return {**data, "run.tasks": ["train", "evaluate", "encode"], "decoder.latent": D,
            "decoder.loss": "mse", "evaluation.tolerance": 1e-12, **more}


def with_weights(name):
    return {f"data.{part}.weights": f"/{name}" for part in ("train", "test", "encode")}


def loadings(path, layer=0):
    with h5py.File(path) as file:
        group = file[f"decoder/layer_{layer}"]
        return group["weight"][...], group["bias"][...]


def angle(a, b):
    """The sine of the largest angle between the spaces of two sets of columns."""
    a, b = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    return np.linalg.norm(b - a @ (a.T @ b), 2)


def test_model(checks, double, cwd, samples):
    """Few samples, and more samples than entries: modes, codes, losses, bytes."""
    for count in (40, 70):
        pod = {"run.model": "pod", "decoder.layers": LAYERS if count == 40 else None}
        paths = [run_input(checks, double, cwd, f"pod_{count}_{ranks}", values(count, **pod),
                           ranks=ranks) for ranks in (1, 3, 4)]
        y = samples[:count]
        _, s, v = np.linalg.svd(y - y.mean(0), full_matrices=False)
        weight, bias = loadings(paths[0])
        off = angle(weight, v[:D].T)
        checks(off < 1e-6, f"{count} samples: the modes are off by an angle of {off}")
        checks(np.allclose(np.linalg.norm(weight, axis=0), s[:D] / np.sqrt(count), rtol=1e-9)
               and np.allclose(bias, y.mean(0), rtol=1e-12), f"{count} samples: s or mean")
        test = samples[70:] - y.mean(0)
        expected = ((test - test @ v[:D].T @ v[:D]) ** 2).mean(1)
        with Results(paths[0]) as results:
            data = results.set("test")
            checks(np.allclose(data.loss, expected, rtol=1e-6), f"{count} samples: test losses")
            z = test @ (weight / np.sum(weight ** 2, axis=0))
            checks(np.allclose(data.z, z, atol=1e-6), f"{count} samples: codes of the test set")
            checks(np.isclose(results.set("train").loss.mean(), (s[D:] ** 2).sum() / y.size,
                              rtol=1e-6), f"{count} samples: training loss")
        for path in paths[1:]:
            same = np.array_equal(loadings(path)[0], weight)
            with h5py.File(path) as one, h5py.File(paths[0]) as other:
                same = same and np.array_equal(one["test/z"], other["test/z"])
            checks(same, f"{path} should have the same bits as on one rank")


def test_weights(checks, double, cwd, samples):
    """Weights shared by all samples: POD of scaled data; gaps: least squares, also from the file."""
    path = run_input(checks, double, cwd, "shared", values(70, **{"run.model": "pod"}),
                     with_weights("shared"), ranks=2)
    root = np.sqrt(np.cos(np.pi * (np.linspace(0, 1, N) - .5)))
    inner = root > 1e-4
    y = (samples[:70] - samples[:70].mean(0)) * root
    v = np.linalg.svd(y, full_matrices=False)[2]
    weight, _ = loadings(path)
    off = angle((weight * root[:, None])[inner], (v[:D].T)[inner])
    checks(off < 1e-6, f"modes of shared weights are off by an angle of {off}")

    path = run_input(checks, double, cwd, "whole", values(70, **{"run.model": "pod"}))
    for ranks in (1, 3):
        given = {"run.tasks": ["encode"], "decoder.file": "whole/results.h5", "decoder.latent": None,
                 "decoder.loss": None}
        encoded = run_input(checks, double, cwd, f"gappy_{ranks}", values(70, **given),
                            with_weights("gaps"), ranks=ranks)
        weight, bias = loadings(path)
        with h5py.File(os.path.join(cwd, "data.h5")) as file:
            observed = file["gaps"][70:] > 0
        expected = [np.linalg.lstsq(weight[there], (y - bias)[there], rcond=None)[0]
                    for y, there in zip(samples[70:], observed)]
        with Results(encoded) as results:
            z = results.set("encode").z
            off = np.abs(z - expected).max()
            checks(off < 1e-8, f"gappy codes on {ranks} ranks are off by {off}")


def test_start(checks, program, cwd):
    """The residual equals POD before training, has a lower loss afterwards, and is read back."""
    for loss, dataset in (("mse", "/samples"), ("bce", "/steps")):
        own = {"decoder.loss": loss, **{f"data.{part}.dataset": dataset
                                        for part in ("train", "test", "encode")}}
        pod = run_input(checks, program, cwd, f"pod_{loss}", values(70, **{"run.model": "pod"}),
                        own)
        start = {"decoder.layers": LAYERS, "decoder.initial": "auto", "training.epochs": 0,
                 "evaluation.start": "pod", **own}
        before = run_input(checks, program, cwd, f"before_{loss}", values(70, **start), ranks=3)
        after = run_input(checks, program, cwd, f"after_{loss}",
                          values(70, **{**start, "training.epochs": 40, "training.batch": 10}))
        again = run_input(checks, program, cwd, f"again_{loss}",
                          values(70, **{**own, "run.tasks": ["encode"], "evaluation.start": "pod",
                                        "decoder.file": f"after_{loss}/results.h5",
                                        "decoder.latent": None, "decoder.loss": None}))
        with Results(pod) as a, Results(before) as b, Results(after) as c, Results(again) as e:
            checks(np.allclose(a.set("test").loss, b.set("test").loss, rtol=1e-5),
                   f"{loss}: before training the decoder should be POD")
            checks(c.set("train").loss.mean() < .97 * a.set("train").loss.mean(),
                   f"{loss}: trained, the loss should be below POD's")
            checks(np.array_equal(c.set("encode").loss, e.set("encode").loss),
                   f"{loss}: a decoder file should encode as before")
            with h5py.File(os.path.join(cwd, "data.h5")) as file:
                y = file[dataset][70:]
            checks(np.allclose(c.decoder().loss(y, c.set("test").z), c.set("test").loss, rtol=1e-3),
                   f"{loss}: Python should decode the residual")
    used = os.path.join(cwd, "after_mse", "used_parameters.yaml")
    result = run(program, used, "--set", "run.directory=used", cwd=cwd)
    checks(result.code == 0 and np.array_equal(loadings(os.path.join(cwd, "used/results.h5"), 2)[0],
                                               loadings(os.path.join(cwd, "after_mse/results.h5"),
                                                        2)[0]),
           f"used_parameters.yaml should give the same run: {result}")
    result = run(program, os.path.join(cwd, "before_mse.yaml"), "--check", cwd=cwd)
    checks(result.code == 0 and f"{N * (D + 1)}" in result.out and "residual" in result.out,
           f"--check should show the branch: {result}")


def test_autoencoder_and_fields(checks, program, cwd):
    """Encoder and decoder begin at POD; a branch beside convolutions."""
    pod = run_input(checks, program, cwd, "pod_mse", values(70, **{"run.model": "pod"}))
    start = {"decoder.layers": LAYERS, "decoder.initial": "pod", "training.epochs": 0}
    ae = run_input(checks, program, cwd, "autoencoder",
                   values(70, **start, **{"run.model": "autoencoder"}), ranks=2)
    layers = [{"dense": 60, "activation": "silu"}, {"reshape": [4, 3, 5]}, {"upsample": 2},
              {"conv": 1, "kernel": 3, "padding": 1, "activation": "tanh"}]
    images = {f"data.{part}.dataset": "/images" for part in ("train", "test", "encode")}
    conv = run_input(checks, program, cwd, "conv",
                     values(70, **{**start, **images, "decoder.layers": layers}), ranks=2)
    with Results(pod) as a, Results(ae) as b, Results(conv) as c:
        checks(np.allclose(a.set("test").loss, b.set("test").loss_encoder, rtol=1e-4),
               "an autoencoder's encoder should give POD codes")
        checks(np.allclose(a.set("test").loss, c.set("test").loss, rtol=1e-4),
               "a decoder of convolutions should begin at POD")


def test_refusals(checks, program, cwd):
    """One message each, before any work."""
    sigmoid = [{"dense": N, "activation": "sigmoid"}]
    for words, more in (
            ("last activation", {"decoder.layers": sigmoid, "decoder.initial": "pod"}),
            ("leave one out", {"decoder.file": "pod_mse/results.h5", "decoder.initial": "pod"}),
            ("leave one out", {"decoder.file": "pod_mse/results.h5", "run.model": "pod"}),
            ("no linear layer", {"decoder.layers": LAYERS, "evaluation.start": "pod"})):
        write_input(os.path.join(cwd, "wrong.yaml"), values(70, **more), {"run.directory": "wrong"})
        result = run(program, "wrong.yaml", cwd=cwd)
        checks(result.code == 2 and words in result.err, f"should be refused ({words}): {result}")


def main():
    program, double = arguments("gfe_hpc gfe_hpc_double", 2)
    checks = Checks()
    with tempfile.TemporaryDirectory() as cwd:
        samples = write_data(os.path.join(cwd, "data.h5"))
        test_model(checks, double, cwd, samples)
        test_weights(checks, double, cwd, samples)
        test_start(checks, program, cwd)
        test_autoencoder_and_fields(checks, program, cwd)
        test_refusals(checks, program, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
