#!/usr/bin/env python3
"""Recipes for few images as tables: losses, uses per image, gradient evaluations, CPU seconds.

usage: gfe_recipes.py DIRECTORY

DIRECTORY is the run.directory of inputs/paper/recipes.yaml. Losses are test_loss, for autoencoders
first test_loss_encoder; mean ± half the range over the seeds. Of the rates of an autoencoder, the
tables show the one with the lower loss. Uses per image: the mean number of updates that an image
took part in. Cost: gradient evaluations of flows per image, plus half an evaluation for each use
(the products that give the gradient of the weights). The tables are also written to
DIRECTORY/recipes.md.
"""
import argparse
import os

from gfe import command

with command.imports():
    import numpy as np

    from gfe.collect import Sweep
    from gfe.results import ResultsError
    from gfe.tables import table_lines

IMAGES = "data.train.subset"
RECIPES = ("POD, nothing trained", "linear decoder", "linear decoder, 5 passes",
           "one pass in blocks", "one pass in blocks, Newton steps", "one pass with replay",
           "repeated passes", "repeated passes, copies", "repeated passes, Newton steps",
           "repeated passes, convolutional decoder", "autoencoder, one pass in blocks",
           "autoencoder, repeated passes", "autoencoder, repeated passes, copies")


def recipe_of(values):
    """Which of RECIPES a task is."""
    if values.get("run.model") == "pod":
        return RECIPES[0]
    repeated = (values.get("training.epochs") or 1) > 1
    name = "repeated passes" if repeated else "one pass in blocks"
    layers = str(values.get("decoder.layers"))  # as the input file has them
    if layers.count("dense") == 1:
        return "linear decoder, 5 passes" if repeated else "linear decoder"
    if values.get("training.replay"):
        return "one pass with replay"
    if "conv" in layers:
        return name + ", convolutional decoder"
    if values.get("training.last_layer_steps"):
        return name + ", Newton steps"
    if values.get("training.copies.shift"):
        name += ", copies"
    return "autoencoder, " + name if values.get("run.model") == "autoencoder" else name


def cells_of(sweep, loss):
    """(recipe, images) -> the tasks, as indices; of several rates, those with the lowest loss."""
    cells = {}
    for task in range(len(sweep.names)):
        values = {key: sweep.values[key][task] for key in sweep.keys}
        cell = cells.setdefault((recipe_of(values), values[IMAGES]), {})
        cell.setdefault(values.get("training.learning_rate"), []).append(task)
    return {name: min(cell.values(), key=lambda tasks: np.nan_to_num(loss[tasks].mean(), nan=9e9))
            for name, cell in cells.items()}


def text_of(values, digits, spread):
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    text = f"{values.mean():.{digits}f}"
    return f"{text} ± {(values.max() - values.min()) / 2:.{digits}f}" if spread else text


def table(cells, numbers, digits, spread=False):
    images = sorted({n for _, n in cells})
    rows = [[recipe, *(text_of(numbers[cells.get((recipe, n), [])], digits, spread)
                       for n in images)]
            for recipe in RECIPES if any(name == recipe for name, _ in cells)]
    return table_lines(["recipe", *(f"{n:,}" for n in images)], rows)


def report(options):
    sweep = Sweep(options.directory, 30)
    if IMAGES not in sweep.keys:
        raise ResultsError(f"{options.directory}: the sweep does not vary {IMAGES}")
    flow = loss = sweep.metric("test_loss")
    if "test_loss_encoder" in sweep.numbers:
        encoder = sweep.metric("test_loss_encoder")
        loss = np.where(np.isfinite(encoder), encoder, flow)
    cells, uses = cells_of(sweep, loss), sweep.metric("uses_per_sample")
    cost = sweep.metric("training_evaluations_per_sample") + 0.5 * uses
    lines = []
    for title, numbers, digits, spread in (
            ("Test loss", loss, 4, True), ("Test loss by the flow", flow, 4, True),
            ("Uses per image", uses, 1, False),
            ("Gradient evaluations per image", cost, 0, False),
            ("CPU seconds of training", sweep.metric("training_cpu_seconds"), 1, False)):
        lines += [title + ":", "", *table(cells, numbers, digits, spread), ""]
    text = "\n".join(lines)
    print(text)
    with open(os.path.join(options.directory, "recipes.md"), "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description="Recipes for few images as tables.")
    parser.add_argument("directory", metavar="DIRECTORY", help="run.directory of recipes.yaml")
    return command.run(parser, report, draws=False)


if __name__ == "__main__":
    raise SystemExit(main())
