#!/usr/bin/env python3
"""The data-efficiency study: gradient flow encoding (GFE) against an autoencoder.

usage: gfe_study.py DIRECTORY... [--level 0.30] [--output DIR] [--format png|pdf]

Each DIRECTORY is the run.directory of a sweep over data.train.subset, run.seed and methods, such as
inputs/paper/data_efficiency.yaml. Writes into plots/ of the first one

    study_one_pass  test loss over images and over CPU seconds of training, one pass each
    study_recipes   the same for several updates per batch and for several passes
    study_images    unseen images as reconstructed by GFE and by the autoencoder

and, beside plots/, study.md: all means as tables, and what follows from them. Lines are means over
the seeds, bands go from the best to the worst of them. The loss of GFE is that at the latents of
the flow (test_loss), the loss of an autoencoder that at its encoder's (test_loss_encoder).
"""

import os
from types import SimpleNamespace

from gfe import command

with command.imports():
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    from gfe.collect import Sweep
    from gfe.figures_samples import as_picture
    from gfe.results import Results, ResultsError
    from gfe.style import BLUE, GREEN, GREY, ORANGE, PURPLE
    from gfe.tables import table_lines

IMAGES, SEED = "data.train.subset", "run.seed"
AUTOENCODER = "autoencoder"
COLUMNS = 10       # images shown in a row
FAMILIES = {"GFE lbfgs": BLUE, "GFE nesterov": GREEN, "GFE amd": PURPLE, AUTOENCODER: ORANGE}


# ---- what has been measured ----

def method_of(values):
    """Family, recipe and setting of a task: ("GFE lbfgs", "4 updates per batch", "Adam 2e-3")."""
    if values.get("run.model") == AUTOENCODER:
        family = AUTOENCODER
    else:
        solver, flow = values.get("encoding.solver", "lbfgs"), values.get("encoding.flow")
        family = f"GFE {flow if flow == 'nesterov' else solver}"
    updates, passes = values.get("training.updates") or 1, values.get("training.epochs") or 1
    recipe = ", ".join(([f"{passes} passes"] if passes > 1 else [])
                       + ([f"{updates} updates per batch"] if updates > 1 else []))
    optimiser = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}.get(
        values.get("training.optimiser"), "")
    rate = values.get("training.learning_rate")
    setting = f"{optimiser} {rate:.0e}".replace("e-0", "e-") if rate else optimiser
    if values.get("training.schedule") not in (None, "constant"):
        setting += f", {values['training.schedule']}"
    return family, recipe, setting.strip()


def read_runs(directories, patience=30):
    """The finished tasks, as (family, recipe, setting, images, seed, loss, refined, cpu, path);
    prints how many are not finished."""
    runs = []
    for directory in directories:
        sweep = Sweep(directory, patience)
        if IMAGES not in sweep.keys:
            raise ResultsError(f"{directory}: the sweep does not vary {IMAGES}")
        left = sum(status != "done" for status in sweep.status)
        if left:
            print(f"{directory}: {left} of {len(sweep.status)} tasks are not done; the figures "
                  "show the others")
        if left == len(sweep.status):
            continue
        flow, cpu = sweep.metric("test_loss"), sweep.metric("training_cpu_seconds")
        own = (sweep.metric("test_loss_encoder") if "test_loss_encoder" in sweep.numbers
               else np.full(len(flow), np.nan))
        for task in np.flatnonzero(np.isfinite(flow)):
            values = {key: sweep.values[key][task] for key in sweep.keys}
            family, recipe, setting = method_of(values)
            encoder = family == AUTOENCODER
            runs.append(SimpleNamespace(
                family=family, recipe=recipe, setting=setting, images=values[IMAGES],
                seed=values.get(SEED), loss=own[task] if encoder else flow[task],
                refined=flow[task] if encoder else np.nan, cpu=cpu[task],
                path=os.path.join(directory, sweep.names[task], "results.h5")))
    if not runs:
        raise ResultsError(f"{', '.join(directories)}: no task is done yet")
    return runs


class Series:
    """A method at several numbers of images: arrays over these."""

    def __init__(self, runs):
        self.family, self.recipe = runs[0].family, runs[0].recipe
        self.images = np.array(sorted({run.images for run in runs}))
        at = [[run for run in runs if run.images == images] for images in self.images]
        self.runs = at
        self.setting = [group[0].setting for group in at]
        for name in ("loss", "refined", "cpu"):
            values = [[getattr(run, name) for run in group] for group in at]
            setattr(self, name, np.array([np.mean(of) for of in values]))
            setattr(self, name + "_range", np.array([(min(of), max(of)) for of in values]))
        self.seeds = [len(group) for group in at]

    def name(self):
        return f"{self.family}, {self.recipe}" if self.recipe else self.family


def all_series(runs):
    """A series for each method and setting, GFE first, one pass first."""
    order = list(FAMILIES)
    methods = sorted({(run.family, run.recipe, run.setting) for run in runs},
                     key=lambda m: (order.index(m[0]) if m[0] in order else -1, m[1], m[2]))
    return [Series([run for run in runs if (run.family, run.recipe, run.setting) == method])
            for method in methods]


def best_series(series, family, recipe):
    """The setting with the lowest mean loss at each number of images; None if there is none."""
    found = [s for s in series if s.family == family and s.recipe == recipe]
    if not found:
        return None
    runs = []
    for images in sorted({n for s in found for n in s.images}):
        there = [(s.loss[k], s.runs[k]) for s in found for k in np.flatnonzero(s.images == images)]
        runs += min(there, key=lambda pair: pair[0])[1]
    return Series(runs)


# ---- curves ----

def draw(axes, series, x, colour, label=None, style="-", marker="o", width=2.6, band=True):
    across = series.images if x == "images" else series.cpu
    order = np.argsort(across)
    if band:
        axes.fill_between(across[order], *series.loss_range[order].T, color=colour, alpha=0.18,
                          linewidth=0)
    axes.plot(across[order], series.loss[order], linestyle=style, color=colour, label=label,
              marker=marker, markersize=7, linewidth=width, markeredgecolor="white",
              markeredgewidth=1)


def finish(axes, x, images, level):
    axes.set_xscale("log")
    axes.grid(axis="y", color="#E8E8E8", linewidth=0.8)
    axes.set_axisbelow(True)
    if x == "images":
        axes.xaxis.set_major_locator(FixedLocator(images))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{n:,}" for n in images])
        axes.set_xlabel("training images")
        axes.set_ylabel("test loss (cross-entropy per pixel)")
    else:
        axes.axhline(level, color=GREY, linewidth=1, linestyle=(0, (2, 3)), zorder=1)
        axes.set_xlabel("CPU seconds of training")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.tick_params(labelleft=False)


def leap(gfe, auto):
    """Where GFE saves the most images: (images of GFE, of the autoencoder, loss of GFE)."""
    pairs = [(n, many, loss) for n, loss in zip(gfe.images, gfe.loss)
             for many, other in zip(auto.images, auto.loss) if many > n and loss <= other]
    return max(pairs, key=lambda pair: pair[1] / pair[0], default=None)


def annotate_leap(axes, gfe, auto):
    found = leap(gfe, auto)
    if found is None:
        return
    few, many, loss = found
    axes.annotate("", (few * 1.12, loss), (many, loss),
                  arrowprops=dict(arrowstyle="-|>", color=GREY, linewidth=1.4, shrinkB=3,
                                  shrinkA=3, linestyle=(0, (4, 2))))
    axes.annotate(f"{many / few:.0f}× fewer images", (np.sqrt(few * many), loss), (0, 5),
                  textcoords="offset points", ha="center", color=GREY)


def curve_figure(drawn, title, images, level, pair=()):
    """`drawn`: a list of (series, colour, label, other style); `pair`: GFE and autoencoder,
    between which an arrow shows how many images are saved."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 6), sharey=True)
    for axes, x in ((left, "images"), (right, "cpu")):
        for series, colour, label, look in drawn:
            draw(axes, series, x, colour, label, **look)
        finish(axes, x, images, level)
    if pair and all(pair):
        annotate_leap(left, *pair)
    right.annotate(f"{level:.2f}", (1, level), (4, 0), xycoords=("axes fraction", "data"),
                   textcoords="offset points", va="center", color=GREY)
    left.legend(loc="upper right", handlelength=3)
    figure.suptitle(title, x=0.01, ha="left", fontsize=15)
    return figure


def one_pass_figure(series, images, level):
    drawn = []
    auto = best_series(series, AUTOENCODER, "")
    for one in series:
        if one.family == AUTOENCODER and not one.recipe:
            drawn.append((one, "#F0C9AE", None, dict(width=1.4, marker="", band=False)))
    for family, colour in FAMILIES.items():
        best = best_series(series, family, "")
        if best is not None:
            label = f"{family}, the best of its settings" if family == AUTOENCODER else family
            drawn.append((best, colour, label, dict(marker="s" if family == AUTOENCODER else "o")))
    if not drawn:
        return None
    return curve_figure(drawn, "One pass over the images", images, level,
                        (best_series(series, "GFE lbfgs", ""), auto))


def recipe_figure(series, images, level):
    recipes = sorted({s.recipe for s in series if s.recipe})
    looks = ["-", (0, (5, 2)), (0, (1, 1.5))]
    drawn = []
    for family in ("GFE lbfgs", AUTOENCODER):
        for recipe, style in zip([""] + recipes, looks):
            best = best_series(series, family, recipe)
            if best is not None:
                name = f"{family}, {recipe or 'one pass'}"
                drawn.append((best, FAMILIES[family], name, dict(
                    style=style, marker="s" if family == AUTOENCODER else "o")))
    if not recipes or not drawn:
        return None
    return curve_figure(drawn, "More work with the same images", images, level)


# ---- images ----

def reconstruct(path, samples):
    """The first `samples` test samples of a run: targets, reconstructions, labels. Those of an
    autoencoder are decoded from its encoder's latents."""
    with Results(path) as results:
        encoded, decoder = results.set("test"), results.decoder()
        own = results.file.get("test/z_encoder")
        z = encoded.z if own is None else own[()]
        if encoded.target is None:
            raise ResultsError(f"{path}: no targets are stored (output.reconstructions)")
        count = min(samples, len(encoded.target))
        return (encoded.target[:count].astype(float),
                decoder.to_data_units(decoder.decode(z[:count])),
                None if encoded.label is None else encoded.label[:count])


def choose_columns(label, count, columns):
    """Samples to show: the first of each label, then others."""
    if label is None:
        return list(range(min(columns, count)))
    chosen = [int(np.flatnonzero(label == name)[0]) for name in np.unique(label)]
    return (chosen + [k for k in range(count) if k not in chosen])[:columns]


def image_figure(rows):
    """A row of images for each (name, loss, path); the targets are at the top and in the middle."""
    shown, columns, target = [], None, None
    for name, loss, path in rows:
        targets, images, label = reconstruct(path, 1000)
        if columns is None:
            columns, target = choose_columns(label, len(targets), COLUMNS), targets
        shown.append((f"{name}\n{loss:.3f}", images[columns]))
    middle = next((k for k, row in enumerate(rows) if row[0].startswith(AUTOENCODER)), None)
    original = ("unseen image", target[columns])
    lines = [original] + shown[:middle] + ([original] + shown[middle:] if middle else [])
    figure, grid = plt.subplots(len(lines), len(columns), squeeze=False,
                                figsize=(1.12 * len(columns) + 2.6, 1.12 * len(lines)))
    low, high = target.min(), target.max()
    for axes_row, (name, images) in zip(grid, lines):
        is_target = name == original[0]
        colour = GREY if is_target else ORANGE if name.startswith(AUTOENCODER) else BLUE
        axes_row[0].set_ylabel(name, rotation=0, ha="right", va="center", color=colour,
                               fontsize=12, fontweight="bold" if is_target else "normal")
        for axes, image in zip(axes_row, images):
            axes.imshow(as_picture(image), cmap="gray", vmin=low, vmax=high)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    return figure


def image_rows(series):
    """GFE and the autoencoder at each number of images: (name, mean loss, a seed's results)."""
    rows = []
    for family in ("GFE lbfgs", AUTOENCODER):
        best = best_series(series, family, "")
        if best is None:
            continue
        for k, images in enumerate(best.images):
            run = min(best.runs[k], key=lambda one: (one.seed is None, one.seed))
            rows.append((f"{family}, {images:,}", best.loss[k], run.path))
    return rows


# ---- tables ----

def cell(mean, extremes, digits=4):
    if not np.isfinite(mean):
        return "-"
    return f"{mean:.{digits}f} ± {(extremes[1] - extremes[0]) / 2:.{digits}f}"


def table(series, images, name, digits):
    rows = []
    for one in series:
        cells = []
        for n in images:
            k = np.flatnonzero(one.images == n)
            cells.append(cell(getattr(one, name)[k[0]], getattr(one, name + "_range")[k[0]],
                              digits) if len(k) else "")
        rows.append((one.name(), one.setting[0], *cells))
    return table_lines(("method", "setting", *(f"{n:,}" for n in images)), rows)


def comparison(gfe, auto):
    """The largest number of images with which the autoencoder is no better than GFE, for each
    number of images of GFE."""
    lines = []
    for n, loss in zip(gfe.images, gfe.loss):
        beaten = [(many, other) for many, other in zip(auto.images, auto.loss)
                  if loss <= other and many > n]
        if beaten:
            many, other = max(beaten)
            lines.append(f"- {gfe.name()} with {n:,} images ({loss:.4f}) is at or below the best "
                         f"autoencoder with {many:,} ({other:.4f}), {auto.recipe or 'one pass'}.")
    return lines


def comparisons(series, level):
    """What follows: images that GFE saves, against one pass of the autoencoder and against the same
    recipe, and CPU seconds to `level`, as lines of Markdown."""
    lines = []
    for one in [s for s in series if s.family != AUTOENCODER]:
        for recipe in dict.fromkeys(("", one.recipe)):
            auto = best_series(series, AUTOENCODER, recipe)
            if auto is not None:
                lines += comparison(one, auto)
    lines.append("")
    for one in series:
        reached = [(cpu, n, loss) for cpu, n, loss in zip(one.cpu, one.images, one.loss)
                   if loss <= level]
        least = min(reached, default=None)
        lines.append(f"- {one.name()} ({one.setting[0]}): " + (
            f"below {level:g} after {least[0]:.1f} CPU seconds ({least[1]:,} images, "
            f"{least[2]:.4f})." if least else f"not below {level:g}; {one.loss.min():.4f} after "
            f"{one.cpu[np.argmin(one.loss)]:.1f} CPU seconds."))
    return lines


def report(series, images, level):
    seeds = sorted({count for one in series for count in one.seeds})
    auto = [one for one in series if one.family == AUTOENCODER]
    lines = ["Test loss, mean ± half the range over " + (
        f"{seeds[0]} seeds" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds")
        + ", by training images (autoencoders: by their own encoder):", ""]
    lines += table(series, images, "loss", 4)
    if auto:
        lines += ["", "The autoencoders' decoders with the flow in place of the encoder:", ""]
        lines += table(auto, images, "refined", 4)
    lines += ["", "CPU seconds of training:", ""] + table(series, images, "cpu", 2)
    return lines + ["", "What follows:", ""] + comparisons(series, level)


def study(options):
    runs = read_runs(options.directories, options.patience)
    series = all_series(runs)
    images = sorted({run.images for run in runs})
    output = options.output or options.directories[0]
    text = "\n".join(report(series, images, options.level)) + "\n"
    print(text)
    figures = {"study_one_pass": one_pass_figure(series, images, options.level),
               "study_recipes": recipe_figure(series, images, options.level)}
    rows = image_rows(series)
    figures["study_images"] = image_figure(rows) if rows else None
    command.save_figures(figures, os.path.join(output, "plots"), options.format, dpi=options.dpi)
    path = os.path.join(output, "study.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(path)


def main():
    parser = command.figure_parser("Draw the curves of the data-efficiency study.",
                                   "the first DIRECTORY")
    parser.add_argument("directories", nargs="+", metavar="DIRECTORY",
                        help="run.directory of a sweep over data.train.subset")
    parser.add_argument("--level", type=float, default=0.30,
                        help="test loss to compare CPU seconds at (default: 0.30)")
    parser.add_argument("--dpi", type=float, default=120, help="of png figures (default: 120)")
    parser.add_argument("--patience", type=float, default=30, metavar="MINUTES",
                        help="silence after which a task has failed (default: 30)")
    return command.run(parser, study)


if __name__ == "__main__":
    raise SystemExit(main())
