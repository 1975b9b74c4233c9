#!/usr/bin/env python3
"""Tables and figures of the paper's further experiments, from the runs of inputs/paper/run.sh.

usage: gfe_experiments.py points DIRECTORY
       gfe_experiments.py circle_points|segmented|latents|starts|fully_trained|knee DIRECTORY

`points` writes train.npy and test.npy, the points on a circle that circle_points.yaml learns. The
second form prints a table in Markdown and draws DIRECTORY/NAME.png where there is something to see.
The map of latents is t-SNE if scikit-learn is installed (Debian: python3-sklearn), else principal
components.
"""

import argparse
import os

from gfe import command

with command.imports():
    import matplotlib.pyplot as plt
    import numpy as np

    from gfe.collect import Sweep
    from gfe.figures_latents import principal_components, scatter_by_label
    from gfe.results import Results, ResultsError
    from gfe.style import BLUE, GREY, ORANGE
    from gfe.tables import print_table

try:
    from sklearn.manifold import TSNE
except ImportError:
    TSNE = None

NEIGHBOURS = 5
PERPLEXITY = 30
LOSSES = (0.29, 0.28, 0.275)  # the updates to reach each of these are counted
NAMES = {"gfe": "GFE", "autoencoder": "autoencoder", "pod": "POD"}
SEED = "run.seed"


def finished(directory):
    """(values, results file) of the finished tasks of a sweep."""
    sweep = Sweep(directory, 0)
    return [({key: sweep.values[key][k] for key in sweep.keys},
             os.path.join(directory, name, "results.h5"))
            for k, name in enumerate(sweep.names) if sweep.status[k] == "done"]


def model_of(values):
    name = NAMES[values["run.model"]]
    return f"{name} from POD" if values.get("decoder.initial") == "pod" else name


# ---- the circle ----

def write_points(directory):
    """100 points to learn and 100 others, as the paper's code draws them."""
    os.makedirs(directory, exist_ok=True)
    generator = np.random.default_rng(2020)
    for name in ("train", "test"):
        z = generator.normal(size=100) * np.sqrt(np.pi) / 2
        points = np.stack((np.sin(z), np.cos(z)), axis=1) + 0.05 * generator.normal(size=(100, 2))
        np.save(os.path.join(directory, f"{name}.npy"), points)


def circle_points(directory):
    with Results(os.path.join(directory, "run", "results.h5")) as results:
        decoder, train, test = results.decoder(), results.set("train"), results.set("test")
    print_table(("points", "MSE"), [("100 learned", f"{train.loss.mean():.2e}"),
                                    ("100 others", f"{test.loss.mean():.2e}")])
    figure, axes = plt.subplots(figsize=(6, 6))
    along = np.linspace(test.z.min(), test.z.max(), 2000)[:, None]
    axes.plot(*decoder.to_data_units(decoder.decode(along)).T, color=GREY, label="decoder")
    axes.plot(*test.target.T, "o", color=BLUE, markersize=5, label="point")
    axes.plot(*test.reconstruction.T, "x", color=ORANGE, markersize=5, label="reconstruction")
    axes.set(box_aspect=1)
    axes.legend()
    return figure


# ---- losses of unseen classes ----

def mean_and_range(numbers):
    half = (max(numbers) - min(numbers)) / 2
    return f"{np.mean(numbers):.4f}" + (f" ± {half:.4f}" if len(numbers) > 1 else "")


def segmented(directory):
    """Losses of classes that were absent from training, and of those present, over seeds."""
    found = {}
    for values, path in finished(directory):
        key = values["data.train.subset"], model_of(values)
        with Results(path) as results:
            for name in ("test", "encode"):
                encoded = results.set(name)
                losses = {"flow": encoded.loss, "encoder": encoded.loss_encoder}
                for way, loss in losses.items():
                    if loss is not None:
                        found.setdefault((*key, way), {}).setdefault(name, []).append(loss.mean())
    rows = [(str(images), model if way == "flow" else f"{model}, by its encoder",
             str(len(losses["test"])), mean_and_range(losses["test"]),
             mean_and_range(losses["encode"])) for (images, model, way), losses in found.items()]
    print_table(("images", "model", "seeds", "labels 5-9, unseen", "labels 0-4, seen in training"),
                sorted(rows, key=lambda row: int(row[0])))


# ---- all images ----

def fully_trained(directory):
    """Losses of all models by their own encoding and by the flow, and the cost."""
    rows = []
    for values, path in finished(directory):
        with Results(path) as results:
            history, decoder, encoder = results.history, results.decoder(), results.encoder()
            test = results.set("test")
        parameters = sum(weight.size + bias.size for part in (decoder, encoder) if part is not None
                         for weight, bias, *_ in part.layers)
        loss = test.loss if test.loss_encoder is None else test.loss_encoder
        name, passes, seconds = model_of(values), "", ""
        if history is not None:
            passes, seconds = len(history.epoch_samples), history.epoch_cpu_seconds[-1]
            if len(decoder.layers) == 1:
                name = "linear decoder"
        rows.append((name, f"{parameters:,}", str(passes), f"{loss.mean():.4f}",
                     f"{test.loss.mean():.4f}", seconds and f"{seconds:.0f}"))
    print_table(("model", "parameters", "passes", "test BCE by its own encoding",
                 "by the flow", "CPU seconds"), rows)


# ---- updates against batches ----

def updates_to(loss, updates, target):
    """Updates at which the loss, interpolated linearly in their logarithm, falls to a target."""
    for k in range(1, len(loss)):
        if loss[k] <= target < loss[k - 1]:
            share = (loss[k - 1] - target) / (loss[k - 1] - loss[k])
            return f"{updates[k - 1] * (updates[k] / updates[k - 1]) ** share:.0f}"
    if loss[0] <= target:
        return f"fewer than {updates[0]:.0f}"
    return f"more than {updates[-1]:.0f}"


def knee(directory):
    """All runs, and the updates needed to reach some losses, by images, method and batch size."""
    sweep = Sweep(directory, 0)
    names = ("steps", "uses_per_sample", "training_evaluations_per_sample",
             "training_cpu_seconds", "test_loss")
    keys = ("training.batch", "data.train.subset", "training.last_layer_steps")
    groups = {}
    for batch, images, newton, *numbers in zip(*(sweep.values[key] for key in keys),
                                               *(sweep.metric(name) for name in names)):
        if np.isfinite(numbers).all():
            whole = 60000 if images == 60000 else 6000
            method = "Newton steps of the last layer" if newton else "Adam"
            groups.setdefault((whole, method, batch), []).append((images, *numbers))
    rows, found = [], []
    for (whole, method, batch), runs in sorted(groups.items()):
        runs.sort(key=lambda run: run[1])
        rows += [(f"{images:,}", method, f"{batch:,}", f"{updates:.0f}",
                  f"{evaluations + uses / 2:.0f}", f"{seconds:.0f}", f"{loss:.4f}")
                 for images, updates, uses, evaluations, seconds, loss in runs]
        updates, loss = [run[1] for run in runs], [run[5] for run in runs]
        found.append((f"{whole:,}", method, f"{batch:,}",
                      *(updates_to(loss, updates, target) for target in LOSSES)))
    print_table(("images", "method", "batch", "updates", "gradient evaluations per image",
                 "CPU seconds", "test BCE"), rows)
    print_table(("images", "method", "batch", *(f"updates to {target}" for target in LOSSES)),
                found)


# ---- latents ----

def nearest_neighbours(z, label, count=NEIGHBOURS):
    """Fraction of the samples whose label is the most common one among their nearest neighbours;
    ties go to the nearest."""
    distance = ((z[:, None] - z[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    near = label[np.argsort(distance, axis=1, kind="stable")[:, :count]]
    classes = np.unique(label)
    votes = (near[:, :, None] == classes).sum(axis=1) + 1e-3 * (near[:, :1] == classes)
    return float(np.mean(classes[votes.argmax(axis=1)] == label))


def place(z):
    """Two coordinates for each latent."""
    if TSNE is None:
        return principal_components(z)[0][:, :2]
    return TSNE(perplexity=PERPLEXITY, init="pca", learning_rate="auto",
                random_state=1).fit_transform(z)


def latents(directory):
    """Maps of latents coloured by class, and how often neighbours belong to the same class."""
    cases = []
    for values, path in finished(directory):
        with Results(path) as results:
            test = results.set("test")
        cases.append((model_of(values), test.z.astype(float), test.label, test.loss))
        if test.z_encoder is not None:
            cases.append((f"{model_of(values)}, its encoder", test.z_encoder.astype(float),
                          test.label, test.loss_encoder))
    rows, places = [], []
    for name, z, label, loss in cases:
        scaled = (z - z.mean(axis=0)) / np.where(z.std(axis=0) > 0, z.std(axis=0), 1)
        places.append(place(z))
        rows.append((name, f"{loss.mean():.4f}", f"{nearest_neighbours(z, label):.3f}",
                     f"{nearest_neighbours(scaled, label):.3f}",
                     f"{nearest_neighbours(places[-1], label):.3f}"))
    print_table(("latents", "test BCE", f"{NEIGHBOURS} neighbours", "each number scaled",
                 "t-SNE" if TSNE is not None else "principal components"), rows)
    figure, axes = plt.subplots(1, len(cases), figsize=(5 * len(cases) + 2, 5), squeeze=False)
    for ax, (name, _, label, _), at in zip(axes[0], cases, places):
        scatter_by_label(figure, ax, *at.T, label)
        ax.set(title=name, xticks=[], yticks=[], box_aspect=1)
        if ax is not axes[0][-1]:
            ax.get_legend().remove()
    return figure


# ---- where flows begin ----

def starts(directory):
    """Losses and evaluations of flows that begin at 0 and at random points, by solver."""
    rows = []
    for solver in sorted(os.listdir(directory)):
        for start in ("zero", "uniform"):
            path = os.path.join(directory, solver, start, "results.h5")
            if not os.path.exists(path):
                continue
            with Results(path) as results:
                encoded = results.set("encode")
            rows.append((solver, start, f"{encoded.loss.mean():.4f}",
                         f"{np.quantile(encoded.loss, 0.99):.4f}",
                         f"{encoded.evaluations.mean():.0f}"))
    print_table(("solver", "start", "mean BCE", "99th percentile", "evaluations"), rows)


EXPERIMENTS = {"circle_points": circle_points, "segmented": segmented, "latents": latents,
               "starts": starts, "fully_trained": fully_trained, "knee": knee}


def work(options):
    if options.experiment == "points":
        write_points(options.directory)
        return
    figure = EXPERIMENTS[options.experiment](options.directory)
    if figure is not None:
        command.save_figures({options.experiment: figure}, options.directory, "png")


def main():
    parser = argparse.ArgumentParser(description="Tables and figures of the paper's experiments.")
    experiments = parser.add_subparsers(dest="experiment", required=True)
    for name in ("points", *EXPERIMENTS):
        experiments.add_parser(name).add_argument("directory", help="of the runs")
    return command.run(parser, work)


if __name__ == "__main__":
    raise SystemExit(main())
