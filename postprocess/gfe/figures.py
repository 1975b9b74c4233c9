"""Figures of a run of gfe_hpc, from its results.h5:

    loss             training loss per step and per epoch, test loss, against samples seen
    reconstructions  target, reconstruction and error of up to 16 samples
    latents          principal components of the latents, coloured by label
    evaluations      gradient evaluations per sample

usage: gfe_plot.py results.h5 [--output DIR] [--format png|pdf] [--group test]
"""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from gfe import command
from gfe.results import Results, status_counts
from gfe.style import (BLUE, CLASS_COLOURS, CLASS_MARKERS, GREY, GRID, LIGHT, NOT_OBSERVED, ORANGE)

MOST_SHOWN = 16     # samples in a grid
MOST_CLASSES = 20   # more distinct labels than this are shown on a colour scale
MOST_POINTS = 10000
LOSS_NAMES = {"bce": "binary cross-entropy per entry", "mse": "mean squared error, scaled units"}


# ---- loss ----

def smooth(series):
    """Moving average over about a twenty-fifth of the series, shorter at its ends."""
    half = -(-len(series) // 50)
    sums = np.concatenate(([0], np.cumsum(series)))
    centre = np.arange(len(series))
    first, last = np.maximum(centre - half, 0), np.minimum(centre + half + 1, len(series))
    return (sums[last] - sums[first]) / (last - first)


def loss_figure(results, decoder):
    history = results.history
    if history is None:
        return None
    figure, axes = plt.subplots(figsize=(8, 5))
    axes.plot(history.step_samples, history.step_loss, color=LIGHT, linewidth=0.8)
    axes.plot(history.step_samples, smooth(history.step_loss), color=GREY,
              label="training, steps (smoothed)")
    for loss, label, colour, marker in (
            (history.epoch_train_loss, "training, mean of an epoch", BLUE, "o"),
            (history.epoch_test_loss, "test", ORANGE, "s")):
        known = np.isfinite(loss)
        if known.any():
            axes.plot(history.epoch_samples[known], loss[known], color=colour, marker=marker,
                      markersize=7, label=label, clip_on=False, zorder=3)
    if min(history.step_loss) > 0 and max(history.step_loss) > 10 * min(history.step_loss):
        axes.set_yscale("log")
    axes.set(xlabel="training samples seen", ylabel=f"loss ({LOSS_NAMES[decoder.loss_name]})")
    axes.set_xlim(left=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.legend()
    return figure


# ---- target, reconstruction, error ----

def as_picture(sample):
    """A sample of two or more axes as an image: (H, W), or (H, W, 3) for colour images of either
    axis order; of other samples the middle slice along the leading axes."""
    if sample.ndim == 3 and sample.shape[0] == 3:
        return np.moveaxis(sample, 0, -1)
    while sample.ndim > 2 and not (sample.ndim == 3 and sample.shape[-1] == 3):
        sample = sample[len(sample) // 2]
    return sample


def image_grid(target, reconstruction, error, greyscale):
    """Blocks of three rows, one column per sample, on a common colour scale."""
    target, reconstruction, error = (np.ma.stack([as_picture(sample) for sample in samples])
                                     for samples in (target, reconstruction, error))
    low, high = target.min(), target.max()
    colour = target.ndim == 4
    if colour:
        target, reconstruction = (np.clip((samples - low) / ((high - low) or 1), 0, 1).filled(1)
                                  for samples in (target, reconstruction))
        error = error.mean(axis=-1)
    limit = np.abs(error).max() or 1
    values, errors = (matplotlib.colormaps[name].with_extremes(bad=NOT_OBSERVED)
                      for name in ("gray" if greyscale else "viridis", "RdBu_r"))
    first_row = "target\n(sand: missing)" if np.ma.is_masked(target) else "target"
    rows = ((first_row, target, dict(cmap=values, vmin=low, vmax=high)),
            ("reconstruction", reconstruction, dict(cmap=values, vmin=low, vmax=high)),
            ("error", error, dict(cmap=errors, vmin=-limit, vmax=limit)))

    height, width = target.shape[1:3]
    aspect = float(np.clip(height / width, 0.4, 2.5))
    columns, inches = (8, 1.3) if aspect > 0.7 else (4, 2.6)
    columns = min(len(target), columns)
    blocks = min(-(-len(target) // columns), 2)
    figure = plt.figure(figsize=(inches * columns + 3, (3 * inches * aspect + 0.4) * blocks))
    for block, part in enumerate(np.atleast_1d(figure.subfigures(blocks, 1, hspace=0.06))):
        grid = part.subplots(3, columns, squeeze=False)
        shown = []
        for (name, samples, look), line in zip(rows, grid):
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
            for k, axes in enumerate(line, start=block * columns):
                axes.set(xticks=[], yticks=[], box_aspect=aspect)
                axes.spines[:].set_visible(False)
                if k < len(samples):
                    image = axes.imshow(samples[k], aspect="auto", **look)
            shown.append(image)
        if not colour:
            part.colorbar(shown[0], ax=grid[:2], label="value (data units)", pad=0.01, aspect=25)
        part.colorbar(shown[2], ax=grid[2:], label="error", pad=0.01, aspect=12)
    return figure


def line_grid(target, reconstruction, error):
    """A cell per sample: target and reconstruction, and below them the error."""
    columns = min(len(target), 4)
    rows = -(-len(target) // columns)
    figure = plt.figure(figsize=(3.4 * columns, 2.7 * rows + 0.6))
    grid = figure.subplots(2 * rows, columns, squeeze=False, sharex=True, sharey="row",
                           gridspec_kw={"height_ratios": (2, 1) * rows})
    entry, limit = np.arange(target.shape[1]), np.max(np.abs(error)) or 1
    for k in range(rows * columns):
        above, below = grid[2 * (k // columns):, k % columns][:2]
        if k >= len(target):
            above.remove()
            below.remove()
            continue
        above.plot(entry, target[k], color=BLUE, linewidth=3, alpha=0.55, label="target")
        above.plot(entry, reconstruction[k], color=ORANGE, linewidth=1.3, label="reconstruction")
        below.axhline(0, color=LIGHT, linewidth=0.8)
        below.plot(entry, error[k], color=GREY, linewidth=1.2)
        below.set_ylim(-1.1 * limit, 1.1 * limit)
        if k % columns == 0:
            above.set_ylabel("value")
            below.set_ylabel("error")
        if k + columns >= len(target):
            below.set_xlabel("entry")
            below.tick_params(labelbottom=True)
    grid[0, 0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=2, borderaxespad=0.2,
                      columnspacing=1, handlelength=1.2)
    return figure


def plane(target, reconstruction, z, decoder):
    """Samples of two numbers: points in the plane, and the decoder's curve if z is one number."""
    figure, axes = plt.subplots(figsize=(6.5, 6))
    if decoder.latent == 1:
        along = np.quantile(z, np.linspace(0, 1, 4000))  # dense where the latents are
        curve = decoder.to_data_units(decoder.decode(along[:, None]))
        axes.plot(*curve.T, color=LIGHT, label="decoder")
    axes.plot(*np.stack((target, reconstruction), axis=1).T, color=GREY, linewidth=0.8)
    axes.plot(*target.T, "o", color=BLUE, label="target")
    axes.plot(*reconstruction.T, "x", color=ORANGE, markeredgewidth=2, label="reconstruction")
    axes.set(xlabel="entry 0", ylabel="entry 1", aspect="equal")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def reconstruction_figure(encoded, decoder):
    if encoded.reconstruction is None or not len(encoded.reconstruction):
        return None
    count = len(encoded.target) if decoder.n == 2 else min(MOST_SHOWN, len(encoded.target))
    target, reconstruction = (samples[:count].astype(float)
                              for samples in (encoded.target, encoded.reconstruction))
    if encoded.weight is not None:
        target = np.ma.masked_where(encoded.weight[:count] == 0, target)
    error = reconstruction - target
    shape = target.shape[1:]
    if decoder.n == 2:
        return plane(target.reshape(-1, 2), reconstruction.reshape(-1, 2), encoded.z, decoder)
    if len(shape) == 1:
        return line_grid(target, reconstruction, error)
    return image_grid(target, reconstruction, error, greyscale=decoder.loss_name == "bce")


# ---- latents ----

def principal_components(z):
    """Coordinates of the rows of z along its principal axes, and each axis' share of variance."""
    u, s, _ = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    return u * s, s ** 2 / (np.sum(s ** 2) or 1)


def scatter_by_label(figure, axes, x, y, label):
    """Points in the label's colour: a legend for few classes, a colour scale for many."""
    size = float(np.clip(6000 / len(x), 4, 40))
    if label is None:
        axes.scatter(x, y, s=size, color=BLUE, alpha=0.7, linewidths=0, rasterized=True)
        return
    classes = np.unique(label)
    if len(classes) > MOST_CLASSES:
        points = axes.scatter(x, y, s=size, c=label, cmap="viridis", linewidths=0, rasterized=True)
        figure.colorbar(points, label="label")
        return
    for k, name in enumerate(classes):
        chosen = label == name
        axes.scatter(x[chosen], y[chosen], s=size, color=CLASS_COLOURS[k % len(CLASS_COLOURS)],
                     marker=CLASS_MARKERS[k // len(CLASS_COLOURS)], alpha=0.8, linewidths=0,
                     label=str(name), rasterized=True)
    axes.legend(title="label", loc="center left", bbox_to_anchor=(1, 0.5),
                ncol=1 + (len(classes) > 10), handletextpad=0.2, markerscale=(50 / size) ** 0.5)


def latent_figure(encoded):
    chosen = np.random.default_rng(0).permutation(len(encoded.z))[:MOST_POINTS]
    z = encoded.z.astype(float)
    label = None if encoded.label is None else encoded.label[chosen]
    figure, axes = plt.subplots(figsize=(8, 6))
    if z.shape[1] > 1 and len(z) > 1:
        points, variance = principal_components(z)
        scatter_by_label(figure, axes, points[chosen, 0], points[chosen, 1], label)
        axes.set(xlabel=f"principal component 1 ({100 * variance[0]:.0f} % of the variance)",
                 ylabel=f"principal component 2 ({100 * variance[1]:.0f} %)")
    elif label is not None:
        axes.scatter(label, z[chosen, 0], s=20, color=BLUE, alpha=0.5, linewidths=0)
        axes.set(xlabel="label", ylabel="latent z")
    else:
        axes.hist(z[:, 0], bins=60, color=BLUE, alpha=0.8)
        axes.set(xlabel="latent z", ylabel="samples")
    axes.set_title(f"{encoded.name}: {len(z)} samples")
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


def draw(options):
    with Results(options.results) as results:
        decoder = results.decoder()
        figures = {"loss": loss_figure(results, decoder)}
        group = command.group_shown(results, options)
        if group:
            encoded = results.set(group)
            figures.update(reconstructions=reconstruction_figure(encoded, decoder),
                           latents=latent_figure(encoded),
                           evaluations=evaluation_figure(encoded))
    command.save_figures(figures, options.output or command.plots_beside(options.results),
                         options.format)


def main():
    parser = command.results_parser("Draw the figures of a run from its results.h5.")
    return command.run(parser, draw)
