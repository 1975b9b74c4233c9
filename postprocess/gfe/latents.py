"""Figures of the latents in a results.h5 of gfe_hpc:

    latents_map     the latents by label: principal components, and a t-SNE or UMAP map if
                    scikit-learn or umap-learn is installed
    latents_paths   straight lines between the latents of two samples, decoded
    latents_draws   random draws from a Gaussian fitted to the latents, decoded

usage: gfe_latents.py results.h5 [--output DIR] [--format png|pdf] [--group test] [--photo]
                      [--seed 1]
"""

import matplotlib.pyplot as plt
import numpy as np

from gfe import command
from gfe.figures_latents import MOST_POINTS, principal_components, scatter_by_label
from gfe.figures_samples import Plane, as_picture, is_photo
from gfe.results import SAMPLES, Results, ResultsError
from gfe.samples import read_samples, read_view
from gfe.style import BLUE, GREY, LIGHT, ORANGE, value_look

STEPS = 9          # points of a path, including its ends
PATHS = 6          # paths shown at most
DRAWS = (6, 12)    # rows and columns of random draws
MAPPED = 3000      # points of a t-SNE or UMAP map at most: its cost grows fast


# ---- the map ----

def neighbour_map(z, seed):
    """A map of the rows of z to the plane that keeps neighbours together, and its name; without a
    package that makes one, None and what to install."""
    try:
        from umap import UMAP
        return UMAP(random_state=seed).fit_transform(z), "UMAP"
    except ImportError:
        pass
    try:
        from sklearn.manifold import TSNE
        perplexity = min(30, (len(z) - 1) / 3)
        return TSNE(random_state=seed, perplexity=perplexity, init="pca").fit_transform(z), "t-SNE"
    except ImportError:
        return None, ("no t-SNE or UMAP map, which needs umap-learn or scikit-learn (Debian: "
                      "python3-sklearn)")


def map_figure(encoded, seed):
    z = encoded.z.astype(float)
    if z.shape[1] < 2 or len(z) < 4:
        print("latents of one number, or fewer than four samples: no map")
        return None
    chosen = np.random.default_rng(seed).permutation(len(z))[:MOST_POINTS]
    label = encoded.label
    points, variance = principal_components(z)
    mapped, name = neighbour_map(z[chosen[:MAPPED]], seed)
    figure, axes = plt.subplots(1, 2 if mapped is not None else 1, squeeze=False,
                                figsize=(13.5 if mapped is not None else 8, 6))
    panels = [(points[chosen], chosen, "principal components")]
    if mapped is not None:
        panels.append((mapped, chosen[:MAPPED], name))
    else:
        print(name)
    for panel, (place, of, title) in zip(axes[0], panels):
        scatter_by_label(figure, panel, place[:, 0], place[:, 1],
                         None if label is None else label[of])
        panel.set(title=title, xticks=[], yticks=[])
        if panel is not axes[0, -1] and panel.get_legend() is not None:
            panel.get_legend().remove()  # the last one serves both
    axes[0, 0].set(xlabel=f"component 1 ({100 * variance[0]:.0f} % of the variance)",
                   ylabel=f"component 2 ({100 * variance[1]:.0f} %)")
    return figure


# ---- decoded samples ----

class Display:
    """How decoded samples are shown: the first channel as a map or a line, or a photograph."""

    def __init__(self, view, samples, decoder, encoded, photo):
        """`samples` are the stored ones; if there are none (None), the range of values is that of
        the decoded latents."""
        self.view, self.decoder = view, decoder
        values = samples.target if samples else self.decode(encoded.z[:64])
        self.photo = photo and is_photo(values[0])
        self.hidden = np.ma.getmaskarray(values).all(axis=0)  # missing in all samples, such as land
        values = np.ma.masked_invalid(values if self.photo else values[:, 0])
        self.limits = float(values.min()), float(values.max())
        self.look = value_look(values, view.picture)
        self.plane = Plane(view.space) if len(view.space) > 1 and not self.photo else None

    def decode(self, z):
        """Samples (sample, channel, *space) in data units."""
        return self.decoder.to_data_units(self.decoder.decode(z)).reshape(-1, *self.view.shape)

    @property
    def aspect(self):
        """Height over width."""
        return self.plane.aspect if self.plane else 1

    @property
    def text(self):
        """Which channel is shown, if there are several."""
        if self.photo or len(self.view.channels) == 1:
            return ""
        return f" ({self.view.channels[0].name.replace('_', ' ')})"

    def show(self, axes, sample):
        """One decoded sample, (channel, *space)."""
        sample = np.ma.masked_where(self.hidden, sample)
        if self.plane:
            self.plane.draw(axes, sample[0], self.look)
        elif self.photo:
            low, high = self.limits
            share = (as_picture(sample, photo=True) - low) / ((high - low) or 1)
            axes.imshow(np.clip(share, 0, 1).filled(1))
        else:
            axes.plot(sample[0].reshape(-1), color=BLUE, linewidth=1.2)
            axes.set_ylim(self.limits)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(self.plane is None and not self.photo)
        axes.spines[:].set_color(LIGHT)


def choose_pairs(encoded, count, seed):
    """Pairs of different samples whose losses do not exceed the median; with different labels, if
    there are labels."""
    good = np.flatnonzero(encoded.loss <= np.median(encoded.loss))
    order = list(np.random.default_rng(seed).permutation(good))
    pairs = []
    while len(order) > 1 and len(pairs) < count:
        one = order.pop()
        other = next((k for k in reversed(order)
                      if encoded.label is None or encoded.label[k] != encoded.label[one]), None)
        if other is None:
            continue
        order.remove(other)
        pairs.append((one, other))
    return pairs


def straight_paths(z, pairs, steps):
    """Points on straight lines between the latents of each pair, (pair, step, latent)."""
    share = np.linspace(0, 1, steps)[:, None]
    return np.stack([(1 - share) * z[one] + share * z[other] for one, other in pairs])


def path_figure(encoded, display, seed):
    z = encoded.z.astype(float)
    pairs = choose_pairs(encoded, PATHS, seed)
    if not pairs:
        print("no two samples of different labels: no paths")
        return None
    figure, grid = plt.subplots(len(pairs), STEPS, squeeze=False,
                                figsize=(1.25 * STEPS, 1.25 * display.aspect * len(pairs) + 0.5))
    for row, (one, other), path in zip(grid, pairs, straight_paths(z, pairs, STEPS)):
        for axes, sample in zip(row, display.decode(path)):
            display.show(axes, sample)
        for axes, end in ((row[0], one), (row[-1], other)):
            for spine in axes.spines.values():
                spine.set(visible=True, color=ORANGE, linewidth=2.5)
            if encoded.label is not None:
                axes.set_ylabel(f"label {encoded.label[end]:.4g}", color=GREY, fontsize=11)
        row[-1].yaxis.set_label_position("right")
    figure.suptitle("Between two samples (framed): straight lines in the latent space, decoded"
                    + display.text,
                    x=0.01, ha="left", color=GREY, fontsize=13)
    return figure


def draw_latents(z, count, seed):
    """Random latents from the Gaussian with the mean and covariance of the rows of z."""
    generator = np.random.default_rng(seed)
    covariance = np.atleast_2d(np.cov(z, rowvar=False))
    return generator.multivariate_normal(z.mean(axis=0), covariance, size=count, method="svd")


def draw_figure(encoded, display, seed):
    if len(encoded.z) < 2:
        print("a single sample: no Gaussian can be fitted")
        return None
    rows, columns = DRAWS
    drawn = draw_latents(encoded.z.astype(float), rows * columns, seed)
    figure, grid = plt.subplots(rows, columns, squeeze=False,
                                figsize=(columns + 0.2, display.aspect * rows + 0.5))
    for axes, sample in zip(grid.ravel(), display.decode(drawn)):
        display.show(axes, sample)
    figure.suptitle(f"Random draws: a Gaussian fitted to {len(encoded.z)} latents, decoded"
                    + display.text,
                    x=0.01, ha="left", color=GREY, fontsize=13)
    return figure


def draw(options):
    with Results(options.results) as results:
        group = command.group_shown(results, options)
        if group is None:
            raise ResultsError(f"{options.results} has no encoded set")
        encoded, decoder = results.set(group, SAMPLES), results.decoder()
        display = Display(read_view(results, group, decoder),
                          read_samples(results, group, decoder), decoder, encoded, options.photo)
    figures = {"latents_map": map_figure(encoded, options.seed),
               "latents_paths": path_figure(encoded, display, options.seed),
               "latents_draws": draw_figure(encoded, display, options.seed)}
    command.save_figures(figures, options.output or command.plots_beside(options.results),
                         options.format)


def main():
    parser = command.results_parser("Draw the latents of a run from its results.h5.")
    parser.add_argument("--seed", type=int, default=1,
                        help="seed of choices and draws (default: 1)")
    return command.run(parser, draw)
