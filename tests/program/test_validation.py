#!/usr/bin/env python3
"""Held-out samples decide which decoder is kept, and are used in the refit if requested.

usage: test_validation.py gfe_hpc [more]

`more`: a stop in the middle of a validation, which takes longer.
"""
import os
import shutil
import sys
import tempfile

import h5py
import numpy as np

from program import IMAGES, SMALL, Checks, read_summary, run, run_input, write_input
from test_ranks import compare

BASE = {**IMAGES, "data.train.count": 60, "data.test.count": 12, "training.batch": 20,
        "training.epochs": 4, "training.learning_rate": 1e-2, "encoding.max_iterations": 5,
        "evaluation.max_iterations": 15, "decoder.layers": [{"dense": 24, "activation": "elu"},
                                                            {"dense": 784}]}
SHARE = {"training.validation": 0.2}  # 12 of the 60


def read(path):
    """Decoder, history and sets of a results file: name -> array; attributes as name@attribute."""
    found = {}

    def visit(name, item):
        found.update({f"{name}@{key}": value for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def same_decoder(a, b):
    """Whether two results have the same parameters, to the last bit."""
    names = [name for name in a if name.startswith("decoder/") and "@" not in name]
    return bool(names) and all(a[name].tobytes() == b[name].tobytes() for name in names)


def test_share(checks, program, cwd):
    """A share is equivalent to two files of its samples; the best is kept; refit is a plain run."""
    share = run_input(checks, program, cwd, "share", BASE, SHARE)
    found, summary = read(share), read_summary(os.path.dirname(share))
    learned, held = found["train/index"], found["validation/index"]
    checks(len(held) == 12 and sorted([*learned, *held]) == list(range(60)),
           f"12 of 60 should be held out: {held}")
    losses, kept = found["history/epoch_validation_loss"], summary["kept_epoch"]
    checks(len(losses) == 4 and np.isfinite(losses).all() and kept == 1 + np.argmin(losses),
           f"kept {kept} of {losses}")
    checks(losses[kept - 1] == summary["kept_validation_loss"]
           == found["history@kept_validation_loss"], f"the loss of epoch {kept}: {summary}")
    again = summary["validation_loss"]  # its flows begin elsewhere, in the decoder's dictionary
    checks(abs(again / losses[kept - 1] - 1) < 1e-3,
           f"encoded again, the set should have about the loss of epoch {kept}: {summary}")
    checks(abs(found["validation/loss"].astype(float).mean() - again) < 1e-6,
           "the mean of the samples' losses")
    checks(summary["start_validation_loss"] > losses[0], f"the start: {summary}")

    with h5py.File(SMALL, "r") as file, h5py.File(os.path.join(cwd, "two.h5"), "w") as two:
        images = file["/train/images"][:60]
        two["learned"], two["held"] = images[learned], images[held]
    own = {"data.train.file": "two.h5", "data.train.dataset": "/learned", "data.train.labels": None,
           "data.train.count": None, "data.validation.file": "two.h5",
           "data.validation.dataset": "/held"}
    other = read(run_input(checks, program, cwd, "own", BASE, own, ranks=2))
    checks(same_decoder(found, other)
           and found["history/epoch_validation_loss"].tobytes()
           == other["history/epoch_validation_loss"].tobytes()
           and found["validation/z"].tobytes() == other["validation/z"].tobytes(),
           "a set of its own should give the bits of a share")
    plain = read(run_input(checks, program, cwd, "plain", BASE, own, {
        "data.validation.file": None, "data.validation.dataset": None,
        "training.epochs": int(kept)}))
    checks(same_decoder(found, plain), f"the decoder kept should be that after epoch {kept}")


def test_refit(checks, program, cwd):
    """After a refit the decoder is that of a plain run of as many epochs on all samples."""
    results = run_input(checks, program, cwd, "refit", BASE, SHARE, {"training.refit": True},
                        ranks=3)
    found, kept = read(results), read_summary(os.path.dirname(results))["kept_epoch"]
    plain = read(run_input(checks, program, cwd, "all", BASE, {"training.epochs": kept}))
    checks(kept > 0 and same_decoder(found, plain), f"refit of {kept} epochs: other bits")
    checks(found["train/z"].tobytes() == plain["train/z"].tobytes()
           and found["test/z"].tobytes() == plain["test/z"].tobytes()
           and not any(name.startswith("validation/") for name in found),
           "all samples should be encoded as in a plain run")
    epochs, steps = found["history/epoch_samples"], found["history/step_samples"]
    checks(len(epochs) == 4 + kept and epochs[-1] == 4 * 48 + kept * 60 == steps[-1]
           and (np.diff(steps) > 0).all() and found["history/step_epoch"][-1] == 4 + kept,
           f"samples seen: {epochs}")


def test_folds(checks, program, cwd):
    """The mean over all folds decides after how many epochs the refit ends."""
    folds = {**SHARE, "training.folds": 5, "training.refit": True}
    results = run_input(checks, program, cwd, "folds", BASE, folds, ranks=3)
    found, summary = read(results), read_summary(os.path.dirname(results))
    losses, kept = found["history/epoch_validation_loss"], summary["kept_epoch"]
    means = losses[:20].reshape(5, 4).mean(axis=0)  # each fold holds out 12
    checks(len(losses) == 20 + kept and np.isnan(losses[20:]).all()
           and kept == 1 + np.argmin(means)
           and abs(summary["kept_validation_loss"] - means.min()) < 1e-9,
           f"kept {kept}, {summary['kept_validation_loss']}, of {means}")
    checks(len(set(losses[:20])) == 20, f"each fold has its own losses: {losses}")
    first = read(run_input(checks, program, cwd, "first", BASE, SHARE))
    checks(first["history/epoch_validation_loss"].tobytes() == losses[:4].tobytes(),
           "the first fold is the share of a run without folds")
    plain = read(run_input(checks, program, cwd, "all", BASE, {"training.epochs": kept}))
    checks(same_decoder(found, plain) and found["test/z"].tobytes() == plain["test/z"].tobytes(),
           f"the decoder should be that of {kept} epochs with all samples")
    seen = found["history/epoch_samples"]
    checks(seen[-1] == 20 * 48 + kept * 60 and found["history/step_epoch"][-1] == 20 + kept,
           f"samples seen: {seen}")


def test_start(checks, program, cwd):
    """Without a gain of 1 % the start is kept; where the loss rises, patience ends training."""
    start = run_input(checks, program, cwd, "start", BASE, {"training.epochs": 8})
    worse = {**BASE, **SHARE, "decoder.file": "start/results.h5", "decoder.layers": None,
             "decoder.latent": None, "decoder.loss": None, "training.learning_rate": 0.3,
             "evaluation.start": "zero",  # not in the dictionary of a file, which knows all samples
             "training.epochs": 60}
    results = run_input(checks, program, cwd, "worse", worse, {"training.patience": 3}, ranks=2)
    found, summary = read(results), read_summary(os.path.dirname(results))
    losses = found["history/epoch_validation_loss"]
    checks(summary["kept_epoch"] == 0 and same_decoder(found, read(start))
           and summary["validation_loss"] == summary["start_validation_loss"],
           f"the start should be kept: {summary}")
    validated = np.isfinite(losses)
    checks(len(losses) == 6 and list(np.flatnonzero(validated)) == [1, 3, 5],
           f"of 60 epochs every second is validated, and three are enough: {losses}")
    refit = run_input(checks, program, cwd, "kept_start", worse,
                      {"training.refit": True, "training.patience": 1})
    checks(same_decoder(read(refit), read(start)), "a refit of no epochs is the start")
    last = run_input(checks, program, cwd, "last", worse,
                     {"training.keep": "last", "training.epochs": 2})
    plain = run_input(checks, program, cwd, "plain", worse,
                      {"training.keep": "best", "training.epochs": 2})
    checks(read_summary(os.path.dirname(last))["kept_epoch"] == 2
           and not same_decoder(read(last), read(plain)), "keep: last is the last")


def test_significant(checks, program, cwd):
    """A lower mean that comes from one of the samples held out is no reason to leave the start."""
    path, angle = os.path.join(cwd, "waves.h5"), np.linspace(0, 2 * np.pi, 16)
    factors = np.linspace(0.5, 1.5, 20)[:, None]
    slow, fast = factors * np.sin(angle), 5 * factors * np.sin(3 * angle)
    with h5py.File(path, "w") as file:
        file["slow"], file["fast"] = slow, fast[1:]
        file["held"] = np.concatenate([fast[:1], slow[::4]])
    waves = {"run.directory": "run", "data.train.file": path, "data.train.dataset": "/slow",
             "training.batch": 10, "training.learning_rate": 1e-2}
    start = run_input(checks, program, cwd, "start", waves, {
        "decoder.latent": 1, "decoder.loss": "mse", "training.epochs": 50,
        "decoder.layers": [{"dense": 8, "activation": "tanh"}, {"dense": 16}]})
    values = {**waves, "decoder.file": start, "data.train.dataset": "/fast", "training.epochs": 4,
              "data.validation.file": path, "data.validation.dataset": "/held",
              "evaluation.start": "zero"}
    runs = {f"{ranks} ranks": run_input(checks, program, cwd, f"kept_{ranks}", values, ranks=ranks)
            for ranks in (1, 3)}
    runs["in legs"] = run_in_legs(checks, program, cwd, "legs", values)
    compare(checks, "significant", runs)
    found, summary = read(runs["1 ranks"]), read_summary(os.path.dirname(runs["1 ranks"]))
    losses, first = found["history/epoch_validation_loss"], summary["start_validation_loss"]
    checks(losses.min() < 0.95 * first, f"for this test, a mean should be below {first}: {losses}")
    checks(summary["kept_epoch"] == 0 and same_decoder(found, read(start))
           and summary["validation_loss"] == summary["start_validation_loss"],
           f"the start should be kept: {summary}")
    last = run_input(checks, program, cwd, "last", values, {"training.keep": "last"})
    checks(read_summary(os.path.dirname(last))["kept_epoch"] == 4, "keep: last does not ask")


def run_in_legs(checks, program, cwd, name, values):
    """Runs an input that is stopped behind every piece of work, on 1, 2, 3, 1, ... ranks."""
    path = write_input(os.path.join(cwd, name, "input.yaml"), values)
    directory = os.path.join(cwd, name, "run")
    os.makedirs(directory)
    open(os.path.join(directory, "STOP"), "w", encoding="utf-8").close()
    legs, code = 0, 75
    while code == 75 and legs < 90:
        result = run(program, "input.yaml", cwd=os.path.dirname(path), ranks=1 + legs % 3)
        legs, code = legs + 1, result.code
    checks(code == 0 and legs > 8, f"{name}, {legs} legs: {result}")
    return os.path.join(directory, "results.h5")


def test_ranks(checks, program, cwd):
    """The same bits on any number of ranks, and after a stop behind every piece of work."""
    values = {**BASE, **SHARE, "training.epochs": 3, "training.batch": 25, "data.test.count": 5,
              "training.learning_rate": 0.5}  # so that the second epoch is the best
    for name, more, counts in (("best", {}, (1, 3)),
                               ("refit", {"training.refit": True}, (1, 2, 3)),
                               ("folds", {"training.refit": True, "training.folds": 2}, (1, 3))):
        runs = {f"{ranks} ranks": run_input(checks, program, cwd, f"{name}_{ranks}", values, more,
                                            ranks=ranks) for ranks in counts}
        runs["in legs"] = run_in_legs(checks, program, cwd, f"{name}_legs", {**values, **more})
        compare(checks, name, runs)
        kept = read_summary(os.path.dirname(runs["1 ranks"]))["kept_epoch"]
        checks(0 < kept < 3, f"{name}: kept {kept}; for this test it should not be the last one")
    again = run(program, "--set", "training.epochs=4", "input.yaml",
                cwd=os.path.join(cwd, "refit_legs"))
    checks(again.code == 2 and "training.epochs: 3 before, 4 now" in again.err,
           f"more epochs should be refused: {again}")


def test_models(checks, program, cwd):
    """An autoencoder is judged by its encoder; a predictor is fitted to the samples trained on."""
    for name, more in (("autoencoder", {"run.model": "autoencoder"}),
                       ("predictor", {"evaluation.start": "predictor"})):
        values = {**BASE, **SHARE, **more, "training.epochs": 2}
        runs = {str(ranks): run_input(checks, program, cwd, f"{name}_{ranks}", values, ranks=ranks)
                for ranks in (1, 3)}
        compare(checks, name, runs)
        summary = read_summary(os.path.dirname(runs["1"]))
        loss = summary["validation_loss_encoder" if name == "autoencoder" else "validation_loss"]
        checks(summary["kept_epoch"] > 0 and loss == summary["kept_validation_loss"],
               f"{name}: {summary}")


def test_refusals(checks, program, cwd):
    """Mistakes, each in one message."""
    few = {"data.train.count": 5}
    own = {"data.validation.generate": "circle", "data.validation.count": 5}
    for values, message in (
            ({**few, "training.validation": 0.05}, "give at least 0.2"),
            ({**few, "training.validation": 0.95}, "none is left to train with"),
            ({"data.train.count": 1, "training.validation": 0.5}, "are one group"),
            ({"training.validation": 1}, "training.validation"),
            ({"training.patience": 2}, "training.patience = 2: needs validation during training"),
            ({"training.keep": "best"}, "training.keep = best: needs validation during training"),
            ({"training.refit": True}, "training.refit = true: needs validation during training"),
            ({**SHARE, "training.folds": 5}, "training.folds = 5: each fold trains its"),
            ({"training.folds": 5, "training.refit": True}, "training.folds = 5: needs a share"),
            ({**SHARE, "training.folds": 6, "training.refit": True}, "or folds <= 5"),
            ({**SHARE, "training.folds": 5, "training.refit": True, "training.patience": 3},
             "training.folds = 5: the mean over all"),
            ({**SHARE, **own}, "training.validation = 0.2: cannot be combined with data.validation"),
            ({"data.validation.count": 5}, "data.validation"),
            (own, "data.validation has 2 entries")):
        path = write_input(os.path.join(cwd, "wrong.yaml"), BASE, values)
        result = run(program, os.path.basename(path), cwd=cwd)
        checks(result.code == 2 and message in " ".join(result.err.split()),
               f"{values} should be refused with '{message}': {result}")


def test_midst(checks, program, cwd):
    """Stopped in the middle of a validation, which then starts over."""
    iterations, validating = 2000, 0
    while not validating:
        shutil.rmtree(os.path.join(cwd, "midst"), ignore_errors=True)
        iterations *= 4
        values = {**BASE, **SHARE, "data.test.file": None, "data.test.dataset": None,
                  "data.test.labels": None, "data.test.count": None, "evaluation.train": False,
                  "training.epochs": 1, "evaluation.solver": "euler", "evaluation.step": 1e-6,
                  "evaluation.tau": 1e9, "evaluation.max_iterations": iterations}
        path = write_input(os.path.join(cwd, "midst", "input.yaml"), values)
        directory = os.path.join(cwd, "midst", "run")
        os.makedirs(directory)
        open(os.path.join(directory, "STOP"), "w", encoding="utf-8").close()
        result = run(program, "input.yaml", cwd=os.path.dirname(path), ranks=2)
        checks(result.code == 75, f"should be stopped: {result}")
        with h5py.File(os.path.join(directory, "checkpoint.h5"), "r") as file:
            validating = "validation" in file
    os.remove(os.path.join(directory, "STOP"))
    result = run(program, "input.yaml", cwd=os.path.dirname(path), ranks=1)
    checks(result.code == 0, f"should go on: {result}")
    reference = run_input(checks, program, cwd, "midst_reference", values, ranks=2)
    compare(checks, "midst", {"uninterrupted": reference,
                              "stopped": os.path.join(directory, "results.h5")})


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    checks, program = Checks(), os.path.abspath(sys.argv[1])
    tests = [test_midst] if sys.argv[2:] == ["more"] else [
        test_share, test_refit, test_folds, test_start, test_significant, test_ranks, test_models,
        test_refusals]
    with tempfile.TemporaryDirectory() as folder:
        for test in tests:
            cwd = os.path.join(folder, test.__name__)
            os.makedirs(cwd)
            test(checks, program, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
