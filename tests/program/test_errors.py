#!/usr/bin/env python3
"""Errors in data units: on screen, in summary.json and in results.h5, against NumPy's.

usage: test_errors.py gfe_hpc
"""
import os
import shutil
import sys
import tempfile

import h5py
import numpy as np

from gfe.results import Results
from program import Checks, arguments, read_summary, run, run_input, write_input

TRAIN, TEST, SHAPE, LATENT = 60, 23, (5, 6), 3
NUMBERS = ("relative_l2", "relative_l2_mean", "relative_l2_median", "relative_l2_p95",
           "relative_l2_worst", "relative_l2_centred", "max_error")
BASE = {
    "data.train.file": "data.h5", "data.train.dataset": "/train",
    "data.test.file": "data.h5", "data.test.dataset": "/test",
    "data.scale": "standardise",
    "decoder.latent": LATENT,
    "decoder.layers": [{"dense": 16, "activation": "tanh"}, {"dense": 30}],
    "decoder.loss": "mse",
    "training.epochs": 3,
    "output.reconstructions": "all",
}
WEIGHTS = {"data.train.weights": "/train_weights", "data.test.weights": "/test_weights"}


def write_data(path, rng):
    """Waves, some of them weighted; one test sample is 0, another set lies far from 0."""
    x, y = np.meshgrid(np.linspace(0, 1, SHAPE[1]), np.linspace(0, 1, SHAPE[0]))
    a, b, c = rng.normal(size=(3, TRAIN + TEST, 1, 1))
    fields = 3 + a * np.sin(4 * x) + b * np.cos(3 * y) + c * x * y + 0.1 * np.sin(9 * a * x)
    fields[TRAIN + 4] = 0
    weights = rng.integers(0, 4, fields.shape) / 2
    with h5py.File(path, "w") as file:
        for name, values in (("", fields), ("_weights", weights),
                             ("_far", 1e5 + np.round(64 * fields) / 64),
                             ("_share", 1 / (1 + np.exp(3 - fields)))):
            file["train" + name], file["test" + name] = values[:TRAIN], values[TRAIN:]


def numbers_of(x, y, mean):
    """NumPy's errors from reconstructions, samples (NaN: left out) and the mean sample."""
    error = np.where(np.isnan(y), 0, x - y).reshape(len(y), -1)
    given, centred = (np.nan_to_num(values.reshape(len(y), -1)) for values in (y, y - mean))
    norms = np.linalg.norm(given, axis=1)
    relative = np.linalg.norm(error, axis=1)[norms > 0] / norms[norms > 0]
    whole = np.linalg.norm(error)
    return dict(zip(NUMBERS, (whole / np.linalg.norm(given), relative.mean(), np.median(relative),
                              np.percentile(relative, 95), relative.max(),
                              whole / np.linalg.norm(centred), np.abs(error).max())))


def pod_of(train, test):
    """The samples by the leading modes of the training samples."""
    mean = train.mean(axis=0)
    modes = np.linalg.svd(train - mean, full_matrices=False)[2][:LATENT]
    return mean + (test - mean) @ modes.T @ modes


def compare(checks, what, found, expected, prefix="", rtol=1e-6):
    for name, value in expected.items():
        checks(np.isclose(found[prefix + name], value, rtol=rtol, atol=0),
               f"{what}: {prefix + name} is {found[prefix + name]}, not {value}")


def check_set(checks, path, name, mean):
    """All numbers of a set, from the columns of results.h5 for all samples."""
    with Results(path) as results:
        encoded = results.set(name)
    x, y = (values.astype(float) for values in (encoded.reconstruction, encoded.target))
    checks(len(x) == len(encoded.z), f"{path}: all samples should be there")
    expected = numbers_of(x, y, mean)
    compare(checks, f"{path} /{name}", encoded.attributes, expected)
    summary = read_summary(os.path.dirname(path))
    compare(checks, f"{path}, summary", summary, expected, f"{name}_")
    axes = tuple(range(1, y.ndim))
    error, norms = (np.sqrt(np.nansum(np.square(values), axis=axes)) for values in (x - y, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(norms > 0, error / norms, np.nan)
    checks(np.allclose(encoded.relative_l2, relative, rtol=1e-6, equal_nan=True),
           f"{path} /{name}: relative_l2 of each sample")
    checks(np.allclose(encoded.max_error, np.nanmax(np.abs(x - y), axis=axes), rtol=1e-6),
           f"{path} /{name}: max_error of each sample")
    return encoded


def equal_numbers(path, other):
    """Names of numbers whose bits differ between two files."""
    different = []
    with h5py.File(path) as a, h5py.File(other) as b:
        for name in ("train", "test"):
            for key, value in a[name].attrs.items():
                if isinstance(value, (float, np.ndarray)):
                    same = np.asarray(value).tobytes() == np.asarray(b[name].attrs[key]).tobytes()
                    different += [] if same else [f"{name}: {key}"]
            for key, column in a[name].items():
                if column[()].tobytes() != b[name][key][()].tobytes():
                    different.append(f"{name}/{key}")
    return different


def test_plain(checks, program, cwd, data):
    """With POD beside it; the same bits on 1 and 3 ranks."""
    path = run_input(checks, program, cwd, "plain", BASE)
    other = run_input(checks, program, cwd, "plain_3", BASE, ranks=3)
    checks(not equal_numbers(path, other), f"1 and 3 ranks: {equal_numbers(path, other)}")
    train, mean = data["train"], data["train"].mean(axis=0)
    for name in ("train", "test"):
        encoded = check_set(checks, path, name, mean)
        y = data[name]
        pod = pod_of(train.reshape(TRAIN, -1), y.reshape(len(y), -1)).reshape(y.shape)
        compare(checks, f"POD of {name}", encoded.attributes, numbers_of(pod, y, mean), "pod_",
                rtol=2e-5)
        checks(np.allclose(encoded.pod_reconstruction, pod, atol=1e-4), f"{name} by POD")
        checks(np.isclose(read_summary(os.path.dirname(path))[f"{name}_pod_relative_l2"],
                          encoded.attributes["pod_relative_l2"]), "POD in summary.json")
        checks(encoded.target.dtype == np.float32 and encoded.dimensions["target"]
               == ("shown", "axis_0", "axis_1"), f"target: {encoded.dimensions}")
    checks(np.isnan(encoded.relative_l2[4]) and np.isfinite(encoded.max_error[4]),
           "a sample that is 0 has no relative error")
    with h5py.File(path) as file:
        checks("weight" not in file["test"], "no weights")
    result = run(program, "plain.yaml", "--set", "run.directory=screen", cwd=cwd)
    checks("GFE" in result.out and "POD" in result.out
           and f"{encoded.attributes['relative_l2_median']:#.4g}" in result.out,
           f"the table on screen: {result}")
    try:
        import xarray  # pylint: disable=import-outside-toplevel
        with Results(path) as results:
            checks(isinstance(results.dataset("test"), xarray.Dataset)
                   and results.dataset("test").target.dims == encoded.dimensions["target"],
                   "the set as xarray has it")
    except ImportError:
        print("xarray is not installed")
    return path


def test_weights(checks, program, cwd, data):
    """Entries of weight 0 are left out, the others count alike; of logits the means count."""
    shares = {"decoder.loss": "bce", "data.scale": "none", "data.train.dataset": "/train_share",
              "data.test.dataset": "/test_share"}
    for name, values in (("weighted", {}), ("logits", shares)):
        train = data["train" if not values else "train_share"]
        path = run_input(checks, program, cwd, name, BASE, WEIGHTS, values, ranks=2)
        kept = data["train_weights"] > 0
        mean = np.where(kept, train, 0).sum(axis=0) / kept.sum(axis=0)
        encoded = check_set(checks, path, "test", mean)
        checks(np.array_equal(np.isnan(encoded.target), data["test_weights"] == 0)
               and np.all(np.isfinite(encoded.reconstruction)),
               f"{name}: NaN in the target where the weight is 0, and no hole in reconstructions")
        checks("pod_relative_l2" in encoded.attributes, f"{name}: POD")


def test_encode(checks, program, cwd, trained, data):
    """Without training samples the mean is the set's own, and there is no POD."""
    tasks = {"run.tasks": ["encode"], "decoder.file": trained, "decoder.latent": None,
             "decoder.layers": None, "decoder.loss": None, "data.encode.file": "data.h5",
             "data.encode.dataset": "/test", "output.reconstructions": 1000}
    tasks.update({key: None for key in BASE if key.startswith(("data.train", "data.test"))})
    path = run_input(checks, program, cwd, "encode", BASE, tasks, ranks=2)
    encoded = check_set(checks, path, "encode", data["test"].mean(axis=0))
    checks("pod_relative_l2" not in encoded.attributes, "no POD without training samples")
    path = write_input(os.path.join(cwd, "pod.yaml"), BASE, tasks, {"evaluation.pod": True})
    result = run(program, path, cwd=cwd)
    checks(result.code == 2 and "only the task train reads" in result.err, f"pod: {result}")
    for name, value, message in (("evaluation.pod", "maybe", "must be true, false or auto"),
                                 ("output.reconstructions", "some", "must be an integer or all")):
        result = run(program, "plain.yaml", "--set", f"{name}={value}", cwd=cwd)
        checks(result.code == 2 and message in result.err, f"{name}: {result}")


def test_far(checks, program, cwd, data):
    """Samples that float32 cannot tell from each other are stored in float64."""
    path = run_input(checks, program, cwd, "far", BASE,
                     {"data.train.dataset": "/train_far", "data.test.dataset": "/test_far",
                      "evaluation.pod": False})
    encoded = check_set(checks, path, "test", data["train_far"].mean(axis=0))
    checks(encoded.target.dtype == np.float64, f"far from 0: {encoded.target.dtype}")
    checks("pod_relative_l2" not in encoded.attributes and encoded.pod_reconstruction is None,
           "evaluation.pod: false")


def test_autoencoder(checks, program, cwd, data):
    """Reconstructions from the encoder's latents have errors of their own."""
    path = run_input(checks, program, cwd, "autoencoder", BASE, {"run.model": "autoencoder"})
    with Results(path) as results:
        encoded, decoder = results.set("test"), results.decoder()
    x = decoder.to_data_units(decoder.decode(encoded.z_encoder))
    compare(checks, "encoder", encoded.attributes,
            numbers_of(x, data["test"], data["train"].mean(axis=0)), "encoder_", rtol=2e-5)


def write_fields(path, rng):
    """Height and velocity on a grid in time, as netCDF has them; an axis is called `z`, too."""
    lengths = {"run": 6, "time": 5, "z": 4, "x": 7}
    fields = {name: factor * rng.normal(size=tuple(lengths.values())) + offset
              for name, factor, offset in (("h", 100, 300), ("u", 0.5, 0), ("w", 0.01, 0))}
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = "CF-1.8"
        for name, length in lengths.items():
            file[name] = np.arange(length) * 0.5 + 1
            file[name].make_scale(name)
            file[name].attrs["units"] = {"time": "s", "run": "1"}.get(name, "m")
        for name, values in fields.items():
            file[name] = values.astype(np.float32)
            file[name].attrs["units"] = "cm" if name == "h" else "m s-1"
            for axis, dimension in enumerate(lengths):
                file[name].dims[axis].attach_scale(file[dimension])
    return np.stack([fields[name] for name in fields], 2).astype(np.float32).astype(float)


def test_fields(checks, program, cwd):
    """Errors per channel; samples on their axes, with coordinates and units."""
    fields = write_fields(os.path.join(cwd, "fields.nc"), np.random.default_rng(8))
    data = {"fields": ["h", "u", "w"], "samples": ["run", "time"], "file": "fields.nc"}
    values = {f"data.{name}.{key}": value for name in ("train", "test")
              for key, value in {**data, "dataset": None}.items()}
    values.update({"data.train.select": {"run": {"count": 4}}, "decoder.layers": [{"dense": 84}],
                   "data.test.select": {"run": {"first": 4}}})
    path = run_input(checks, program, cwd, "fields", BASE, values, ranks=3)
    encoded = check_set(checks, path, "test", fields[:4].reshape(-1, 3, 4, 7).mean(axis=0))
    x, y = encoded.reconstruction, fields[4:].reshape(-1, 3, 4, 7)
    checks(np.allclose(encoded.target, y, rtol=1e-5, atol=1e-4), "targets in data units")
    norms = [np.sqrt((values.astype(float) ** 2).sum(axis=(0, 2, 3)))
             for values in (x - encoded.target, encoded.target)]
    checks(np.allclose(encoded.attributes["relative_l2_channel"], norms[0] / norms[1], rtol=1e-5),
           f"per channel: {encoded.attributes['relative_l2_channel']}, not {norms[0] / norms[1]}")
    checks(np.allclose(encoded.attributes["max_error_channel"],
                       np.abs(x - encoded.target).max(axis=(0, 2, 3)), rtol=1e-4), "largest")
    checks(encoded.dimensions["target"] == ("shown", "channel", "z_axis", "x")
           and encoded.channel_names == ["h", "u", "w"]
           and encoded.channel_units == ["cm", "m s-1", "m s-1"]
           and np.array_equal(encoded.coordinates["z_axis"], [1, 1.5, 2, 2.5])
           and list(encoded.coordinates["channel"]) == ["h", "u", "w"],
           f"axes: {encoded.dimensions['target']} {encoded.coordinates} {encoded.channel_units}")
    checks(encoded.attributes["numbering"] == "run time"
           and np.array_equal(encoded.run, np.repeat([4, 5], 5))
           and np.array_equal(encoded.time, np.tile(np.arange(5), 2))
           and np.allclose(encoded.run_value, np.repeat([3, 3.5], 5))
           and np.allclose(encoded.time_value, np.tile(np.arange(5) * 0.5 + 1, 2))
           and encoded.columns["time_value"]["units"] == "s", "where a sample stands")
    result = run(program, "fields.yaml", "--set", "run.directory=screen_2", cwd=cwd)
    checks("h [cm]" in result.out, f"the largest error of a channel, with its unit: {result}")
    try:
        import xarray  # pylint: disable=import-outside-toplevel
    except ImportError:
        return
    with xarray.open_dataset(path, group="test", engine="h5netcdf") as opened:
        checks(opened.target.dims == encoded.dimensions["target"]
               and np.allclose(opened.target.sel(channel="u", x=1.5, shown=0),
                               encoded.target[0, 1, :, 1])
               and opened.x.attrs["units"] == "m" and opened.time_value.attrs["units"] == "s",
               f"xarray: {opened}")


def test_old(checks, cwd, trained):
    """An older file, with scaled samples, is read like a new one."""
    old = os.path.join(cwd, "old.h5")
    shutil.copy(trained, old)
    with Results(trained) as results, h5py.File(old, "a") as file:
        new, decoder = results.set("test"), results.decoder()
        del file["test"].attrs["samples_in"]
        for name in ("target", "reconstruction"):
            file["test"][name][...] = decoder.to_scaled_units(getattr(new, name))
    with Results(old) as results:
        read = results.set("test")
    checks(np.allclose(read.target, new.target, atol=1e-5)
           and np.allclose(read.reconstruction, new.reconstruction, atol=1e-5), "an old file")


def main():
    program, = arguments("gfe_hpc", 1)
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        write_data(os.path.join(cwd, "data.h5"), np.random.default_rng(5))
        with h5py.File(os.path.join(cwd, "data.h5")) as file:
            data = {name: file[name][()] for name in file}
        trained = test_plain(checks, program, cwd, data)
        test_weights(checks, program, cwd, data)
        test_encode(checks, program, cwd, trained, data)
        test_far(checks, program, cwd, data)
        test_autoencoder(checks, program, cwd, data)
        test_fields(checks, program, cwd)
        test_old(checks, cwd, trained)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
