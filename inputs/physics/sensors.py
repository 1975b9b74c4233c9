#!/usr/bin/env python3
"""Fields from a few sensors: least squares, POD and gradient flow encoding (GFE), with a prior.

usage: sensors.py [SET ...] [--latent 4 8 16] [--directory runs/physics_sensors] [--quick]

For each set and latent size, a decoder that starts from POD is trained on 1,000 states. Whole
states of other trajectories are then reconstructed from their values at a few places, which are
drawn anew for each state or are the same for all; the values are exact or noisy. Methods:

    least squares   the POD code that fits the sensors best (gappy POD)
    POD + prior     the most probable POD code: a Gaussian prior, and the decoder's own error
    GFE             the code at the end of the flow, evaluation.prior = none
    GFE + prior     the same with evaluation.prior = gaussian
    GFE, mean       the mean of the posterior over its maxima (evaluation.modes)

The latent size of each method is chosen on 200 states (shallow water: 120) and its error measured
on 200 others, all from trajectories not used in training. The tables give |x - y| / |y - mean| over
all of these, where x is the estimate and y the state without noise; the mean of the training states
has an error of 1. They then give the share of entries within the error bars, as they are (what the
sensors leave undetermined) and with the decoder's own error added (what no latent can reproduce),
and the rank correlation between bars and errors.

The program reads the states from .npy files, and the sensors as weights (1 observed, 0 not).
Finished parts are not repeated. --quick runs a part of the study on few points, for tests.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(ROOT, "postprocess")]

from gfe import command  # noqa: E402

with command.imports():
    import h5py
    import numpy as np

    import generate
    from gfe.tables import print_table

TRAIN, VALIDATION, TEST = 1000, 200, 200  # states at most
POINTS = {"fronts": 256, "burgers": 256, "shallow_water": 4096}
SENSORS = {"fronts": (51, 13, 3), "burgers": (51, 13, 3), "shallow_water": (205, 41, 8)}
TIMES = {"burgers": slice(5, 41), "shallow_water": slice(1, 21)}  # those that study.yaml learns
NOISE = (0.0, 0.05)  # of the standard deviation of the training states
PLACES = ("random", "fixed")
METHODS = ("least squares", "POD + prior", "GFE", "GFE + prior", "GFE, mean")
BARS = 1.0, 1.96  # that hold 68 and 95 %
# What a run with or without a prior gives: names of estimates and bars in results.h5.
RESULTS = {"none": {"GFE": ("reconstruction", "reconstruction_std")},
           "gaussian": {"GFE + prior": ("reconstruction", "reconstruction_std"),
                        "GFE, mean": ("posterior_mean", "posterior_std")}}


# ---- states ----

def read_states(name, quick):
    """States for training, for choosing the latent size and for testing, (state, ...) each."""
    fields, _ = generate.generate(name, quick)
    field = np.asarray(next(iter(fields.values()))[0], "f4")
    draw = np.random.default_rng(11)
    learned = generate.TRAIN[name]
    if name == "fronts":
        more, _ = generate.fronts(VALIDATION + TEST, 0, field.shape[1], seed=6)
        more = np.asarray(more["front"][0], "f4")
        parts = field[:learned], more[:VALIDATION], more[VALIDATION:]
    else:
        field = field[:, TIMES[name]]
        chosen = learned + (len(field) - learned) // 3
        parts = (np.concatenate(part) for part in np.split(field, [learned, chosen]))
    return [part[np.sort(draw.permutation(len(part))[:count])]
            for part, count in zip(parts, (TRAIN, VALIDATION, TEST))]


def observe(states, deviation, count, places, noise, seed):
    """The states with noise, and weights that are 1 at `count` places; all if `count` is None."""
    draw = np.random.default_rng(seed)
    seen = states + (noise * deviation * draw.standard_normal(states.shape)).astype("f4")
    entries = states[0].size
    weights = np.zeros((len(states), entries), "f4")
    fixed = draw.permutation(entries)[:count]
    for row in weights:
        row[fixed if places == "fixed" else draw.permutation(entries)[:count]] = 1
    return seen, weights.reshape(states.shape)


# ---- the program ----

def run(options, directory, keys):
    """Results of a run of the program, which is run only if they do not exist."""
    path = os.path.join(directory, "results.h5")
    if not os.path.exists(path):
        os.makedirs(directory, exist_ok=True)
        keys["run"]["directory"] = directory
        given = os.path.join(directory, "sensors.yaml")  # an input file is YAML, and JSON is YAML
        with open(given, "w") as file:
            json.dump(keys, file)
        with open(os.path.join(directory, "screen.txt"), "w") as screen:
            subprocess.run([options.program, given], check=True, stdout=screen)
    return path


def learn(options, directory, axes, d, entries):
    states = {part: {"file": os.path.join(directory, f"{part}.npy"), "axes": axes}
              for part in ("train", "validation")}
    return run(options, os.path.join(directory, f"d{d}"), {
        "run": {"tasks": ["train"]},
        "data": {**states, "scale": "standardise"},
        "decoder": {"latent": d, "loss": "mse", "initial": "pod", "layers": [
            {"dense": 64, "activation": "silu"}, {"dense": 128, "activation": "silu"},
            {"dense": entries}]},
        "encoding": {"tolerance": 1e-5, "max_iterations": 5},
        "training": {"epochs": 4 if options.quick else 40, "batch": 10, "learning_rate": 2e-3,
                     "schedule": "cosine", "schedule_factor": 0.01},
        "evaluation": {"every": 0, "tolerance": 1e-6, "max_iterations": 200},
        "output": {"reconstructions": 0}})


def encode(options, directory, case, axes, decoder, d, noise, prior):
    """The flow's estimates of all states of a case, with bars: {method: (estimates, bars)}."""
    data = {"file": os.path.join(directory, f"{case}.npy"), "axes": axes}
    if not case.startswith("all"):
        data["weights"] = os.path.join(directory, f"{case}_weights.npy")
    path = run(options, os.path.join(directory, f"d{d}", f"{case}_{prior}"), {
        "run": {"tasks": ["encode"]}, "decoder": {"file": decoder}, "data": {"encode": data},
        "evaluation": {"tolerance": 1e-6, "max_iterations": 200, "prior": prior,
                       "noise": float(noise), "uncertainty": True},
        "output": {"reconstructions": "all"}})
    with h5py.File(path) as file:
        group = file["encode"]
        return {method: [group[name][()].reshape(len(group[name]), -1).astype(float)
                         for name in names]
                for method, names in RESULTS[prior].items()}


# ---- POD ----

class Pod:
    """Modes of the training states, whose codes have mean 0 and variances `variance`."""

    def __init__(self, train, d):
        self.mean = train.mean(0)
        _, s, modes = np.linalg.svd(train - self.mean, full_matrices=False)
        self.modes, self.variance = modes[:d], s[:d] ** 2 / len(train)
        self.error = (s[d:] ** 2).sum() / train.size  # mean square of the residual

    def codes(self, y, w, noise, prior):
        ridge = np.diag((self.error + noise ** 2) / self.variance) if prior else 0
        for state, seen in zip(y, w > 0):
            modes = self.modes[:, seen]
            if prior:
                yield np.linalg.solve(modes @ modes.T + ridge, modes @ (state - self.mean)[seen])
            else:
                yield np.linalg.lstsq(modes.T, (state - self.mean)[seen], rcond=None)[0]

    def estimate(self, y, w, noise, prior):
        return self.mean + np.array(list(self.codes(y, w, noise, prior))) @ self.modes


# ---- the study of a set ----

def rank_correlation(a, b):
    return np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1]


def error_of(estimate, true, mean):
    return np.linalg.norm(estimate - true) / np.linalg.norm(true - mean)


def judge_bars(estimate, deviation, own, true):
    """Shares of entries within the bars, as they are and with the decoder's `own` error, and the
    correlation of the ranks of bars and errors."""
    off = np.abs(estimate - true)
    return [*((off <= bar * wide).mean() for wide in (deviation, np.hypot(deviation, own))
              for bar in BARS),
            rank_correlation(np.sqrt((deviation ** 2).mean(1)), np.sqrt((off ** 2).mean(1)))]


def study_case(options, directory, case, parts, chooses, noise, decoders):
    """{method: (error, d, bars or None)} at the d that is best on the first `chooses` states."""
    axes, train, true, y, w = parts
    mean, found = train.mean(0), {}
    first, rest = slice(chooses), slice(chooses, None)
    for d, decoder in decoders.items():
        pod = Pod(train, d)
        with h5py.File(decoder) as file:  # its loss is that of standardised states
            own = train.std() * np.sqrt(file["dictionary"].attrs["held_out_loss"])
        estimates = {"least squares": (pod.estimate(y, w, noise, False), None),
                     "POD + prior": (pod.estimate(y, w, noise, True), None)}
        for prior in RESULTS:
            estimates.update(encode(options, directory, case, axes, decoder, d, noise, prior))
        for method, (estimate, deviation) in estimates.items():
            chosen = error_of(estimate[first], true[first], mean)
            bars = None if deviation is None else judge_bars(estimate[rest], deviation[rest],
                                                             own, true[rest])
            if method not in found or chosen < found[method][0]:
                found[method] = (chosen, error_of(estimate[rest], true[rest], mean), d, bars)
    return {method: values[1:] for method, values in found.items()}


def study(options, name):
    directory = os.path.abspath(os.path.join(options.directory, name))
    os.makedirs(directory, exist_ok=True)
    train, validation, test = read_states(name, options.quick)
    axes = ["sample", "x", "y"][:train.ndim]
    for part, states in (("train", train), ("validation", validation)):
        np.save(os.path.join(directory, f"{part}.npy"), states)
    decoders = {d: learn(options, directory, axes, d, train[0].size) for d in options.latent}
    states, deviation = np.concatenate([validation, test]), train.std()
    counts = [max(2, n * train[0].size // POINTS[name]) for n in SENSORS[name]]
    errors, bars = [], []
    for noise in NOISE[-1:] if options.quick else NOISE:
        for count, places in [(None, "all")] + [
                (n, p) for n in (counts[1:2] if options.quick else counts) for p in PLACES]:
            case = f"{places}_{count or train[0].size}_{round(100 * noise)}"
            seen, weights = observe(states, deviation, count, places, noise, 100 + (count or 0))
            np.save(os.path.join(directory, f"{case}.npy"), seen)
            np.save(os.path.join(directory, f"{case}_weights.npy"), weights)
            flat = [part.reshape(len(part), -1).astype(float) for part in
                    (train, states, seen, weights)]
            found = study_case(options, directory, case, (axes, *flat), len(validation),
                               noise * deviation, decoders)
            label = [name, f"{noise:.0%}", places, f"{count or train[0].size}"]
            errors.append(label + [f"{found[m][0]:.3f} ({found[m][1]})" for m in METHODS])
            bars.append(label + [f"{number:.2f}" for number in found["GFE, mean"][2]])
            print(" ".join(errors[-1]), file=sys.stderr)
    return errors, bars


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SENSORS)}; all")
    parser.add_argument("--latent", nargs="+", type=int, default=[4, 8, 16], metavar="D")
    parser.add_argument("--directory", default=os.path.join("runs", "physics_sensors"))
    parser.add_argument("--program", default=shutil.which(
        "gfe_hpc", path=os.path.join(ROOT, "build") + os.pathsep + os.environ["PATH"]))
    parser.add_argument("--quick", action="store_true", help="a part of the study on few points")
    options = parser.parse_args()
    unknown = [name for name in options.sets if name not in SENSORS]
    if unknown:
        parser.error(f"{unknown[0]} is none of the sets {', '.join(SENSORS)}")
    results = [study(options, name) for name in options.sets or SENSORS]
    label = ["set", "noise", "places", "sensors"]
    print("Centred error of the test states (in parentheses: latent size)\n")
    print_table(label + list(METHODS), [row for errors, _ in results for row in errors])
    print("\nError bars of GFE, mean\n")
    print_table(label + ["68 %", "95 %", "68 %, own error", "95 %, own error", "ranks"],
                [row for _, bars in results for row in bars])


if __name__ == "__main__":
    main()
