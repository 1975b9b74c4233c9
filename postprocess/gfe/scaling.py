"""Predicts how training and encoding scale to thousands of ranks, from runs on a few.

usage: gfe_scaling.py RUN... [--output DIR] [--format png|pdf] [--ranks 4096] [--efficiency 0.9]

Each RUN is a results.h5 or the directory that holds one, all with the same decoder layers, on any
number of ranks. A step on one rank costs

    seconds = evaluation * (gradient evaluations of its samples) + tile * (its tiles) + step,

where a matrix product of fewer than `--stream` rows takes as long as one of that many: the time to
read the weights. The constants are fitted to the runs on one rank: give at least three, trained
with different batch sizes. `step` is the work that every rank repeats: turning sums into gradients,
the optimiser, packing the weights. The first two are about half of it and are divided among the
ranks if each updates its share of the parameters. On R ranks the busiest one counts, with its tiles
(a batch has a limited number of them, which are not split) and its share of the evaluations. Flows
are distributed by sample, according to what each took in the previous pass: all ranks have equal
shares, apart from `--imbalance`, and a sample is not split.
Communication is added, with constants that are options:

    Allreduce of the gradient, 8 bytes a parameter   2 log2(R) latency + 2 (R-1)/R bytes/bandwidth
    or, from 2^26 ranks times parameters on,
    if each rank has at least 1,024 parameters,
    reduce-scatter (8) and allgather (4 bytes)       2 log2(R) latency + (R-1)/R bytes/bandwidth
    the small collective call of a step              log2(R) latency
    the plan of flows: up to 64 ranks an Allreduce   2 log2(R) latency + 16 batch/bandwidth,
    beyond, in groups of 64                          4 exchanges
    an exchange with the P ranks concerned           latency + P partner + bytes/bandwidth

Encoding takes the time per evaluation of the run on one rank, times the evaluations of the busiest
rank, drawn from the measured distribution; samples are read and latents written at the speed of the
file system.

Prints the constants, predictions against runs on several ranks (time on two, balance of evaluations
on more, where a machine with fewer cores says nothing about time), and the batch that keeps the
given efficiency; draws DIR/scaling.png (default: plots beside the first RUN).
"""

import os
import re
import sys

import matplotlib.pyplot as plt
import numpy as np

from gfe import command
from gfe.results import Results, ResultsError
from gfe.style import BLUE, GREEN, GREY, GRID, LIGHT, ORANGE, PURPLE
from gfe.tables import print_table

EXCHANGES = 3                   # per step: samples and latents to the flows, to the tiles, home
SHARED_FROM = 1 << 26           # ranks times parameters from which on each rank updates its share,
LEAST_SHARE = 1 << 10           # if that has at least this many parameters;
SHARED = 0.5                    # part of `step` that the ranks then divide
PLANNED_TOGETHER = 64           # ranks that plan their flows together
PLAN_EXCHANGES = 4              # of the groups: costs to the collectors, to the group; answers
STRONG_BATCHES = (64, 256, 1024, 4096, 16384)
WEAK_SAMPLES = (24, 96, 240)    # per rank
ENCODED = (10**4, 10**5, 10**6)
DRAWS = 1 << 21                 # numbers drawn at a time, at most
MOST_PER_RANK = 1 << 14         # samples of the largest batch considered
MOST_TOGETHER = 1 << 10         # samples; beyond, the time lost at the end no longer matters


# ---- what has been measured ----

class Layout:
    """How a run divides its batches into tiles, from the attributes of its results."""

    # The values before the program wrote these attributes.
    EARLIER = {"samples_per_tile_least": 10, "samples_per_tile_most": 24, "tiles_per_batch": 4}

    def __init__(self, path, attributes):
        missing = [name for name in ("samples_per_tile", *self.EARLIER) if name not in attributes]
        if missing:
            print(f"{path} was written by an earlier gfe_hpc and does not hold "
                  f"{', '.join(missing)}: the defaults of that time are used", file=sys.stderr)
        self.tile = attributes.get("samples_per_tile")
        self.tile_least, self.tile_most, self.tiles = (
            int(attributes.get(name, value)) for name, value in self.EARLIER.items())

    def default_tile(self, batch):
        """Samples per tile where training.tile is auto."""
        tile = -(-batch // self.tiles)
        return min(batch, max(self.tile_least, min(self.tile_most, tile)))


def work(evaluations, stream):
    """Effective number of rows for the evaluations of samples, along the last axis, that begin
    together: in each pass the number still running, but at least `stream`. So the longest `stream`
    samples count as if all of them took as long as the longest."""
    few = min(stream, evaluations.shape[-1])
    longest = -np.partition(-evaluations, few - 1, axis=-1)[..., :few]
    return evaluations.sum(axis=-1) + stream * longest.max(axis=-1) - longest.sum(axis=-1)


class Measured:
    """A run: ranks and layout; batch, tile, and evaluations and seconds of each step of training;
    evaluations of the samples of its sets, and bytes per sample."""

    def __init__(self, path):
        self.path = os.path.join(path, "results.h5") if os.path.isdir(path) else path
        with Results(self.path) as results:
            about, history = results.attributes, results.history
            self.sets = {name: results.set(name).evaluations for name in results.groups}
            self.sample_bytes = max(map(results.bytes_per_sample, results.groups), default=0)
            decoder = results.decoder()
        self.n, self.latent = decoder.n, decoder.latent
        self.parameters = decoder.network.parameters
        self.layout = Layout(self.path, about)
        self.ranks = int(re.match(r"(\d+)", about.get("parallelism", "1")).group(1))
        self.samples = sum(map(len, self.sets.values()))
        self.batch = self.tile = None
        if history is not None and hasattr(history, "step_seconds"):
            self._read_training(history)
        self.encode_seconds = self._encode_seconds() if self.batch is None else None

    def _read_training(self, history):
        seen, seconds = (np.diff(series, prepend=0)
                         for series in (history.step_samples, history.step_seconds))
        self.batch = int(seen.max())
        self.tile = int(self.layout.tile or self.layout.default_tile(self.batch))
        # Whole batches except the first of an epoch, which may follow an encoding of the test set.
        whole = (seen == self.batch) & (np.diff(history.step_epoch, prepend=0) == 0)
        if not whole.any():
            raise ResultsError(f"{self.path}: an epoch with a single batch is not enough")
        self.evaluations = history.step_evaluations[whole] * self.batch
        self.seconds = seconds[whole]
        quantiles = [getattr(history, f"epoch_evaluations_{name}")[-1]
                     for name in ("mean", "p50", "p99", "max")]
        self.distribution = Quantiles(*quantiles)

    def _encode_seconds(self):
        """Seconds that the encodings took, or None."""
        path = os.path.join(os.path.dirname(self.path), "summary.json")
        if not self.sets or not os.path.isfile(path):
            return None
        with open(path, encoding="utf-8") as file:
            found = re.search(r'"seconds": ([0-9.e+-]+)', file.read())
        return float(found.group(1)) if found else None

    def same_work(self, other):
        """Whether the other run has done the same work, on whatever number of ranks."""
        if (self.batch, self.tile) != (other.batch, other.tile):
            return False
        return self.batch is not None or (self.samples == other.samples and
                                          bool(self.encode_seconds and other.encode_seconds))


class Quantiles:
    """Distribution of the evaluations of training flows: linear between the quantiles that a run
    stores, and a smallest value that gives the right mean."""

    def __init__(self, mean, median, p99, most):
        upper = 0.49 * (median + p99) / 2 + 0.01 * (p99 + most) / 2
        least = float(np.clip(4 * (mean - upper) - median, 1, median))
        self.points = ((0, 0.5, 0.99, 1), (least, median, p99, most))

    def draw(self, rng, shape):
        return np.interp(rng.random(shape), *self.points)

    def longest(self, count):
        """The largest number of evaluations among `count` flows, approximately."""
        return float(np.interp(count / (count + 1), *self.points))

    def mean(self):
        shares, values = map(np.asarray, self.points)
        return float(np.sum(np.diff(shares) * (values[1:] + values[:-1]) / 2))


class Sample:
    """Evaluations of the samples of an encoded set."""

    def __init__(self, evaluations):
        self.evaluations = np.asarray(evaluations, float)

    def draw(self, rng, shape):
        return rng.choice(self.evaluations, shape)

    def mean(self):
        return float(self.evaluations.mean())


def shares(count, ranks):
    """How many of `count` items each rank has: contiguous, as by comm_share_first()."""
    return np.diff(count * np.arange(ranks + 1) // ranks)


def busiest(distribution, samples, ranks, stream, rng):
    """Expected work of the busiest of `ranks` ranks with `samples` samples each."""
    rows = max(1, min(ranks, DRAWS // samples))
    drawn = [work(distribution.draw(rng, (rows, samples)), stream) for _ in range(4)]
    if rows == ranks:
        return float(np.mean([of_rank.max() for of_rank in drawn]))
    # More ranks than were drawn: the expected maximum of that many normal numbers.
    root = np.sqrt(2 * np.log(ranks))
    largest = root - (np.log(np.log(ranks)) + np.log(4 * np.pi)) / (2 * root)
    return float(np.mean(drawn) + largest * np.std(drawn))


def balance(evaluations, ranks):
    """The busiest rank's evaluations over the mean; samples along the last axis."""
    first = evaluations.shape[-1] * np.arange(ranks) // ranks
    sums = np.add.reduceat(evaluations, first, axis=-1)
    return sums.max(axis=-1) / sums.mean(axis=-1)


# ---- the model ----

def nonnegative_fit(matrix, values):
    """Least squares with non-negative coefficients, for a few columns."""
    columns = list(range(matrix.shape[1]))
    while True:
        found = np.zeros(matrix.shape[1])
        found[columns] = np.linalg.lstsq(matrix[:, columns], values, rcond=None)[0]
        if (found >= 0).all():
            return found
        columns.remove(int(np.argmin(found)))


class Model:
    """Seconds of a training step, and of an encoding, on any number of ranks."""

    def __init__(self, runs, options):
        self.options, self.rng = options, np.random.default_rng(1)
        first = runs[0]
        self.n, self.latent, self.parameters = first.n, first.latent, first.parameters
        self.layout, self.fillings = first.layout, {}
        single = [run for run in runs if run.batch is not None and run.ranks == 1]
        encoding = [run for run in runs if run.encode_seconds and run.ranks == 1]
        if not single and not encoding:
            raise ResultsError("no run on one rank that has trained or encoded")
        self.training, self.batches = bool(single), {run.batch for run in single}
        if single:
            self._fit_steps(single)
        self.encoding = bool(encoding)
        if encoding:
            run = max(encoding, key=lambda run: run.encode_seconds)
            samples = np.concatenate(list(run.sets.values()))
            self.sample_bytes = run.sample_bytes
            self.encode_evaluation = run.encode_seconds / samples.sum()
            self.encode_distribution = Sample(samples)

    def _fit_steps(self, runs):
        """One equation per run, for its median step; relative errors are minimised."""
        self.distribution = max(runs, key=lambda run: len(run.seconds)).distribution
        seconds = np.array([np.median(run.seconds) for run in runs])
        matrix = np.array([(self.filling(run.batch) * np.mean(run.evaluations),
                            -(-run.batch // run.tile), 1) for run in runs]) / seconds[:, None]
        keep = {1: [0], 2: [0, 2]}.get(len(self.batches), [0, 1, 2])
        found = np.zeros(3)
        found[keep] = nonnegative_fit(matrix[:, keep], np.ones(len(runs)))
        self.evaluation, self.tile, self.step = found
        self.misfit = np.max(np.abs(matrix @ found - 1))

    def filling(self, samples):
        """Effective rows per evaluation if this many samples begin together."""
        samples = min(samples, MOST_TOGETHER)
        if samples not in self.fillings:
            drawn = self.distribution.draw(self.rng, (64, samples))
            self.fillings[samples] = (work(drawn, self.options.stream).sum() / drawn.sum())
        return self.fillings[samples]

    def flows(self, ranks, batch):
        """Effective rows of the rank with the most evaluations of a batch."""
        busy = min(ranks, batch)
        share = batch / busy * self.distribution.mean() * self.filling(-(-batch // busy))
        if ranks == 1:
            return share
        return max(self.options.imbalance * share,
                   self.options.stream * self.distribution.longest(batch))

    # communication

    def shares_update(self, ranks):
        return (ranks > 1 and ranks * self.parameters >= SHARED_FROM
                and self.parameters >= ranks * LEAST_SHARE)

    def own_step(self, ranks):
        """Seconds of the work that a rank does for itself."""
        return self.step * (1 - SHARED + SHARED / ranks if self.shares_update(ranks) else 1)

    def parameters_exchange(self, ranks):
        """Seconds to sum the gradient, and to collect the parameters if the update is shared."""
        options = self.options
        size = (8 + 4 if self.shares_update(ranks) else 2 * 8) * self.parameters
        return 2 * np.log2(ranks) * options.latency + (ranks - 1) / ranks * size / options.bandwidth

    def plan(self, ranks, batch):
        options = self.options
        if ranks == 1:
            return 0.0
        if ranks <= PLANNED_TOGETHER:
            return 2 * np.log2(ranks) * options.latency + 2 * 8 * batch / options.bandwidth
        partners = PLANNED_TOGETHER + 3 * min(ranks, -(-batch // ranks))
        return PLAN_EXCHANGES * options.latency + partners * options.partner

    def exchange(self, ranks, samples):
        options, size = self.options, 4 * (self.n + 2 * self.latent) * samples
        if ranks == 1:
            return 0.0
        partners = min(ranks, 2 * samples)
        return (EXCHANGES * (options.latency + partners * options.partner)
                + size / options.bandwidth)

    def communication(self, ranks, batch, samples):
        """Seconds of all communication in a step in which a rank has `samples` samples."""
        small = np.log2(ranks) * self.options.latency
        return (self.parameters_exchange(ranks) + small + self.plan(ranks, batch)
                + self.exchange(ranks, samples))

    # the whole

    def step_seconds(self, ranks, batch, tile=None):
        tile = tile or self.layout.default_tile(batch)
        tiles = -(-batch // tile)
        mine = int(shares(tiles, ranks).max())
        return (self.evaluation * self.flows(ranks, batch) + self.tile * mine
                + self.own_step(ranks)
                + self.communication(ranks, batch, min(mine * tile, batch)))

    def alone(self, batch, tile=None):
        """Seconds of a step on one rank."""
        return self.step_seconds(1, batch, tile)

    def strong(self, ranks, batch):
        return self.alone(batch) / (ranks * self.step_seconds(ranks, batch))

    def weak(self, ranks, samples):
        return self.alone(samples) / self.step_seconds(ranks, samples * ranks,
                                                       self.layout.default_tile(samples))

    def batch_for(self, ranks):
        """The smallest batch, in whole tiles per rank (beyond 16, in steps of an eighth), that
        keeps the efficiency; None beyond MOST_PER_RANK samples per rank."""
        tile, per_rank = self.layout.default_tile(1 << 20), 1
        while per_rank * tile <= MOST_PER_RANK:
            if self.strong(ranks, per_rank * tile * ranks) >= self.options.efficiency:
                return per_rank * tile * ranks
            per_rank += max(1, per_rank // 8)
        return None

    def file_seconds(self, samples):
        """Seconds to read samples in float32 and to write their results."""
        return samples * (4 * self.n + self.sample_bytes) / self.options.filesystem

    def encode_seconds(self, ranks, samples):
        mine = int(shares(samples, ranks).max())
        most = busiest(self.encode_distribution, mine, min(ranks, samples), self.options.stream,
                       self.rng)
        return self.encode_evaluation * most + self.file_seconds(samples)

    def encode_strong(self, ranks, samples):
        alone = (self.encode_evaluation * samples * self.encode_distribution.mean()
                 + self.file_seconds(samples))
        return alone / (ranks * self.encode_seconds(ranks, samples))


# ---- what is said ----

def print_constants(model):
    options = model.options
    rows = []
    if model.training:
        rows += [("gradient evaluation, training", f"{1e6 * model.evaluation:.1f} µs"),
                 ("tile", f"{1e3 * model.tile:.2f} ms"),
                 ("step", f"{1e3 * model.step:.2f} ms"),
                 ("largest misfit of a run", f"{100 * model.misfit:.1f} %"),
                 ("evaluations per sample, training", f"{model.distribution.mean():.1f}"),
                 ("gradient", f"{8e-6 * model.parameters:.2f} MB")]
    if model.encoding:
        rows += [("gradient evaluation, encoding", f"{1e6 * model.encode_evaluation:.1f} µs"),
                 ("evaluations per sample, encoding", f"{model.encode_distribution.mean():.1f}")]
    rows += [("rows that take as long as the weights (stated)", str(options.stream)),
             ("imbalance of evaluations in training (stated)", f"{options.imbalance:g}"),
             ("latency (stated)", f"{1e6 * options.latency:g} µs"),
             ("bandwidth per rank (stated)", f"{1e-9 * options.bandwidth:g} GB/s"),
             ("partner of an exchange (stated)", f"{1e6 * options.partner:g} µs"),
             ("file system (stated)", f"{1e-9 * options.filesystem:g} GB/s")]
    print_table(("constant", "value"), rows)
    if model.training and len(model.batches) < 3:
        print(f"Trained on one rank with {len(model.batches)} different batches: with fewer than 3 "
              "the costs of tiles and steps cannot be told apart, and scaling looks better than it "
              "is.\n")


def check_time(model, runs):
    """Speedups on two ranks, predicted and measured, for runs that also exist on one rank."""
    rows = []
    for two in (run for run in runs if run.ranks == 2):
        for one in (run for run in runs if run.ranks == 1 and run.same_work(two)):
            if two.batch is not None:
                what = f"training, batch {two.batch}"
                predicted = (model.alone(two.batch, two.tile)
                             / model.step_seconds(2, two.batch, two.tile))
                measured = np.median(one.seconds) / np.median(two.seconds)
            else:
                what = f"encoding, {two.samples} samples"
                predicted = 2 * model.encode_strong(2, two.samples)
                measured = one.encode_seconds / two.encode_seconds
            rows.append((what, f"{predicted:.2f}", f"{measured:.2f}"))
    if rows:
        print_table(("2 ranks against 1", "predicted", "measured"), rows)


def check_balance(model, runs):
    """The busiest rank's evaluations over the mean: predicted from the distribution of a run on one
    rank, and measured on the ranks of each run."""
    rows = []
    for run in sorted(runs, key=lambda run: run.ranks):
        for name, evaluations in run.sets.items():
            if run.ranks == 1 or len(evaluations) < run.ranks:
                continue
            base = model.encode_distribution if model.encoding else Sample(evaluations)
            drawn = balance(base.draw(model.rng, (50, len(evaluations))), run.ranks)
            rows.append((str(run.ranks), f"{name}, {len(evaluations)} samples",
                         f"{drawn.mean():.3f} ± {drawn.std():.3f}",
                         f"{balance(evaluations, run.ranks):.3f}"))
    if rows:
        print_table(("ranks", "set", "busiest / mean, predicted", "measured"), rows)


def powers(most):
    return [1 << k for k in range(int(np.log2(most)) + 1)]


def print_batches(model, batches):
    """Prints `batches`: {ranks: the batch that keeps the efficiency}."""
    rows, share = [], f"{100 * model.options.efficiency:g} %"
    for ranks, batch in batches.items():
        rows.append((str(ranks), "none" if batch is None else str(batch),
                     "-" if batch is None else str(batch // ranks),
                     *(f"{100 * model.strong(ranks, size):.0f} %" for size in STRONG_BATCHES)))
    print_table(("ranks", f"batch for {share}", "per rank",
                 *(f"efficiency at batch {size}" for size in STRONG_BATCHES)), rows)


# ---- the figure ----

def rank_axis(axes, most, title):
    axes.set(xscale="log", xlabel="ranks", title=title)
    ticks = powers(most)[::3]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", color=GRID, linewidth=0.8)


def efficiency_axes(axes, model, title, series):
    """`series`: (label, function of ranks)."""
    ranks = powers(model.options.ranks)
    for (label, efficiency), colour in zip(series, (ORANGE, PURPLE, GREEN, BLUE, GREY)):
        axes.plot(ranks, [efficiency(count) for count in ranks], color=colour, marker="o",
                  markersize=4, label=label)
    axes.axhline(model.options.efficiency, color=LIGHT, linewidth=1, zorder=0)
    axes.set(ylim=(0, 1.05), ylabel="efficiency")
    rank_axis(axes, model.options.ranks, title)
    axes.legend(fontsize=10.5)


def batch_axes(axes, model, batches):
    found = [pair for pair in batches.items() if pair[1] is not None]
    if found:
        axes.plot(*zip(*found), color=BLUE, marker="o", markersize=4)
    axes.set(yscale="log", ylabel="samples per batch")
    rank_axis(axes, model.options.ranks,
              f"the batch that keeps {100 * model.options.efficiency:g} %")


def figure_of(model, batches):
    count = 3 * model.training + model.encoding
    figure, (grid,) = plt.subplots(1, count, figsize=(6 * count, 4.8), squeeze=False)
    if model.training:
        efficiency_axes(grid[0], model, "training, batch given (strong)",
                        [(f"batch {batch}", lambda ranks, batch=batch: model.strong(ranks, batch))
                         for batch in STRONG_BATCHES])
        efficiency_axes(grid[1], model, "training, samples per rank given (weak)",
                        [(f"{samples} per rank",
                          lambda ranks, samples=samples: model.weak(ranks, samples))
                         for samples in WEAK_SAMPLES])
        batch_axes(grid[2], model, batches)
    if model.encoding:
        efficiency_axes(grid[-1], model, "encoding, samples given (strong)",
                        [(f"{samples:,} samples",
                          lambda ranks, samples=samples: model.encode_strong(ranks, samples))
                         for samples in ENCODED])
    return figure


def scaling(options):
    runs = [Measured(path) for path in options.runs]
    if len({(run.n, run.latent, run.parameters) for run in runs}) > 1:
        raise ResultsError("the runs have decoders with different layers")
    model = Model(runs, options)
    print_constants(model)
    check_time(model, runs)
    check_balance(model, runs)
    batches = {}
    if model.training:
        batches = {ranks: model.batch_for(ranks) for ranks in powers(options.ranks)[1:]}
        print_batches(model, batches)
    command.save_figures({"scaling": figure_of(model, batches)},
                         options.output or command.plots_beside(runs[0].path), options.format)


def main():
    parser = command.figure_parser("Predict strong and weak scaling from real runs.",
                                   "plots beside the first RUN")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="results.h5, or its directory")
    parser.add_argument("--ranks", type=int, default=4096,
                        help="largest number of ranks to predict (default 4096)")
    parser.add_argument("--efficiency", type=float, default=0.9,
                        help="efficiency that a batch should keep (default 0.9)")
    parser.add_argument("--latency", type=float, default=5e-6,
                        help="latency of a message, seconds (default 5e-6)")
    parser.add_argument("--bandwidth", type=float, default=2e9,
                        help="bandwidth of a rank while all communicate, bytes per second (default "
                             "2e9: a node of 128 cores with 200 Gbit/s)")
    parser.add_argument("--partner", type=float, default=1e-7,
                        help="time per rank that data are exchanged with, seconds (default 1e-7)")
    parser.add_argument("--stream", type=int, default=4,
                        help="rows of a product that take as long as reading the weights (default "
                             "4, as measured with AVX-512; 2 with AVX2)")
    parser.add_argument("--imbalance", type=float, default=1.05,
                        help="busiest rank's evaluations in training, relative to an even share "
                             "(default 1.05)")
    parser.add_argument("--filesystem", type=float, default=5e9,
                        help="bandwidth of all ranks together, bytes per second (default 5e9)")
    return command.run(parser, scaling)
