#!/usr/bin/env python3
"""Values as they are in the data: scaled in double and rounded last, missing or masked.

usage: test_values.py gfe_hpc

The loss of a decoder whose output is 0 is the mean square of the scaled entries, so losses show how
the program has scaled the data; they and the scaling constants are compared with NumPy's in double,
for numbers whose differences float32 cannot represent.
"""

import gzip
import math
import os
import struct
import sys
import tempfile

import h5py
import numpy as np

from program import Checks, arguments, run, run_input, write_input
from gfe.results import Results, write_decoder

COUNT, SHAPE = 60, (2, 3, 4)
N = int(np.prod(SHAPE))

BASE = {
    "run.tasks": ["train"],
    "decoder.file": "zero.h5",
    "training.epochs": 0,
    "evaluation.train": True,
}


def exact_moments(values):
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((values - mean) ** 2) / len(values))


def write_zero(path, bias=0.0):
    """A decoder of `bias`, whatever the latent, that leaves the scaling to the input."""
    write_decoder(path, [(np.zeros((N, 2)), np.full(N, bias), "identity")], "mse", shape=SHAPE)
    with h5py.File(path, "r+") as file:
        del file["decoder"].attrs["scale_offset"], file["decoder"].attrs["scale_factor"]


def write_idx(path, values):
    """Doubles in IDX, gzipped."""
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(f">HBB{values.ndim}I", 0, 0x0E, values.ndim, *values.shape))
        file.write(values.astype(">f8").tobytes())


def write_sets(cwd):
    """{name: (values in double, file, dataset)}"""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((COUNT, *SHAPE))
    times = (1_700_000_000 + 3600 * rng.integers(0, 1000, noise.shape)) * 10**9
    sets = {"large.npy": 1e8 + noise, "one.gz": 1 + 1e-9 * noise, "times.npy": times}
    np.save(os.path.join(cwd, "large.npy"), sets["large.npy"])
    np.save(os.path.join(cwd, "times.npy"), times)
    write_idx(os.path.join(cwd, "one.gz"), sets["one.gz"])
    found = {name: (values.astype(np.float64), name, None) for name, values in sets.items()}
    with h5py.File(os.path.join(cwd, "sets.h5"), "w") as file:
        for key, name in (("large", "large.npy"), ("one", "one.gz"), ("times", "times.npy")):
            file[key] = sets[name]
            found[key] = (sets[name].astype(np.float64), "sets.h5", "/" + key)
    return found


def read(path):
    """Losses of the training set, offset and factor of the scaling."""
    with Results(path) as results:
        decoder = results.decoder()
        return results.set("train").loss, decoder.scale_offset, decoder.scale_factor


def check_losses(checks, what, path, scaled, weight=1.0):
    weight = np.broadcast_to(weight, scaled.shape).reshape(len(scaled), -1)
    squares = (weight * np.where(weight > 0, scaled.reshape(len(scaled), -1), 0) ** 2).sum(axis=1)
    expected = squares / weight.sum(axis=1)
    found = read(path)[0]
    checks(np.allclose(found, expected, rtol=2e-6, atol=0), f"{what}: losses {found[:3]}, by NumPy "
           f"{expected[:3]}")


def test_double(checks, program, cwd):
    """Values that float32 cannot represent, in every format, on any number of ranks."""
    for name, (values, file, dataset) in write_sets(cwd).items():
        given = {"data.train.file": file, "data.train.dataset": dataset,
                 "data.scale": "standardise"}
        path = run_input(checks, program, cwd, "double_" + name.replace(".", "_"), BASE, given)
        mean, deviation = exact_moments(values.ravel())
        _, offset, factor = read(path)
        checks(abs(offset - mean) <= np.spacing(mean) and abs(factor / deviation - 1) < 1e-9,
               f"{name}: constants {offset!r}, {factor!r}, not {mean!r}, {deviation!r}")
        check_losses(checks, name, path, (values - mean) / deviation)


def test_entries(checks, program, cwd):
    """A pair of constants per entry: NumPy's, the same on any number of ranks, and used by later
    runs with the decoder."""
    values = np.load(os.path.join(cwd, "large.npy"))
    values[:, 0, 1] = 3.5
    values[7, 1, 2, 3] = np.nan
    np.save(os.path.join(cwd, "entries.npy"), values)
    given = {"data.train.file": "entries.npy", "data.missing": "nan"}
    results = {}
    for kind in ("standardise", "minmax"):
        for ranks in (1, 3, 4)[:3 if kind == "standardise" else 1]:
            path = write_input(os.path.join(cwd, "entries.yaml"), BASE, given,
                               {"run.directory": f"entries_{kind}_{ranks}"})
            done = run(program, "entries.yaml", "--set",
                       f"data.scale={{kind: {kind}, per: entry}}", ranks=ranks, cwd=cwd)
            checks(done.code == 0 and "4 of 24 entries of a sample are constant" in done.out,
                   f"entries, {kind}: {done}")
            results[kind, ranks] = os.path.join(cwd, f"entries_{kind}_{ranks}", "results.h5")
    least, most = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    constant = least == most
    for kind, shift, scale in (("standardise", np.nanmean(values, axis=0),
                                np.nanstd(values, axis=0)), ("minmax", least, most - least)):
        scale = np.where(constant, 1, scale)
        path = results[kind, 1]
        loss, offset, factor = read(path)
        checks(np.allclose(offset, shift, rtol=1e-15) and np.allclose(factor, scale, rtol=1e-7),
               f"entries, {kind}: constants {offset}, {factor}")
        check_losses(checks, f"entries, {kind}", path, (values - offset) / factor,
                     ~np.isnan(values))
    for ranks in (3, 4):
        same = all(np.array_equal(a, b) for a, b in zip(read(results["standardise", 1]),
                                                        read(results["standardise", ranks])))
        checks(same, f"entries: other bits on {ranks} ranks")
    encode = {"run.tasks": ["encode"], "data.encode.file": "entries.npy", "data.missing": "nan",
              "decoder.file": results["standardise", 1]}
    path = run_input(checks, program, cwd, "encode", encode)
    with Results(path) as encoded:
        again = encoded.set("encode").loss
        units = encoded.decoder().to_data_units(np.zeros((1, *SHAPE)))
    checks(np.array_equal(again, read(results["standardise", 1])[0]),
           "encode: the decoder's constants are those of its training")
    checks(np.allclose(units[0], np.nanmean(values, axis=0), rtol=1e-15), "to_data_units()")
    broken = os.path.join(cwd, "broken.h5")
    write_decoder(broken, [(np.zeros((N, 2)), np.zeros(N), "identity")], "mse",
                  scale_offset=np.zeros(3), scale_factor=np.ones(3), shape=SHAPE)
    for count, expected in ((3, "per channel and had 3 channels; a sample of data.encode has"),
                            (5, "one number per channel or entry")):
        with h5py.File(broken, "r+") as file:
            for name in ("scale_offset", "scale_factor"):
                del file["decoder"][name]
                file["decoder"][name] = np.ones(count)
        write_input(os.path.join(cwd, "broken.yaml"), encode,
                    {"decoder.file": broken, "run.directory": "broken"})
        wrong = run(program, "broken.yaml", cwd=cwd)
        checks(wrong.code == 2 and expected in wrong.err, f"{count} constants: {wrong}")


def test_channels(checks, program, cwd):
    """A height in cm and velocities in m/s, two fields as channels: NumPy's constants, and a
    tenth of the entries missing."""
    rng = np.random.default_rng(3)
    height = 100 * rng.standard_normal((5, COUNT // 5, 4, 6))
    velocity = np.stack([0.2 + 0.5 * rng.standard_normal(height.shape),
                         np.full(height.shape, 2.5)], axis=-1)
    height[rng.random(height.shape) < 0.1] = np.nan
    land = np.zeros((4, 6), np.int8)
    land[:2, 1] = 1
    with h5py.File(os.path.join(cwd, "water.h5"), "w") as file:
        file["height"], file["velocity"], file["land"] = height, velocity, land
    write_decoder(os.path.join(cwd, "zero3.h5"),
                  [(np.zeros((72, 2)), np.zeros(72), "identity")], "mse", shape=(3, 4, 6))
    with h5py.File(os.path.join(cwd, "zero3.h5"), "r+") as file:
        del file["decoder"].attrs["scale_offset"], file["decoder"].attrs["scale_factor"]
    path = write_input(os.path.join(cwd, "channels.yaml"), BASE, {
        "decoder.file": "zero3.h5", "data.train.file": "water.h5",
        "data.train.fields": ["/height", "/velocity"],
        "data.train.axes": ["run", "time", "x", "y", "component"],
        "data.train.samples": ["run", "time"], "data.train.mask": "/land",
        "data.missing": "nan", "data.scale.kind": "standardise"})
    values = np.concatenate([height[..., None], velocity], axis=-1).reshape(COUNT, 4, 6, 3)
    values = np.moveaxis(values, -1, 1)
    counted = ~np.isnan(values) & (land == 0)
    constants = [exact_moments(values[:, c][counted[:, c]]) for c in range(3)]
    shift, scale = np.array(constants).T
    scale[2] = 1
    found = []
    for ranks in (1, 3, 4):
        done = run(program, path, "--set", f"run.directory=channels_{ranks}", ranks=ranks, cwd=cwd)
        checks(done.code == 0 and "is constant in the training data, 2.5: scaled by 1" in done.err,
               f"channels: {done}")
        found.append(read(os.path.join(cwd, f"channels_{ranks}", "results.h5")))
    for ranks, (loss, offset, factor) in zip((3, 4), found[1:]):
        checks(all(np.array_equal(a, b) for a, b in zip((loss, offset, factor), found[0])),
               f"channels: other bits on {ranks} ranks")
    loss, offset, factor = found[0]
    checks(np.allclose(offset[:, 0, 0], shift, rtol=1e-14)
           and np.allclose(factor[:, 0, 0], scale, rtol=1e-14),
           f"channels: constants {offset[:, 0, 0]}, {factor[:, 0, 0]}, not {shift}, {scale}")
    check_losses(checks, "channels", os.path.join(cwd, "channels_1", "results.h5"),
                 (values - shift[:, None, None]) / scale[:, None, None], counted)
    shown = run(program, "--check", path, cwd=cwd)
    checks(shown.code == 0 and shown.out.count("\n  velocity") == 2, f"--check, channels: {shown}")
    with h5py.File(os.path.join(cwd, "water.h5"), "r+") as file:
        file["all"], file["all_land"] = np.nan_to_num(values), np.stack(3 * [land])
    unnamed = run(program, path, "--set", "data.train.fields=[/all]", "--set",
                  "data.train.axes=[run, kind, x, y]", "--set", "data.train.samples=[run]",
                  "--set", "data.train.mask=/all_land", "--set", "run.directory=channels_unnamed",
                  cwd=cwd)
    checks("if kind is an axis of channels, name it component" in unnamed.err,
           f"channels that are not named: {unnamed}")
    return shown.out


def test_missing(checks, program, cwd):
    """A number that marks missing entries is NaN by another name; a mask is a weight of 0."""
    rng = np.random.default_rng(2)
    values = rng.random((COUNT, *SHAPE)).astype(np.float32)
    land = np.zeros(SHAPE[1:], np.int8)
    land[1, 1:3] = 1
    hidden = rng.random(values.shape) < 0.2
    weight = np.broadcast_to(1.0 - land, values.shape)
    with h5py.File(os.path.join(cwd, "holes.h5"), "w") as file:
        file["nan"] = np.where(hidden, np.float32(np.nan), values)
        file["fill"] = np.where(hidden, np.float32(-999.9), values)
        file["values"], file["weights"], file["land"] = values, weight, np.broadcast_to(land, SHAPE)
    with h5py.File(os.path.join(cwd, "mask.nc"), "w") as file:
        file["land"] = np.broadcast_to(land, SHAPE)
    np.save(os.path.join(cwd, "mask.npy"), np.broadcast_to(land, SHAPE).astype(bool))
    latitude = np.broadcast_to(np.cos(np.linspace(-1, 1, SHAPE[1]))[:, None], SHAPE)
    np.save(os.path.join(cwd, "latitude.npy"), latitude)
    with h5py.File(os.path.join(cwd, "holes.h5"), "r+") as file:
        file["latitude"] = latitude
    base = {**BASE, "data.train.file": "holes.h5", "data.scale": "standardise"}
    ways = {"nan": {"data.train.dataset": "/nan", "data.missing": "nan"},
            "fill": {"data.train.dataset": "/fill", "data.missing": -999.9},
            "weights": {"data.train.dataset": "/values", "data.train.weights": "/weights"},
            "mask": {"data.train.dataset": "/values", "data.train.mask": "mask.nc:/land"},
            "inside": {"data.train.dataset": "/values", "data.train.mask": "/land"},
            "numpy": {"data.train.dataset": "/values", "data.train.mask": "mask.npy"},
            "latitude": {"data.train.dataset": "/values", "data.train.weights": "/latitude"}}
    paths = {way: run_input(checks, program, cwd, way, base, values, ranks=1 + (way == "fill"))
             for way, values in ways.items()}
    for way, like in (("fill", "nan"), ("mask", "weights"), ("inside", "weights"),
                      ("numpy", "weights")):
        same = all(np.array_equal(a, b) for a, b in zip(read(paths[way]), read(paths[like])))
        checks(same, f"{way} should give the same bits as {like}")
    for way, counted in (("nan", ~hidden), ("weights", weight), ("latitude", latitude)):
        counted = np.broadcast_to(counted, values.shape)
        mean, deviation = exact_moments(values[counted > 0].astype(np.float64))
        check_losses(checks, way, paths[way], (values.astype(np.float64) - mean) / deviation,
                     counted)
    for what, settings, code, expected in (
            ("a number that never occurs", ["data.missing=-77"], 0,
             "warning: data.missing = -77: no entry of the data has this value"),
            ("a mask of another shape", ["data.train.mask=mask.nc:/none"], 2, "data.train.mask"),
            ("a mask beside weights", ["data.train.mask=/land", "data.train.weights=/weights"], 2,
             "data.train.mask=/land: cannot be combined with data.train.weights"),
            ("no such file", ["data.train.mask=gone.nc:/land"], 2, "No such file"),
            ("no path", ["data.train.mask=mask.nc"], 2, "/land"),
            ("constant data", ["data.train.dataset=/weights", "data.train.mask=/land"], 0,
             "is constant in the training data, 1: scaled by 1")):
        write_input(os.path.join(cwd, "wrong.yaml"), base,
                    {"data.train.dataset": "/values", "run.directory": "wrong"})
        for check in ((), ("--check",)):
            done = run(program, *check, "wrong.yaml",
                       *(word for setting in settings for word in ("--set", setting)), cwd=cwd)
            checks(done.code == code and expected in done.err, f"{what}{check}: {done}")


def main():
    program, = arguments("gfe_hpc", 1)
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        write_zero(os.path.join(cwd, "zero.h5"))
        test_double(checks, program, cwd)
        test_entries(checks, program, cwd)
        test_channels(checks, program, cwd)
        test_missing(checks, program, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
