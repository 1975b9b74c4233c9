#!/usr/bin/env python3
"""Tests of postprocess/ and tests/support/check_losses.py on small synthetic results files."""

import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types

import h5py
import numpy as np
import xarray

from gfe.results import ACTIVATIONS, Decoder, Results, ResultsError, widths, write_decoder
from program import ROOT, SUPPORT, Checks
from results_files import random_layers, run, write_results

POSTPROCESS = os.path.join(ROOT, "postprocess")
COMMANDS = ("collect", "compare", "latents", "plot", "results", "scaling")
COLLECT, COMPARE, LATENTS, PLOT, SUMMARY, SCALING = (os.path.join(POSTPROCESS, f"gfe_{name}.py")
                                            for name in COMMANDS)
STUDY = os.path.join(ROOT, "inputs", "paper", "gfe_study.py")
RECIPES = os.path.join(ROOT, "inputs", "paper", "gfe_recipes.py")
EXPERIMENTS = os.path.join(ROOT, "inputs", "paper", "gfe_experiments.py")
CHECK = os.path.join(SUPPORT, "check_losses.py")
check = Checks()

def test_gradient(rng):
    """Central differences of the loss, for every activation and loss, with weights."""
    for activation in ACTIVATIONS:
        for loss in ("bce", "mse"):
            decoder = Decoder(random_layers(rng, (3, 9, 5), activation), loss)
            z, y, w = rng.normal(size=(4, 3)), rng.random((4, 5)), rng.random((4, 5))
            gradient = decoder.gradient(y, z, w)
            numeric = np.empty_like(gradient)
            for k, e in enumerate(1e-6 * np.eye(3)):
                numeric[:, k] = (decoder.loss(y, z + e, w) - decoder.loss(y, z - e, w)) / 2e-6
            worst = np.max(np.abs(gradient - numeric))
            check(worst < 1e-8 * max(1, np.max(np.abs(numeric))) + 1e-9,
                  f"gradient with {activation}, {loss}: off by {worst:.1e}")


def test_decoder(rng, directory):
    """A written decoder is read back; losses are those of the formulas; mistakes are refused."""
    path = os.path.join(directory, "decoder.h5")
    layers = random_layers(rng, (2, 4, 6), "elu")
    write_decoder(path, layers, "bce", 1, 2, (2, 3))
    with Results(path) as results:
        decoder, groups, history = results.decoder(), results.groups, results.history
    check(groups == [] and history is None, "a decoder file has neither sets nor history")
    check(all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) and a[2] == b[2]
              for a, b in zip(layers, decoder.layers)), "layers survive writing and reading")
    z, y = rng.normal(size=(5, 2)), rng.random((5, 2, 3))
    p = decoder.decode(z)
    entries = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    check(p.shape == y.shape, "reconstructions have the shape of a sample")
    check(np.allclose(decoder.loss(y, z), entries.mean(axis=(1, 2)), rtol=1e-12), "bce")
    check(np.allclose(decoder.loss(y, z, 3 * np.ones_like(y)), decoder.loss(y, z), rtol=1e-14),
          "a common factor of the weights does not matter")
    check(np.array_equal(decoder.to_data_units(np.array([0, 1])), [1, 3]), "data units")
    test_fields(rng, os.path.join(directory, "fields.h5"))
    for bad in (dict(layers=layers, loss="l1"), dict(layers=layers, loss="mse", shape=(5,)),
                dict(layers=layers[::-1], loss="mse"), dict(layers=[], loss="mse"),
                dict(layers=random_layers(rng, (2, 4, 6), "mish"), loss="mse")):
        try:
            write_decoder(os.path.join(directory, "bad.h5"), **bad)
            check(False, f"write_decoder accepts {bad}")
        except ResultsError:
            check(True, "")


def test_widths():
    """A residual adds its branches; layers without weights are left out."""
    def layer(kind, output, **more):
        weight = None if kind in ("residual", "reshape") else 1
        return types.SimpleNamespace(kind=kind, output=output, weight=weight, **more)

    ends = [layer("dense", (64,)), layer("dense", (12,)), layer("reshape", (3, 4)),
            layer("dense", (12,)), layer("residual", (12,), branches=(3, 1))]
    check(widths(ends) == "64 - 12 + 12", f"beside a branch: {widths(ends)}")
    inner = [layer("conv", (8, 4, 4)), *ends[:2], layer("residual", (12,), branches=(1, 0)),
             layer("dense", (2,))]
    check(widths(inner) == "8 x 4 x 4 - 64 - 12 - 2", f"past a layer: {widths(inner)}")


def test_fields(rng, path):
    """Padding of every mode and the slope of leaky_relu: central differences of the loss, before
    and after the decoder was written and read."""
    conv = {"kind": "conv", "kernel": [3, 2], "stride": [2, 1], "padding": [1, 2],
            "activation": "gelu", "weight": rng.normal(size=(2, 2, 3, 2)),
            "bias": rng.normal(size=2)}
    layers = [{"kind": "dense", "weight": rng.normal(size=(18, 3)), "bias": rng.normal(size=18),
               "activation": "leaky_relu", "slope": 0.4},
              {"kind": "reshape", "sizes": [2, 3, 3], "activation": "identity"}]
    layers += [{**conv, "padding_mode": mode} for mode in ("reflect", "replicate", "periodic")]
    write_decoder(path, layers, "mse", latent=3)
    with Results(path) as results:
        decoder = results.decoder()
    z = rng.normal(size=(4, 3))
    y = rng.normal(size=(4, decoder.n))
    check(np.array_equal(decoder.loss(y, z), Decoder(layers, "mse", latent=3).loss(y, z)),
          "padding_mode and slope survive writing and reading")
    numeric = np.stack([(decoder.loss(y, z + e) - decoder.loss(y, z - e)) / 2e-6
                        for e in 1e-6 * np.eye(3)], axis=1)
    worst = np.max(np.abs(decoder.gradient(y, z) - numeric))
    check(worst < 1e-8 * max(1, np.max(np.abs(numeric))), f"gradient of fields: off by {worst:.1e}")


def test_columns(rng, directory):
    """A set has every column of its group, with unit and text, and no dimension; what is not stored
    is None; bytes per sample are those of the columns, without what only the first samples have."""
    path = os.path.join(directory, "columns.h5")
    write_results(path, rng, shape=(6, 5), latent=3, labels=False)
    with h5py.File(path, "a") as file:
        file["test/spread"] = np.arange(80.0).reshape(40, 2)  # a column of some later program
        rejected = file["test/rejected"][()]
    with Results(path) as results:
        encoded, size = results.set("test"), results.bytes_per_sample("test")
    check(np.array_equal(encoded.rejected, rejected), "the rejected trials")
    check(encoded.columns["rejected"] == {"units": "1", "long_name": "rejected trials of the flow"},
          f"unit and text of a column: {encoded.columns['rejected']}")
    check(np.array_equal(encoded.spread[3], [6, 7]), "a column that the reader does not know")
    with Results(path) as results:
        part = results.set("test", without=("z", "target"))
    check(part.z is None and part.target is None and np.array_equal(part.loss, encoded.loss),
          "columns that are not asked for")
    check(encoded.label is None and encoded.z_encoder is None and encoded.weight is None,
          "columns that are not stored")
    check(not {"sample", "latent", "shown"} & (set(vars(encoded)) | set(encoded.columns)),
          f"dimensions are no columns: {list(encoded.columns)}")
    doubles, integers = 3 + 1 + 2, 4  # z, loss, spread; evaluations, iterations, rejected, index
    check(size == 8 * (doubles + integers) + 1, f"bytes per sample: {size}")


def test_programs(rng, directory):
    """Every figure for every kind of sample, the summary, and the check of the losses."""
    cases = {"line": dict(shape=(30,)), "image": dict(shape=(6, 5), loss="bce", missing=True),
             "colour": dict(shape=(3, 6, 5), loss="bce"), "field": dict(shape=(4, 6, 5)),
             "circle": dict(shape=(2,), latent=1), "one_latent": dict(shape=(5,), latent=1),
             "unlabelled": dict(shape=(6, 5), labels=False),
             "unlabelled_circle": dict(shape=(2,), latent=1, labels=False),
             "few": dict(shape=(6, 5), samples=3, stored=3), "one": dict(shape=(7,), samples=1,
                                                                         stored=1)}
    for name, case in cases.items():
        path = os.path.join(directory, f"{name}.h5")
        write_results(path, rng, **case)
        output = os.path.join(directory, f"{name}_plots")
        plot = run(PLOT, path, "--output", output)
        expected = [os.path.join(output, f"{figure}.png")
                    for figure in ("loss", "reconstructions", "latents", "evaluations")]
        check(plot.returncode == 0 and "Warning" not in plot.stderr
              and plot.stdout.split() == expected
              and all(os.path.getsize(figure) > 5000 for figure in expected),
              f"plots of {name}: {plot.stdout}{plot.stderr}")
        summary = run(SUMMARY, path)
        check(summary.returncode == 0 and "mean loss" in summary.stdout,
              f"summary of {name}: {summary.stderr}")
        losses = run(CHECK, path, "--rtol", "1e-12")
        check(losses.returncode == 0, f"losses of {name}: {losses.stdout}{losses.stderr}")

    folder = os.path.join(directory, "a_run")
    os.mkdir(folder)
    write_results(os.path.join(folder, "results.h5"), rng, shape=(6, 5), steps=0, stored=0)
    plot = run(PLOT, folder, "--format", "pdf")
    check(run(SUMMARY, folder).returncode == 0, "the summary of a run's directory")
    check(sorted(os.listdir(os.path.join(folder, "plots"))) == ["evaluations.pdf",
                                                                  "latents.pdf"],
          f"an encoding alone has two figures, in pdf, in the run's directory: {plot.stderr}")


def test_compare(rng, directory):
    """The table has every run's errors and their ratio; what was not measured is a dash."""
    for name, values in (("one", {"test_relative_l2": 0.1, "test_pod_relative_l2": 0.4,
                                  "test_loss": 0.25}),
                         ("two", {"test_loss": None, "encode_loss": 2.0,
                                  "encode_relative_l2": 0.5, "encode_encoder_relative_l2": 0.6})):
        os.mkdir(os.path.join(directory, name))
        with open(os.path.join(directory, name, "summary.json"), "w", encoding="utf-8") as file:
            json.dump(values, file)
    result = run(COMPARE, os.path.join(directory, "one") + "/")
    check(result.stdout.splitlines() == [
        "| run | set | relative L2, POD | relative L2, GFE | GFE / POD | loss, GFE |",
        "| --- | --- | --- | --- | --- | --- |",
        "| one | test | 0.4 | 0.1 | 0.250 | 0.25 |", ""], f"{result.stdout}{result.stderr}")
    result = run(COMPARE, os.path.join(directory, "one"), os.path.join(directory, "two"))
    check("| two | encode | - | 0.6 | 0.5 | - | 2 |" in result.stdout, result.stdout)
    with open(os.path.join(directory, "one", "summary.json"), "w", encoding="utf-8") as file:
        json.dump({"test_relative_l2": 0.1, "test_pod_relative_l2": 0.4, "test_loss": 0.25,
                   "test_relative_l2_centred": 0.2, "test_pod_relative_l2_centred": 0.8}, file)
    result = run(COMPARE, os.path.join(directory, "one"))
    check("| GFE / POD | centred, POD | centred, GFE | loss, GFE |" in result.stdout
          and "| one | test | 0.4 | 0.1 | 0.250 | 0.8 | 0.2 | 0.25 |" in result.stdout,
          result.stdout)
    result = run(COMPARE, directory)
    check(result.returncode == 2 and "summary.json: no such file" in result.stderr
          and result.stderr.count("\n") == 1, result.stderr)


def test_wrong_losses(rng, directory):
    """check_losses.py detects a wrong loss, a loss that is NaN and a poor encoding."""
    path = os.path.join(directory, "wrong.h5")
    write_results(path, rng, shape=(6, 5))
    poor = run(CHECK, path, "--tolerance", "1e-5")
    check(poor.returncode == 1 and "encoded anew" in poor.stdout, f"poor encoding: {poor.stdout}")
    generous = run(CHECK, path, "--tolerance", "1")
    check(generous.returncode == 0, f"generous tolerance: {generous.stdout}{generous.stderr}")
    for value in (1.001, np.nan):
        with h5py.File(path, "a") as file:
            file["test/loss"][7] *= value
        wrong = run(CHECK, path)
        check(wrong.returncode == 1 and "sample 7" in wrong.stdout, f"{value}: {wrong.stdout}")


def test_errors(rng, directory):
    """Mistakes give one line and exit code 2."""
    path = os.path.join(directory, "errors.h5")
    write_results(path, rng, shape=(6, 5))
    plain = os.path.join(directory, "plain.txt")
    with open(plain, "w", encoding="utf-8") as file:
        file.write("not HDF5\n")
    for arguments, text in (((os.path.join(directory, "none.h5"),), "no such file"),
                            ((plain,), "not an HDF5 file"),
                            ((path.replace(".h5", "_data.h5"),), "not a results file"),
                            ((path, "--group", "train"), "no group /train")):
        result = run(PLOT, *arguments)
        check(result.returncode == 2 and text in result.stderr
              and result.stderr.count("\n") == 1, f"{text}: {result.stderr}")


# ---- sweeps ----

KEYS = {"training.batch": "samples", "training.learning_rate": "1", "training.optimiser": "1",
        "run.seed": "1", "decoder.layers": "1", "data.scale": "1", "data.train.subset": "samples",
        "run.model": "1", "encoding.solver": "1", "training.updates": "updates", "training.replay": "1"}


def write_sweep(directory, tasks, summaries):
    """A sweep's directory: its tasks' values, and per task a summary, {} for an empty directory or
    None for no directory at all."""
    names = [f"task_{k}_{k + 17:08x}" for k in range(len(tasks))]
    hashes = [f"{k + 17:08x}00000000" for k in range(len(tasks))]
    os.makedirs(directory)
    plan = {"keys": [{"key": key, "unit": KEYS[key], "text": f"about {key}"} for key in tasks[0]],
            "tasks": [{"index": k, "directory": names[k], "config_hash": hashes[k],
                       "values": values} for k, values in enumerate(tasks)]}
    with open(os.path.join(directory, "sweep.json"), "w", encoding="utf-8") as file:
        json.dump(plan, file)
    for name, config_hash, summary in zip(names, hashes, summaries):
        if summary is None:
            continue
        os.mkdir(os.path.join(directory, name))
        with open(os.path.join(directory, name, "history.csv"), "w", encoding="utf-8") as file:
            file.write("step\n")
        if summary:
            with open(os.path.join(directory, name, "summary.json"), "w",
                      encoding="utf-8") as file:
                json.dump({"config_hash": config_hash, "exit_reason": "done", **summary}, file)
    return names


def losses(*values):
    return [{"test_loss": value, "steps": 30} for value in values]


def test_sweep_kinds(rng, directory):
    """A map, a curve, points, texts, repetitions, a single task: table, figure and best."""
    rates = [{"training.batch": batch, "training.learning_rate": rate}
             for batch in (10, 20) for rate in (1e-3, 1e-2, 1e-1)]
    texts = [{"decoder.layers": layers, "data.scale": scale} for layers, scale in
             (("[{dense: 9}]", "minmax"), (None, 255), ("[{dense: 7}, {dense: 9}]", "none"))]
    seeds = [{"training.optimiser": name, "run.seed": seed} for name in ("adam", "sgd")
             for seed in (1, 2)]
    cases = {"map": (rates, losses(3, 2, 4, 5, 1, 6), 4), "texts": (texts, losses(3, 2, 1), 2),
             "curve": ([{"training.batch": batch} for batch in (5, 7, 50000)], losses(3, 2, 9), 1),
             "points": (rates[:5], losses(3, 2, 0.01, 5, 4), 2),
             "repeated": (seeds, losses(1, 5, 2, 3), 0)}
    for name, (tasks, summaries, best) in cases.items():
        path = os.path.join(directory, name)
        names = write_sweep(path, tasks, summaries)
        result = run(COLLECT, path)
        check(result.returncode == 0 and not result.stderr
              and f"best: task {best} " in result.stdout
              and f"{len(tasks)} tasks, {len(tasks)} done" in result.stdout,
              f"collecting {name}: {result.stdout}{result.stderr}")
        figure = os.path.join(path, "plots", "sweep_test_loss.png")
        check(os.path.getsize(figure) > 5000, f"the figure of {name}")
        with open(os.path.join(path, "sweep.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        check([row["directory"] for row in rows] == names, f"{name}: directories in sweep.csv")
        check([float(row["test_loss"]) for row in rows] == [s["test_loss"] for s in summaries],
              f"{name}: losses in sweep.csv")
        with xarray.open_dataset(os.path.join(path, "sweep.h5"), engine="h5netcdf") as data:
            check(dict(data.sizes) == {"task": len(tasks)}, f"{name}: {data.sizes}")
            for key in tasks[0]:
                column = [values[key] for values in tasks]
                if all(isinstance(value, str) for value in column) \
                        or all(isinstance(value, (int, float)) for value in column):
                    check(list(data[key].values) == column, f"{name}: {key} in sweep.h5")
                else:  # mixed: as texts
                    check(list(data[key].values) == ["" if v is None else str(v) for v in column],
                          f"{name}: {key} in sweep.h5")
                check(data[key].attrs["long_name"] == f"about {key}", f"{name}: {key}")
            check(list(data["steps"].values) == [30] * len(tasks)
                  and data["steps"].attrs["units"] == "updates", f"{name}: steps")
            check(all("long_name" in data[column].attrs for column in data.data_vars),
                  f"{name}: a column without long_name")
    highest = run(COLLECT, os.path.join(directory, "map"), "--highest", "--format", "pdf",
                  "--output", os.path.join(directory, "other"))
    check("best: task 5 with highest test_loss 6," in highest.stdout, highest.stdout)
    check(sorted(os.listdir(os.path.join(directory, "other"))) == ["plots", "sweep.csv",
                                                                  "sweep.h5"], "--output")


def test_sweep_states(rng, directory):
    """Tasks that are not done are named with their state, and are never the best."""
    path = os.path.join(directory, "states")
    tasks = [{"training.batch": batch} for batch in range(1, 9)]
    names = write_sweep(path, tasks, [
        {"test_loss": 0.5}, {"test_loss": 0.4}, {"test_loss": 0.1, "exit_reason": "signal USR1"},
        {"test_loss": 0.1, "exit_reason": "numerical failure"}, {}, {}, None,
        {"test_loss": 0.1, "config_hash": "0" * 16}])
    old = os.path.join(path, names[4])
    os.utime(os.path.join(old, "history.csv"), (1e9, 1e9))
    for name in ("task_9_00000000", "task_9_other"):
        os.mkdir(os.path.join(path, name))
    result = run(COLLECT, path)
    check(result.returncode == 0 and "8 tasks, 2 done, 1 stopped, 3 failed, 1 running, 1 missing"
          in result.stdout, f"states: {result.stdout}{result.stderr}")
    for line in (f"stopped  {names[2]} (signal USR1)", f"failed   {names[3]} (numerical failure)",
                 f"failed   {names[4]} (it ended without a word)", f"running  {names[5]}",
                 f"missing  {names[6]}", f"failed   {names[7]} (its summary.json is of a different",
                 "task_9_00000000 exists, but", "best: task 1 with lowest test_loss 0.4,"):
        check(line in result.stdout, f"no '{line}' in {result.stdout}")
    check("task_9_other" not in result.stdout, result.stdout)
    with xarray.open_dataset(os.path.join(path, "sweep.h5"), engine="h5netcdf") as data:
        meanings = data["status"].attrs["flag_meanings"].split()
        check([meanings[s] for s in data["status"].values]
              == ["done", "done", "stopped", "failed", "failed", "running", "missing", "failed"],
              "states in sweep.h5")
    again = run(COLLECT, path, "--patience", "0")
    check(f"failed   {names[5]}" in again.stdout, again.stdout)
    future = os.path.getmtime(os.path.join(path, names[2], "summary.json")) + 60
    os.utime(os.path.join(path, names[2], "history.csv"), (future, future))
    again = run(COLLECT, path)
    check(f"running  {names[2]}" in again.stdout, f"started again: {again.stdout}")

    none = os.path.join(directory, "none")
    write_sweep(none, tasks, [None] * 8)
    result = run(COLLECT, none)
    check(result.returncode == 0 and "8 tasks, 8 missing" in result.stdout
          and "no task is done" in result.stdout, f"{result.stdout}{result.stderr}")
    os.mkdir(os.path.join(directory, "empty"))
    for arguments, text in (((os.path.join(directory, "nowhere"),), "no such directory"),
                            ((os.path.join(directory, "empty"),), "no sweep.json"),
                            ((path, "--metric", "tset_loss"), "did you mean test_loss?"),
                            ((path, "--metric", "gugus"), "There are test_loss")):
        result = run(COLLECT, *arguments)
        check(result.returncode == 2 and text in result.stderr
              and result.stderr.count("\n") == 1, f"{text}: {result.stderr}")


# ---- the study and the latents ----

def study_tasks():
    """Two methods and an encoder with two settings, on three sizes and three seeds: values, and a
    summary with losses that are known."""
    tasks, summaries = [], []
    methods = [("gfe", "lbfgs", 2e-3, 1), ("gfe", "lbfgs", 2e-3, 4),
               ("autoencoder", "lbfgs", 1e-3, 1), ("autoencoder", "lbfgs", 2e-3, 1)]
    for n in (60, 300, 1200):
        for m, (model, solver, rate, updates) in enumerate(methods):
            for seed in (1, 2, 3):
                tasks.append({"data.train.subset": n, "run.seed": seed, "run.model": model,
                              "encoding.solver": solver, "training.learning_rate": rate,
                              "training.optimiser": "adam", "training.updates": updates})
                loss = (0.5, 0.45, 0.8, 0.7)[m] - 0.05 * np.log(n / 60) + 0.01 * (seed - 2)
                summaries.append({"test_loss": loss, "training_cpu_seconds": n * updates / 100,
                                  "test_loss_encoder": loss + 0.1 if m > 1 else None})
    return tasks, summaries


def test_study(rng, directory):
    """Means, ranges and conclusions are those of the runs; an autoencoder counts by its encoder."""
    path = os.path.join(directory, "study")
    tasks, summaries = study_tasks()
    names = write_sweep(path, tasks, summaries)
    for name, values in zip(names, tasks):
        results = os.path.join(path, name, "results.h5")
        write_results(results, rng, (6, 5), "bce")
        if values["run.model"] == "autoencoder":
            with h5py.File(results, "a") as file:
                file["test/z_encoder"] = file["test/z"][()] + 0.1
    result = run(STUDY, path, "--level", "0.42", "--dpi", "60")
    check(result.returncode == 0 and not result.stderr, f"study: {result.stdout}{result.stderr}")
    for name in ("one_pass", "recipes", "images"):
        check(os.path.getsize(os.path.join(path, "plots", f"study_{name}.png")) > 5000, name)
    with open(os.path.join(path, "study.md"), encoding="utf-8") as file:
        text = file.read()
    last = 0.05 * np.log(20)
    for line in ("over 3 seeds, by training images",
                 "| GFE lbfgs | Adam 2e-3 | 0.5000 ± 0.0100 | 0.4195 ± 0.0100 | "
                 f"{0.5 - last:.4f} ± 0.0100 |",
                 f"| autoencoder | Adam 2e-3 | 0.8000 ± 0.0100 | 0.7195 ± 0.0100 | "
                 f"{0.8 - last:.4f} ± 0.0100 |",
                 "| autoencoder | Adam 1e-3 | 0.8000 ± 0.0100 |",  # refined by the flow
                 "| GFE lbfgs, 4 updates per batch | Adam 2e-3 | 2.40 ± 0.00 |",
                 f"- GFE lbfgs with 60 images (0.5000) is at or below the best autoencoder with "
                 f"1,200 ({0.8 - last:.4f}), one pass.",
                 "- GFE lbfgs (Adam 2e-3): below 0.42 after 3.0 CPU seconds (300 images, 0.4195).",
                 "- autoencoder (Adam 2e-3): not below 0.42;"):
        check(line in text, f"no '{line}' in {text}")
    os.remove(os.path.join(path, names[0], "summary.json"))
    result = run(STUDY, path, "--dpi", "60", "--output", os.path.join(directory, "part"))
    check(result.returncode == 0 and "1 of 36 tasks are not done" in result.stdout
          and "over 2 to 3 seeds" in result.stdout, f"{result.stdout}{result.stderr}")
    other = os.path.join(directory, "other")
    write_sweep(other, [{"training.batch": 3}], losses(1))
    none = os.path.join(directory, "none")
    write_sweep(none, tasks[:2], [None, None])
    for place, text in ((other, "does not vary data.train.subset"), (none, "no task is done yet"),
                        (os.path.join(directory, "nowhere"), "no such directory")):
        result = run(STUDY, place)
        check(result.returncode == 2 and text in result.stderr
              and result.stderr.count("\n") == 1, f"{text}: {result.stderr}")


def test_recipes(_, directory):
    """Recipes by name; uses and evaluations per image beside the losses."""
    path, tasks, summaries = os.path.join(directory, "recipes"), [], []
    for n in (60, 300):
        for model, updates, replay, loss in (("pod", 1, False, 0.3), ("gfe", 20, False, 0.4),
                                             ("gfe", 8, True, 0.35)):
            for seed in (1, 2):
                tasks.append({"data.train.subset": n, "run.seed": seed, "run.model": model,
                              "training.updates": updates, "training.replay": replay})
                trained = model == "gfe"
                summaries.append({"test_loss": loss + 0.01 * seed, "uses_per_sample":
                                  updates * trained, "training_evaluations_per_sample":
                                  3.0 * updates * trained, "training_cpu_seconds": n / 60})
    write_sweep(path, tasks, summaries)
    result = run(RECIPES, path)
    check(result.returncode == 0 and not result.stderr, f"{result.stdout}{result.stderr}")
    for line in ("| recipe | 60 | 300 |", "| POD, nothing trained | 0.3150 ± 0.0050 |",
                 "| one pass in blocks | 20.0 | 20.0 |", "| one pass with replay | 28 | 28 |",
                 "| one pass with replay | 1.0 | 5.0 |"):
        check(line in result.stdout, f"no '{line}' in {result.stdout}")
    result = run(RECIPES, os.path.join(directory, "nowhere"))
    check(result.returncode == 2 and "no such directory" in result.stderr, result.stderr)


def test_latents(rng, directory):
    """Paths are straight, draws have the latents' mean and covariance; figures of pictures, lines
    and colour images; a map only where a package makes one."""
    from gfe.latents import choose_pairs, draw_latents, straight_paths
    z = rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3)) + (5, 0, -2)
    drawn = draw_latents(z, 100000, 1)
    check(np.allclose(drawn.mean(axis=0), z.mean(axis=0), atol=0.05), "the mean of the draws")
    check(np.allclose(np.cov(drawn.T), np.cov(z.T), atol=0.1), "their covariance")
    path, = straight_paths(z, [(3, 8)], 5)
    check(np.array_equal(path[0], z[3]) and np.array_equal(path[-1], z[8])
          and np.allclose(path[1], 0.75 * z[3] + 0.25 * z[8]), "a straight path")

    for name, shape, loss in (("pictures", (6, 5), "bce"), ("lines", (12,), "mse"),
                              ("colour", (3, 4, 4), "mse")):
        results = os.path.join(directory, f"{name}.h5")
        write_results(results, rng, shape, loss)
        with Results(results) as opened:
            encoded = opened.set("test")
            columns = opened.file["test"]
            check(np.array_equal(encoded.rejected, columns["rejected"][()]),
                  "whatever column the group holds is read")
        pairs = choose_pairs(encoded, 4, 1)
        check(len(pairs) == 4 and len({k for pair in pairs for k in pair}) == 8
              and all(encoded.label[a] != encoded.label[b] for a, b in pairs)
              and max(encoded.loss[k] for pair in pairs for k in pair) <= np.median(encoded.loss),
              f"pairs of different labels: {pairs}")
        result = run(LATENTS, results, "--output", os.path.join(directory, name))
        check(result.returncode == 0 and not result.stderr, f"{name}: {result.stderr}")
        for figure in ("map", "paths", "draws"):
            file = os.path.join(directory, name, f"latents_{figure}.png")
            check(os.path.getsize(file) > 5000, f"{name}: {figure}")
    has_map = any(importlib.util.find_spec(package) for package in ("sklearn", "umap"))
    check(has_map != ("no t-SNE or UMAP map" in result.stdout), result.stdout)
    result = run(LATENTS, os.path.join(directory, "nowhere.h5"))
    check(result.returncode == 2 and "no such file" in result.stderr, result.stderr)


# ---- scaling ----

COSTS = dict(evaluation=40e-6, tile=2e-3, step=3e-3)  # seconds, of runs that are made up


LAYOUT = {"samples_per_tile_least": 10, "samples_per_tile_most": 24, "tiles_per_batch": 4}


def efficiency_at_64(report):
    """Of 64 ranks with a batch of 64, as it is printed."""
    return next(line.split(" | ")[3] for line in report.splitlines() if line.startswith("| 64 | "))


def write_training(path, rng, ranks, batch, tile, seconds, widths=(2, 5, 6), layout=LAYOUT):
    """A run that trained two epochs of 30 steps of `seconds`, 20 evaluations per sample, with a
    pause of 9 s before the second epoch; an old one, if `layout` is empty."""
    os.makedirs(path)
    write_decoder(os.path.join(path, "results.h5"), random_layers(rng, widths), "mse")
    steps = np.arange(1, 61)
    with h5py.File(os.path.join(path, "results.h5"), "a") as file:
        file.attrs.update(parallelism=f"{ranks} ranks x 1 thread", **layout)
        if layout:
            file.attrs["samples_per_tile"] = tile
        history = file.create_group("history")
        for name, values in dict(
                step_loss=1 / steps, step_samples=batch * steps, step_epoch=1 + (steps > 30),
                step_evaluations=np.full(60, 20.0), step_seconds=seconds * steps + 9 * (steps > 30),
                epoch_train_loss=np.ones(2), epoch_evaluations_mean=np.full(2, 20.0),
                epoch_evaluations_p50=np.full(2, 20), epoch_evaluations_p99=np.full(2, 20),
                epoch_evaluations_max=np.full(2, 20)).items():
            history[name] = values
    return path


def write_encoding(path, rng, ranks, evaluations, seconds, widths=(2, 5, 6)):
    os.makedirs(path)
    write_decoder(os.path.join(path, "results.h5"), random_layers(rng, widths), "mse")
    with h5py.File(os.path.join(path, "results.h5"), "a") as file:
        file.attrs.update(parallelism=f"{ranks} ranks x 1 thread", samples_per_tile=10, **LAYOUT)
        group, count = file.create_group("encode"), len(evaluations)
        group["z"], group["loss"] = np.zeros((count, widths[0])), np.ones(count)
        group["evaluations"], group["status"] = evaluations, np.zeros(count, "i1")
        group["status"].attrs["flag_meanings"] = "converged"
    with open(os.path.join(path, "summary.json"), "w", encoding="utf-8") as file:
        json.dump({"seconds": seconds, "training_seconds": 0.0}, file)
    return path


def test_scaling(rng, directory):
    """The costs of made-up runs are recovered; speedups and balances are those of the runs; without
    communication, samples of equal cost scale perfectly."""
    runs = []
    for batch, tile, ranks in ((20, 10, 1), (64, 16, 1), (256, 24, 1), (64, 16, 2)):
        tiles, samples = -(-batch // tile) // ranks, batch / ranks
        seconds = COSTS["evaluation"] * 20 * samples + COSTS["tile"] * tiles + COSTS["step"]
        runs.append(write_training(os.path.join(directory, f"train_{batch}_{ranks}"), rng, ranks,
                                   batch, tile, seconds))
    uneven = np.repeat((30, 10), 400)
    for name, ranks, evaluations, seconds in (("one", 1, uneven, 2.0), ("two", 2, uneven, 1.5),
                                              ("many", 8, uneven[::-1], 1.0)):
        runs.append(write_encoding(os.path.join(directory, name), rng, ranks, evaluations, seconds))
    free = ("--latency", "0", "--bandwidth", "1e30", "--partner", "0", "--imbalance", "1")
    result = run(SCALING, *runs, *free, "--ranks", "64")
    check(result.returncode == 0 and not result.stderr, f"{result.stdout}{result.stderr}")
    speedup = (0.0512 + 0.008 + 0.003) / (0.0256 + 0.004 + 0.003)
    efficiency = (0.0512 + 0.008 + 0.003) / (4 * (0.0128 + 0.002 + 0.003))  # 16 samples a rank
    lonely = (0.0512 + 0.008 + 0.003) / (64 * (0.0032 + 0.002 + 0.003))  # one takes as long as 4
    for line in ("| gradient evaluation, training | 40.0 µs |", "| tile | 2.00 ms |",
                 "| step | 3.00 ms |", "| largest misfit of a run | 0.0 % |",
                 "| evaluations per sample, training | 20.0 |",
                 "| gradient evaluation, encoding | 125.0 µs |",
                 f"| training, batch 64 | {speedup:.2f} | {speedup:.2f} |", "| 1.33 |",
                 "| 2 | encode, 800 samples | ", "| 1.500 |",  # 30 of a mean of 20
                 f"| 4 | 96 | 24 | {100 * efficiency:.0f} % |"):
        check(line in result.stdout, f"no '{line}' in {result.stdout}")
    check(efficiency_at_64(result.stdout) == f"{100 * lonely:.0f} %",
          f"no {lonely} in {result.stdout}")
    large = []  # so many parameters that 64 ranks share the step, half of which they divide
    for batch, tile in ((20, 10), (64, 16), (256, 24)):
        seconds = (COSTS["evaluation"] * 20 * batch + COSTS["tile"] * -(-batch // tile)
                   + 20 * COSTS["step"])
        large.append(write_training(os.path.join(directory, f"large_{batch}"), rng, 1, batch, tile,
                                    seconds, (2, 1024, 1024)))
    result = run(SCALING, *large, *free, "--ranks", "64", "--output", directory)
    shared = (0.0512 + 0.008 + 0.06) / (64 * (0.0032 + 0.002 + 0.06 * (0.5 + 0.5 / 64)))
    check(efficiency_at_64(result.stdout) == f"{100 * shared:.0f} %",
          f"no {shared} in {result.stdout}{result.stderr}")
    check(os.path.getsize(os.path.join(runs[0], "plots", "scaling.png")) > 5000, "its figure")
    slow = run(SCALING, *runs[:4], "--latency", "1e-3", "--ranks", "4", "--output", directory)
    check(slow.returncode == 0 and "| 4 | 96 | 24 |" not in slow.stdout,
          f"a slow network wants larger batches: {slow.stdout}{slow.stderr}")
    few = run(SCALING, runs[1], "--ranks", "4", "--output", directory)
    check("with 1 different batches" in few.stdout, f"{few.stdout}{few.stderr}")

    seconds = COSTS["evaluation"] * 20 * 64 + COSTS["tile"] * 8 + COSTS["step"]
    layout = {**LAYOUT, "samples_per_tile_most": 8, "samples_per_tile_least": 4}  # 8 tiles
    other = write_training(os.path.join(directory, "layout"), rng, 1, 64, 8, seconds, layout=layout)
    result = run(SCALING, other, "--ranks", "8", "--output", directory, *free)
    check("| 8 | 64 | 8 |" in result.stdout, f"another layout: {result.stdout}{result.stderr}")
    old = write_training(os.path.join(directory, "old"), rng, 1, 64, 16, 0.05, layout={})
    result = run(SCALING, old, "--ranks", "4", "--output", directory)
    check(result.returncode == 0 and "old/results.h5 was written by an earlier gfe_hpc and does "
          "not hold samples_per_tile, " in result.stderr and result.stderr.count("\n") == 1,
          f"an old file: {result.stdout}{result.stderr}")

    other = write_training(os.path.join(directory, "other"), rng, 1, 20, 10, 0.02, (2, 7, 6))
    for given, text in (((runs[0], other), "different layers"), ((runs[3],), "no run on one rank"),
                        ((os.path.join(directory, "nowhere"),), "no such file")):
        result = run(SCALING, *given)
        check(result.returncode == 2 and text in result.stderr
              and result.stderr.count("\n") == 1, f"{text}: {result.stderr}")


# ---- the package ----

def can_install():
    """Whether this Python makes virtual environments with its own packages, and builds packages."""
    return sys.prefix == sys.base_prefix and all(
        importlib.util.find_spec(name) for name in ("ensurepip", "setuptools", "wheel"))


def test_package(rng, directory):
    """Installed into a virtual environment of this Python's packages, without the network, it is
    found from elsewhere, and its commands run."""
    source, place = os.path.join(directory, "source"), os.path.join(directory, "venv")
    shutil.copytree(POSTPROCESS, source, ignore=shutil.ignore_patterns("__pycache__"))
    path = os.path.join(directory, "results.h5")
    write_results(path, rng, (6, 5))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def call(*command):
        return subprocess.run(command, cwd=directory, env=environment, capture_output=True,
                              text=True)

    made = call(sys.executable, "-m", "venv", "--system-site-packages", place)
    binaries = os.path.join(place, "bin")
    python = os.path.join(binaries, "python")
    installed = call(python, "-m", "pip", "install", "--no-index", "--no-build-isolation", source)
    check(made.returncode == 0 and installed.returncode == 0,
          f"pip install: {made.stderr}{installed.stdout}{installed.stderr}")
    found = call(python, "-c", "import gfe; from gfe.results import Results; "
                 f"print(gfe.__file__, Results({path!r}).set('test').rejected.shape)")
    check(found.returncode == 0 and found.stdout.startswith(place) and "(40,)" in found.stdout,
          f"import gfe: {found.stdout}{found.stderr}")
    for name in COMMANDS:
        told = call(os.path.join(binaries, f"gfe-{name}"), "--help")
        check(told.returncode == 0 and f"usage: gfe-{name} " in told.stdout,
              f"gfe-{name}: {told.stdout}{told.stderr}")
    summary = call(os.path.join(binaries, "gfe-results"), path)
    check(summary.returncode == 0 and "mean loss" in summary.stdout, f"gfe-results: {summary}")
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        version = re.search(r"version: '(.*?)'", file.read()).group(1)
    shown = call(python, "-m", "pip", "show", "gfe")
    check(f"Version: {version}\n" in shown.stdout, f"not the program's {version}: {shown.stdout}")


def test_imports(rng, directory):
    """A command says which package is missing."""
    for name in ("h5py", "matplotlib"):
        with open(os.path.join(directory, f"{name}.py"), "w", encoding="utf-8") as file:
            file.write(f"raise ImportError('no {name} here')\n")
        result = subprocess.run([sys.executable, PLOT, "results.h5"], capture_output=True,
                                text=True, env=dict(os.environ, PYTHONPATH=directory))
        os.remove(os.path.join(directory, f"{name}.py"))
        check(result.returncode == 2 and f"gfe_plot.py: no {name} here in {sys.executable}"
              in result.stderr and result.stderr.count("\n") == 1, f"{name}: {result.stderr}")


def test_experiments(rng, directory):
    """Points near the circle; neighbours of clusters are of their class, those of noise by chance;
    updates to a loss between two runs, above the first and below the last."""
    result = run(EXPERIMENTS, "points", directory)
    check(result.returncode == 0, f"points: {result.stderr}")
    points = np.load(os.path.join(directory, "train.npy"))
    check(points.shape == (100, 2) and abs(np.hypot(*points.T) - 1).max() < 0.3, "on the circle")
    spec = importlib.util.spec_from_file_location("experiments", EXPERIMENTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    label = np.arange(400) % 4
    noise = rng.normal(size=(400, 3))
    check(module.nearest_neighbours(noise + 100 * label[:, None], label) == 1, "clusters")
    check(0.15 < module.nearest_neighbours(noise, label) < 0.35, "noise: a quarter")
    found = [module.updates_to([0.31, 0.3, 0.28], [50, 100, 400], target)
             for target in (0.32, 0.29, 0.28, 0.27)]
    check(found == ["fewer than 50", "200", "400", "more than 400"], f"updates: {found}")


def main():
    rng = np.random.default_rng(1)
    test_gradient(rng)
    test_widths()
    tests = [test_decoder, test_columns, test_programs, test_compare, test_wrong_losses, test_errors,
             test_sweep_kinds, test_sweep_states, test_study, test_recipes, test_experiments,
             test_latents, test_scaling,
             test_imports]
    if can_install() or os.environ.get("GFE_TESTS_COMPLETE"):
        tests.append(test_package)
    else:
        print("skipped: installing the package needs venv, setuptools and wheel (Debian: "
              "python3-venv python3-setuptools python3-wheel), outside a virtual environment")
    for test in tests:
        with tempfile.TemporaryDirectory() as directory:
            test(rng, directory)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
