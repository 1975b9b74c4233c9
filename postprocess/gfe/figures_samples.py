"""Figures of samples: target, reconstruction and error of fields in space and time, with their
channels, units and coordinates."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from gfe.samples import labelled, relative_l2, spread, with_unit
from gfe.style import (BLUE, GREEN, GREY, LIGHT, MISSING, MISSING_IN_GREYS, ORANGE, error_limit,
                       error_look, value_look)

MOST_PICTURES, MOST_FIELDS, MOST_WIDE, MOST_CURVES = 8, 5, 3, 8  # samples in a figure
MOST_CHANNELS = 6                  # channels with a figure of their own
FLATTEST, STEEPEST = 0.3, 2.5      # height of a map over its width
DEVIATION, BARS = "std", 1.96     # label of the standard deviations; how many are drawn as bars
ACROSS_TIME = 0.75                 # height over width of maps whose axes have different units


def is_photo(sample):
    """Whether a sample can be shown as a photograph: (3, H, W) or (H, W, 3)."""
    shape = np.ma.squeeze(sample).shape
    return len(shape) == 3 and 3 in (shape[0], shape[2])


def as_picture(sample, photo=False):
    """The plane that is shown of a sample with two or more axes: if requested, a photograph
    (H, W, 3), whatever the order of its axes; otherwise the middle slice along the leading axes."""
    if photo and is_photo(sample):
        sample = np.ma.squeeze(sample)
        return np.moveaxis(sample, 0, -1) if sample.shape[0] == 3 else sample
    while sample.ndim > 2:
        sample = sample[len(sample) // 2]
    return sample


# ---- how the axes of a map lie ----

class Plane:
    """How the two axes of a map are drawn: x or longitude horizontally, time upwards, otherwise the
    last axis horizontally; y upwards if the data name it, downwards as in images if not."""

    def __init__(self, space):
        self.leading, (up, across) = space[:-2], space[-2:]
        self.turned = (up.across and not across.across) or across.time
        self.up, self.across = (across, up) if self.turned else (up, across)
        self.falls = not self.up.named
        same = (not self.up.time and not self.across.time and self.up.known == self.across.known
                and (self.up.units == self.across.units
                     or {self.up.units[:7], self.across.units[:7]} == {"degrees"}))
        self.aspect = ACROSS_TIME
        if same:
            self.aspect = float(np.clip(self.up.extent() / self.across.extent(),
                                        FLATTEST, STEEPEST))
        self.bare = not self.up.named and not self.across.named

    @property
    def slice_text(self):
        """The position of the map along the axes that are not shown."""
        return ", ".join(
            f"{axis.name} = {with_unit(axis.coordinates[len(axis.coordinates) // 2], axis.units)}"
            for axis in self.leading)

    def draw(self, axes, field, look):
        """Draws one map; returns its colours, for a colour bar."""
        field = as_picture(field)
        drawn = axes.pcolormesh(self.across.edges(), self.up.edges(),
                                field.T if self.turned else field, rasterized=True, **look)
        axes.set_box_aspect(self.aspect)
        axes.spines[:].set_visible(False)
        if self.falls:
            axes.invert_yaxis()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(3 if self.aspect > FLATTEST else 4))
        if self.bare:
            axes.set(xticks=[], yticks=[])
        return drawn

    def annotate(self, axes, left, bottom):
        """Axis names and ticks, only on the maps at the left and at the bottom."""
        axes.tick_params(labelleft=left, labelbottom=bottom)
        if left and not self.bare:
            axes.set_ylabel(self.up.label)
        if bottom and not self.bare:
            axes.set_xlabel(self.across.label)


def rows_of(samples, channel, chosen):
    """(name, values) of each row shown for a channel, from the top down."""
    target = samples.target[chosen, channel]
    rows = [("target", target)]
    if samples.pod is None:
        return rows + [("reconstruction", samples.reconstruction[chosen, channel])]
    return rows + [("GFE", samples.reconstruction[chosen, channel]),
                   ("POD", samples.pod[chosen, channel])]


def row_name(axes, text):
    """The name of a row, beside the label of its axis."""
    axes.annotate(text, (0, 0.5), (-62 if axes.get_ylabel() else -12, 0), xycoords="axes fraction",
                  textcoords="offset points", ha="right", va="center", fontweight="bold")


def missing_text(samples, channel, chosen):
    if not np.ma.is_masked(samples.target[chosen, channel]):
        return ""
    return "sand: missing" if samples.view.picture else "grey: missing or left out"


# ---- maps ----

def map_grid(samples, channel):
    """A channel of several samples, one per column: target, reconstructions, their errors."""
    plane = Plane(samples.view.space)
    most = MOST_PICTURES if plane.bare else MOST_FIELDS if plane.aspect > 0.7 else MOST_WIDE
    chosen = spread(len(samples), most)
    rows = rows_of(samples, channel, chosen)
    target = rows[0][1]
    errors = [("error" if samples.pod is None else f"error of {name}", row - target)
              for name, row in rows[1:]]
    relative = [relative_l2(target, row) for _, row in rows[1:]]
    if samples.deviation is not None:  # how reliable the unobserved entries are
        rows[1] = rows[1][0], np.ma.array(np.ma.getdata(rows[1][1]))
    values = value_look(np.ma.concatenate([row for _, row in rows]), samples.view.picture)
    look = error_look(np.ma.concatenate([error for _, error in errors]), samples.view.picture)
    rows = [(name, row, values) for name, row in rows]
    rows += [(name, error, look) for name, error in errors]
    if samples.deviation is not None:
        deviation = samples.deviation[chosen, channel]
        rows.append((DEVIATION, deviation, value_look(deviation)))
    pictures = 1 + len(errors)

    width = 12.0 / max(len(chosen), 3)
    height = min(width * plane.aspect, 2.6, 8.5 / len(rows))
    figure = plt.figure(figsize=(height / plane.aspect * len(chosen) + 3.4,
                                 (height + 0.15) * len(rows) + 1.5))
    grid = figure.subplots(len(rows), len(chosen), squeeze=False)
    for r, (line, (name, row, look)) in enumerate(zip(grid, rows), start=1):
        for k, axes in enumerate(line):
            drawn = plane.draw(axes, row[k], look)
            plane.annotate(axes, k == 0, r == len(rows))
        row_name(line[0], name.replace(" of ", "\nof "))
        if r > pictures + len(errors):
            figure.colorbar(drawn, ax=line, label=f"{name}{unit(samples.view.channels[channel])}",
                            pad=0.01, aspect=12)
    for axes, k in zip(grid[0], chosen):
        axes.set_title(samples.titles[k], fontsize=11)
    for line, shares in zip(grid[pictures:], relative):
        for axes, share in zip(line, shares):
            axes.set_title(f"rel. L2 {share:.3g}", fontsize=11, color=GREY, loc="center")
    figure.colorbar(plt.cm.ScalarMappable(**look), ax=grid[pictures:pictures + len(errors)],
                    pad=0.01, aspect=12 * len(errors),
                    label=f"error{unit(samples.view.channels[channel])}")
    figure.colorbar(plt.cm.ScalarMappable(**values), ax=grid[:pictures], pad=0.01, aspect=25,
                    label=samples.view.channels[channel].label)
    heading(figure, plane.slice_text, missing_text(samples, channel, chosen))
    return figure


def unit(channel):
    """" [cm]", "" without a unit."""
    return labelled("", channel.units)


def heading(figure, *texts):
    text = "   ".join(text for text in texts if text)
    if text:
        figure.suptitle(text, x=0.01, ha="left", color=GREY, fontsize=12)


def typical(samples):
    """The stored sample with the median relative error."""
    return int(np.argsort(samples.relative_l2)[len(samples) // 2])


def typical_text(samples, k):
    return (samples.titles[k].replace("\n", ", ") + f": relative L2 error "
            f"{samples.relative_l2[k]:.3g}, the median of the {len(samples)} stored")


def map_overview(samples):
    """All channels of one sample, one per row."""
    plane, k = Plane(samples.view.space), typical(samples)
    channels = range(min(len(samples.view.channels), MOST_CHANNELS))
    columns = len(rows_of(samples, 0, [k])) + 1
    width = min(3.4, 2.6 / plane.aspect)
    figure = plt.figure(figsize=((width + 0.35) * columns + 3.6,
                                 (width * plane.aspect + 0.2) * len(channels) + 1.3))
    grid = figure.subplots(len(channels), columns, squeeze=False)
    for channel, line in zip(channels, grid):
        rows = rows_of(samples, channel, [k])
        look = value_look(np.ma.concatenate([row for _, row in rows]), samples.view.picture)
        error = rows[1][1] - rows[0][1]
        rows = [(name, row, look) for name, row in rows]
        rows.append(("error" if samples.pod is None else "error of GFE", error,
                     error_look(error, samples.view.picture)))
        for axes, (name, row, own) in zip(line, rows):
            drawn = plane.draw(axes, row[0], own)
            plane.annotate(axes, axes is line[0], channel == channels[-1])
            if channel == 0:
                axes.set_title(name, fontweight="bold")
        label = samples.view.channels[channel]
        figure.colorbar(plt.cm.ScalarMappable(**look), ax=line[:-1], label=label.label, pad=0.01)
        figure.colorbar(drawn, ax=line[-1], label=f"error{unit(label)}", pad=0.02)
    heading(figure, typical_text(samples, k), plane.slice_text, missing_text(samples, 0, [k]))
    return figure


def photo_grid(samples):
    """Three channels as the colours of photographs."""
    chosen = spread(len(samples), MOST_PICTURES)
    target, reconstruction = (
        np.ma.stack([as_picture(sample, photo=True) for sample in values[chosen]])
        for values in (samples.target, samples.reconstruction))
    low, high = target.min(), target.max()
    error = (reconstruction - target).mean(axis=-1)
    look = error_look(error)
    figure, grid = plt.subplots(3, len(chosen), squeeze=False,
                                figsize=(1.5 * len(chosen) + 2.2, 5))
    for line, (name, row) in zip(grid, (("target", target),
                                        ("reconstruction", reconstruction), ("error", error))):
        for axes, image in zip(line, row):
            if name != "error":
                image = np.clip((image - low) / ((high - low) or 1), 0, 1).filled(1)
            drawn = axes.imshow(image, **(look if name == "error" else {}))
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        row_name(line[0], name)
    figure.colorbar(drawn, ax=grid[2], label="mean error", pad=0.01, aspect=12)
    return figure


# ---- curves ----

def draw_curves(samples, channel, k, above, below, limit):
    """Target and reconstructions of a channel of a sample, and their errors below."""
    x = samples.view.space[0].coordinates if samples.view.space else np.zeros(1)
    rows = rows_of(samples, channel, [k])
    marker = "o" if len(x) == 1 else None
    for (name, row), look in zip(rows, (dict(color=BLUE, linewidth=3.5, alpha=0.5),
                                        dict(color=ORANGE, linewidth=1.5),
                                        dict(color=GREEN, linewidth=1.5, linestyle="--"))):
        above.plot(x, row[0].reshape(-1), marker=marker, label=name, **look)
        if name != "target":
            below.plot(x, (row[0] - rows[0][1][0]).reshape(-1), marker=marker, **look)
    if samples.deviation is not None:
        middle = np.ma.getdata(samples.reconstruction[k, channel]).reshape(-1)
        width = BARS * samples.deviation[k, channel].reshape(-1)
        above.fill_between(x, middle - width, middle + width, color=ORANGE, alpha=0.2,
                           linewidth=0, label="95 % of reconstructions")
        above.plot(x, middle, color=ORANGE, linewidth=1.5)
        target = rows[0][1][0].reshape(-1)
        above.plot(x, target, ".", color=BLUE)  # isolated entries do not form a line
        below.plot(x, middle - target, ".", color=ORANGE)
    below.axhline(0, color=LIGHT, linewidth=0.8, zorder=0)
    below.set_ylim(-1.1 * limit, 1.1 * limit)
    for start, stop in gaps(np.ma.getmaskarray(rows[0][1][0]).reshape(-1)):
        edges = samples.view.space[0].edges()
        for axes in (above, below):
            axes.axvspan(edges[start], edges[stop], color=MISSING, alpha=0.35, linewidth=0)


def gaps(hidden):
    """(first, end) of each run of masked entries."""
    change = np.flatnonzero(np.diff(np.concatenate(([0], hidden, [0]))))
    return zip(change[::2], change[1::2])


def largest_error(samples, channel, chosen):
    rows = rows_of(samples, channel, chosen)
    return error_limit(np.ma.concatenate([row - rows[0][1] for _, row in rows[1:]]))


def curve_cells(cells, columns):
    """Axes for curves and errors, a pair per cell: (above, below)."""
    rows = -(-cells // columns)
    figure = plt.figure(figsize=(3.6 * columns + 0.6, 3.0 * rows + 0.9))
    grid = figure.subplots(2 * rows, columns, squeeze=False, sharex=True,
                           gridspec_kw={"height_ratios": (2, 1) * rows})
    pairs = [(grid[2 * (k // columns), k % columns], grid[2 * (k // columns) + 1, k % columns])
             for k in range(rows * columns)]
    for above, below in pairs[cells:]:
        above.remove()
        below.remove()
    return figure, pairs[:cells]


def curve_grid(samples, channel):
    """A cell per sample."""
    chosen = spread(len(samples), MOST_CURVES)
    columns = min(len(chosen), 4)
    figure, pairs = curve_cells(len(chosen), columns)
    limit = largest_error(samples, channel, chosen)
    label = samples.view.channels[channel]
    bounds = []
    for k, (number, (above, below)) in enumerate(zip(chosen, pairs)):
        draw_curves(samples, channel, number, above, below, limit)
        bounds.append(above.get_ylim())
        above.set_title(samples.titles[number], fontsize=11, loc="right")
        if k % columns == 0:
            above.set_ylabel(label.label)
            below.set_ylabel(f"error{unit(label)}")
        else:
            above.tick_params(labelleft=False)
            below.tick_params(labelleft=False)
        if k + columns >= len(chosen):
            below.set_xlabel(samples.view.space[0].label if samples.view.space else "")
            below.tick_params(labelbottom=True)
    for above, _ in pairs:
        above.set_ylim(min(low for low, _ in bounds), max(high for _, high in bounds))
    finish_curves(figure, pairs, missing_text(samples, channel, chosen))
    return figure


def finish_curves(figure, pairs, text):
    figure.suptitle(" ")  # the legend's line
    handles, names = pairs[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="upper left", ncol=len(names))
    if text:
        figure.text(0.99, 0.99, text, ha="right", va="top", color=GREY, fontsize=12)


def curve_overview(samples):
    """All channels of one sample, one per cell."""
    k, count = typical(samples), min(len(samples.view.channels), MOST_CHANNELS)
    figure, pairs = curve_cells(count, min(count, 3))
    for channel, (above, below) in enumerate(pairs):
        draw_curves(samples, channel, k, above, below, largest_error(samples, channel, [k]))
        above.set_title(samples.view.channels[channel].label)
        below.set_xlabel(samples.view.space[0].label)
        below.set_ylabel("error")
    finish_curves(figure, pairs, typical_text(samples, k))
    return figure


# ---- points ----

def plane_figure(samples, z, decoder):
    """Samples of two numbers: points in the plane, and the decoder's curve if z is one number."""
    target, reconstruction = (x.reshape(-1, 2) for x in (samples.target, samples.reconstruction))
    figure, axes = plt.subplots(figsize=(6.5, 6))
    if decoder.latent == 1:
        along = np.quantile(z, np.linspace(0, 1, 4000))  # dense where the latents are
        curve = decoder.to_data_units(decoder.decode(along[:, None]))
        axes.plot(*curve.reshape(-1, 2).T, color=LIGHT, label="decoder")
    axes.plot(*np.stack((target, reconstruction), axis=1).T, color=GREY, linewidth=0.8)
    axes.plot(*target.T, "o", color=BLUE, label="target")
    axes.plot(*reconstruction.T, "x", color=ORANGE, markeredgewidth=2, label="reconstruction")
    axes.set(xlabel="entry 0", ylabel="entry 1", aspect="equal")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def sample_figures(samples, z, decoder, photo=False):
    """{name: figure} of the stored samples: `reconstructions` and, if there are several channels,
    one for each."""
    if samples is None:
        return {}
    if decoder.n == 2:
        return {"reconstructions": plane_figure(samples, z, decoder)}
    if photo and is_photo(samples.target[0]):
        return {"reconstructions": photo_grid(samples)}
    grid, overview = ((map_grid, map_overview) if len(samples.view.space) > 1
                      else (curve_grid, curve_overview))
    if len(samples.view.channels) == 1:
        return {"reconstructions": grid(samples, 0)}
    figures = {"reconstructions": overview(samples)}
    for k, channel in enumerate(samples.view.channels[:MOST_CHANNELS]):
        figures[f"reconstructions_{file_name(channel.name)}"] = grid(samples, k)
    return figures


def file_name(name):
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)
