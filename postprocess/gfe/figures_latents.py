"""Figures of latents: a map by label, each latent number against time or a real-valued label, and
phase portraits of trajectories."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from gfe.samples import labelled
from gfe.style import (BLUE, CLASS_COLOURS, CLASS_MARKERS, GREEN, GREY, LIGHT, ONE_SIDE, ORANGE,
                       PURPLE)

MOST_CLASSES = 20       # more distinct labels than this are shown on a colour scale
MOST_POINTS = 10000
MOST_LATENTS = 8        # latents with a panel of their own
LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, (0, (6, 1, 1, 1, 1, 1))), (GREY, ":"))


# ---- the map ----

def principal_components(z):
    """Coordinates of the rows of z along its principal axes, and each axis's share of variance."""
    u, s, _ = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    return u * s, s ** 2 / (np.sum(s ** 2) or 1)


def scatter_by_label(figure, axes, x, y, label, name="label"):
    """Points coloured by label: with a legend for a few classes, a colour scale for many or for
    real values."""
    size = float(np.clip(6000 / len(x), 4, 40))
    if label is None:
        axes.scatter(x, y, s=size, color=BLUE, alpha=0.7, linewidths=0, rasterized=True)
        return
    classes = np.unique(label)
    if len(classes) > MOST_CLASSES or is_real(label):
        points = axes.scatter(x, y, s=size, c=label, cmap=ONE_SIDE, linewidths=0, rasterized=True)
        figure.colorbar(points, label=name)
        return
    for k, value in enumerate(classes):
        chosen = label == value
        axes.scatter(x[chosen], y[chosen], s=size, color=CLASS_COLOURS[k % len(CLASS_COLOURS)],
                     marker=CLASS_MARKERS[k // len(CLASS_COLOURS)], alpha=0.8, linewidths=0,
                     label=str(value), rasterized=True)
    axes.legend(title=name, loc="center left", bbox_to_anchor=(1, 0.5),
                ncol=1 + (len(classes) > 10), handletextpad=0.2, markerscale=(50 / size) ** 0.5)


def is_real(label):
    return label is not None and np.asarray(label).dtype.kind == "f" and bool(
        np.any(label != np.round(label)))


def label_name(encoded):
    """The name and unit of the label, as far as the results contain them."""
    about = encoded.columns.get("label", {})
    return labelled(about.get("source_name", "label"), about.get("units", ""))


def map_figure(encoded, trajectories=None):
    """Latents on their two leading principal components, coloured by label or, without one, by
    time."""
    chosen = np.random.default_rng(0).permutation(len(encoded.z))[:MOST_POINTS]
    z = encoded.z.astype(float)
    label, name = encoded.label, label_name(encoded)
    if label is None and trajectories is not None:
        label, name = trajectories.time, trajectories.label
    label = None if label is None else label[chosen]
    figure, axes = plt.subplots(figsize=(8, 6))
    if z.shape[1] > 1 and len(z) > 1:
        points, variance = principal_components(z)
        scatter_by_label(figure, axes, points[chosen, 0], points[chosen, 1], label, name)
        axes.set(xlabel=f"principal component 1 ({100 * variance[0]:.0f} % of the variance)",
                 ylabel=f"principal component 2 ({100 * variance[1]:.0f} %)")
    elif label is not None:
        axes.scatter(label, z[chosen, 0], s=20, color=BLUE, alpha=0.5, linewidths=0)
        axes.set(xlabel=name, ylabel="latent z")
    else:
        axes.hist(z[:, 0], bins=60, color=BLUE, alpha=0.8)
        axes.set(xlabel="latent z", ylabel="samples")
    axes.set_title(f"{encoded.name}: {len(z)} samples")
    return figure


# ---- in time ----

def latent_panels(count, title):
    """Axes for the first latent numbers, one below the other in up to two columns."""
    if count > MOST_LATENTS:
        title += f", the first {MOST_LATENTS} of {count} numbers"
    count = min(count, MOST_LATENTS)
    columns = 1 if count < 4 else 2
    rows = -(-count // columns)
    figure, grid = plt.subplots(rows, columns, squeeze=False, sharex=True,
                                figsize=(5.6 * columns + 2, 1.9 * rows + 1.4))
    figure.suptitle(title, x=0.02, ha="left")
    panels = list(grid.ravel())
    for axes in panels[count:]:
        axes.remove()
    for k, axes in enumerate(panels[:count]):
        axes.set_ylabel(f"$z_{{{k + 1}}}$")
        axes.yaxis.set_major_locator(MaxNLocator(4))
        if k + columns >= count:
            axes.tick_params(labelbottom=True)
    return figure, panels[:count], panels[max(0, count - columns):count]


def time_figure(encoded, trajectories):
    """The latents of trajectories over time."""
    chosen = trajectories.chosen()
    if not chosen:
        return None
    figure, panels, lowest = latent_panels(encoded.z.shape[1],
                                           f"{encoded.name}: latents over time")
    for k, (number, order) in enumerate(chosen):
        for component, axes in enumerate(panels):
            colour, dashes = LINES[k]
            axes.plot(trajectories.time[order], encoded.z[order, component], color=colour,
                      linestyle=dashes, linewidth=1.6, label=f"{trajectories.name} {number:g}")
    for axes in lowest:
        axes.set_xlabel(trajectories.label)
    if len(chosen) > 1:
        panels[len(lowest) - 1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def phase_figure(encoded, trajectories):
    """Phase portraits: the second latent number against the first, along trajectories."""
    chosen = trajectories.chosen()
    if not chosen or encoded.z.shape[1] < 2:
        return None
    figure, axes = plt.subplots(figsize=(8, 6))
    axes.scatter(*encoded.z[:MOST_POINTS, :2].T, s=5, color=LIGHT, linewidths=0, rasterized=True,
                 zorder=0)
    if len(chosen) == 1:
        order = chosen[0][1]
        points = axes.scatter(*encoded.z[order, :2].T, c=trajectories.time[order], cmap=ONE_SIDE,
                              s=18, linewidths=0, rasterized=True)
        figure.colorbar(points, label=trajectories.label)
    for k, (number, order) in enumerate(chosen if len(chosen) > 1 else []):
        z, (colour, dashes) = encoded.z[order, :2], LINES[k]
        axes.plot(*z.T, color=colour, linestyle=dashes, linewidth=1.6,
                  label=f"{trajectories.name} {number:g}")
        axes.plot(*z[0], "o", color=colour, markersize=8)
    if len(chosen) > 1:
        axes.legend(title="● start", loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel="$z_1$", ylabel="$z_2$")
    axes.set_title(f"{encoded.name}: trajectories in the first two of {encoded.z.shape[1]} latent "
                   "numbers")
    return figure


def against_figure(encoded):
    """The latents against a real-valued label."""
    figure, panels, lowest = latent_panels(encoded.z.shape[1],
                                           f"{encoded.name}: latents against {label_name(encoded)}")
    chosen = np.random.default_rng(0).permutation(len(encoded.z))[:MOST_POINTS]
    for k, axes in enumerate(panels):
        axes.scatter(encoded.label[chosen], encoded.z[chosen, k], s=12, color=BLUE, alpha=0.5,
                     linewidths=0, rasterized=True)
    for axes in lowest:
        axes.set_xlabel(label_name(encoded))
    return figure


def latent_figures(encoded, trajectories=None):
    """{name: figure}: the map; for trajectories, latents over time and phase portraits; for a
    real-valued label, latents against it."""
    figures = {"latents": map_figure(encoded, trajectories)}
    if trajectories is not None:
        figures["latents_time"] = time_figure(encoded, trajectories)
        figures["latents_phase"] = phase_figure(encoded, trajectories)
    elif is_real(encoded.label):
        figures["latents_label"] = against_figure(encoded)
    return figures
