"""Figures of a run of gfe_hpc, from its results.h5:

    loss             training loss per step and per epoch, and test loss, against samples seen; as
                     bars, the relative L2 errors at the end, beside those of POD
    reconstructions  target, reconstruction and error of several samples; with several channels, of
                     one sample, and a figure `reconstructions_CHANNEL` for each channel
    latents          principal components of the latents, coloured by label; `latents_time` and
                     `latents_phase` for trajectories, `latents_label` against a real-valued label
    evaluations      gradient evaluations per sample

usage: gfe_plot.py results.h5 [--output DIR] [--format png|pdf] [--group test] [--photo]
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from gfe import command
from gfe.figures_latents import latent_figures
from gfe.figures_samples import sample_figures
from gfe.results import SAMPLES, Results, status_counts
from gfe.samples import read_samples, read_trajectories
from gfe.style import BLUE, GREEN, GREY, GRID, LIGHT, ORANGE, PURPLE

LOSS_NAMES = {"bce": "cross-entropy per entry", "mse": "mean squared error of scaled data"}


# ---- loss ----

def smooth(series):
    """Moving average over about one twenty-fifth of the series, less at its ends."""
    half = -(-len(series) // 50)
    sums = np.concatenate(([0], np.cumsum(series)))
    centre = np.arange(len(series))
    first, last = np.maximum(centre - half, 0), np.minimum(centre + half + 1, len(series))
    return (sums[last] - sums[first]) / (last - first)


def loss_axes(axes, history, decoder):
    """The loss of steps, epochs and test samples."""
    axes.plot(history.step_samples, history.step_loss, color=LIGHT, linewidth=0.8)
    axes.plot(history.step_samples, smooth(history.step_loss), color=GREY,
              label="training, steps (smoothed)")
    draw_series(axes, history)
    if min(history.step_loss) > 0 and max(history.step_loss) > 10 * min(history.step_loss):
        axes.set_yscale("log")
        if max(history.step_loss) < 1000 * min(history.step_loss):  # more ticks than powers of ten
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(LOSS_NAMES[decoder.loss_name])


def draw_series(axes, history):
    """The losses that are known after each epoch."""
    for name, label, colour, marker in (
            ("train", "training, mean of an epoch", BLUE, "o"),
            ("validation", "validation", PURPLE, "^"), ("test", "test", ORANGE, "s")):
        values = getattr(history, f"epoch_{name}_loss", None)
        known = np.zeros(0, bool) if values is None else np.isfinite(values)
        if known.any():
            axes.plot(history.epoch_samples[known], values[known], color=colour, marker=marker,
                      markersize=7, label=label, clip_on=False, zorder=3)


def error_axes(axes, sets):
    """The relative L2 errors at the end, as bars, beside those of POD."""
    bars = []
    for name, words, colour in (("train", "training", BLUE), ("test", "test", ORANGE)):
        about = sets.get(name, {})
        for key, text, of in (("relative_l2", words, colour),
                              ("pod_relative_l2", f"POD, {words}", GREEN)):
            if np.isfinite(about.get(key, np.nan)):
                bars.append((text, about[key], of))
    texts, values, colours = zip(*bars[::-1])
    drawn = axes.barh(texts, values, color=colours, height=0.7)
    axes.bar_label(drawn, fmt="%.3g", padding=4)
    axes.set_xlim(0, 1.12 * max(values))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("relative L2 error at the end")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def loss_figure(results, decoder):
    history = results.history
    if history is None:
        return None
    sets = {name: dict(results.file[name].attrs) for name in results.groups}
    measured = any(np.isfinite(about.get("relative_l2", np.nan)) for about in sets.values())
    figure, panels = plt.subplots(1 + measured, squeeze=False,
                                  figsize=(9.5, 7.5) if measured else (9.5, 5),
                                  gridspec_kw={"height_ratios": (3, 1)[:1 + measured]})
    axes = panels[0, 0]
    loss_axes(axes, history, decoder)
    kept = int(results.file["history"].attrs.get("kept_epoch", 0))
    if 0 < kept < len(history.epoch_samples):
        axes.axvline(history.epoch_samples[kept - 1], color=GREY, linestyle=":",
                     label="decoder kept", zorder=0)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("training samples seen")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    if measured:
        error_axes(panels[1, 0], sets)
    return figure


# ---- evaluations ----

def evaluation_figure(encoded):
    evaluations = encoded.evaluations
    width = max(1, -(-int(np.ptp(evaluations) + 1) // 60))
    edges = np.arange(evaluations.min(), evaluations.max() + width + 1, width) - 0.5
    figure, axes = plt.subplots(figsize=(8, 5))
    axes.hist(evaluations, bins=edges, color=BLUE, alpha=0.85)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, 1.15 * top)
    for percent, side, align in ((50, -1, "right"), (99, 1, "left")):
        value = np.percentile(evaluations, percent)
        axes.axvline(value, color=ORANGE)
        axes.annotate(f"p{percent} = {value:.0f}", (value, 1.07 * top), (6 * side, 0),
                      textcoords="offset points", ha=align, color=ORANGE)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="gradient evaluations per sample", ylabel="samples")
    axes.set_title(f"{encoded.name}: {len(evaluations)} samples ({status_counts(encoded)})")
    return figure


def figures_of(results, group=None, photo=False):
    """{name: figure} of a run and of its encoded set `group`; None where nothing can be drawn."""
    decoder = results.decoder()
    figures = {"loss": loss_figure(results, decoder)}
    if group:
        encoded = results.set(group, without=SAMPLES)
        figures.update(sample_figures(read_samples(results, group, decoder), encoded.z, decoder,
                                      photo))
        figures.update(latent_figures(encoded, read_trajectories(results, group)))
        figures["evaluations"] = evaluation_figure(encoded)
    return figures


def draw(options):
    with Results(options.results) as results:
        figures = figures_of(results, command.group_shown(results, options), options.photo)
    command.save_figures(figures, options.output or command.plots_beside(options.results),
                         options.format)


def main():
    return command.run(command.results_parser("Draw the figures of a run from its results.h5."),
                       draw)
