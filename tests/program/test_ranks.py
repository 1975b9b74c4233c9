#!/usr/bin/env python3
"""The same bits on any number of ranks: decoder, latents, history, and the text files.

usage: test_ranks.py gfe_hpc [more]

`more`: instead, the runs that differ from these only in the decoder.
"""

import csv
import os
import re
import sys
import tempfile

import h5py
import numpy as np

import paper
from program import (CONV, FULL, IMAGES, SMALL, SUPPORT, Checks, read_summary, run, run_input,
                     write_input)

COMPARE = os.path.join(SUPPORT, "compare_results.py")

TRAINING = {
    "training.epochs": 2,
    "training.batch": 20,
    "training.learning_rate": 2e-3,
    "encoding.max_iterations": 10,
    "evaluation.max_iterations": 30,
}
# Widths that fill no register of any CPU.
ODD = {"decoder.latent": 7, "decoder.layers": [{"dense": 37, "activation": "tanh"},
                                               {"dense": 101, "activation": "silu"},
                                               {"dense": 784}]}
SMALL_DECODER = {"decoder.latent": 3, "decoder.layers": [
    {"dense": 32, "activation": "elu"}, {"reshape": [2, 4, 4]},
    {"conv_transpose": 3, "kernel": 4, "stride": 7, "activation": "silu"},
    {"conv": 1, "kernel": 1, "padding": 0}, {"dense": 784}]}
PAPER = {"decoder.latent": 20, "decoder.layers": paper.LAYERS}
ADJOINT = {"encoding.solver": "amd", "encoding.time": "sum", "encoding.h_max": 100,
           "training.adjoint": "discrete", "training.epochs": 1, "data.train.count": 60}
COUPLED = {
    "encoding.solver": "amd",
    "encoding.coupling": "batch",
    "encoding.slope": 1e-5,
    "encoding.max_iterations": 20,
    "evaluation.max_iterations": 20,
}
# Selections from a file of each format, of which some ranks hold nothing.
CHOSEN = {
    **{f"data.train.{key}": value for key, value in (
        ("file", os.path.join(FULL, "train-images-idx3-ubyte.gz")), ("dataset", None),
        ("labels", os.path.join(FULL, "train-labels-idx1-ubyte.gz")),
        ("classes", [0, 1, 2, 3, 4]), ("first", 1000), ("count", 40000), ("stride", 50),
        ("subset", 101), ("subset_seed", 7))},
    **{f"data.test.{key}": value for key, value in (
        ("classes", [9]), ("stride", 3), ("count", 90))},
}
AUTOENCODER = {"run.model": "autoencoder", "training.learning_rate": 1e-3}
PREDICTOR = {"evaluation.start": "predictor", "training.epochs": 1}
METRIC = {"training.metric": True, "training.epochs": 6}  # which exists from 170 samples on
FEWER = {"data.train.count": 100, "training.epochs": 1}
# More ranks than samples.
FEW = {"data.train.count": 5, "data.test.count": 3, "training.epochs": 1}


def history_rows(directory):
    """The rows of history.csv without the times."""
    with open(os.path.join(directory, "history.csv"), encoding="utf-8", newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"}
                for row in csv.DictReader(file)]


def summary_figures(directory):
    """summary.json without times, the number of ranks, and the size of a file that names them."""
    return {name: value for name, value in read_summary(directory).items()
            if name not in ("ranks", "results_bytes", "results_checksum")
            and not name.endswith("seconds")}


def compare(checks, name, runs):
    """Checks that all results files of `runs` (label -> path) have the same contents."""
    (first, reference), *others = runs.items()
    for label, path in others:
        what = f"{name}: {label} against {first}"
        result = run(COMPARE, reference, path)
        checks(result.code == 0, f"{what}: {result.out}{result.err}")
        one, other = os.path.dirname(reference), os.path.dirname(path)
        checks(history_rows(one) == history_rows(other), f"{what}: history.csv differs")
        checks(summary_figures(one) == summary_figures(other), f"{what}: summary.json differs")
    print(f"{name}: equal on {', '.join(runs)}", flush=True)


def test_counts(checks, program, cwd, name, counts, *values, **options):
    """Runs an input on several numbers of ranks and compares. Returns the results of the first."""
    runs = {f"{count} ranks": run_input(checks, program, cwd, f"{name}_{count}", TRAINING,
                                        *values, ranks=count, **options)
            for count in counts}
    compare(checks, name, runs)
    return runs[f"{counts[0]} ranks"]


def write_missing(path, rng):
    """Real images with NaN for some pixels, and weights of several sizes for all."""
    with h5py.File(SMALL, "r") as small, h5py.File(path, "w") as file:
        for group, count in (("train", 300), ("test", 64)):
            images = small[f"{group}/images"][:count].astype(np.float32)
            images[rng.random(images.shape) < 0.3] = np.nan
            file[f"{group}/images"] = images
            file[f"{group}/weights"] = rng.choice([0.0, 0.5, 1.0, 2.0], images.shape)


def test_missing(checks, program, cwd):
    """NaN and weights at once."""
    path = os.path.join(cwd, "missing.h5")
    write_missing(path, np.random.default_rng(1))
    values = {f"data.{group}.{key}": value for group in ("train", "test")
              for key, value in (("file", path), ("dataset", f"/{group}/images"),
                                 ("weights", f"/{group}/weights"), ("labels", None))}
    test_counts(checks, program, cwd, "missing", (1, 3), IMAGES, values,
                {"data.missing": "nan"})


def test_lone_sample(checks, program, cwd, label, trained, start="zero"):
    """A sample encoded alone has the bits that it has among 500."""
    base = {**IMAGES, "evaluation.start": start, "run.tasks": ["encode"], "decoder.file": trained, "decoder.latent": None,
            "decoder.layers": None, "decoder.loss": None}
    base.update({f"data.{group}.{key}": None for group in ("train", "test")
                 for key in ("file", "dataset", "labels", "count")})
    base.update({"data.encode.file": SMALL, "data.encode.dataset": "/train/images"})
    all_of_them = run_input(checks, program, cwd, f"{label}_500", base,
                            {"data.encode.count": 500}, ranks=2)
    for count in (1, 3):
        alone = run_input(checks, program, cwd, f"{label}_alone_{count}", base,
                          {"data.encode.first": 137, "data.encode.count": 1}, ranks=count)
        with h5py.File(all_of_them, "r") as many, h5py.File(alone, "r") as one:
            for name in ("z", "loss", "evaluations", "iterations", "status", "index"):
                a, b = many[f"encode/{name}"][137:138], one[f"encode/{name}"][()]
                checks(a.tobytes() == b.tobytes(),
                       f"sample 137 alone on {count} ranks: {name} is {b}, among 500 {a}")
            checks(int(one["encode/index"][0]) == 137, "the index should be that in the file")
    print(f"{label}: sample 137 of 500: equal alone and among all", flush=True)
    select = {"data.encode.labels": "/train/labels", "data.encode.classes": [7, 0, 3],
              "data.encode.first": 9, "data.encode.count": 480, "data.encode.stride": 2,
              "data.encode.subset": 41}
    for count in (1, 3):
        chosen = run_input(checks, program, cwd, f"{label}_chosen_{count}", base, select,
                           ranks=count)
        with h5py.File(all_of_them, "r") as many, h5py.File(chosen, "r") as some, \
                h5py.File(SMALL, "r") as small:
            index = some["encode/index"][()]
            labels = small["train/labels"][()]
            candidates = [i for i in range(9, 489) if labels[i] in (0, 3, 7)][::2]
            checks(len(index) == 41 and list(index) == sorted(set(index) & set(candidates)),
                   f"41 of the candidates {candidates} are wanted, in order: {index}")
            checks(np.array_equal(some["encode/label"], labels[index]),
                   "the labels should be those of the samples chosen")
            for name in ("z", "loss", "evaluations", "iterations", "status"):
                a, b = many[f"encode/{name}"][()][index], some[f"encode/{name}"][()]
                checks(a.tobytes() == b.tobytes(),
                       f"samples chosen, on {count} ranks: {name} differs from that among all")
    print(f"{label}: 41 chosen samples of 500: equal alone and among all", flush=True)


def cpu_has(flag):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return any(flag in line.split() for line in file if line.startswith("flags"))


def test_sets(checks, program, cwd):
    """The same bits by every instruction set of this CPU, each on another number of ranks; by plain
    C, which is slow, of a small decoder; and by the program of another compiler, if
    GFE_OTHER_COMPILER names it, as tests/run.sh does."""
    sets = ["avx2"] * (cpu_has("avx2") and cpu_has("fma")) + ["avx512"] * cpu_has("avx512dq")
    other = os.environ.get("GFE_OTHER_COMPILER")
    checks(other or "GFE_TESTS_COMPLETE" not in os.environ, "there is no other compiler's program")
    cases = {"dense": (PAPER, FEWER), "conv": (CONV, FEWER),
             "adjoint": (ODD, FEWER, ADJOINT), "autoencoder": (ODD, FEWER, AUTOENCODER),
             "predictor": (ODD, FEWER, PREDICTOR), "metric": (ODD, FEWER, METRIC),
             "small": (SMALL_DECODER, FEW)}
    for name, values in cases.items():
        chosen = sets + ["plain"] * (name == "small")
        runs = {isa: run_input(checks, program, cwd, f"{isa}_{name}", TRAINING, IMAGES, *values,
                               ranks=count, environment={"GFE_ISA": isa})
                for isa, count in zip(chosen, (1, 3, 7))}
        if other:
            runs["other compiler"] = run_input(checks, other, cwd, f"other_{name}", TRAINING,
                                               IMAGES, *values)
        for isa, path in runs.items():
            with h5py.File(path, "r") as file:
                found = file.attrs["instruction_set"]
            checks(isa not in chosen or found == isa, f"{isa}: the file names {found}")
        compare(checks, f"instruction sets, {name}", runs)


def test_interrupted(checks, program, cwd):
    """Begun with one instruction set, stopped, resumed with another; the same with ranks that
    update their shares of the parameters, and ranks that update all."""
    if not cpu_has("avx512dq"):
        return
    values = (TRAINING, IMAGES, ODD, FEWER, METRIC)
    whole = run_input(checks, program, cwd, "whole", *values, environment={"GFE_ISA": "avx512"})
    for epochs, ranks, isa, update in ((1, 3, "avx2", "shared"), (4, 2, "avx512", "whole"),
                                       (6, 4, "avx512", "shared")):
        resumed = run_input(checks, program, cwd, "resumed", *values, {"training.epochs": epochs},
                            ranks=ranks, environment={"GFE_ISA": isa, "GFE_UPDATE": update})
    compare(checks, "another instruction set after an interruption",
            {"whole": whole, "resumed": resumed})
    wrong = run(program, "--check", "whole.yaml", ranks=2, cwd=cwd,
                environment={"GFE_UPDATE": "half"})
    checks(wrong.code == 2 and wrong.err.count("GFE_UPDATE = half: must be whole or shared") == 1,
           f"{wrong}")


def memory_of(program, cwd, pattern, *values):
    """The amount of memory, in bytes, that --check prints or refuses."""
    path = write_input(os.path.join(cwd, "memory.yaml"), *values)
    said = run(program, "--check", path, cwd=cwd)
    figure, unit = re.search(pattern, said.out + said.err).groups()
    return float(figure) * {"MiB": 2**20, "GB": 1e9}[unit]


def test_limit(checks, program, cwd):
    """The same bits however little memory the rows of products may have."""
    values = (TRAINING, IMAGES, CONV, FEWER, PREDICTOR, {"training.batch": 100})
    whole = memory_of(program, cwd, r"total +(\S+) (MiB)", *values)
    least = memory_of(program, cwd, r"a rank needs at least (\S+) (GB)", *values,
                      {"run.memory_limit": "1 MB"})
    runs, rows = {}, []
    # Passes that flows leave for the gradient, half of it all, are given up before any rows.
    for name, limit, ranks in (("auto", "auto", 1), ("tenth", (whole + 9 * least) // 10, 3),
                               ("least", f"{least / 1e6 + 0.1:.1f} MB", 1)):
        runs[name] = run_input(checks, program, cwd, f"limit_{name}", *values,
                               {"run.memory_limit": limit}, ranks=ranks)
        with h5py.File(runs[name], "r") as file:
            rows.append(int(file.attrs["rows_per_product_most"]))
    checks(rows[0] > rows[1] > rows[2] == 1, f"rows of products by limits: {rows}")
    compare(checks, f"memory limits, {rows} rows", runs)


def test_few(checks, program, cwd):
    """One run of each kind."""
    trained = test_counts(checks, program, cwd, "batch_20", (1, 2, 3, 4, 7), IMAGES, PAPER,
                          environment={"GFE_UPDATE": "shared"})
    again = run_input(checks, program, cwd, "again", TRAINING, IMAGES, PAPER, ranks=2)
    compare(checks, "the same command again", {"first": trained, "again": again})
    test_counts(checks, program, cwd, "updates", (1, 3), IMAGES, ODD,
                {"training.updates": 2})
    test_counts(checks, program, cwd, "coupled", (1, 3), IMAGES, COUPLED)
    test_counts(checks, program, cwd, "autoencoder_odd", (1, 3), IMAGES, ODD, AUTOENCODER,
                {"training.batch": 64, "training.updates": 2})
    test_missing(checks, program, cwd)
    test_lone_sample(checks, program, cwd, "encode", trained)
    predicted = test_counts(checks, program, cwd, "predictor", (1, 3), IMAGES, PREDICTOR)
    test_lone_sample(checks, program, cwd, "encode_predictor", predicted, "predictor")
    conv = test_counts(checks, program, cwd, "conv", (1, 3), IMAGES, CONV, FEWER)
    test_lone_sample(checks, program, cwd, "encode_conv", conv)
    test_counts(checks, program, cwd, "chosen", (1, 7), IMAGES, CHOSEN)
    test_counts(checks, program, cwd, "few", (1, 7), IMAGES, FEW)
    test_limit(checks, program, cwd)
    test_sets(checks, program, cwd)
    test_interrupted(checks, program, cwd)


def test_more(checks, program, cwd):
    """The same with other decoders."""
    test_counts(checks, program, cwd, "batch_64", (1, 4), IMAGES, {"training.batch": 64})
    test_counts(checks, program, cwd, "autoencoder", (1, 3), IMAGES, PAPER, AUTOENCODER)
    test_counts(checks, program, cwd, "conv", (1, 3), IMAGES, CONV, {"training.epochs": 1})
    test_counts(checks, program, cwd, "conv_predictor", (1, 3), IMAGES, CONV, PREDICTOR)
    test_counts(checks, program, cwd, "conv_adjoint", (1, 3), IMAGES, CONV, ADJOINT)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["more"]):
        sys.exit(__doc__)
    program, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        (test_more if len(sys.argv) == 3 else test_few)(checks, program, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
