#!/usr/bin/env python3
"""Wrong inputs: exit code 2, one clear message from one rank, no hang, nothing left behind.

usage: test_inputs.py gfe_hpc [--show] [--all]

Every case runs on 1 rank and every fourth on 3 as well; --all: each on both. --show prints the
messages, to be judged by a reader.
"""

import concurrent.futures
import gzip
import os
import re
import shutil
import struct
import sys
import tempfile

import h5py
import numpy as np

from program import CIRCLE, HANGS, TIMED_OUT, Checks, arguments, run, write_input
from gfe.results import write_decoder

NOBODY = 65534

# Images of 2 x 3 pixels; the case says what is wrong.
DATA = {
    "run.directory": "run",
    "data.train.file": "good.h5",
    "data.train.dataset": "/x",
    "decoder.latent": 2,
    "decoder.layers": [{"dense": 6}],
    "decoder.loss": "mse",
}
NO_DATASET = {"data.train.dataset": None}
FROM_FILE = {"decoder.latent": None, "decoder.layers": None, "decoder.loss": None}


class Case:
    """A wrong input: its name, the texts that the message must contain, the input (a dict of
    values, a text, bytes, or None for no file), and options of the command line."""

    def __init__(self, name, texts, content, options=("input.yaml",), nobody=False):
        self.name, self.texts, self.content, self.options = name, texts, content, options
        self.nobody = nobody  # run as a user without rights

    def write(self, directory):
        """Writes input.yaml."""
        path = os.path.join(directory, "input.yaml")
        if isinstance(self.content, dict):
            write_input(path, self.content)
        elif self.content is not None:
            content = self.content
            with open(path, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)


def wrong_value(key, value, *texts, base=CIRCLE, shown=None):
    """A case of one wrong value: the message must name file, line, key, value, and `texts`."""
    content = {**base, key: value}
    with tempfile.TemporaryDirectory() as directory:
        with open(write_input(os.path.join(directory, "x"), content), encoding="utf-8") as file:
            name = key.rsplit(".", 1)[1] + ":"
            section = key.split(".")[0] + ":\n"
            lines = file.readlines()
    start = lines.index(section)
    line = next(i for i in range(start, len(lines)) if lines[i].split()[0] == name) + 1
    shown = value if shown is None else shown
    return Case(f"{key} = {str(value)[:40]}", [f"input.yaml:{line}: {key} = {shown}: ", *texts],
                content)


def wrong_layers(name, layers, *texts):
    return Case(name, ["input.yaml:", *texts], {**CIRCLE, "decoder.layers": layers})


def wrong_fields():
    """Layers in space: shapes that do not fit name the layer and both shapes."""
    start = [{"dense": 12}, {"reshape": [3, 2, 2]}]
    conv = {"conv": 3, "kernel": 3, "padding": 1}
    third = "decoder.layers[2]."
    return [
        wrong_layers("a reshape that does not fit", [{"dense": 12}, {"reshape": [5, 2]}],
                     "decoder.layers[1].reshape", "5 x 2 has 10 numbers", "its input 12 has 12"),
        wrong_layers("a reshape of five axes", [{"dense": 32}, {"reshape": [2] * 5}],
                     "decoder.layers[1].reshape", "up to 4"),
        wrong_layers("a convolution of flat numbers", [{"dense": 12}, conv],
                     "decoder.layers[1].conv = 3", "flat with 12 numbers", "reshape"),
        wrong_layers("upsampling of flat numbers", [{"dense": 12}, {"upsample": 2}],
                     "decoder.layers[1].upsample = 2", "flat with 12 numbers", "reshape"),
        wrong_layers("a convolution without kernel", [*start, {"conv": 3}],
                     third + "conv = 3", "needs the key kernel"),
        wrong_layers("a kernel wider than its input", [*start, {"conv": 3, "kernel": 3}],
                     third + "conv = 3", "kernel 3 is longer", "3 x 2 x 2"),
        wrong_layers("a kernel of three axes for two", [*start, {**conv, "kernel": [3, 3, 3]}],
                     third + "conv = 3", "kernel has 3 numbers", "2 spatial axes"),
        wrong_layers("a kernel that is no number", [*start, {**conv, "kernel": "3x3"}],
                     third + "kernel = 3x3", "integer"),
        wrong_layers("a list without numbers", [*start, {**conv, "padding": []}],
                     third + "padding", "integer or a list"),
        wrong_layers("a stride of zero", [*start, {**conv, "stride": [1, 0]}],
                     third + "stride = 0", "at least 1"),
        wrong_layers("a transposed convolution's output_padding",
                     [*start, {"conv_transpose": 1, "kernel": 2, "stride": 2,
                               "output_padding": 2}],
                     third + "conv_transpose = 1", "output_padding 2 must be less than stride 2"),
        wrong_layers("padding that leaves nothing",
                     [*start, {"conv_transpose": 1, "kernel": 1, "padding": 1}],
                     third + "conv_transpose = 1", "padding 1 leaves nothing", "3 x 2 x 2"),
        wrong_layers("output_padding of a convolution", [*start, {**conv, "output_padding": 1}],
                     third + "output_padding = 1", "not a key of a conv layer", "stride"),
        wrong_layers("an unknown padding_mode", [*start, {**conv, "padding_mode": "circular"}],
                     third + "padding_mode = circular", "zero, periodic, reflect or replicate"),
        wrong_layers("more periodic padding than there is",
                     [*start, {**conv, "padding": 3, "padding_mode": "periodic"}],
                     third + "conv = 3", "3 x 2 x 2", "periodic padding of at most 2, not 3"),
        wrong_layers("more reflected padding than there is",
                     [*start, {**conv, "padding": [1, 2], "padding_mode": "reflect"}],
                     third + "conv = 3", "axis 2", "reflect padding of at most 1, not 2"),
        wrong_layers("an input that is too large with its padding",
                     [*start, {"conv": 1, "kernel": 1, "stride": 1000000, "padding": 1000000,
                               "padding_mode": "replicate"}],
                     third + "conv = 1", "with its padding is too large"),
        wrong_layers("the padding_mode of a transposed convolution",
                     [*start, {"conv_transpose": 1, "kernel": 2, "padding_mode": "periodic"}],
                     third + "padding_mode = periodic", "not a key of a conv_transpose layer"),
        wrong_layers("a slope without leaky_relu", [{"dense": 2, "activation": "elu", "slope": 0.1}],
                     "decoder.layers[0].slope = 0.1", "activation elu", "leaky_relu"),
        wrong_layers("a slope beyond 1", [{"dense": 2, "activation": "leaky_relu", "slope": 2}],
                     "decoder.layers[0].slope = 2", "at most 1"),
        wrong_layers("the kernel of a dense layer", [{"dense": 2, "kernel": 3}],
                     "decoder.layers[0].kernel = 3", "not a key of a dense layer"),
        wrong_layers("a residual with one branch", [*start, {"residual": [[conv]]}],
                     third + "residual", "two lists"),
        wrong_layers("a residual without layers", [*start, {"residual": [[], []]}],
                     third + "residual", "two lists"),
        wrong_layers("branches of other shapes",
                     [*start, {"residual": [[{**conv, "conv": 4}], []]}],
                     third + "residual", "4 x 2 x 2 and 3 x 2 x 2"),
        wrong_layers("a layer inside a branch",
                     [*start, {"residual": [[conv, {**conv, "padding": 0}], []]}],
                     third + "residual[0][1].conv = 3", "is longer than axis"),
        wrong_layers("a key inside a branch",
                     [*start, {"residual": [[], [{**conv, "activaton": "elu"}]]}],
                     third + "residual[1][0].activaton", "did you mean activation?"),
        wrong_layers("too many layers with those of branches",
                     [*start, *[{"residual": [[conv], []]}] * 32], "at most 64", "branches"),
        Case("an output of another size", ["decoder.layers: the last layer",
                                           "12 outputs (3 x 2 x 2)", "2 entries"],
             {**CIRCLE, "decoder.layers": [*start, conv]}),
        wrong_layers("an output larger than any memory", [*start, *[{"upsample": 10**6}] * 2],
                     third + "upsample = 1000000", "too large"),
    ]


def wrong_data(name, texts, *values):
    content = dict(DATA)
    for more in values:
        content.update(more)
    return Case(name, texts, content)


def wrong_option(name, texts, *options, content=CIRCLE):
    return Case(name, texts, content, options)


# ---- the cases ----

def yaml_cases():
    good = "run: {directory: run}\ndata:\n  train: {generate: circle, count: 9}\n"
    return [
        Case("no such input", ["input.yaml: ", "No such file"], None),
        Case("empty input", ["input.yaml:", "empty"], ""),
        Case("comments only", ["input.yaml:", "empty"], "# nothing\n\n# at all\n"),
        Case("spaces only", ["input.yaml:", "empty"], "   \n \n"),
        Case("a directory as input", ["folder", "directory"], None, ("folder",)),
        Case("tab", ["input.yaml:2:1: ", "tab"], "training:\n\tbatch: 20\n"),
        Case("duplicate key", ["input.yaml:3:", "batch", "twice, in lines 2 and 3"],
             "training:\n  batch: 20\n  batch: 30\n"),
        Case("duplicate section", ["input.yaml:3:", "training", "twice, in lines 1 and 3"],
             "training:\n  batch: 20\ntraining:\n  epochs: 3\n"),
        Case("bracket not closed", ["input.yaml:"], "run: {tasks: [train, evaluate}\n"),
        Case("quote not closed", ["input.yaml:"], 'run: {directory: "run}\ntraining:\n'),
        Case("indented too far", ["input.yaml:2:", "indented"], "run: x\n  directory: run\n"),
        Case("no space after a colon", ["input.yaml:"], "training:\n  batch:20\n"),
        Case("Latin-1", ["input.yaml:2:", "UTF-8"], b"run:\n  directory: caf\xe9\n"),
        Case("a gzipped file as input", ["input.yaml", "UTF-8"], gzip.compress(b"run:\n")),
        Case("an HDF5 file as input", ["good.h5", "UTF-8"], None, ("good.h5",)),
        Case("two documents", ["input.yaml:", "second document"], good + "---\n" + good),
        Case("alias", ["input.yaml:1:", "not supported"], "run: &all {seed: 1}\n"),
        Case("tag", ["input.yaml:1:", "tags"], "run: {seed: !!int 1}\n"),
        Case("a list at the top", ["input.yaml:1:", "section"], "- run\n- data\n"),
        Case("a lone word", ["input.yaml:1:", "section"], "train\n"),
        Case("unknown section", ["input.yaml:1: trainig", "did you mean training?"],
             "trainig: {batch: 20}\n"),
        Case("unknown key", ["input.yaml:2: training.epoch = 3", "did you mean training.epochs?"],
             "training:\n  epoch: 3\n"),
        Case("an outlandish key", ["input.yaml:2: training.xyzzy", "learning_rate"],
             "training:\n  xyzzy: 3\n"),
        Case("a key of another section", ["input.yaml:1: training.solver = amd",
                                          "did you mean encoding.solver?"],
             "training: {solver: amd}\n"),
        Case("a dotted key", ["input.yaml:1: training.batch", "sections"], "training.batch: 20\n"),
        Case("a section without keys", ["input.yaml:1: training = 5: ", "section"],
             "training: 5\n"),
        Case("a list as section", ["input.yaml:1: data.train", "section"],
             "data: {train: [a, b]}\n"),
    ]


def value_cases():
    long = "x" * 2000
    return [
        wrong_value("training.batch", -20, "at least 1"),
        wrong_value("training.batch", 0, "at least 1"),
        wrong_value("training.batch", 2.5, "integer"),
        wrong_value("training.batch", "many", "integer"),
        wrong_value("training.batch", [20], "integer", shown="[...]"),
        wrong_value("training.batch", 1e30, "at most 1e9", shown="1e+30"),
        wrong_value("training.epochs", -1, "at least 0"),
        wrong_value("training.learning_rate", 0, "greater than 0"),
        wrong_value("training.learning_rate", "nan", "finite number"),
        wrong_value("training.learning_rate", "inf", "finite number"),
        wrong_value("training.learning_rate", "1e400", "finite number"),
        wrong_value("training.learning_rate", "0x10", "number"),
        wrong_value("training.optimiser", "adamw", "adam, rmsprop or sgd", "did you mean adam?"),
        wrong_value("training.schedule", "linear", "constant, step, cosine or auto"),
        wrong_value("training.warm_start", "maybe", "true or false"),
        wrong_value("training.order", "random", "shuffled or file"),
        wrong_value("training.updates", 0, "at least 1"),
        wrong_value("encoding.solver", "lbgfs", "must be lbfgs, amd", "did you mean lbfgs?"),
        wrong_value("encoding.tolerance", 1, "less than 1"),
        wrong_value("encoding.tolerance", -1e-4, "at least 0", shown="-0.0001"),
        wrong_value("encoding.max_iterations", 0, "at least 1"),
        wrong_value("encoding.shrink", 1, "less than 1"),
        wrong_value("encoding.growth", 0.5, "at least 1"),
        wrong_value("encoding.coupling", "batch", "encoding.solver = amd"),
        wrong_value("encoding.h_min", 5, "h_min <= h0 <= h_max",
                    base={**CIRCLE, "encoding.solver": "amd"}),
        wrong_value("evaluation.every", -1, "at least 0"),
        wrong_value("decoder.latent", 0, "at least 1"),
        wrong_value("decoder.latent", 1e9, "at most 65536", shown="1000000000.0"),
        wrong_value("decoder.loss", "hinge", "bce or mse"),
        wrong_value("data.scale", 0, "greater than 0"),
        wrong_value("data.scale", "standardize", "did you mean standardise?"),
        wrong_value("data.missing", "NaN", "error, nan or number", "did you mean nan?"),
        wrong_value("data.train.generate", "spiral", "none or circle"),
        wrong_value("data.train.count", 1e13, "at most 1e12", shown="10000000000000.0"),
        wrong_value("data.train.classes", 3, "list of integers such as [0, 1, 2]"),
        wrong_value("data.train.classes", [2, 2], "is given twice", shown="2"),
        wrong_value("data.train.classes", [1, "shirt"], "integer", shown="shirt"),
        wrong_value("data.train.stride", 0, "at least 1"),
        wrong_value("data.train.subset", -1, "at least 0"),
        wrong_value("data.train.subset_seed", 0.5, "integer"),
        wrong_value("run.seed", -1, "at least 0"),
        wrong_value("run.walltime", "90 minutes", "number of seconds, HH:MM:SS or D-HH:MM:SS"),
        wrong_value("run.memory_limit", "4 gibs", "number of bytes", "4 GiB or auto"),
        wrong_value("run.memory_limit", "GiB", "number of bytes"),
        wrong_value("run.memory_limit", "-1 MB", "at least 1"),
        wrong_value("run.memory_limit", [1], "number of bytes", shown="[...]"),
        wrong_value("run.restart", "atuo", "auto, never or the path", "did you mean auto?"),
        wrong_value("checkpoint.minutes", -1, "at least 0"),
        wrong_value("checkpoint.epochs", 0.5, "integer"),
        wrong_value("run.tasks", ["trian"], "did you mean train?", shown="trian"),
        wrong_value("run.tasks", ["train", "train"], "twice", shown="train"),
        wrong_value("run.tasks", [], "must be a list such as", shown="[...]"),
        wrong_value("run.directory", "", "empty", shown='""'),
        wrong_value("run.directory", long, "shorter than 1024 bytes", shown="x" * 60 + "..."),
        wrong_value("output.reconstructions", -1, "at least 0"),
        wrong_layers("no layers", None, "decoder.layers", "must be given"),
        wrong_layers("empty layers", [], "decoder.layers", "list of layers"),
        wrong_layers("layers as a number", 784, "decoder.layers = 784", "list of layers"),
        wrong_layers("a number as layer", [16, 2], "decoder.layers[0] = 16", "{dense: "),
        wrong_layers("a layer of width 0", [{"dense": 0}, {"dense": 2}],
                     "decoder.layers[0].dense = 0", "at least 1"),
        wrong_layers("a layer too wide", [{"dense": 1e9}, {"dense": 2}],
                     "decoder.layers[0].dense", "at most 1e8"),
        wrong_layers("unknown activation", [{"dense": 8, "activation": "elo"}, {"dense": 2}],
                     "decoder.layers[0].activation = elo", "did you mean elu?"),
        wrong_layers("unknown layer key", [{"dense": 8, "activaton": "elu"}, {"dense": 2}],
                     "decoder.layers[0].activaton", "did you mean activation?"),
        wrong_layers("unknown kind of layer", [{"convolve": 8}, {"dense": 2}],
                     "decoder.layers[0].convolve", "dense"),
        wrong_layers("a layer without width", [{"activation": "elu"}, {"dense": 2}],
                     "decoder.layers[0]", "dense"),
        *wrong_fields(),
        wrong_layers("65 layers", [{"dense": 2}] * 65, "65 layers", "at most 64"),
    ]


def autoencoder_cases():
    base = {**CIRCLE, "run.model": "autoencoder"}

    def wrong(name, texts, *values):
        content = dict(base)
        for more in values:
            content.update(more)
        return Case(name, texts, content)

    encoder = [{"dense": 16, "activation": "elu"}, {"dense": 1}]
    image = {"decoder.layers": [{"dense": 16}, {"reshape": [1, 4, 4]},
                                {"conv": 1, "kernel": 3, "padding": 1}]}
    return [
        wrong_value("run.model", "autoencodr", "gfe, autoencoder or pod", "did you mean autoencoder?"),
        wrong_value("training.adjoint", "discrete", "run.model = gfe", base=base),
        wrong_value("encoder.layers", encoder, "run.model = autoencoder", shown="[...]"),
        wrong_value("encoder.layers", 784, "list of layers", base=base),
        wrong("an encoder with too many outputs",
              ["encoder.layers", "the last layer has 3 outputs", "1 numbers"],
              {"encoder.layers": [{"dense": 3}]}),
        wrong("an encoder of layers that do not fit",
              ["input.yaml:", "encoder.layers[0].reshape", "5", "2"],
              {"encoder.layers": [{"reshape": [5, 1]}, {"dense": 1}]}),
        wrong("an unknown layer in the encoder", ["encoder.layers[0].dens", "did you mean dense?"],
              {"encoder.layers": [{"dens": 3}]}),
        wrong("a decoder without a mirror", ["run.model = autoencoder", "give encoder.layers"],
              image),
        wrong("encoder layers for a decoder file without encoder",
              ["encoder.layers", "decoder.h5", "run.model = autoencoder"],
              {"run.model": None, "decoder.file": "decoder.h5", "decoder.latent": None,
               "decoder.layers": None, "decoder.loss": None, "encoder.layers": encoder}),
        wrong("no encoder to evaluate with", ["run.model = autoencoder", "decoder.h5", "no encoder"],
              {"run.tasks": ["evaluate"], "decoder.file": "decoder.h5", "decoder.latent": None,
               "decoder.layers": None, "decoder.loss": None}),
    ]


def option_cases():
    return [
        wrong_option("no input file", ["no input file", "--help"]),
        wrong_option("unknown option", ["--chekc", "did you mean --check?"], "--chekc",
                     "input.yaml"),
        wrong_option("two input files", ["two input files", "input.yaml", "other.yaml"],
                     "input.yaml", "other.yaml"),
        wrong_option("--set at the end", ["--set needs"], "input.yaml", "--set"),
        wrong_option("--set without =", ["--set training.batch: ", "section.key=value"],
                     "input.yaml", "--set", "training.batch"),
        wrong_option("--set of a section", ["training=3", "section"], "input.yaml",
                     "--set", "training=3"),
        wrong_option("--set of an unknown key", ["training.bath=3",
                                                 "did you mean training.batch?"],
                     "input.yaml", "--set", "training.bath=3"),
        wrong_option("--set of an unknown section", ["trainig.batch=3",
                                                     "did you mean training?"],
                     "input.yaml", "--set=trainig.batch=3"),
        wrong_option("--set of a wrong value", ["--set training.batch=-1: ", "at least 1"],
                     "input.yaml", "--set", "training.batch=-1"),
        wrong_option("--set of half a list", ["--set run.tasks=[train: "], "input.yaml",
                     "--set", "run.tasks=[train"),
        wrong_option("a mistake in --check", ["training.batch = 0", "at least 1"], "--check",
                     "input.yaml", content={**CIRCLE, "training.batch": 0}),
    ]


def file_cases():
    return [
        wrong_data("no data at all", ["input.yaml", "data.train", "generate"],
                   {"data.train.file": None}, NO_DATASET),
        wrong_data("missing data file", ["data.train.file = nowhere.h5", "No such file"],
                   {"data.train.file": "nowhere.h5"}),
        wrong_data("a directory as data", ["data.train.file", "folder", "directory"],
                   {"data.train.file": "folder"}, NO_DATASET),
        wrong_data("a pipe as data", ["data.train.file", "pipe is not a regular file"],
                   {"data.train.file": "pipe"}, NO_DATASET),
        wrong_data("a pipe as labels", ["data.train.labels", "pipe is not a regular file"],
                   {"data.train.file": "good.idx", "data.train.labels": "pipe"}, NO_DATASET),
        wrong_data("a pipe among the batches of CIFAR-10",
                   ["data.train.file", "data_batch_2.bin is not a regular file"],
                   {"data.train.file": "batches"}, NO_DATASET),
        wrong_data("empty data file", ["data.train.file", "empty"],
                   {"data.train.file": "empty"}, NO_DATASET),
        wrong_data("text as data", ["data.train.file", "not recognised", "HDF5", "IDX", ".npy"],
                   {"data.train.file": "text.csv"}, NO_DATASET),
        wrong_data("a gzipped text as data", ["data.train.file", "not recognised"],
                   {"data.train.file": "text.gz"}, NO_DATASET),
        wrong_data("truncated HDF5", ["data.train.file", "cut.h5", "truncated"],
                   {"data.train.file": "cut.h5"}),
        wrong_data("damaged HDF5", ["data.train.file", "damaged.h5", "damaged"],
                   {"data.train.file": "damaged.h5"}),
        wrong_data("no dataset named", ["data.train.dataset", "say which datasets", "/deep/images"],
                   NO_DATASET),
        wrong_data("wrong dataset name", ["data.train.dataset", "/deep/imags",
                                          "did you mean /deep/images?"],
                   {"data.train.dataset": "/deep/imags"}),
        wrong_data("a group as dataset", ["data.train.dataset", "/deep", "/deep/images"],
                   {"data.train.dataset": "/deep"}),
        wrong_data("a link to a file that is not there",
                   ["data.train.dataset", "/moved in links.h5 is an external link to /x in the "
                    "file gone.h5"],
                   {"data.train.file": "links.h5", "data.train.dataset": "/moved"}),
        wrong_data("a link to nothing", ["data.train.dataset", "/soft in links.h5 is a soft link "
                                         "to /gone"],
                   {"data.train.file": "links.h5", "data.train.dataset": "/soft"}),
        wrong_data("a path through a link to nothing", ["/soft in links.h5 is a soft link to"],
                   {"data.train.file": "links.h5", "data.train.dataset": "/soft/x"}),
        wrong_data("a file that is open elsewhere",
                   ["data.train.file", "open.h5", "another program has the file open for writing"],
                   {"data.train.file": "open.h5"}),
        wrong_data("strings as data", ["data.train.dataset", "/strings", "numbers"],
                   {"data.train.dataset": "/strings"}),
        wrong_data("a compound as data", ["data.train.dataset", "/compound", "numbers"],
                   {"data.train.dataset": "/compound"}),
        wrong_data("complex numbers as data", ["data.train.dataset", "/complex", "numbers"],
                   {"data.train.dataset": "/complex"}),
        wrong_data("a damaged chunk", ["data.train.dataset", "/chunks", "chunks.h5", "fail"],
                   {"data.train.file": "chunks.h5", "data.train.dataset": "/chunks"}),
        wrong_data("an unknown compression", ["data.train.dataset", "/lzf", "filter lzf"],
                   {"data.train.dataset": "/lzf"}),
        wrong_data("0 samples", ["data.train.dataset", "/none", "0 samples"],
                   {"data.train.dataset": "/none"}),
        wrong_data("samples without entries", ["data.train.dataset", "/hollow", "entries"],
                   {"data.train.dataset": "/hollow"}),
        wrong_data("a single number", ["data.train.dataset", "/single", "axes"],
                   {"data.train.dataset": "/single"}),
        wrong_data("NaN in the last sample", ["/nan", "sample 19, entry 5", "NaN",
                                              "data.missing"],
                   {"data.train.dataset": "/nan"}),
        *[wrong_option(f"{name} in --check", texts, "--check", "input.yaml",
                       content={**DATA, "data.train.dataset": dataset, **more})
          for name, texts, dataset, more in (
              ("NaN", ["/nan", "sample 19, entry 5", "NaN"], "/nan", {}),
              ("a sample all missing", ["all entries of sample 7 are NaN"], "/lost",
               {"data.missing": "nan"}),
              ("a decoder with NaN", ["decoder.file", "not finite"], "/x",
               {**FROM_FILE, "decoder.file": "nan.h5"}),
              ("a damaged chunk", ["/chunks", "fail"], "/chunks",
               {"data.train.file": "chunks.h5"}),
              ("bce above 1", ["sample 0, entry", "[0, 1]"], "/x", {"decoder.loss": "bce"}),
              ("bce after standardising", ["sample", "[0, 1]"], "/x",
               {"decoder.loss": "bce", "data.scale": "standardise"}))],
        wrong_data("an infinite number", ["/inf", "sample 0, entry 1", "infinite"],
                   {"data.train.dataset": "/inf"}),
        wrong_data("a sample all missing", ["/lost", "all entries of sample 7 are NaN", "data.missing"],
                   {"data.train.dataset": "/lost", "data.missing": "nan"}),
        wrong_data("bce above 1", ["sample 0, entry", "[0, 1]", "data.scale"],
                   {"decoder.loss": "bce"}),
        wrong_data("bce after standardising", ["sample", "[0, 1]"],
                   {"decoder.loss": "bce", "data.scale": "standardise"}),
        wrong_data("n is not the decoder's output", ["decoder.layers", "7 outputs", "6 entries"],
                   {"decoder.layers": [{"dense": 7}]}),
        wrong_data("test samples of another size", ["decoder.layers", "data.test", "3 entries"],
                   {"data.test.file": "good.h5", "data.test.dataset": "/narrow"}),
        wrong_data("first beyond the end", ["data.train.first = 20", "20 samples"],
                   {"data.train.first": 20}),
        wrong_data("count beyond the end", ["data.train.count = 11", "10", "20 samples"],
                   {"data.train.first": 10, "data.train.count": 11}),
        wrong_data("classes without labels", ["data.train.classes", "give data.train.labels"],
                   {"data.train.classes": [1]}),
        wrong_data("a class that does not occur",
                   ["data.train.classes", "from 3 to 8", "label 4", "labels there are 0, 1, 2"],
                   {"data.train.labels": "/labels", "data.train.first": 3, "data.train.count": 6,
                    "data.train.classes": [1, 4]}),
        wrong_data("a subset larger than what is left",
                   ["data.train.subset = 5", "[1, 4]", "classes and stride"],
                   {"data.train.labels": "/labels", "data.train.classes": [1],
                    "data.train.stride": 2, "data.train.subset": 5}),
        wrong_data("generate and file", ["data.train", "generate", "leave one out"],
                   {"data.train.generate": "circle", "data.train.count": 5}),
        Case("generate without count", ["data.train.count", "number of samples"],
             {**CIRCLE, "data.train.count": None}),
        wrong_data("encode without data", ["data.encode", "encode"],
                   {"run.tasks": ["train", "encode"]}),
        wrong_data("truncated gzipped IDX", ["data.train.file", "cut.idx.gz", "truncated"],
                   {"data.train.file": "cut.idx.gz", "decoder.layers": [{"dense": 600}]},
                   NO_DATASET),
        wrong_data("truncated IDX", ["data.train.file", "cut.idx", "truncated"],
                   {"data.train.file": "cut.idx"}, NO_DATASET),
        wrong_data("half an IDX header", ["data.train.file", "head.idx", "header"],
                   {"data.train.file": "head.idx"}, NO_DATASET),
        wrong_data("IDX of impossible lengths", ["data.train.file", "huge.idx"],
                   {"data.train.file": "huge.idx"}, NO_DATASET),
        wrong_data("a dataset in an IDX file", ["data.train.dataset", "only HDF5"],
                   {"data.train.file": "good.idx"}),
        wrong_data("truncated .npy", ["data.train.file", "cut.npy", "truncated"],
                   {"data.train.file": "cut.npy"}, NO_DATASET),
        wrong_data("half an .npy header", ["data.train.file", "head.npy", "header"],
                   {"data.train.file": "head.npy"}, NO_DATASET),
        wrong_data("texts in .npy", ["data.train.file", "text.npy", "<U"],
                   {"data.train.file": "text.npy"}, NO_DATASET),
        wrong_data("Fortran order in .npy", ["data.train.file", "fortran.npy", "Fortran"],
                   {"data.train.file": "fortran.npy"}, NO_DATASET),
        wrong_data("too few labels", ["data.train.labels", "19 labels"],
                   {"data.train.labels": "/labels_19"}),
        wrong_data("classes of real labels", ["data.train.labels", "real numbers, not classes"],
                   {"data.train.labels": "/labels_float", "data.train.classes": [1]}),
        wrong_data("labels larger than an int64",
                   ["data.train.labels", "9223372036854775808 in row 5"],
                   {"data.train.labels": "/labels_large"}),
        wrong_data("the same in .npy", ["data.train.labels = labels.npy",
                                        "label 9223372036854775808 of sample 5"],
                   {"data.train.file": "good.npy", "data.train.labels": "labels.npy"}, NO_DATASET),
        wrong_data("labels of two axes", ["data.train.labels", "(20, 2, 3)"],
                   {"data.train.labels": "/x"}),
        wrong_data("labels that are not there", ["data.train.labels", "/label_19",
                                                 "did you mean /labels_19?"],
                   {"data.train.labels": "/label_19"}),
        wrong_data("a file of labels that is not there", ["data.train.labels = no.idx",
                                                          "No such file"],
                   {"data.train.file": "good.idx", "data.train.labels": "no.idx"}, NO_DATASET),
        wrong_data("negative weights", ["data.train.weights", "sample 3, entry 1", "-1"],
                   {"data.train.weights": "/weights_negative"}),
        wrong_data("weights that are NaN", ["data.train.weights", "sample 3, entry 1", "nan"],
                   {"data.train.weights": "/weights_nan"}),
        wrong_data("weights of another shape", ["data.train.weights", "(20, 2, 3)", "(20, 3)"],
                   {"data.train.weights": "/narrow"}),
        wrong_data("weights that sum to 0", ["sample 19", "weights", "0"],
                   {"data.train.weights": "/weights_zero"}),
    ]


def decoder_cases():
    def wrong(name, texts, file, *values):
        return wrong_data(name, texts, FROM_FILE, {"decoder.file": file}, *values)

    return [
        wrong("missing decoder file", ["decoder.file = no.h5", "No such file"], "no.h5"),
        wrong("a decoder file that is not HDF5", ["decoder.file", "text.csv", "not an HDF5"],
              "text.csv"),
        wrong("a pipe as decoder file", ["decoder.file", "pipe is not a regular file"], "pipe"),
        wrong("a directory as decoder file", ["decoder.file", "folder", "directory"], "folder"),
        wrong("a decoder file without decoder", ["decoder.file", "good.h5", "no decoder"],
              "good.h5"),
        wrong("a decoder file with half a layer", ["decoder.file", "bias"], "half.h5"),
        wrong("a decoder file whose layers do not fit", ["decoder.file", "layer_1"], "unfit.h5"),
        wrong("a decoder file with an unknown activation", ["decoder.file", "layer_0", "mish"],
              "mish.h5"),
        wrong("a decoder file with NaN", ["decoder.file", "not finite"], "nan.h5"),
        wrong("a decoder file that scales by 0", ["decoder.file", "scale"], "scale.h5"),
        wrong("a convolution without kernel in a decoder file", ["layer_2", "'kernel'", "from 1"],
              "no_kernel.h5"),
        wrong("a kernel of length 0 in a decoder file", ["layer_2", "'kernel'", "from 1"],
              "zero_kernel.h5"),
        wrong("a convolution's weight that does not fit", ["layer_2/weight must be 3 x 2 x 5"],
              "other_kernel.h5"),
        wrong("an unknown padding_mode in a decoder file", ["layer_2", "padding_mode 'mirror'"],
              "other_mode.h5"),
        wrong("a slope that is no number in a decoder file", ["layer_2", "'slope'", "from 0 to 1"],
              "other_slope.h5"),
        wrong("a reshape that does not fit in a decoder file", ["layer_1, reshape", "2 x 3", "8"],
              "other_shape.h5"),
        wrong("branches that reach too far back", ["layer_2, residual", "5 and 1"],
              "branches.h5"),
        wrong("another stride than the decoder file's",
              ["decoder.layers: layer 2", "stride: 1", "stride: 2"], "conv.h5",
              {"decoder.layers": [{"dense": 8, "activation": "tanh"}, {"reshape": [2, 4]},
                                  {"conv": 3, "kernel": 3, "padding": 1}]}),
        wrong("other layers than the decoder file's", ["decoder.layers", "decoder.file", "5"],
              "decoder.h5", {"decoder.layers": [{"dense": 5, "activation": "tanh"},
                                                {"dense": 6}]}),
        wrong("another number of layers", ["decoder.layers", "decoder.file", "2"], "decoder.h5",
              {"decoder.layers": [{"dense": 6}]}),
        wrong("another loss than the decoder file's", ["decoder.loss = bce", "decoder.file",
                                                       "mse"],
              "decoder.h5", {"decoder.loss": "bce"}),
        wrong("another latent than the decoder file's", ["decoder.latent = 3", "decoder.file",
                                                         "2"],
              "decoder.h5", {"decoder.latent": 3}),
        wrong("data that do not fit the decoder file", ["6 outputs", "3 entries"], "decoder.h5",
              {"data.train.dataset": "/narrow"}),
        wrong_data("no decoder to encode with", ["run.tasks", "decoder.file"],
                   {"run.tasks": ["evaluate"], "data.test.file": "good.h5",
                    "data.test.dataset": "/x"}),
    ]


def directory_cases():
    return [
        Case("a run directory below a file", ["run.directory = good.h5/run", "directory"],
             {**CIRCLE, "run.directory": "good.h5/run"}),
        Case("a file as run directory", ["run.directory = good.h5", "not a directory"],
             {**CIRCLE, "run.directory": "good.h5"}),
        Case("a link to nothing as run directory", ["run.directory = dead: dead is a link to "],
             {**CIRCLE, "run.directory": "dead"}),
        Case("the same in --check", ["run.directory = dead/run: dead is a link to "],
             {**CIRCLE, "run.directory": "dead/run"}, ("--check", "input.yaml")),
        wrong_value("run.directory", "$GFE_UNSET/run", "variable GFE_UNSET is not set"),
        wrong_value("run.directory", "~nobody/run", "only ~/ is expanded"),
        wrong_value("run.restart", "${GFE_UNSET:-x}", "only ${NAME} can be expanded"),
        wrong_value("decoder.file", "$GFE_UNSET", "variable GFE_UNSET is not set"),
        Case("an unwritable run directory", ["run.directory = locked/run", "permission"],
             {**CIRCLE, "run.directory": "locked/run"}, nobody=True),
        Case("more samples than any memory holds", ["run.memory_limit", "data.train.count"],
             {**CIRCLE, "data.train.count": 10**12}),
        Case("less memory than a row takes", ["run.memory_limit", "0.001 GB", "at least"],
             {**CIRCLE, "run.memory_limit": "1 MB"}),
        Case("layers larger than any memory", ["run.memory_limit", "decoder.layers"],
             {**CIRCLE, "decoder.layers": [{"dense": 10**8}, {"dense": 10**8}, {"dense": 2}]}),
    ]


# ---- the files that the cases need ----

def write_data(path):
    large = np.uint64(2**63 - 5)
    rng = np.random.default_rng(1)
    x = rng.uniform(1.5, 9, (20, 2, 3))
    with h5py.File(path("good.h5"), "w") as file:
        file["x"] = file["deep/images"] = x
        file["narrow"] = x[:, 0]
        file["strings"] = [f"text {i}" for i in range(20)]
        file["compound"] = np.zeros(20, [("a", "f4"), ("b", "i4")])
        file["complex"] = x + 1j
        file["none"], file["hollow"] = np.zeros((0, 2, 3)), np.zeros((20, 0, 3))
        file["single"] = 3.0
        file.create_dataset("lzf", data=x, compression="lzf")
        for name, index, value in (("nan", (19, 1, 2), np.nan), ("inf", (0, 0, 1), np.inf),
                                   ("lost", (7,), np.nan)):
            wrong = x.copy()
            wrong[index] = value
            file[name] = wrong
        for name, index, value in (("negative", (3, 0, 1), -1), ("nan", (3, 0, 1), np.nan),
                                   ("zero", (19,), 0)):
            weights = np.ones(x.shape)
            weights[index] = value
            file["weights_" + name] = weights
        file["labels"] = np.arange(20) % 3
        file["labels_large"] = np.arange(20, dtype="u8") + (np.arange(20, dtype="u8") == 5) * large
        file["labels_19"], file["labels_float"] = np.arange(19), np.arange(20) / 2
    with h5py.File(path("links.h5"), "w") as file:
        file["moved"] = h5py.ExternalLink("gone.h5", "/x")
        file["soft"] = h5py.SoftLink("/gone")
    with h5py.File(path("chunks.h5"), "w") as file:
        chunks = file.create_dataset("chunks", data=x, chunks=(4, 2, 3), compression="gzip")
        last = chunks.id.get_chunk_info(4)
    with open(path("chunks.h5"), "r+b") as file:
        file.seek(last.byte_offset + last.size // 2)
        file.write(b"\xa5" * 8)
    with open(path("good.h5"), "rb") as file:
        good = file.read()
    damaged = bytearray(good)
    damaged[48:800] = b"\xa5" * 752
    return {"cut.h5": good[:len(good) // 2], "damaged.h5": bytes(damaged)}


def write_arrays(path):
    bytes_ = np.arange(120, dtype=np.uint8).reshape(20, 2, 3)
    idx = struct.pack(">HBB3I", 0, 0x08, 3, *bytes_.shape) + bytes_.tobytes()
    noise = np.random.default_rng(1).integers(0, 256, (20, 200, 3), np.uint8)
    long = gzip.compress(struct.pack(">HBB3I", 0, 0x08, 3, *noise.shape) + noise.tobytes())
    np.save(path("good.npy"), bytes_)
    np.save(path("labels.npy"), np.array([3] * 5 + [2**63] + [7] * 14, np.uint64))
    np.save(path("fortran.npy"), np.asfortranarray(bytes_))
    np.save(path("text.npy"), np.array(["a", "bc"]))
    with open(path("good.npy"), "rb") as file:
        npy = file.read()
    return {"good.idx": idx, "cut.idx": idx[:-1], "head.idx": idx[:10],
            "huge.idx": struct.pack(">HBB3I", 0, 0x08, 3, *[2**32 - 1] * 3),
            "cut.idx.gz": long[:len(long) // 2], "cut.npy": npy[:-1], "head.npy": npy[:40],
            "empty": b"", "text.csv": b"1,2,3\n4,5,6\n", "text.gz": gzip.compress(b"1,2,3\n")}


def write_convolutions(path, rng):
    """A decoder with a convolution, and what may be wrong with one."""
    layers = [(rng.normal(size=(8, 2)), rng.normal(size=8), "tanh"),
              {"kind": "reshape", "sizes": [2, 4], "activation": "identity"},
              {"kind": "conv", "kernel": [3], "stride": [2], "padding": [1],
               "activation": "identity", "weight": rng.normal(size=(3, 2, 3)),
               "bias": rng.normal(size=3)}]
    names = ("conv", "no_kernel", "zero_kernel", "other_kernel", "other_shape", "branches",
             "other_mode", "other_slope")
    for name in names:
        write_decoder(path(name + ".h5"), layers, "mse")
    def layer(name, k):
        return h5py.File(path(name + ".h5"), "r+")[f"decoder/layer_{k}"]
    del layer("no_kernel", 2).attrs["kernel"]
    layer("zero_kernel", 2).attrs["kernel"] = "0"
    layer("other_kernel", 2).attrs["kernel"] = "5"
    layer("other_kernel", 2).attrs["padding"] = "2"
    layer("other_mode", 2).attrs["padding_mode"] = "mirror"
    layer("other_slope", 2).attrs.update(activation="leaky_relu", slope="steep")
    layer("other_shape", 1).attrs["sizes"] = "2 3"
    layer("branches", 2).attrs.update(kind="residual", branches="5 1")


def write_decoders(path):
    rng = np.random.default_rng(1)
    layers = [(rng.normal(size=(4, 2)), rng.normal(size=4), "tanh"),
              (rng.normal(size=(6, 4)), rng.normal(size=6), "identity")]
    names = ("decoder", "half", "unfit", "mish", "nan", "scale")
    for name in names:
        write_decoder(path(name + ".h5"), layers, "mse")
    with h5py.File(path("half.h5"), "a") as file:
        del file["decoder/layer_1/bias"]
    with h5py.File(path("unfit.h5"), "a") as file:
        del file["decoder/layer_1/weight"]
        file["decoder/layer_1/weight"] = rng.normal(size=(6, 5))
    with h5py.File(path("mish.h5"), "a") as file:
        file["decoder/layer_0"].attrs["activation"] = "mish"
    with h5py.File(path("nan.h5"), "a") as file:
        file["decoder/layer_0/weight"][1, 1] = np.nan
    with h5py.File(path("scale.h5"), "a") as file:
        file["decoder"].attrs["scale_factor"] = 0.0


def write_files(directory):
    """All files of the cases; each case works on links to them."""
    def path(name):
        return os.path.join(directory, name)

    for name, content in {**write_data(path), **write_arrays(path)}.items():
        with open(path(name), "wb") as file:
            file.write(content)
    write_decoders(path)
    write_convolutions(path, np.random.default_rng(3))
    os.mkdir(path("folder"))
    os.mkdir(path("batches"))
    with open(path("batches/data_batch_1.bin"), "wb") as file:
        file.write(bytes(3073))
    os.mkfifo(path("batches/data_batch_2.bin"))
    os.mkfifo(path("pipe"))
    os.symlink("purged/run", path("dead"))
    os.mkdir(path("locked"), 0o555)


# ---- running them ----

def tree(directory):
    """All files and folders of a directory."""
    return sorted(os.path.join(folder, name) for folder, folders, files in os.walk(directory)
                  for name in folders + files)


def run_case(program, case, files, parent, counts):
    """Runs a case on these numbers of ranks. Returns the message, or None, and what is wrong."""
    cwd = tempfile.mkdtemp(dir=parent)
    os.chmod(cwd, 0o755)
    for name in os.listdir(files):
        os.symlink(os.path.join(files, name), os.path.join(cwd, name))
    case.write(cwd)
    before, messages, wrong = tree(cwd), [], []
    for ranks in counts:
        result = run(program, *case.options, ranks=ranks, cwd=cwd, timeout=HANGS,
                     user=NOBODY if case.nobody else None)
        lines = result.err.splitlines()
        found = [line for line in lines if line.startswith("gfe_hpc: ")]
        messages += found
        if result.code == TIMED_OUT:
            wrong.append(f"still running after {HANGS} s on {ranks} ranks")
        elif result.code != 2:
            wrong.append(f"exit code {result.code} on {ranks} ranks: {result}")
        if len(found) != 1 or (ranks == 1 and len(lines) != 1):
            wrong.append(f"there should be one message on {ranks} ranks: {result.err}")
        for path in sorted(set(tree(cwd)) - set(before)):
            wrong.append(f"{path} is left behind on {ranks} ranks")
    message = messages[0] if messages else None
    if len({re.sub(r"\d+", "0", text) for text in messages}) > 1:  # whose rows may differ
        wrong.append(f"the messages on {counts} ranks should be equal: {messages}")
    for text in case.texts if message else ():
        if text not in message:
            wrong.append(f"the message should have '{text}': {message}")
    shutil.rmtree(cwd)
    return message, wrong


def main():
    show, everywhere = "--show" in sys.argv, "--all" in sys.argv
    sys.argv = [word for word in sys.argv if word not in ("--show", "--all")]
    program, = arguments("gfe_hpc [--show] [--all]", 1)
    cases = (yaml_cases() + value_cases() + option_cases() + file_cases() + decoder_cases()
             + autoencoder_cases() + directory_cases())
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as parent:
        os.chmod(parent, 0o755)
        files = os.path.join(parent, "files")
        os.mkdir(files)
        write_files(files)
        opened = h5py.File(os.path.join(files, "open.h5"), "w")
        opened["x"] = np.zeros((20, 2, 3))
        opened.flush()
        before = tree(files)
        # Where another user can run it, too.
        copy = shutil.copy(program, os.path.join(parent, "gfe_hpc"))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            counts = [(1, 3) if i % 4 == 0 or everywhere else (1,) for i in range(len(cases))]
            results = pool.map(lambda case, ranks: run_case(copy, case, files, parent, ranks),
                               cases, counts)
            for case, (message, wrong) in zip(cases, results):
                checks(not wrong, f"{case.name}: " + "; ".join(wrong))
                if show:
                    print(f"{case.name}:\n    {message}", flush=True)
        opened.close()
        checks(tree(files) == before, f"new files: {sorted(set(tree(files)) - set(before))}")
    print(f"{len(cases)} wrong inputs on 1 rank, {counts.count((1, 3))} of them on 3 as well")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
