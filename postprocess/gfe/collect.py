"""Gathers the tasks of a sweep into one table.

usage: gfe_collect.py DIRECTORY [--metric test_loss] [--highest] [--output DIR] [--format png|pdf]

DIRECTORY is the run.directory of an input with a section `sweep`. Writes sweep.csv and sweep.h5
there: index, directory and status of every task, the values of the swept keys and all numbers of
its summary.json. Lists the tasks that are not done, draws the metric in plots/ (as a map for two
keys, a curve for one, otherwise points for each key) and prints the best task. A swept run.seed
counts as a repetition: the plots show means over it.

A task is done, stopped (to be started again), failed, running or missing. It counts as failed if
its directory does not say how it ended and no file there is newer than --patience minutes.
"""

import csv
import difflib
import json
import os
import re
import sys
import time

import h5py
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from gfe import command
from gfe.results import ResultsError
from gfe.style import BLUE, GREY, GRID, LIGHT, MISSING, ONE_SIDE, ORANGE

STATES = ("done", "stopped", "failed", "running", "missing")
SEED = "run.seed"
CELLS = 120    # maps with at most this many cells have numbers written in them
LABELS = 12    # texts that fit along an axis

# Units and meaning of the numbers in summary.json; some are preceded by the name of a set.
MEANING = {
    "loss": ("1", "mean reconstruction loss of the set"),
    "evaluations_mean": ("1", "gradient evaluations per sample, mean"),
    "not_converged": ("samples", "samples whose flow ended before it converged"),
    "loss_as_new_over_trained": ("1", "loss of the training samples, encoded as if they were new, "
                                      "over the loss they were trained at"),
    "steps": ("updates", "updates of the decoder"),
    "epochs": ("epochs", "passes over the training data"),
    "uses_per_sample": ("uses", "updates that a training sample took part in, mean; with "
                                "training.replay more than epochs times updates for early ones"),
    "training_evaluations_per_sample": ("1", "gradient evaluations of flows in training, per "
                                             "training sample"),
    "seconds": ("s", "time since the last start"),
    "training_seconds": ("s", "training time"),
    "training_cpu_seconds": ("s", "CPU time of training, over all ranks"),
    "ranks": ("ranks", "MPI ranks of the last start"),
}


# ---- tasks ----

def load_json(path):
    """The content of a JSON file; None if it does not exist or is not valid JSON."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def newest(directory):
    """When any file in a directory was last written; 0 if it is empty."""
    return max((entry.stat().st_mtime for entry in os.scandir(directory)), default=0.0)


def status_of(directory, summary, config_hash, patience):
    """The state of a task, and the reason for it."""
    if not os.path.isdir(directory):
        return "missing", ""
    written = newest(directory)
    alive = time.time() - written < 60 * patience
    if summary is None:
        return ("running", "") if alive else ("failed", "it ended without a word")
    reason = summary.get("exit_reason", "")
    if reason == "done":
        if config_hash in (summary.get("config_hash"), summary.get("input_hash")):
            return "done", ""
        return "failed", "its summary.json is of a different input"
    ended = os.path.getmtime(os.path.join(directory, "summary.json"))
    if alive and written > ended + 2:  # started again since then
        return "running", ""
    return ("failed" if reason == "numerical failure" else "stopped"), reason


class Sweep:
    """The tasks of a sweep and their values, as lists with an entry per task."""

    def __init__(self, directory, patience):
        plan = load_json(os.path.join(directory, "sweep.json"))
        if not os.path.isdir(directory):
            raise ResultsError(f"{directory}: no such directory")
        if plan is None:
            raise ResultsError(f"{directory}: no sweep.json, so no task of a sweep was started "
                               "here (gfe_hpc --tasks lists the tasks of an input)")
        self.directory = directory
        self.keys = [key["key"] for key in plan["keys"]]
        self.about = {key["key"]: (key["unit"], key["text"]) for key in plan["keys"]}
        self.names = [task["directory"] for task in plan["tasks"]]
        self.values = {key: [task["values"][key] for task in plan["tasks"]] for key in self.keys}
        self.status, self.reason, summaries = [], [], []
        for task in plan["tasks"]:
            path = os.path.join(directory, task["directory"])
            summary = load_json(os.path.join(path, "summary.json"))
            status, reason = status_of(path, summary, task["config_hash"], patience)
            self.status.append(status)
            self.reason.append(reason)
            summaries.append(summary or {})
        self.numbers = {}
        for name in dict.fromkeys(name for summary in summaries for name in summary):
            column = [summary.get(name) for summary in summaries]
            if any(is_number(value) for value in column):
                self.numbers[name] = np.array([value if is_number(value) else np.nan
                                               for value in column], float)

    def strangers(self):
        """Task directories that do not belong to this sweep."""
        return sorted(name for name in os.listdir(self.directory)
                      if re.fullmatch(r"task_\d+_[0-9a-f]{8}", name) and name not in self.names)

    def metric(self, name):
        """A number from each task that is done; NaN for the others."""
        if name not in self.numbers:
            known = list(self.numbers)
            near = difflib.get_close_matches(name, known, 1)
            raise ResultsError(
                f"no task has the metric {name}" + (f"; did you mean {near[0]}?" if near else "")
                + (f" There are {', '.join(known)}" if known else
                   "; no summary.json has any number yet"))
        done = np.array([status == "done" for status in self.status])
        return np.where(done, self.numbers[name], np.nan)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def text_of(value):
    """A value as written in an input file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


# ---- the table ----

def write_csv(sweep, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "directory", "status", *sweep.keys, *sweep.numbers])
        for task, name in enumerate(sweep.names):
            numbers = [column[task] for column in sweep.numbers.values()]
            writer.writerow([task, name, sweep.status[task],
                             *(text_of(sweep.values[key][task]) for key in sweep.keys),
                             *("" if np.isnan(x) else f"{x:.17g}" for x in numbers)])


def as_array(column):
    """A column of JSON values as an array that HDF5 and xarray know."""
    if all(isinstance(value, bool) for value in column):
        return np.array(column, "i1")
    if all(isinstance(value, int) for value in column):
        return np.array(column, "i8")
    if all(value is None or is_number(value) for value in column):
        return np.array([np.nan if value is None else value for value in column], float)
    return np.array([text_of(value) for value in column], object)


def write_h5(sweep, path):
    """One axis, `task`; every column is a dataset on it."""
    count = len(sweep.names)
    partial = path + ".partial"
    with h5py.File(partial, "w", track_order=True) as file:
        file.attrs.update(software="gfe_collect.py", command=" ".join(sys.argv),
                          directory=sweep.directory)
        task = file.create_dataset("task", data=np.arange(count))
        task.make_scale("task")

        def add(name, data, unit, text):
            text_type = h5py.string_dtype() if data.dtype == object else None
            dataset = file.create_dataset(name, data=data, dtype=text_type)
            dataset.dims[0].attach_scale(task)
            dataset.attrs.update(long_name=text)
            if data.dtype != object:
                dataset.attrs["units"] = unit
            return dataset

        task.attrs.update(units="1", long_name="index of the task")
        add("directory", np.array(sweep.names, object), "1", "directory of the task")
        status = add("status", np.array([STATES.index(s) for s in sweep.status], "i1"), "1",
                     "how far the task is")
        status.attrs.update(flag_values=" ".join(map(str, range(len(STATES)))),
                            flag_meanings=" ".join(STATES))
        for key in sweep.keys:
            add(key, as_array(sweep.values[key]), *sweep.about[key])
        for name, column in sweep.numbers.items():
            plain = re.sub(r"^(train|test|encode)_(?!seconds)", "", name)
            unit, text = MEANING.get(plain, ("1", name))
            add(name, column, unit, text if plain == name else f"{name.split('_')[0]}: {text}")
    os.replace(partial, path)


# ---- plots ----

class Axis:
    """The distinct values of a key along an axis: numbers on a scale, others side by side."""

    def __init__(self, sweep, key):
        self.key, self.unit = key, sweep.about[key][0]
        column = sweep.values[key]
        self.numeric = all(is_number(value) for value in column)
        self.distinct = sorted(set(column)) if self.numeric else list(dict.fromkeys(column))
        self.position = np.array([self.distinct.index(value) for value in column])
        self.values = np.array(column, float) if self.numeric else self.position.astype(float)

    def label(self):
        return self.key if self.unit == "1" else f"{self.key} ({self.unit})"

    def texts(self):
        return [shorten(f"{value:g}" if self.numeric else text_of(value) or "not given")
                for value in self.distinct]

    def prepare(self, axis, set_scale):
        """Scale, ticks and label of a matplotlib axis for `values`."""
        axis.set_label_text(self.label())
        if not self.numeric:
            axis.set_ticks(range(len(self.distinct)), self.texts())
            axis.axes.set_xmargin(0.5 / len(self.distinct))
        elif self.distinct[0] > 0 and self.distinct[-1] > 20 * self.distinct[0]:
            set_scale("log")


def shorten(text):
    return text if len(text) <= 24 else text[:21] + "..."


def mean_of(values):
    """The mean of the known values; NaN if there are none."""
    known = values[np.isfinite(values)]
    return known.mean() if len(known) else np.nan


def draw_map(figure, one, two, metric, best, name):
    """A cell for every pair of values, coloured by the metric."""
    cells = np.full((len(two.distinct), len(one.distinct)), np.nan)
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            cells[row, column] = mean_of(metric[(two.position == row) & (one.position == column)])
    axes = figure.subplots()
    colours = matplotlib.colormaps[ONE_SIDE].with_extremes(bad=MISSING)
    image = axes.imshow(np.ma.masked_invalid(cells), origin="lower", aspect="auto", cmap=colours)
    for axis, of in ((axes.xaxis, one), (axes.yaxis, two)):
        every = -(-len(of.distinct) // LABELS)
        axis.set_ticks(range(0, len(of.distinct), every), of.texts()[::every])
        axis.set_label_text(of.label())
    axes.spines[:].set_visible(False)
    if cells.size <= CELLS:
        middle = np.nanmean([np.nanmin(cells), np.nanmax(cells)])
        for (row, column), value in np.ndenumerate(cells):
            axes.text(column, row, f"{value:.4g}" if np.isfinite(value) else "not\ndone",
                      ha="center", va="center", fontsize=11,
                      color="white" if value < middle else "black")
    corner = (one.position[best] - 0.47, two.position[best] - 0.47)
    axes.add_patch(plt.Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=ORANGE, linewidth=4))
    figure.colorbar(image, label=name)


def draw_points(axes, of, metric, best, name, joined):
    """The metric of each task against one key; a line joins the means."""
    axes.plot(of.values, metric, "o", color=BLUE if not joined else LIGHT, markersize=6)
    if joined:
        means = [(of.values[of.position == k][0], mean_of(metric[of.position == k]))
                 for k in range(len(of.distinct))]
        axes.plot(*np.array(means).T, "-" if of.numeric else "", color=BLUE, marker="o",
                  markersize=7)
    axes.plot(of.values[best], metric[best], "o", color=ORANGE, markersize=11, zorder=3)
    of.prepare(axes.xaxis, axes.set_xscale)
    if axes.get_subplotspec().is_first_col():
        axes.set_ylabel(name)
    known = metric[np.isfinite(metric)]
    if known.min() > 0 and known.max() > 20 * known.min():
        axes.set_yscale("log")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    if not of.numeric and sum(map(len, of.texts())) > 40:
        axes.tick_params(axis="x", labelrotation=30)


def plot(sweep, metric, best, name):
    """The figure of a sweep; None if no key has two values."""
    varied = [axis for axis in (Axis(sweep, key) for key in sweep.keys) if len(axis.distinct) > 1]
    repeated = len(varied) > 1 and any(axis.key == SEED for axis in varied)
    if repeated:
        varied = [axis for axis in varied if axis.key != SEED]
    if not varied:
        return None
    pairs = len(varied) == 2 and len(set(zip(varied[0].position, varied[1].position))) \
        == len(varied[0].distinct) * len(varied[1].distinct)
    done, count = int(np.isfinite(metric).sum()), len(metric)
    title = f"{done} of {count} tasks; orange: the best"
    if repeated:
        title += f"; means over {SEED}"
    if pairs:
        size = (min(4 + 1.3 * len(varied[1].distinct), 14), min(2.5 + len(varied[0].distinct), 10))
        figure = plt.figure(figsize=size)
        draw_map(figure, varied[1], varied[0], metric, best, name)
    else:
        columns = min(len(varied), 3)
        rows = -(-len(varied) // columns)
        figure = plt.figure(figsize=(max(5.2 * columns, 8), 4.3 * rows + 0.5))
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, of in zip(grid, varied):
            draw_points(axes, of, metric, best, name, joined=len(varied) == 1)
        for axes in grid[len(varied):]:
            axes.remove()
    figure.suptitle(title, color=GREY, fontsize=13, x=0.01, ha="left")
    return figure


# ---- what is said ----

def report_states(sweep):
    """A line for each state, with the tasks that need attention."""
    count = len(sweep.names)
    print(f"{sweep.directory}: {count} tasks, "
          + ", ".join(f"{sweep.status.count(state)} {state}" for state in STATES
                      if sweep.status.count(state)))
    for state in STATES[1:]:
        for task in range(count):
            if sweep.status[task] == state:
                reason = f" ({sweep.reason[task]})" if sweep.reason[task] else ""
                print(f"  {state:8} {sweep.names[task]}{reason}")
    for name in sweep.strangers():
        print(f"  {name} exists, but belongs to no task of this sweep")


def report_best(sweep, best, metric, name, highest):
    print(f"best: task {best} with {'highest' if highest else 'lowest'} {name} "
          f"{metric[best]:.6g}, in {os.path.join(sweep.directory, sweep.names[best])}")
    for key in sweep.keys:
        print(f"  {key}: {text_of(sweep.values[key][best]) or 'not given'}")


def collect(options):
    sweep = Sweep(options.directory, options.patience)
    output = options.output or options.directory
    os.makedirs(output, exist_ok=True)
    report_states(sweep)
    table = os.path.join(output, "sweep.csv")
    write_csv(sweep, table)
    print(table)
    table = os.path.join(output, "sweep.h5")
    write_h5(sweep, table)
    print(table)
    if "done" not in sweep.status:
        print("no task is done, so there is no best one yet")
        return
    metric = sweep.metric(options.metric)
    if not np.isfinite(metric).any():
        print(f"no finished task has a {options.metric}")
        return
    best = int(np.nanargmax(metric) if options.highest else np.nanargmin(metric))
    figure = plot(sweep, metric, best, options.metric)
    if figure is not None:
        command.save_figures({f"sweep_{options.metric}": figure}, os.path.join(output, "plots"),
                             options.format)
    report_best(sweep, best, metric, options.metric, options.highest)


def main():
    parser = command.figure_parser("Gather the tasks of a sweep into one table.",
                                   "the sweep's directory")
    parser.add_argument("directory", help="run.directory of an input with a section sweep")
    parser.add_argument("--metric", default="test_loss",
                        help="key of summary.json to compare (default: test_loss)")
    parser.add_argument("--highest", action="store_true",
                        help="the highest value is the best, not the lowest")
    parser.add_argument("--patience", type=float, default=30, metavar="MINUTES",
                        help="time without progress after which a task has failed (default: 30)")
    return command.run(parser, collect)
