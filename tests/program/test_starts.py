#!/usr/bin/env python3
"""Where flows begin: the dictionary of trained latents, ranked by the loss itself.

usage: test_starts.py gfe_hpc
"""
import os
import shutil
import sys
import tempfile

import h5py
import numpy as np

from gfe.results import Results
from program import IMAGES, Checks, run, run_input, write_input
from test_job import compare_only_results

KINDS = ["zero", "mean", "pod", "predictor", "dictionary", "uniform"]

# Steep fronts: from z = 0 many flows end in poor minima.
FRONTS = {"run.directory": "run", "data.train.file": "fronts.npy", "data.train.count": 120,
          "data.test.file": "fronts.npy", "data.test.first": 120, "data.scale": "standardise",
          "decoder.latent": 2, "decoder.loss": "mse",
          "decoder.layers": [{"dense": 64, "activation": "silu"}, {"dense": 128, "activation": "silu"},
                             {"dense": 64}],
          "training.epochs": 150, "training.batch": 10, "training.learning_rate": 3e-3,
          "training.schedule": "cosine", "training.schedule_factor": 0.01, "encoding.max_iterations": 5,
          "evaluation.every": 0, "evaluation.max_iterations": 200, "evaluation.tolerance": 1e-6}


def write_fronts(cwd):
    rng = np.random.default_rng(5)
    x = (np.arange(64) + 0.5) / 64
    place, width, height = (low + span * rng.random((200, 1))
                            for low, span in ((0.1, 0.8), (0.01, 0.04), (0.5, 1)))
    np.save(os.path.join(cwd, "fronts.npy"),
            (height * (1 - np.tanh((x - place) / width)) / 2).astype(np.float32))


def columns(path, group, *names):
    with h5py.File(path, "r") as file:
        return [file[group][name][()] for name in names]


def test_ranking(checks, program, cwd, path):
    """The start of each sample is the best of all candidates; few are as poor as from zero."""
    results = Results(path)
    decoder = results.decoder()
    with h5py.File(path, "r") as file:
        entries, origin = file["dictionary/z"][()], file["dictionary/origin"][()]
        trained_loss = file["dictionary"].attrs["trained_loss"]
        target = np.load(os.path.join(cwd, "fronts.npy"))[120:]
        y = ((target - file["decoder"].attrs["scale_offset"]) /
             file["decoder"].attrs["scale_factor"])
    checks(len(entries) == 120 and len(set(origin)) == 120, "all training samples are entries")
    candidates = np.vstack([np.zeros((1, 2)), entries.mean(axis=0, keepdims=True), entries])
    x = decoder.decode(candidates).reshape(len(candidates), -1)
    losses = ((x[None] - y[:, None]) ** 2).mean(axis=2)
    best = losses.argmin(axis=1)
    expected = np.where(best < 2, best, KINDS.index("dictionary"))  # zero, mean and the entries
    start, loss, tries, other = columns(path, "test", "start", "loss", "tries", "loss_other")
    single = tries == 1
    checks(np.array_equal(start[single], expected[single]), "starts are those of NumPy's ranking")
    checks((loss <= losses.min(axis=1) * (1 + 1e-5)).all(), "flows end below where they begin")
    checks(((tries > 1) <= (np.minimum(loss, other) <= np.where(np.isnan(other), np.inf, other))).all()
           and np.isnan(other[single]).all(), "the lowest end is kept")
    train_loss, trained = columns(path, "train", "loss", "z")
    checks(abs(train_loss.mean() / trained_loss - 1) < 1e-6, "the entries' loss is the trained loss")
    checks({tuple(z) for z in entries} == {tuple(z) for z in trained}, "entries are trained latents")
    as_new = columns(path, "train", "loss_as_new")[0]
    checks(as_new.mean() < 1.1 * train_loss.mean(),
           f"as new {as_new.mean():.3g}, trained {train_loss.mean():.3g}")
    zero = run_input(checks, program, cwd, "zero", FRONTS, {
        "run.tasks": ["encode"], "decoder.file": path, "decoder.latent": None,
        "decoder.layers": None, "decoder.loss": None, "data.encode.file": "fronts.npy",
        "data.encode.first": 120, "data.train.file": None, "data.train.count": None,
        "data.test.file": None, "data.test.first": None, "data.scale": None,
        "training.epochs": None, "evaluation.start": "zero"})
    from_zero = columns(zero, "encode", "loss")[0]
    checks(from_zero.mean() > 2 * loss.mean(),
           f"from zero {from_zero.mean():.3g}, by the dictionary {loss.mean():.3g}")
    print(f"ranking: done; {len(start)} samples, {(tries > 1).sum()} tried again", flush=True)


def test_ranks(checks, program, cwd, path):
    """The same bits on any number of ranks, and by any instruction set."""
    for ranks in (2, 3, 7):
        again = run_input(checks, program, cwd, f"ranks_{ranks}", FRONTS, ranks=ranks)
        compare_only_results(checks, f"{ranks} ranks", path, again)
    other = run_input(checks, program, cwd, "avx2", FRONTS, environment={"GFE_ISA": "avx2"})
    compare_only_results(checks, "avx2", path, other)
    print("ranks: done", flush=True)


def test_weights(checks, program, cwd):
    """Missing entries, bce, several tries, random starts: equal bits on 1 and 3 ranks."""
    rng = np.random.default_rng(0)
    np.save(os.path.join(cwd, "holes.npy"),
            np.where(rng.random((200, 64)) < 0.5, np.nan,
                     np.load(os.path.join(cwd, "fronts.npy")) / 2).astype(np.float32))
    values = {**FRONTS, "data.train.file": "holes.npy", "data.test.file": "holes.npy",
              "data.missing": "nan", "data.scale": "none", "decoder.loss": "bce",
              "training.epochs": 5}
    for name, change in (("auto", {}), ("tries", {"evaluation.tries": 3}),
                         ("all", {"evaluation.start": [kind for kind in KINDS if kind != "pod"],
                                 "evaluation.tries": 2})):
        one = run_input(checks, program, cwd, f"holes_{name}_1", values, change)
        three = run_input(checks, program, cwd, f"holes_{name}_3", values, change, ranks=3)
        compare_only_results(checks, name, one, three)
        tries = columns(one, "test", "tries")[0]
        checks((tries == {"auto": 1, "tries": 3, "all": 2}[name]).all() or
               (name == "tries" and tries.max() == 3), f"{name}: tries {np.unique(tries)}")
    uniform = run_input(checks, program, cwd, "uniform", values, {"evaluation.start": "uniform"})
    checks((columns(uniform, "test", "start")[0] == KINDS.index("uniform")).all(), "all at random")
    print("weights: done", flush=True)


def test_restart(checks, program, cwd, path):
    """Stopped after every step of its way: the same bytes; and a larger number of epochs."""
    folder = os.path.join(cwd, "legs")
    os.makedirs(folder)
    shutil.copy(os.path.join(cwd, "fronts.npy"), folder)
    values = {**FRONTS, "training.epochs": 2}
    reference = run_input(checks, program, cwd, "two_epochs", values)
    name = write_input(os.path.join(folder, "input.yaml"), values)
    code, legs = 75, 0
    while code == 75 and legs < 100:
        result = run(program, "--set", "run.walltime=0.001", os.path.basename(name), cwd=folder,
                     ranks=1 + legs % 3)
        code, legs = result.code, legs + 1
    checks(code == 0 and legs > 10, f"{legs} legs: {result}")
    compare_only_results(checks, f"{legs} legs", reference, os.path.join(folder, "run/results.h5"))
    print(f"restart: done, {legs} legs", flush=True)


def test_refusals(checks, program, cwd, path):
    """Starts that a decoder file cannot give."""
    encode = {"run.directory": "refused", "run.tasks": ["encode"], "decoder.file": path,
              "data.encode.file": "fronts.npy"}
    stripped = os.path.join(cwd, "stripped.h5")
    shutil.copy(path, stripped)
    with h5py.File(stripped, "r+") as file:
        del file["dictionary"]
    wrong = os.path.join(cwd, "wrong.h5")
    shutil.copy(path, wrong)
    with h5py.File(wrong, "r+") as file:
        file["dictionary/z"][3, 1] = np.nan
    for change, said in (
            ({"decoder.file": stripped, "evaluation.start": "dictionary"}, "epochs = 0"),
            ({"decoder.file": stripped, "evaluation.start": ["zero", "mean"]}, "epochs = 0"),
            ({"decoder.file": wrong}, "/dictionary"),
            ({"evaluation.start": "dictionry"}, "did you mean dictionary?"),
            ({"evaluation.start": []}, "list"), ({"evaluation.tries": 11}, "evaluation.tries")):
        name = write_input(os.path.join(cwd, "refused.yaml"), encode, change)
        result = run(program, os.path.basename(name), cwd=cwd)
        checks(result.code == 2 and said in result.err, f"{change} should be refused: {result}")
    made = run_input(checks, program, cwd, "made", FRONTS, {
        "training.epochs": 0, "decoder.file": stripped, "decoder.latent": None,
        "decoder.layers": None, "decoder.loss": None})
    with h5py.File(made, "r") as file:
        checks(file["dictionary/z"].shape == (120, 2), "a dictionary made of data.train")
    print("refusals: done", flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        write_fronts(cwd)
        path = os.path.abspath(run_input(checks, program, cwd, "fronts", FRONTS))
        test_ranking(checks, program, cwd, path)
        test_ranks(checks, program, cwd, path)
        test_weights(checks, program, cwd)
        test_restart(checks, program, cwd, path)
        test_refusals(checks, program, cwd, path)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
