#!/usr/bin/env python3
"""Figures and tables of the paper's claims, from the runs that inputs/paper/run.sh has made.

usage: gfe_claims.py adjoint|second_order|stiff|circle DIRECTORY
       gfe_claims.py scale IN.h5 OUT.h5 --layer K --factor F

The first form draws DIRECTORY/CLAIM.png and prints a table in Markdown. The second writes the
decoder of a results.h5 with the weights of one layer multiplied, which makes its flows stiffer.
"""

import argparse
import glob
import os

from gfe import command

with command.imports():
    import matplotlib.pyplot as plt
    import numpy as np

    from gfe.results import Results, ResultsError, write_decoder
    from gfe.style import BLUE, GREEN, GREY, GRID, LIGHT, ORANGE
    from gfe.tables import print_table

TARGETS = (0.01, 0.001)   # relative distances from the optimum that count as close
BUDGET = 200              # evaluations at which solvers are compared
SOLVERS = {"euler": (ORANGE, "o"), "rk4": (GREEN, "^"), "amd": (BLUE, "s"),
           "heun": (LIGHT, "v"), "dopri5": (GREY, "D")}


def load(directory, name):
    """An encoded set of the run in `directory`."""
    with Results(os.path.join(directory, "results.h5")) as results:
        return results.set(name)


def directories(*parts):
    """Directories that match a pattern and hold results, in order."""
    found = sorted(glob.glob(os.path.join(*parts, "results.h5")))
    if not found:
        raise ResultsError(f"no {os.path.join(*parts, 'results.h5')}; run inputs/paper/run.sh")
    return [os.path.dirname(path) for path in found]


def load_series(directory):
    """{series: encodings of increasing length} from DIRECTORY/SERIES/ITERATIONS."""
    series = {}
    for path in directories(directory, "*", "*"):
        series.setdefault(os.path.basename(os.path.dirname(path)), []).append(path)
    return {name: [load(path, "encode") for path in
                   sorted(paths, key=lambda path: int(os.path.basename(path)))]
            for name, paths in series.items()}


def finite_loss(encoded):
    """Losses, with infinity in place of NaN."""
    return np.where(np.isfinite(encoded.loss), encoded.loss, np.inf)


def best_losses(directory, series):
    """The lowest loss seen for each sample: its optimum as far as we know."""
    runs = [load(os.path.join(directory, "optimum"), "encode"), *sum(series.values(), [])]
    return np.min([finite_loss(run) for run in runs], axis=0)


def whole(value):
    """A number of evaluations as text; "-" if it is not finite."""
    return f"{value:.0f}" if np.isfinite(value) else "-"


# ---- (c) the adjoint ----

ADJOINTS = {"none": (ORANGE, "o"), "discrete": (BLUE, "s"), "continuous": (GREEN, "^")}


def load_adjoint(directory):
    """{(solver, tau, adjoint): seeds x (test loss by lbfgs, by the flow itself, seconds)}."""
    table = {}
    for path in directories(directory, "*", "*", "*", "seed_*"):
        key = tuple(os.path.relpath(path, directory).split(os.sep)[:3])
        with Results(os.path.join(path, "results.h5")) as results:
            loss = results.set("test").loss.mean()
            seconds = np.sum(results.history.epoch_seconds)
        same = os.path.join(path, "same_flow")
        same_loss = load(same, "test").loss.mean() if os.path.isdir(same) else np.nan
        table.setdefault(key, []).append((loss, same_loss, seconds))
    return {key: np.array(rows) for key, rows in table.items()}


def adjoint_order(item):
    """Key to sort the runs by: solver, tau, adjoint."""
    (solver, tau, kind), _ = item
    return solver, 0 if tau == "-" else float(tau), list(ADJOINTS).index(kind)


def adjoint(directory):
    """Claim (c): test loss with and without the adjoint, against the end of the flow."""
    table = load_adjoint(directory)
    rows = []
    for (solver, tau, kind), runs in sorted(table.items(), key=adjoint_order):
        loss, same, seconds = runs.mean(axis=0)
        rows.append((solver, tau, kind, *(f"{value:.4f}" for value in runs[:, 0]), f"{loss:.4f}",
                     f"{same:.4f}" if np.isfinite(same) else "-", f"{seconds:.1f}"))
    seeds = max(map(len, table.values()))
    print_table(("solver", "tau", "adjoint", *(f"seed {k + 1}" for k in range(seeds)), "mean",
                 "same flow", "seconds"), rows)
    return adjoint_figure(table)


def adjoint_figure(table):
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.2), sharey=True)
    for kind, (colour, marker) in ADJOINTS.items():
        keys = sorted((key for key in table if key[0] == "euler" and key[2] == kind),
                      key=lambda key: float(key[1]))
        taus = [float(key[1]) for key in keys]
        means = np.array([table[key].mean(axis=0) for key in keys])
        style = dict(color=colour, marker=marker, markersize=8, label=f"adjoint: {kind}")
        left.plot(taus, means[:, 0], **style)
        for tau, key in zip(taus, keys):
            left.plot([tau] * len(table[key]), table[key][:, 0], ".", color=colour, markersize=5)
        right.plot(means[:, 2], means[:, 0], **style)
        for tau, (loss, _, seconds) in zip(taus, means):
            right.annotate(f"{tau:g}", (seconds, loss), (7, 5), textcoords="offset points",
                           color=colour, fontsize=11)
    for key, runs in table.items():
        if key[0] == "lbfgs":
            loss, _, seconds = runs.mean(axis=0)
            left.axhline(loss, color=GREY, linestyle="--", label="trained with lbfgs, no adjoint")
            right.plot(seconds, loss, "D", color=GREY, markersize=8)
    left.set(xlabel="end of the flow τ (time of the summed loss)", xscale="log",
             ylabel="test BCE per pixel, encoded by lbfgs",
             title="per image: the adjoint helps (dots: seeds)")
    left.set_xticks([2, 5, 10, 20], ["2", "5", "10", "20"])
    left.minorticks_off()
    right.set(xlabel="seconds of training, 1,200 images (numbers: τ)", xscale="log",
              title="per second: it does not")
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20)
             if right.get_xlim()[0] < tick < right.get_xlim()[1]]
    right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    for axes in (left, right):
        axes.grid(axis="y", color=GRID, linewidth=0.8)
    left.legend()
    return figure


# ---- (d) the second-order flow ----

def evaluations_to(encodings, best, share):
    """Evaluations after which each sample's loss is within `share` of its optimum, rounded up to
    the next length that was run; inf if it never is."""
    reached = np.full(len(best), np.inf)
    for encoded in reversed(encodings):
        close = finite_loss(encoded) <= best * (1 + share)
        reached[close] = encoded.evaluations[close]
    return reached


def order_style(name):
    """Colour by flow, line and marker by solver; amd with the best step bounds is drawn thick."""
    colour = BLUE if "nesterov" in name else ORANGE if "gradient" in name else GREY
    if name == "lbfgs":
        return dict(color=colour)
    if not name.startswith("amd"):
        return dict(color=colour, linestyle=":", marker=SOLVERS[name.split("_")[0]][1])
    if name.endswith("1.05"):
        return dict(color=colour, linewidth=3.5)
    return dict(color=colour, linewidth=1.5, linestyle="--" if "growth" in name else "-.")


def second_order(directory):
    """Claim (d): evaluations to come close to each sample's optimum, by flow and solver."""
    series = load_series(directory)
    best = best_losses(directory, series)
    reached = {name: [evaluations_to(encodings, best, share) for share in TARGETS]
               for name, encodings in series.items()}
    names = sorted(series, key=lambda name: (np.median(reached[name][1]),
                                             np.median(reached[name][0]), name))
    head, rows = ["flow and solver"], [[name.replace("_", " ")] for name in names]
    for k, share in enumerate(TARGETS):
        head += [f"{100 * share:g} %: median", "mean", "never"]
        for name, row in zip(names, rows):
            needed = reached[name][k]
            arrived = np.isfinite(needed)
            row += [whole(np.median(needed)),
                    whole(needed[arrived].mean() if arrived.any() else np.inf),
                    f"{100 * np.mean(~arrived):.0f} %"]
    print_table(head, rows)
    for k, share in enumerate(TARGETS):
        least = {flow: min(np.median(reached[name][k]) for name in names
                           if name.startswith(f"amd_{flow}")) for flow in ("nesterov", "gradient")}
        print(f"Within {100 * share:g} %: amd on nesterov {least['nesterov']:.0f} evaluations, "
              f"on gradient {least['gradient']:.0f}, "
              f"{least['gradient'] / least['nesterov']:.1f} times as many.")
    return second_order_figure({name: series[name] for name in names}, best)


def second_order_figure(series, best):
    figure, axes = plt.subplots(figsize=(11, 6))
    for name in series:
        evaluations = [np.median(encoded.evaluations) for encoded in series[name]]
        excess = [100 * np.median(finite_loss(encoded) / best - 1) for encoded in series[name]]
        axes.plot(evaluations, np.maximum(excess, 1e-4), label=name.replace("_", " "),
                  **order_style(name))
    for share in TARGETS:
        axes.axhline(100 * share, color=LIGHT, linewidth=1, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=(2, 1500), ylim=(0.005, 150),
             xlabel="gradient evaluations per sample (median)",
             ylabel="loss above the optimum (median)",
             title="256 test images, one decoder: the second-order flow arrives much sooner")
    axes.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    axes.set_xticks([3, 10, 30, 100, 300, 1000], ["3", "10", "30", "100", "300", "1000"])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


# ---- (e) fixed steps on a stiff decoder ----

def stability_limits(decoder, target, z):
    """The longest stable Euler step at each sample's z: 2 / the largest eigenvalue of the Hessian
    of the summed loss (by central differences of the gradient)."""
    hessian, width = np.empty((len(z), decoder.latent, decoder.latent)), 1e-4
    for j, shift in enumerate(width * np.eye(decoder.latent)):
        hessian[:, :, j] = (decoder.gradient(target, z + shift) -
                            decoder.gradient(target, z - shift)) / (2 * width)
    return 2 / (decoder.n * np.linalg.eigvalsh(hessian)[:, -1])


class StiffCase:
    """All encodings with one decoder."""

    def __init__(self, directory):
        self.series = load_series(directory)
        self.best = best_losses(directory, self.series)
        with Results(os.path.join(directory, "optimum", "results.h5")) as results:
            decoder, optimum = results.decoder(), results.set("encode")
        z, target = optimum.z.astype(float), decoder.to_scaled_units(optimum.target)
        self.limits = stability_limits(decoder, target, z)
        self.start = decoder.loss(target, 0 * z)

    def curve(self, name):
        """Mean evaluations, and by how much the mean loss lies above the mean optimum."""
        return (np.array([encoded.evaluations.mean() for encoded in self.series[name]]),
                np.array([finite_loss(encoded).mean() / self.best.mean() - 1
                          for encoded in self.series[name]]))

    def at_budget(self, values, name):
        """A quantity of the encodings, interpolated to BUDGET evaluations."""
        evaluations, _ = self.curve(name)
        return np.interp(np.log(BUDGET), np.log(evaluations), values)

    def excess(self, name):
        """By how much the mean loss lies above the mean optimum."""
        return np.exp(self.at_budget(np.log(self.curve(name)[1]), name))

    def median_excess(self, name):
        """By how much a sample's loss lies above its optimum."""
        return self.at_budget([np.median(finite_loss(encoded) / self.best - 1)
                               for encoded in self.series[name]], name)

    def diverged(self, name):
        """Fraction of the samples whose loss ends above its initial value or is not finite."""
        return self.at_budget([np.mean(finite_loss(encoded) > self.start)
                               for encoded in self.series[name]], name)

    def steps(self, solver):
        """(step, series) of a solver, by step."""
        pairs = (name.split("_") for name in self.series)
        return sorted((float(step), f"{other}_{step}") for other, step in pairs if other == solver)


def stiff(directory):
    """Claim (e): loss reached with fixed and adaptive steps, on two decoders."""
    cases = {name: StiffCase(os.path.join(directory, name)) for name in ("trained", "stiff")}
    rows = []
    for name, case in cases.items():
        low, half, high = np.percentile(case.limits, (0, 50, 100))
        print(f"{name}: Euler is stable at the optimum below a step of {low:.2g} (smallest of all "
              f"samples), {half:.2g} (median), {high:.2g} (largest); "
              f"optimum {case.best.mean():.4f}, start {case.start.mean():.4f}")
    print()
    for solver in SOLVERS:
        for step, series in cases["stiff"].steps(solver):
            rows.append((solver, f"{step:g}", *sum((
                [f"{100 * case.excess(series):.3g} %", f"{100 * case.median_excess(series):.3g} %",
                 f"{100 * case.diverged(series):.1f} %"] for case in cases.values()), [])))
    print_table(("solver", "(first) step", *(f"{name}: {what}" for name in cases for what in
                                             ("mean loss above optimum", "median", "diverged"))),
                rows)
    return stiff_figure(cases)


def stiff_figure(cases):
    figure, (left, right) = plt.subplots(1, 2, figsize=(16, 5.6))
    case = cases["stiff"]
    for series, label, line in (
            ("euler_0.003", "Euler 0.003 (its best)", "-"), ("euler_0.03", "Euler 0.03", "--"),
            ("euler_0.3", "Euler 0.3", ":"), ("rk4_0.003", "RK4 0.003 (its best)", "-"),
            ("rk4_0.1", "RK4 0.1", "--"), ("dopri5_0.03", "Dormand-Prince 5(4)", "-"),
            ("amd_0.03", "AMD", "-")):
        solver = series.split("_")[0]
        evaluations, excess = case.curve(series)
        left.plot(evaluations, 100 * excess, line, color=SOLVERS[solver][0], label=label,
                  linewidth=3.5 if solver == "amd" else 2)
    left.set(xscale="log", xlabel="gradient evaluations per sample (mean)",
             ylabel="mean loss above the optimum", title="the stiff decoder: loss by work")
    left.set_xticks([10, 30, 100, 300], ["10", "30", "100", "300"])

    for solver in ("euler", "rk4", "amd"):
        colour, marker = SOLVERS[solver]
        for name, line, fill in (("trained", "--", "none"), ("stiff", "-", colour)):
            steps = cases[name].steps(solver)
            right.plot([step for step, _ in steps],
                       [100 * cases[name].excess(series) for _, series in steps], line,
                       color=colour, marker=marker, markersize=8, markerfacecolor=fill,
                       label=f"{solver}, {name} decoder")
    right.axvspan(*np.percentile(case.limits, (5, 95)), color="#F0F0F0", zorder=0,
                  label="stability limits of Euler,\nstiff decoder\n(90 % of the samples)")
    right.set(xscale="log", xlabel="step (AMD: first step), time of the summed loss",
              title=f"loss after {BUDGET} evaluations, by step")
    steps = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1)
    right.set_xticks(steps, [f"{step:g}" for step in steps])
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_ylim(0.3, 500)
        axes.set_yticks([1, 10, 100], ["1 %", "10 %", "100 %"])
        axes.minorticks_off()
        axes.grid(axis="y", color=GRID, linewidth=0.8)
    left.legend(fontsize=10.5)
    right.legend(fontsize=10.5, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


# ---- the circle ----

CIRCLE_SHOWN = "seed_2"
CIRCLE_LEARNED = 0.02


def circle(directory):
    """The circle: the decoder as a curve, for every flow and solver."""
    methods = [(flow, solver) for flow, solvers in (
        ("gradient", ("lbfgs", "amd", "euler", "rk4", "heun", "dopri5")),
        ("nesterov", ("amd", "rk4", "heun", "dopri5"))) for solver in solvers]
    rows, figure = [], plt.figure(figsize=(16, 6.6))
    grid = figure.subplots(2, 6, sharex=True, sharey=True)
    for axes in grid.flat:
        axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), box_aspect=1, xticks=[-1, 0, 1],
                 yticks=[-1, 0, 1])
    for k, (flow, solver) in enumerate(methods):
        runs = {os.path.basename(path): path for path in
                directories(directory, flow, solver, "seed_*")}
        tests = {seed: load(path, "test") for seed, path in runs.items()}
        losses = np.array([encoded.loss.mean() for encoded in tests.values()])
        shown = tests[CIRCLE_SHOWN]
        rows.append((flow, solver, f"{load(runs[CIRCLE_SHOWN], 'train').loss.mean():.1e}",
                     f"{shown.loss.mean():.1e}", f"{shown.evaluations.mean():.0f}",
                     f"{np.sum(losses < CIRCLE_LEARNED)} of {len(losses)}",
                     ", ".join(f"{loss:.1e}" for loss in losses)))
        with Results(os.path.join(runs[CIRCLE_SHOWN], "results.h5")) as results:
            decoder = results.decoder()
        axes = grid.flat[k]
        along = np.quantile(shown.z, np.linspace(0, 1, 4000))
        curve = decoder.to_data_units(decoder.decode(along[:, None]))
        axes.plot(*curve.T, color=LIGHT, linewidth=3, label="decoder")
        axes.plot(*shown.target.T, "o", color=BLUE, markersize=5, label="test point")
        axes.plot(*shown.reconstruction.T, "x", color=ORANGE, markersize=5, label="reconstruction")
        axes.set_title(f"{solver}, {flow}\nMSE {shown.loss.mean():.1g}", fontsize=12)
    for axes in grid.flat[len(methods):]:
        axes.set_axis_off()
    handles, labels = grid.flat[0].get_legend_handles_labels()
    grid.flat[len(methods)].legend(handles, labels, loc="center left", fontsize=13)
    print_table(("flow", "solver", "train MSE", "test MSE", "evaluations",
                 f"seeds below {CIRCLE_LEARNED}", "test MSE of all seeds"), rows)
    return figure


# ---- the stiff decoder ----

def scale(arguments):
    """Writes a decoder with the weights (not the biases) of one layer multiplied."""
    with Results(arguments.source) as results:
        decoder = results.decoder()
    if not 0 <= arguments.layer < len(decoder.layers):
        raise ResultsError(f"--layer {arguments.layer}: {arguments.source} has "
                           f"{len(decoder.layers)} layers, counted from 0")
    layers = [(weight * (arguments.factor if k == arguments.layer else 1), bias, activation)
              for k, (weight, bias, activation) in enumerate(decoder.layers)]
    write_decoder(arguments.target, layers, decoder.loss_name, decoder.scale_offset,
                  decoder.scale_factor, decoder.shape)


CLAIMS = {"adjoint": adjoint, "second_order": second_order, "stiff": stiff, "circle": circle}


def work(options):
    if options.claim == "scale":
        scale(options)
    else:
        command.save_figures({options.claim: CLAIMS[options.claim](options.directory)},
                             options.directory, "png")


def main():
    parser = argparse.ArgumentParser(description="Draw and tabulate the paper's claims.")
    commands = parser.add_subparsers(dest="claim", required=True)
    for name in CLAIMS:
        commands.add_parser(name).add_argument("directory", help="of the runs: runs/paper/CLAIM")
    scaling = commands.add_parser("scale", help="write a decoder with a layer's weights multiplied")
    scaling.add_argument("source", help="results.h5 with a decoder")
    scaling.add_argument("target", help="the file to write")
    scaling.add_argument("--layer", type=int, required=True, help="which, counted from 0")
    scaling.add_argument("--factor", type=float, required=True)
    return command.run(parser, work)


if __name__ == "__main__":
    raise SystemExit(main())
