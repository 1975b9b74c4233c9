#!/usr/bin/env python3
"""The program's tasks, files and exit codes, end to end.

usage: test_tasks.py gfe_hpc gfe_hpc_double
"""

import csv
import glob
import gzip
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
import xarray

from program import (CIRCLE, ENVIRONMENT, IMAGES, ROOT, SMALL, SUPPORT, Checks, arguments,
                     read_summary, run, run_input, write_input)
from gfe.results import Results, write_decoder

PEAK = os.path.join(ROOT, "tests", "bench", "peak_memory.py")
FILES = ["checkpoint.h5", "history.csv", "results.h5", "summary.json", "used_parameters.yaml"]
TRAINING = {"training.epochs": 2, "evaluation.max_iterations": 40}
OUTCOME = ("z", "loss", "evaluations", "iterations", "status", "index")

# Two layers of silu learn the circle for every seed tried.
ROUND = {"data.train.count": 200, "data.test.first": 200, "data.test.count": 50,
         "decoder.layers": [{"dense": 32, "activation": "silu"},
                            {"dense": 32, "activation": "silu"}, {"dense": 2}],
         "training.epochs": 100, "training.learning_rate": 3e-3, "evaluation.every": 0}


def without(base, *names):
    """A dict that removes the keys of a base that begin with one of the names."""
    return {key: None for key in base if key.startswith(names)}


def same(file, group, other_file, other_group, names=OUTCOME):
    """The names of what differs between two groups of results."""
    with h5py.File(file, "r") as one, h5py.File(other_file, "r") as other:
        return [name for name in names
                if one[f"{group}/{name}"][()].tobytes()
                != other[f"{other_group}/{name}"][()].tobytes()]


def listing(directory):
    return sorted(os.listdir(directory))


# ---- the files of a run ----

def check_series(checks, directory, results):
    """history.csv and /history say the same, and what was asked for."""
    with open(os.path.join(directory, "history.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    history = results["history"]
    steps = 2 * 300 // 20
    checks(len(rows) == steps == len(history["step_loss"]), f"{len(rows)} steps, not {steps}")
    for name in ("loss", "samples", "evaluations", "learning_rate", "epoch"):
        column = np.array([float(row[name]) for row in rows])
        checks(np.allclose(column, history["step_" + name], rtol=1e-5),
               f"history.csv: {name} differs from that in results.h5")
    checks([int(row["step"]) for row in rows] == list(range(1, steps + 1)), "steps count from 1")
    seconds = [float(row["seconds"]) for row in rows]
    checks(seconds == sorted(seconds), "the seconds should not fall")
    means = history["step_loss"][()].reshape(2, -1).mean(axis=1)
    checks(np.allclose(means, history["epoch_train_loss"], rtol=1e-12),
           "an epoch's loss should be the mean of its steps'")
    checks(np.all(np.isfinite(history["epoch_test_loss"])), "the test loss of each epoch")
    checks(history["epoch_test_loss"][-1] == results["test"].attrs["mean_loss"],
           "the last epoch's test loss should be that of /test")


def check_set(checks, results, decoder, name, images, labels):
    """One group against the data it was made from."""
    group = results[name]
    checks(np.array_equal(group["label"], labels), f"{name}: labels differ from the file's")
    checks(np.array_equal(group["index"], np.arange(len(labels))), f"{name}: index")
    checks(np.allclose(group["target"], images[:8], rtol=1e-6), f"{name}: target")
    decoded = decoder.to_data_units(decoder.decode(group["z"][:8]))
    checks(np.allclose(group["reconstruction"], decoded, atol=3e-3), f"{name}: reconstruction")
    losses = decoder.loss(images / 255, group["z"][()])
    checks(np.allclose(group["loss"], losses, rtol=1e-5), f"{name}: losses")
    checks(np.isclose(group.attrs["mean_loss"], losses.mean(), rtol=1e-5), f"{name}: mean_loss")


def test_files(checks, program, cwd):
    """What a run writes. Returns its results file."""
    path = run_input(checks, program, cwd, "trained", IMAGES, TRAINING, ranks=2)
    directory = os.path.dirname(path)
    checks(listing(directory) == FILES, f"the files of a run: {listing(directory)}")
    with Results(path) as opened:
        decoder = opened.decoder()
    with h5py.File(path, "r") as results, h5py.File(SMALL, "r") as small:
        check_series(checks, directory, results)
        for name, count in (("train", 300), ("test", 64)):
            check_set(checks, results, decoder, name, small[f"{name}/images"][:count],
                      small[f"{name}/labels"][:count])
        summary = read_summary(directory)
        for name in ("train", "test"):
            loss, evaluations = (results[f"{name}/{key}"][()].mean()
                                 for key in ("loss", "evaluations"))
            checks(np.isclose(summary[f"{name}_loss"], loss, rtol=1e-12), f"{name}_loss")
            checks(np.isclose(summary[f"{name}_evaluations_mean"], evaluations, rtol=1e-12),
                   f"{name}_evaluations_mean")
        checks(summary["exit_reason"] == "done" and summary["ranks"] == 2
               and summary["steps"] == 30 and summary["epochs"] == 2
               and 0 < summary["training_seconds"] < summary["seconds"]
               and 0 < summary["training_cpu_seconds"] < summary["ranks"] * summary["seconds"],
               f"summary: {summary}")
        with open(os.path.join(directory, "used_parameters.yaml"), encoding="utf-8") as file:
            used = file.read()
        checks(results.attrs["input"] in (used, used.encode()),
               "the root attribute `input` should be used_parameters.yaml")
    again = run(program, os.path.join("trained", "used_parameters.yaml"), "--set",
                "run.directory=again", cwd=cwd)
    checks(again.code == 0, f"used_parameters.yaml as input: {again}")
    equal = run(os.path.join(SUPPORT, "compare_results.py"), path,
                os.path.join(cwd, "again", "results.h5"))
    checks(equal.code == 0, f"used_parameters.yaml should give the same bits: {equal.out}")
    print("files of a run: done", flush=True)
    return path


def test_xarray(checks, path):
    """Every group opens with named dimensions, units and descriptions."""
    with h5py.File(path, "r") as file:
        groups = ["/"]
        file.visititems(lambda name, item:
                        groups.append(name) if isinstance(item, h5py.Group) else None)
    expected = {"train": {"sample": 300, "latent": 10, "shown": 8, "axis_0": 28, "axis_1": 28},
                "test": {"sample": 64, "latent": 10, "shown": 8, "axis_0": 28, "axis_1": 28},
                "history": {"step": 30, "epoch": 2},
                "decoder/layer_1": {"out": 784, "in": 64}}
    for name in groups:
        with xarray.open_dataset(path, group=name, engine="h5netcdf") as data:
            if name in expected:
                checks(dict(data.sizes) == expected[name], f"/{name}: {dict(data.sizes)}")
            for variable, array in data.variables.items():
                what = f"/{name}/{variable}: {array.dims} {array.attrs}"
                checks("units" in array.attrs and "long_name" in array.attrs, what)
                checks(not any(dim.startswith("phony") for dim in array.dims), what)
            checks(name == "/" or "description" in data.attrs, f"/{name} has no description")
    print(f"xarray: {len(groups)} groups opened", flush=True)


# ---- tasks that begin with a trained decoder ----

def test_decoder_file(checks, program, cwd, trained):
    """encode, evaluate and train with an existing decoder."""
    base = {**IMAGES, **TRAINING, "decoder.file": trained, **without(IMAGES, "decoder.")}
    no_sets = without(IMAGES, "data.train", "data.test")
    encode = {"run.tasks": ["encode"], "data.encode.file": SMALL,
              "data.encode.dataset": "/test/images", "data.encode.count": 64}
    path = run_input(checks, program, cwd, "encode", base, no_sets, encode)
    checks(listing(os.path.dirname(path)) == FILES[2:], "encode: neither checkpoint nor history")
    checks(not same(path, "encode", trained, "test"),
           f"encode differs from /test of the training: {same(path, 'encode', trained, 'test')}")

    path = run_input(checks, program, cwd, "scaled", base, no_sets, encode, {"data.scale": 7})
    checks(not same(path, "encode", trained, "test"),
           "the decoder's own scaling should be used again")

    path = run_input(checks, program, cwd, "evaluate", base, without(IMAGES, "data.train"),
                     {"run.tasks": ["evaluate"]}, ranks=3)
    checks(not same(path, "test", trained, "test"), "evaluate differs from the training's /test")
    figures = [read_summary(os.path.dirname(name)) for name in (path, trained)]
    checks(figures[0]["test_loss"] == figures[1]["test_loss"], f"test_loss: {figures}")
    checks(figures[0]["train_loss"] is None, "there is no train_loss without training")

    path = run_input(checks, program, cwd, "no_epochs", base, {"training.epochs": 0})
    for layer in (0, 1):
        checks(not same(path, f"decoder/layer_{layer}", trained, f"decoder/layer_{layer}",
                        ("weight", "bias")), "without epochs the decoder should stay as it is")
    path = run_input(checks, program, cwd, "finer", base, {"training.epochs": 1})
    with h5py.File(path, "r") as finer, h5py.File(trained, "r") as before:
        first, scratch = (file["history/step_loss"][0] for file in (finer, before))
        checks(first < 0.8 * scratch, f"fine-tuning begins with a loss of {first}, not {scratch}")
        losses = [file["test/loss"][()].mean() for file in (finer, before)]
        checks(losses[0] < losses[1], f"fine-tuning should lower the test loss: {losses}")
    print("decoder.file: done", flush=True)


def test_predictor(checks, program, cwd, trained):
    """evaluation.start: fitted by training, stored with the decoder, required of decoder.file."""
    start = {**IMAGES, "evaluation.start": "predictor"}
    from_file = {"decoder.file": trained, **without(IMAGES, "decoder.")}
    evaluate = {"run.tasks": ["evaluate"], **without(IMAGES, "data.train.")}
    result = run(program, write_input(os.path.join(cwd, "no_predictor.yaml"), start, from_file,
                                      evaluate))
    checks(result.code == 2 and "evaluation.start" in result.err and "epochs = 0" in result.err,
           f"a decoder without a predictor should be refused: {result}")
    added = run_input(checks, program, cwd, "add_predictor", start, from_file,
                      {"training.epochs": 0}, ranks=2)
    again = run_input(checks, program, cwd, "use_predictor", start, evaluate,
                      {**from_file, "decoder.file": added})
    zero = run_input(checks, program, cwd, "from_zero", IMAGES, evaluate, from_file)
    with h5py.File(added, "r") as first, h5py.File(again, "r") as second, \
            h5py.File(zero, "r") as plain:
        for name in ("test/z", "predictor/matrix", "predictor/metric"):
            checks(first[name][()].tobytes() == second[name][()].tobytes(),
                   f"{name} should be the same by the predictor of a file")
        p = {name: first[f"predictor/{name}"][()].astype(float) for name in first["predictor"]}
        y = (first["test/target"][()] / 255).reshape(len(first["test/target"]), -1)
        guess = p["mean_latent"] + (y - p["mean_sample"]) @ p["matrix"].T
        z = plain["test/z"][()][:len(y)]
        error, spread = np.square(guess - z).mean(), np.square(z - z.mean(axis=0)).mean()
        checks(error < 0.5 * spread, f"mean square error of the guess {error}, of the mean {spread}")
        checks(abs(first["test/loss"][()].mean() / plain["test/loss"][()].mean() - 1) < 2e-3,
               "and the losses should be those from zero")
    print("predictor: done", flush=True)


def test_foreign_decoder(checks, program, cwd, trained):
    """A decoder written elsewhere: by write_decoder, and with the minimum that is needed."""
    with Results(trained) as results:
        decoder = results.decoder()
    written, least = (os.path.join(cwd, name) for name in ("written.h5", "least.h5"))
    write_decoder(written, decoder.layers, "bce", 0.0, 255.0, (28, 28))
    with h5py.File(least, "w") as file:
        for k, (weight, bias, activation) in enumerate(decoder.layers):
            file[f"decoder/layer_{k}/weight"] = weight.astype(np.float32)
            file[f"decoder/layer_{k}/bias"] = bias.astype(np.float32)
            file[f"decoder/layer_{k}"].attrs["activation"] = activation
    base = {**IMAGES, **TRAINING, **without(IMAGES, "decoder.", "data.train"),
            "run.tasks": ["evaluate"]}
    base["evaluation.start"] = "zero"  # they have no dictionary
    reference = run_input(checks, program, cwd, "its_own", base, {"decoder.file": trained})
    for name, file in (("written", written), ("least", least)):
        path = run_input(checks, program, cwd, name, base, {"decoder.file": file})
        checks(not same(path, "test", reference, "test"),
               f"{name}: a decoder of the same numbers should give the same latents")
    print("a decoder of someone else: done", flush=True)


def test_scaling(checks, program, cwd):
    """Constants of minmax and standardise come from the training images and are stored."""
    with h5py.File(SMALL, "r") as small:
        images = small["train/images"][:300].astype(float)
    for kind, offset, factor in (("minmax", images.min(), np.ptp(images)),
                                 ("standardise", images.mean(), images.std())):
        path = run_input(checks, program, cwd, kind, IMAGES,
                         {"data.scale": kind, "decoder.loss": "mse",
                          "evaluation.max_iterations": 5}, ranks=3)
        with h5py.File(path, "r") as file:
            found = [file["decoder"].attrs[f"scale_{name}"] for name in ("offset", "factor")]
        checks(np.allclose(found, (offset, factor), rtol=1e-12), f"{kind}: {found}")


# ---- formats ----

def write_idx(path, array):
    """An IDX file, gzipped if the name says so."""
    code = {"uint8": 0x08, "float32": 0x0D}[array.dtype.name]
    head = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    with (gzip.open if path.endswith(".gz") else open)(path, "wb") as file:
        file.write(head + array.astype(array.dtype.newbyteorder(">")).tobytes())


def test_formats(checks, program, cwd, trained):
    """The same images from .npy, IDX, gzipped IDX, and other ways to store HDF5."""
    folder = os.path.join(cwd, "formats")
    os.mkdir(folder)
    with h5py.File(SMALL, "r") as small, h5py.File(os.path.join(folder, "x.h5"), "w") as file:
        for name, count in (("train", 300), ("test", 64)):
            images, labels = small[f"{name}/images"][:count], small[f"{name}/labels"][:count]
            np.save(os.path.join(folder, name + ".npy"), images)
            np.save(os.path.join(folder, name + "_labels.npy"), labels.astype(np.int64))
            for ending in (".idx", ".idx.gz"):
                write_idx(os.path.join(folder, name + ending), images)
                write_idx(os.path.join(folder, name + "_labels" + ending), labels)
            file.create_dataset(name + "/float", data=images.astype(">f8"))
            file.create_dataset(name + "/int", data=images.astype("i2"), chunks=(7, 10, 28),
                                shuffle=True, compression="gzip")
            file[name + "/labels"] = labels.astype("i4")
    for ending in (".npy", ".idx", ".idx.gz"):
        values = {f"data.{name}.{key}": os.path.join("formats", name + middle + ending)
                  for name in ("train", "test")
                  for key, middle in (("file", ""), ("labels", "_labels"))}
        values.update({"data.train.dataset": None, "data.test.dataset": None})
        path = run_input(checks, program, cwd, "from" + ending, IMAGES, TRAINING, values, ranks=3)
        for name in ("train", "test"):
            found = same(path, name, trained, name, OUTCOME + ("label",))
            checks(not found, f"{ending}: {found} of {name} differ from those from HDF5")
    for dataset in ("float", "int"):
        values = {f"data.{name}.{key}": value for name in ("train", "test")
                  for key, value in (("file", "formats/x.h5"), ("dataset", f"/{name}/{dataset}"),
                                     ("labels", f"/{name}/labels"))}
        path = run_input(checks, program, cwd, "from_" + dataset, IMAGES, TRAINING, values,
                         ranks=3)
        found = same(path, "test", trained, "test", OUTCOME + ("label",))
        checks(not found, f"HDF5 {dataset}: {found} differ from those from bytes")
    print("formats: done", flush=True)


# ---- --check, --parameters, --version ----

def test_check(checks, program, cwd):
    """--check prints figures that make sense and writes nothing."""
    folder = os.path.join(cwd, "check")
    os.mkdir(folder)
    write_input(os.path.join(folder, "input.yaml"), IMAGES)
    result = run(program, "--check", "input.yaml", cwd=folder)
    checks(result.code == 0 and not result.err, f"--check: {result}")
    checks(listing(folder) == ["input.yaml"], f"--check should write nothing: {listing(folder)}")
    parameters = [10 * 64 + 64, 64 * 784 + 784]
    for number in (*parameters, sum(parameters)):
        checks(re.search(rf"\b{number}\b", result.out), f"--check: no {number} in {result.out}")
    checks(re.search(r"train +300 +28 x 28 +0 +255 +\d+\.\d+ +0\n", result.out),
           f"--check: what is the training set like? {result.out}")
    for scale, ranks in (("minmax", 3), ("standardise", 1)):
        again = run(program, "--check", "input.yaml", "--set", f"data.scale={scale}",
                    ranks=ranks, cwd=folder)
        checks(again.code == (0 if scale == "minmax" else 2), f"--check, {scale}: {again}")
    checks("learning_rate: 0.002" in result.out, "--check should print the resolved input")
    size = re.search(r"results\.h5 +([0-9.]+) ([KM])iB", result.out)
    promised = float(size[1]) * {"K": 2**10, "M": 2**20}[size[2]] if size else 0
    run_input(checks, program, folder, "real", IMAGES, {"evaluation.max_iterations": 2})
    real = os.path.getsize(os.path.join(folder, "real", "results.h5"))
    checks(0.5 < promised / real < 1.5, f"--check: results.h5 of {promised} bytes has {real}")
    for settings, kind in ((["training.batch=3"], "samples"),
                           (["training.adjoint=discrete", "encoding.solver=rk4"], "tiles")):
        settings = [word for setting in settings for word in ("--set", setting)]
        many = run(program, "--check", "input.yaml", *settings, ranks=4, cwd=folder)
        checks(many.code == 0 and re.search(rf"warning: 4 ranks share the \d+ {kind}", many.err),
               f"more ranks than {kind}: {many}")


def test_memory(checks, program, cwd):
    """The memory and file sizes that --check states for a decoder of large fields are those of a
    run; not with sanitizers, which take additional memory."""
    if "ASAN_OPTIONS" in os.environ:
        return
    samples = os.path.join(cwd, "field.npy")
    np.save(samples, np.random.default_rng(1).random((2, 64, 64, 64), np.float32))
    up = {"conv_transpose": 16, "kernel": 4, "stride": 2, "padding": 1, "activation": "elu"}
    path = write_input(os.path.join(cwd, "field.yaml"), {
        "run.directory": "field", "run.tasks": ["train"], "data.train.file": samples,
        "decoder.latent": 20, "decoder.loss": "mse", "decoder.layers": [
            {"dense": 16 * 8**3, "activation": "elu"}, {"reshape": [16, 8, 8, 8]}, up, up, up,
            {"conv": 1, "kernel": 3, "padding": 1}],
        "encoding.max_iterations": 1, "evaluation.max_iterations": 1, "training.batch": 2,
        "evaluation.pod": False})
    said = run(program, "--check", path, cwd=cwd)
    stated = re.search(r"total +(\S+) MiB", said.out)
    taken = run(PEAK, program, path, cwd=cwd)
    peak = re.search(r"peak (\d+) KiB", taken.out)
    if checks(stated and peak, f"memory of a field: {said}, {taken}"):
        ratio = int(peak[1]) / 1024 / float(stated[1])
        checks(0.9 < ratio < 1.1, f"memory of a field: {peak[0]}, stated: {stated[0]}")
        checks(int(peak[1]) < 0.65 * 2**20, f"memory of a field: {peak[0]}")
    for name in ("results.h5", "checkpoint.h5"):
        stated = re.search(rf"  {name}.* (\S+) MiB", said.out)
        size = os.path.getsize(os.path.join(cwd, "field", name)) / 2**20
        checks(stated and 0.9 < size / float(stated[1]) < 1.1, f"{name}: {size} MiB, {said}")


def test_examples(checks, program, double, cwd):
    """The inputs of the repository are valid; some need data that are not available here, or the
    results of another, and one a set that a script makes."""
    inputs = os.path.join(ROOT, "inputs")
    waiting = ("cifar10.yaml", "cifar10_residual.yaml", "cifar10_transposed.yaml", "encode.yaml",
               "mnist.yaml", "omniglot.yaml", "circle_points.yaml")
    for path in sorted(glob.glob(f"{inputs}/*.yaml") + glob.glob(f"{inputs}/paper/*.yaml")):
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as file:
            task = ["--task", "0"] if re.search(r"^sweep:", file.read(), re.M) else []
        if name == "fields.yaml":
            data = os.path.join(cwd, "burgers.h5")
            checks(run(os.path.join(inputs, "fields.py"), data).code == 0, "fields.py")
            task = [word for key in ("train", "test") for word in ("--set", f"data.{key}.file={data}")]
        result = run(double if name == "gradient_check.yaml" else program, "--check", *task, path)
        waits = name in waiting and result.code == 2 and "No such file" in result.err
        checks(result.code == 0 or waits, f"{path}: {result}")
    print("examples: done", flush=True)


def test_reference(checks, program, cwd):
    """--parameters is a valid input; --help and --version answer."""
    reference = run(program, "--parameters")
    path = os.path.join(cwd, "reference.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(reference.out)
    checks(run(program, "--check", path, cwd=cwd).code == 0, "--check of --parameters")
    result = run(program, path, "--set", "run.directory=reference", cwd=cwd)
    checks(result.code == 0, f"a run of --parameters: {result}")
    result = run(program, path, "--set", "run.directory=twice", "--set", "training.second_flow=1",
                 cwd=cwd)
    checks(re.search(r"^ +1\* ", result.out, re.MULTILINE) and "second flow" in result.out,
           f"an epoch with second flows is marked: {result}")
    keys = re.findall(r"^  ([a-z_0-9]+\.[a-z_.0-9]+) ", run(program, "--help").out, re.MULTILINE)
    checks(len(keys) > 70, f"--help lists {len(keys)} parameters")
    for key in keys:
        checks(re.search(rf"^ *(- )?{key.split('.')[-1]}:", reference.out, re.MULTILINE),
               f"--parameters lacks {key} of --help")
    version = run(program, "--version")
    checks(version.code == 0 and re.match(r"gfe_hpc \d+\.\d+\.\d+ ", version.out), str(version))


# ---- failures ----

def test_divergence(checks, program, cwd):
    """Training that diverges ends with exit code 4; the results have the last good decoder."""
    path = write_input(os.path.join(cwd, "diverge.yaml"), CIRCLE,
                       {"run.directory": "diverge", "training.optimiser": "sgd",
                        "training.learning_rate": 1e6})
    for ranks in (1, 3):
        result = run(program, path, ranks=ranks, cwd=cwd)
        message = [line for line in result.err.splitlines() if "finite" in line]
        checks(result.code == 4, f"a diverging training: {result}")
        checks(len(message) == 1 and re.search(r"step \d+ of epoch 1\b", message[0])
               and "training.learning_rate" in message[0], f"diverged: {result.err}")
        directory = os.path.join(cwd, "diverge")
        checks(read_summary(directory)["exit_reason"] != "done", "exit_reason after a divergence")
        with Results(os.path.join(directory, "results.h5")) as results:
            checks(all(np.all(np.isfinite(weight)) for weight, _, _ in results.decoder().layers),
                   "the decoder that is kept should be finite")


def start_training(program, cwd, path, directory):
    """Starts endless training of `path` in its directory, where there already are results, and
    returns the process once it is training."""
    history = os.path.join(directory, "history.csv")
    os.truncate(history, 0)
    # Python ignores SIGXFSZ, and so does the run: writing too much is an error, no signal.
    process = subprocess.Popen(
        [program, "--set", "run.restart=never", "--set", "training.epochs=1000000", path], cwd=cwd,
        env=ENVIRONMENT, text=True, restore_signals=False, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)
    while os.path.getsize(history) < 200 and process.poll() is None:
        time.sleep(0.02)
    return process


def test_killed(checks, program, cwd):
    """results.h5 of an earlier run stays until the new one is complete."""
    path = run_input(checks, program, cwd, "kept", CIRCLE)
    directory = os.path.dirname(path)
    with open(path, "rb") as file:
        before = file.read()
    long = write_input(os.path.join(cwd, "long.yaml"), CIRCLE,
                       {"run.directory": "kept", "evaluation.every": 0})
    process = start_training(program, cwd, long, directory)
    checks(process.poll() is None and os.path.getsize(os.path.join(directory, "history.csv")),
           "history.csv should grow while running")
    process.kill()
    process.communicate()
    with open(path, "rb") as file:
        checks(file.read() == before, "a killed run should leave the results as they were")
    checks(listing(directory) == sorted([*FILES, "run.lock"]),
           f"files after a kill: {listing(directory)}")


def test_full(checks, program, cwd):
    """No room for a checkpoint: exit code 3, and what was there stays."""
    path = run_input(checks, program, cwd, "full", IMAGES,
                     {"evaluation.max_iterations": 2, "checkpoint.steps": 10})
    directory = os.path.dirname(path)
    with open(path, "rb") as file:
        before = file.read()
    process = start_training(program, cwd, os.path.join(cwd, "full.yaml"), directory)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100 * 2**10, resource.RLIM_INFINITY))
    _, err = process.communicate()
    checks(process.returncode == 3 and "gfe_hpc: error on rank 0" in err and "checkpoint.h5" in err,
           f"a full disk: exit code {process.returncode}, {err}")
    with open(path, "rb") as file:
        checks(file.read() == before, "a full disk should leave the results as they were")


# ---- training ----

def test_circle(checks, program, cwd, name):
    """One number describes a circle."""
    path = run_input(checks, program, cwd, name, CIRCLE, ROUND, ranks=2)
    with h5py.File(path, "r") as file:
        losses = file["history/epoch_train_loss"][()]
        checks(losses[-1] < 0.02 < losses[0], f"circle: the loss goes from {losses[0]:.4f} to "
                                              f"{losses[-1]:.4f}, which should be below 0.02")
        points = file["test/target"][()]
        checks(np.allclose((points ** 2).sum(axis=1), 1, atol=1e-6), "circle: points of length 1")
        print(f"{name}: training loss {losses[0]:.4f} -> {losses[-1]:.2g}", flush=True)


def test_saturation(checks, program, cwd):
    """Where tanh saturates, the loss hardly depends on z: latents and training stay finite."""
    path = run_input(checks, program, cwd, "saturated", CIRCLE, ROUND,
                     {"decoder.layers": [{"dense": 32, "activation": "tanh"},
                                         {"dense": 32, "activation": "tanh"}, {"dense": 2}],
                      "training.epochs": 20, "training.learning_rate": 1e-2})
    with h5py.File(path, "r") as file:
        for name in ("train", "test"):
            checks(np.all(np.isfinite(file[f"{name}/z"])), f"{name}: latents should be finite")


def test_sizes(checks, program, cwd):
    """Batches that do not fit the set: larger than it, of one sample, with a short last one."""
    for batch, count, steps in ((1000, 30, 1), (1, 7, 7), (7, 30, 5)):
        path = run_input(checks, program, cwd, f"batch_{batch}", IMAGES,
                         {"data.train.count": count, "data.test.count": 3,
                          "training.batch": batch, "evaluation.max_iterations": 5}, ranks=2)
        with h5py.File(path, "r") as file:
            samples = file["history/step_samples"][()]
        checks(len(samples) == steps and samples[-1] == count,
               f"batch {batch} of {count} images: {samples}")


def test_double(checks, double, cwd, trained):
    """The program in float64: its own bits, finer losses, nearly the float32 results."""
    runs = [run_input(checks, double, cwd, f"double_{ranks}", IMAGES, TRAINING, ranks=ranks)
            for ranks in (1, 3)]
    equal = run(os.path.join(SUPPORT, "compare_results.py"), *runs)
    checks(equal.code == 0, f"float64 on 1 and 3 ranks: {equal.out}")
    losses = run(os.path.join(SUPPORT, "check_losses.py"), runs[0], "--rtol", 1e-12)
    checks(losses.code == 0, f"float64: {losses.out}{losses.err}")
    with h5py.File(runs[0], "r") as fine, h5py.File(trained, "r") as coarse:
        checks(fine["test/z"].dtype == np.float64 and coarse["test/z"].dtype == np.float32,
               "the latents should be of the program's precision")
        means = [file["test/loss"][()].mean() for file in (fine, coarse)]
    checks(abs(means[0] / means[1] - 1) < 0.01, f"test losses in float64 and float32: {means}")
    print(f"float64: mean test loss {means[0]:.6f}, in float32 {means[1]:.6f}", flush=True)


def test_without_train(checks, program, cwd):
    """The training set need not be encoded; the decoder and the test set stay the same."""
    path = run_input(checks, program, cwd, "without_train", IMAGES, TRAINING,
                     {"evaluation.train": False})
    summary = read_summary(os.path.dirname(path))
    with h5py.File(path, "r") as some, \
            h5py.File(os.path.join(cwd, "trained", "results.h5"), "r") as all_of_it:
        checks("train" not in some and "train" in all_of_it, "no group /train is wanted")
        checks(np.array_equal(some["test/z"][()], all_of_it["test/z"][()]), "the test latents")
    checks(summary["train_loss"] is None and summary["test_loss"] > 0, f"summary: {summary}")


def main():
    program, double = arguments("gfe_hpc gfe_hpc_double", 2)
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        trained = test_files(checks, program, cwd)
        test_xarray(checks, trained)
        test_without_train(checks, program, cwd)
        test_decoder_file(checks, program, cwd, trained)
        test_predictor(checks, program, cwd, trained)
        test_foreign_decoder(checks, program, cwd, trained)
        test_scaling(checks, program, cwd)
        test_formats(checks, program, cwd, trained)
        test_check(checks, program, cwd)
        test_memory(checks, program, cwd)
        test_examples(checks, program, double, cwd)
        test_reference(checks, program, cwd)
        test_divergence(checks, program, cwd)
        test_killed(checks, program, cwd)
        test_full(checks, program, cwd)
        test_circle(checks, program, cwd, "circle")
        test_circle(checks, double, cwd, "circle_double")
        test_saturation(checks, program, cwd)
        test_sizes(checks, program, cwd)
        test_double(checks, double, cwd, trained)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
