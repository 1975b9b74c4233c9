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

from gfe.results import Results, write_decoder
from program import IMAGES, Checks, run, run_input, write_input
from test_job import compare_only_results

KINDS = ["zero", "mean", "pod", "predictor", "dictionary", "encoder", "uniform"]
# All that a decoder of gradient flow encoding without a linear branch can give.
GIVEN = ["zero", "mean", "predictor", "dictionary", "uniform"]

# Steep fronts: from z = 0 many flows end in poor minima, unless training has had a metric.
FRONTS = {"run.directory": "run", "data.train.file": "fronts.npy", "data.train.count": 120,
          "data.test.file": "fronts.npy", "data.test.first": 120, "data.scale": "standardise",
          "decoder.latent": 2, "decoder.loss": "mse",
          "decoder.layers": [{"dense": 64, "activation": "silu"}, {"dense": 128, "activation": "silu"},
                             {"dense": 64}],
          "training.epochs": 150, "training.batch": 10, "training.learning_rate": 3e-3,
          "training.schedule": "cosine", "training.schedule_factor": 0.01,
          "training.metric": False, "encoding.max_iterations": 5,
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
    expected = np.where(best == 0, 0, np.where(best == 1, 1, KINDS.index("dictionary")))
    start, loss, tries, other = columns(path, "test", "start", "loss", "tries", "loss_other")
    single = tries == 1
    checks(np.array_equal(start[single], expected[single]), "starts are those of NumPy's ranking")
    checks((loss <= losses.min(axis=1) * (1 + 1e-5)).all(), "flows end below where they begin")
    checks(((tries > 1) <= (np.fmin(loss, other) <= np.where(np.isnan(other), np.inf, other))).all()
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


def metric_at(decoder, z):
    """The Gauss-Newton matrix of the mean of squares, by central differences."""
    jacobian = np.array([(decoder.decode((z + e)[None]) - decoder.decode((z - e)[None])).ravel() /
                         2e-5 for e in 1e-5 * np.eye(len(z))]).T
    return 2 / len(jacobian) * jacobian.T @ jacobian


def step_from(entries, x, start, y):
    """Where the Gauss-Newton step from an entry leads, with the secants to the entries nearest to
    it as Jacobian, and nine tenths of what a linear decoder would gain in loss by it."""
    covariance = np.cov(entries.T, bias=True)
    covariance += 1e-6 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    away = np.linalg.solve(np.linalg.cholesky(covariance), (entries - entries[start]).T)
    near = np.argsort((away ** 2).sum(axis=0), kind="stable")[1:1 + entries.shape[1]]
    secants = x[near] - x[start]
    products = secants @ secants.T
    products += 0.01 * np.trace(products) / len(products) * np.eye(len(products))
    right = secants @ (y - x[start])
    step = np.linalg.solve(products, right)
    return entries[start] + step @ (entries[near] - entries[start]), 0.9 * right @ step / len(y)


def guess_of(entries, x, losses, y, most):
    """The entry from which a step is expected to reach the lowest loss, of the `most` with the
    lowest losses, and where this step leads."""
    few = np.argsort(losses, kind="stable")[:most]
    ends, gains = zip(*(step_from(entries, x, k, y) for k in few))
    best = np.argmin(losses[few] - gains)
    return few[best], ends[best]


def test_metric(checks, program, cwd, path):
    """Flows begin at a guess between entries if it is better than these, and their first step is
    Newton's in the metric of the best entry, or half of it in the mean metric of 30."""
    large = run_input(checks, program, cwd, "large", FRONTS,
                      {"decoder.latent": 17, "training.epochs": 8, "evaluation.train": False})
    target = np.load(os.path.join(cwd, "fronts.npy"))[120:]
    for decoder_file in (path, os.path.abspath(large)):
        step = run_input(checks, program, cwd, "step", {
            "run.tasks": ["encode"], "run.restart": "never", "decoder.file": decoder_file,
            "data.encode.file": "fronts.npy", "data.encode.first": 120, "evaluation.tries": 1,
            "evaluation.start": "dictionary", "evaluation.max_iterations": 1})
        z, evaluations = columns(step, "encode", "z", "evaluations")
        with Results(decoder_file) as results:
            decoder = results.decoder()
            entries = results.file["dictionary/z"][()].astype(float)
        y = (target - decoder.scale_offset) / decoder.scale_factor
        x = decoder.decode(entries).reshape(len(entries), -1)
        losses = ((x[None] - y[:, None]) ** 2).mean(axis=2)
        d, n = entries.shape[1], x.shape[1]
        evaluation = 4 * (64 * d + 64 * 128 + 128 * 64)
        most = int(min(32, 2 ** (d + 1), evaluation / (2 * n * (d + 1) + 2 / 3 * d ** 3))) if d <= 16 else 1
        best, guess = map(np.array, zip(*(guess_of(entries, x, losses[k], y[k], most)
                                          for k in range(len(y)))))
        mean = np.mean([metric_at(decoder, entry) for entry in entries[::4]], axis=0)
        better = ((decoder.decode(guess).reshape(x[best].shape) - y) ** 2).mean(axis=1)
        better = better < losses[np.arange(len(y)), best]
        start, wrong = np.where(better[:, None], guess, entries[best]), []
        for k in np.flatnonzero(evaluations == np.where(better, 2, 3)):  # first trial accepted
            own = len(start[k]) <= 16
            metric = metric_at(decoder, entries[best[k]]) if own else mean
            gradient = np.ravel(decoder.gradient(y[k][None], start[k][None]))
            step = -(1 if own else 0.5) * np.linalg.solve(metric, gradient)
            wrong.append(np.linalg.norm(z[k] - start[k] - step) / np.linalg.norm(step))
        checks(len(wrong) > 40 and np.max(wrong) < 0.02,
               f"{decoder_file}: {len(wrong)} steps, {np.max(wrong):.3g} of a step beside it")
        print(f"metric: done, {len(wrong)} of {len(z)} steps, {np.max(wrong):.2g}", flush=True)
        with h5py.File(decoder_file, "r") as file:
            stored = file["dictionary/metric"][()]
        expected = [mean] if len(mean) > 16 else [metric_at(decoder, entry) for entry in entries[:5]]
        for inverse, metric in zip(stored, expected):
            beside = np.abs(inverse @ metric - np.eye(len(metric))).max()
            checks(beside < 0.05, f"{decoder_file}: a stored metric, {beside:.3g} beside the inverse")
    bare = os.path.join(cwd, "bare.h5")
    shutil.copy(path, bare)
    with h5py.File(bare, "r+") as file:
        del file["dictionary/metric"]
    with_metrics, without = (
        columns(run_input(checks, program, cwd, name, {
            "run.tasks": ["encode"], "decoder.file": file, "data.encode.file": "fronts.npy"}),
            "encode", "z", "evaluations") for name, file in (("given", path), ("found", bare)))
    checks(all(np.array_equal(a, b) for a, b in zip(with_metrics, without)),
           "stored metrics and those that are made are the same")


def test_ranks(checks, program, cwd):
    """The same bits on any number of ranks, and by any instruction set; also of second flows, which
    come in the tenth epoch."""
    few = {**FRONTS, "training.epochs": 10}
    one = run_input(checks, program, cwd, "ranks_1", few)
    evaluations = columns(one, "history", "epoch_evaluations_mean")[0]
    checks(1.6 < evaluations[9] / evaluations[8] < 2.4, f"two flows in epoch 10: {evaluations}")
    start = columns(one, "train", "start")[0]
    checks((start == len(KINDS)).all(), "trained latents say that they are")
    for ranks in (2, 3, 7):
        again = run_input(checks, program, cwd, f"ranks_{ranks}", few, ranks=ranks)
        compare_only_results(checks, f"{ranks} ranks", one, again)
    for isa in ("avx2", "plain"):
        other = run_input(checks, program, cwd, isa, few, environment={"GFE_ISA": isa})
        compare_only_results(checks, isa, one, other)
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
                         ("all", {"evaluation.start": GIVEN, "evaluation.tries": 2})):
        one = run_input(checks, program, cwd, f"holes_{name}_1", values, change)
        three = run_input(checks, program, cwd, f"holes_{name}_3", values, change, ranks=3)
        compare_only_results(checks, name, one, three)
        tries = columns(one, "test", "tries")[0]
        checks((tries == {"auto": 1, "tries": 3, "all": 2}[name]).all() or
               (name == "tries" and tries.max() == 3), f"{name}: tries {np.unique(tries)}")
    uniform = run_input(checks, program, cwd, "uniform", values, {"evaluation.start": "uniform"})
    checks((columns(uniform, "test", "start")[0] == KINDS.index("uniform")).all(), "all at random")
    print("weights: done", flush=True)


def legs_of(program, cwd, folder, values, change):
    """Runs in pieces as short as possible, on 1, 2 and 3 ranks in turn."""
    folder = os.path.join(cwd, folder)
    os.makedirs(folder)
    shutil.copy(os.path.join(cwd, "fronts.npy"), folder)
    name = write_input(os.path.join(folder, "input.yaml"), values, change)
    code, legs = 75, 0
    while code == 75 and legs < 100:
        result = run(program, "--set", "run.walltime=0.001", os.path.basename(name), cwd=folder,
                     ranks=1 + legs % 3)
        code, legs = result.code, legs + 1
    return os.path.join(folder, "run/results.h5"), result, legs


def test_restart(checks, program, cwd, path):
    """Stopped after every step: the same bytes; also where patience ends training."""
    # A rate at which the loss of the start is not reached again.
    stopped = {"training.epochs": 9, "training.validation": 0.2, "training.patience": 2,
               "training.learning_rate": 0.3, "training.schedule": "constant",
               "training.schedule_factor": None, "training.keep": "last", "evaluation.every": 1,
               "training.second_flow": 1, "training.metric": True}
    for folder, change in (("two_epochs", {"training.epochs": 2, "training.second_flow": 2,
                                           "training.metric": True}),
                           ("stopped", stopped)):
        reference = run_input(checks, program, cwd, folder, FRONTS, change)
        again, result, legs = legs_of(program, cwd, f"{folder}_legs", FRONTS, change)
        checks(result.code == 0 and legs > 5, f"{folder}, {legs} legs: {result}")
        compare_only_results(checks, f"{folder}, {legs} legs", reference, again)
        epochs = len(columns(reference, "history", "epoch_train_loss")[0])
        checks(epochs < change["training.epochs"] or folder != "stopped", f"{epochs} epochs")
        print(f"restart, {folder}: done, {legs} legs, {epochs} epochs", flush=True)


def test_made(checks, program, cwd, path):
    """A decoder file without a dictionary gets one from data.train, with the same minima."""
    stripped = os.path.join(cwd, "stripped.h5")
    shutil.copy(path, stripped)
    with h5py.File(stripped, "r+") as file:
        del file["dictionary"]
    change = {"training.epochs": 0, "decoder.file": stripped, "decoder.latent": None,
              "decoder.layers": None, "decoder.loss": None}
    made = run_input(checks, program, cwd, "made", FRONTS, change)
    compare_only_results(checks, "made on 3 ranks", made,
                         run_input(checks, program, cwd, "made_3", FRONTS, change, ranks=3))
    with h5py.File(path, "r") as file, h5py.File(made, "r") as again:
        trained, found = (f["dictionary"].attrs["trained_loss"] for f in (file, again))
        checks(again["dictionary/z"].shape == (120, 2), "an entry of each training sample")
        losses = [f["test/loss"][()].mean() for f in (file, again)]
    checks(found < 1.5 * trained, f"loss of the entries {found:.3g}, as trained {trained:.3g}")
    checks(losses[1] < 1.2 * losses[0], f"test loss {losses[1]:.3g}, was {losses[0]:.3g}")
    print(f"made: done; {found:.3g} and {trained:.3g}, test {losses}", flush=True)


def test_encoder(checks, program, cwd):
    """Flows that begin at the autoencoder's code."""
    values = {**FRONTS, "run.model": "autoencoder", "training.epochs": 3,
              "evaluation.start": ["zero", "encoder"], "training.warm_start": None,
              "encoding.max_iterations": None}
    one = run_input(checks, program, cwd, "encoder", values)
    compare_only_results(checks, "encoder on 3 ranks", one,
                         run_input(checks, program, cwd, "encoder_3", values, ranks=3))
    start, loss, by_encoder = columns(one, "test", "start", "loss", "loss_encoder")
    checks((start == KINDS.index("encoder")).any() and (loss <= by_encoder * (1 + 1e-6)).all(),
           "no flow ends above the encoder's code")
    print(f"encoder: done, {(start == KINDS.index('encoder')).sum()} of {len(start)}", flush=True)


def test_nothing_to_learn(checks, program, cwd):
    """A last layer of 0 whose inputs are 0 at z = 0 is refused; one whose inputs are not learns."""
    rng = np.random.default_rng(3)
    change = {"decoder.file": "flat.h5", "decoder.latent": None, "decoder.layers": None,
              "decoder.loss": None, "training.epochs": 3, "run.directory": "flat"}
    for bias in (0.0, 0.5):
        write_decoder(os.path.join(cwd, "flat.h5"),
                      [(rng.standard_normal((32, 2)), bias * rng.standard_normal(32), "silu"),
                       (np.zeros((64, 32)), np.zeros(64), "identity")], "mse")
        name = write_input(os.path.join(cwd, "flat.yaml"), FRONTS, change)
        for ranks in (1, 3):
            result = run(program, "--set", "run.restart=never", os.path.basename(name), cwd=cwd,
                         ranks=ranks)
            refused = result.code == 2 and result.err.count("nothing can be learned") == 1
            checks(refused if bias == 0.0 else result.code == 0, f"bias {bias}: {result}")
    losses = columns(os.path.join(cwd, "flat/results.h5"), "history", "epoch_train_loss")[0]
    checks(losses[-1] < 0.8 * losses[0], f"losses {losses} should fall")
    print(f"nothing to learn: done, {losses}", flush=True)


def test_refusals(checks, program, cwd, path):
    """Starts that a decoder file cannot give."""
    encode = {"run.directory": "refused", "run.tasks": ["encode"], "decoder.file": path,
              "data.encode.file": "fronts.npy"}
    train = {**FRONTS, "run.tasks": ["train"], "decoder.file": None, "data.encode.file": None,
             "training.second_flow": 2}
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
            ({"evaluation.start": []}, "list"),
            ({"evaluation.solver": "amd", "evaluation.coupling": "batch", "evaluation.start": "zero",
              "evaluation.tries": 2}, "evaluation.coupling = none"),
            ({**train, "training.warm_start": False}, "warm_start = true"),
            ({**train, "encoding.solver": "heun", "encoding.max_iterations": None,
              "training.adjoint": "discrete"}, "training.adjoint = none"),
            ({**train, "encoding.solver": "heun", "encoding.max_iterations": None,
              "training.metric": True}, "encoding.solver = lbfgs"),
            ({"evaluation.start": "encoder"}, "autoencoder"),
            ({"evaluation.tries": 0}, "must be at least 1"),
            ({"evaluation.tries": 11}, "evaluation.tries")):
        name = write_input(os.path.join(cwd, "refused.yaml"), encode, change)
        result = run(program, os.path.basename(name), cwd=cwd)
        checks(result.code == 2 and said in result.err, f"{change} should be refused: {result}")
    print("refusals: done", flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        write_fronts(cwd)
        path = os.path.abspath(run_input(checks, program, cwd, "fronts", FRONTS))
        test_ranking(checks, program, cwd, path)
        test_metric(checks, program, cwd, path)
        test_ranks(checks, program, cwd)
        test_weights(checks, program, cwd)
        test_restart(checks, program, cwd, path)
        test_made(checks, program, cwd, path)
        test_encoder(checks, program, cwd)
        test_nothing_to_learn(checks, program, cwd)
        test_refusals(checks, program, cwd, path)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
