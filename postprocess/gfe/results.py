"""Results of gfe_hpc in NumPy: open results.h5, rebuild the decoder, decode latents.

    from gfe.results import Results

    with Results("runs/quickstart/results.h5") as results:
        test = results.set("test")              # test.z, test.loss, test.label, test.target, ...
        decoder = results.decoder()
        images = decoder.to_data_units(decoder.decode(test.z))  # of all samples
        fields = results.dataset("test")        # the same as an xarray.Dataset (needs xarray)

As a program, `gfe_results.py results.h5` prints a short summary. Needs only numpy and h5py.
"""

import argparse
import os
from types import SimpleNamespace

import h5py
import numpy as np

from gfe import command
from gfe.layers import ACTIVATIONS, SIZES, WITH_WEIGHT, LayerError, Network, sigmoid

__all__ = ["ACTIVATIONS", "Decoder", "Encoder", "Results", "ResultsError", "write_decoder"]
SETS = ("train", "test", "encode", "validation")
SAMPLES = ("reconstruction", "target", "weight")  # by far the largest columns
NEEDED = ("z", "loss", "evaluations", "status")
OPTIONAL = ("z_encoder", "loss_encoder", "label", "reconstruction",
            "pod_reconstruction", "target", "weight")
SHOWN = "shown"  # the axis of columns that are stored only for the first samples
SCALE = ("scale_offset", "scale_factor")  # attributes of /decoder, or datasets in it
LOSSES = ("bce", "mse")


class ResultsError(Exception):
    """A mistake in a file, described in one line."""


class Decoder:
    """A decoder in float64. Rows are samples: z is (sample, latent), y and w anything that reshapes
    to (sample, n)."""

    def __init__(self, layers, loss, scale_offset=0.0, scale_factor=1.0, shape=None, latent=None):
        """`layers` from latent to output: (weight (out, in), bias (out), activation name) for dense
        ones, else as in layers.py. `latent` is needed if the first one is not dense."""
        self.layers = list(layers)
        self.loss_name = loss
        if not self.layers:
            raise ResultsError("a decoder needs at least one layer")
        if self.loss_name not in LOSSES:
            raise ResultsError(f"unknown loss '{self.loss_name}' (allowed: {', '.join(LOSSES)})")
        self.latent = int(np.shape(self.layers[0][0])[1] if latent is None else latent)
        try:
            self.network = Network(self.layers, self.latent)
        except LayerError as error:
            raise ResultsError(str(error)) from None
        self.n = self.network.n
        self.shape = tuple(shape) if shape else (self.n,)
        if np.prod(self.shape) != self.n:
            raise ResultsError(f"the shape {self.shape} does not hold the {self.n} outputs")
        self.scale_offset = self._constants(scale_offset)
        self.scale_factor = self._constants(scale_factor)

    def _constants(self, values):
        """Scaling constants: a number for all entries, or an array of the shape of a sample, from
        one number per channel or entry."""
        values = np.asarray(values, np.float64).ravel()
        if values.size == 1:
            return float(values[0])
        if not values.size or self.n % values.size:
            raise ResultsError(f"{values.size} constants do not scale samples of {self.n} entries")
        return np.repeat(values, self.n // values.size).reshape(self.shape)

    def _output(self, z):
        """The last layer's output (sample, n) and, per layer, its sums s."""
        return self.network.forward(np.atleast_2d(np.asarray(z, np.float64)))

    def _weights(self, weight, rows):
        """Weights of the entries, (sample, n), each row with sum 1."""
        if weight is None:
            return np.full((rows, self.n), 1 / self.n)
        weight = np.asarray(weight, np.float64).reshape(rows, self.n)
        return weight / weight.sum(axis=1, keepdims=True)

    def logits(self, z):
        """The decoder's raw output, (sample, *shape); for bce these are logits."""
        x, _ = self._output(z)
        return x.reshape(-1, *self.shape)

    def decode(self, z):
        """Reconstructions in scaled units, (sample, *shape); for bce the probabilities."""
        x = self.logits(z)
        return sigmoid(x) if self.loss_name == "bce" else x

    def to_data_units(self, x):
        """Undoes the scaling y = (raw - scale_offset) / scale_factor of x, (sample, *shape)."""
        return np.asarray(x) * self.scale_factor + self.scale_offset

    def to_scaled_units(self, raw):
        """The scaling itself, back from to_data_units()."""
        return (np.asarray(raw, np.float64) - self.scale_offset) / self.scale_factor

    def loss(self, y, z, weight=None):
        """Reconstruction loss per sample: the (weighted) mean over its entries of
        softplus(x) - y x for bce, (x - y)^2 for mse."""
        x, _ = self._output(z)
        y = np.asarray(y, np.float64).reshape(x.shape)
        entries = np.logaddexp(0, x) - y * x if self.loss_name == "bce" else (x - y) ** 2
        return (self._weights(weight, len(x)) * entries).sum(axis=1)

    def gradient(self, y, z, weight=None):
        """d loss / d z, (sample, latent)."""
        x, sums = self._output(z)
        y = np.asarray(y, np.float64).reshape(x.shape)
        delta = sigmoid(x) - y if self.loss_name == "bce" else 2 * (x - y)
        delta *= self._weights(weight, len(x))
        return self.network.backward(delta, sums)


class Encoder:
    """The encoder of an autoencoder in float64."""

    def __init__(self, layers, n):
        """`layers` from the sample, of `n` entries, to the latent, as in Decoder."""
        self.layers = list(layers)
        try:
            self.network = Network(self.layers, n)
        except LayerError as error:
            raise ResultsError(str(error)) from None
        self.n, self.latent = n, self.network.n

    def encode(self, y):
        """Latents (sample, latent) of samples in the decoder's scaled units, with 0 for entries
        that were not observed. y is anything that reshapes to (sample, n)."""
        z, _ = self.network.forward(np.asarray(y, np.float64).reshape(-1, self.n))
        return z.reshape(-1, self.latent)


def write_decoder(path, layers, loss, scale_offset=0.0, scale_factor=1.0, shape=None,
                  latent=None):
    """Writes a decoder that `decoder.file` accepts, for instance one trained elsewhere.

    `layers`: (weight (out, in), bias (out), activation name) from latent to output, as PyTorch's
    nn.Linear has them; other kinds as dicts, see layers.py. `loss`: "bce" (the last layer gives
    logits) or "mse". `shape`: that of a sample, such as (28, 28). Data are scaled as
    (raw - scale_offset) / scale_factor, each a number, or one per channel or entry."""
    decoder = Decoder(layers, loss, scale_offset, scale_factor, shape, latent)
    with h5py.File(path, "w") as file:
        group = file.create_group("decoder")
        group.attrs.update(latent=decoder.latent, n=decoder.n, loss=loss, layers=len(layers),
                           shape=" ".join(map(str, decoder.shape)))
        constants = np.broadcast_arrays(np.ravel(scale_offset), np.ravel(scale_factor))
        for name, values in zip(SCALE, constants):
            if values.size == 1:
                group.attrs[name] = float(values[0])
            else:
                group[name] = values.astype(np.float64)
        for k, layer in enumerate(decoder.network.layers):
            place = group.create_group(f"layer_{k}")
            place.attrs.update(kind=layer.kind, activation=layer.activation)
            for key in SIZES[layer.kind]:
                place.attrs[key] = " ".join(map(str, getattr(layer, key)))
            if layer.kind == "conv":
                place.attrs["padding_mode"] = layer.padding_mode
            if layer.activation == "leaky_relu":
                place.attrs["slope"] = layer.slope
            if layer.weight is not None:
                place.attrs["width"] = len(layer.bias)
                source = layers[k] if isinstance(layers[k], dict) else dict(
                    weight=layers[k][0], bias=layers[k][1])
                place["weight"], place["bias"] = map(np.asarray, (source["weight"],
                                                                  source["bias"]))


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _attributes(item):
    """The attributes of a group or dataset as a dict, except those of HDF5 and netCDF, which are in
    capitals or begin with _."""
    return {name: _text(value) for name, value in item.attrs.items()
            if not name.startswith("_") and not name.isupper()}


def _columns(group):
    """{name: dataset} of a group, without its dimensions."""
    return {name: item for name, item in group.items()
            if isinstance(item, h5py.Dataset) and not h5py.h5ds.is_scale(item.id)}


def _axis(dataset):
    """The name of a dataset's first axis; None if it has none."""
    scales = dataset.dims[0].values()
    return os.path.basename(scales[0].name) if scales else None


def _dimensions(dataset):
    """The names of a dataset's axes."""
    return tuple(os.path.basename(axis[0].name) if len(axis) else f"axis_{k}"
                 for k, axis in enumerate(dataset.dims))


def _coordinates(group):
    """{dimension: its coordinates, or the names of its positions} of a group, if there are any."""
    return {name: item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
            for name, item in group.items()
            if isinstance(item, h5py.Dataset) and h5py.h5ds.is_scale(item.id)
            and not _text(item.attrs.get("NAME", b"This is")).startswith("This is")}


def _read_layer(group):
    """(weight, bias, activation) from the group of a dense layer, a dict from any other."""
    kind, activation = (_text(group.attrs[key]) for key in ("kind", "activation"))
    more = {key: _text(group.attrs[key]) for key in ("padding_mode", "slope") if key in group.attrs}
    if kind == "dense" and not more:
        return group["weight"][()], group["bias"][()], activation
    if kind not in SIZES:
        raise ResultsError(f"{group.name}: unknown kind of layer '{kind}'")
    layer = {"kind": kind, "activation": activation, **more}
    layer.update((key, [int(word) for word in _text(group.attrs[key]).split()])
                 for key in SIZES[kind])
    if kind in WITH_WEIGHT:
        layer.update(weight=group["weight"][()], bias=group["bias"][()])
    return layer


def _read_layers(group):
    return [_read_layer(group[f"layer_{k}"]) for k in range(int(group.attrs["layers"]))]


class Results:
    """An open results.h5. Use as a context manager, or call close()."""

    def __init__(self, path):
        self.path = str(path)
        if not os.path.isfile(self.path):
            raise ResultsError(f"{self.path}: no such file")
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            why = "cannot be opened" if h5py.is_hdf5(self.path) else "is not an HDF5 file"
            raise ResultsError(f"{self.path} {why}") from error
        if "decoder" not in self.file:
            self.close()
            raise ResultsError(f"{self.path} is not a results file of gfe_hpc: no group /decoder")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.file.close()

    @property
    def groups(self):
        """Names of the encoded sets in the file, some of SETS."""
        return [name for name in SETS if name in self.file]

    @property
    def attributes(self):
        """Provenance of the run; `input` is the complete input file."""
        return _attributes(self.file)

    def _group(self, name):
        if name not in self.file:
            raise ResultsError(f"{self.path} has no group /{name} (it has: "
                               f"{', '.join('/' + other for other in self.file)})")
        return self.file[name]

    def set(self, name, without=()):
        """An encoded set. Each column of its group is an array whose first axis is that of the
        samples: z, loss, evaluations, iterations, rejected, status, index, relative_l2, ...;
        z_encoder and loss_encoder (of an autoencoder), label, reconstruction, pod_reconstruction,
        target and weight are None if not stored. Samples are in data units; target is NaN where an
        entry does not count. There are also status_names; the group's attributes as a dict
        (relative_l2_mean, ...), and those of each column, such as columns["loss"]["units"] and
        columns["loss"]["long_name"]; the names of each column's axes, such as
        dimensions["target"], and the coordinates of axes that have them; channel_names and
        channel_units of the samples. Columns in `without`, such as SAMPLES, are not read but set to
        None."""
        group = self._group(name)
        found = _columns(group)
        missing = [column for column in NEEDED if column not in found]
        if missing:
            raise ResultsError(f"{self.path}: /{name} has no dataset '{missing[0]}'")
        encoded = SimpleNamespace(**dict.fromkeys(OPTIONAL))
        vars(encoded).update((column, None if column in without else dataset[()])
                             for column, dataset in found.items())
        encoded.name, encoded.attributes = name, _attributes(group)
        encoded.status_names = _text(group["status"].attrs["flag_meanings"]).split()
        encoded.columns = {column: _attributes(dataset) for column, dataset in found.items()}
        encoded.dimensions = {column: _dimensions(dataset) for column, dataset in found.items()}
        encoded.coordinates = _coordinates(group)
        about = encoded.columns.get("target", {})
        encoded.channel_names = about.get("channel_names", "").split()
        encoded.channel_units = about.get("channel_units", "").split("; ")[:len(
            encoded.channel_names)]
        if encoded.target is not None and "samples_in" not in encoded.attributes:
            self._bring_to_data_units(encoded)
        return encoded

    def _bring_to_data_units(self, encoded):
        """For older files, whose samples are scaled, with 0 where an entry does not count."""
        decoder = self.decoder()
        for name in ("target", "reconstruction"):
            samples = getattr(encoded, name)
            if samples is not None:
                setattr(encoded, name, decoder.to_data_units(samples.astype(float)))
        if encoded.weight is not None:
            encoded.target[encoded.weight == 0] = np.nan

    def dataset(self, name):
        """An encoded set as an xarray.Dataset, with named dimensions, coordinates and units."""
        try:
            import xarray  # pylint: disable=import-outside-toplevel
        except ImportError:
            raise ResultsError("xarray is missing; set() returns the same as arrays") from None
        encoded = self.set(name)
        group = self._group(name)
        coordinates = {dimension: (dimension, values, _attributes(group[dimension]))
                       for dimension, values in encoded.coordinates.items()}
        return xarray.Dataset({column: (encoded.dimensions[column], getattr(encoded, column), about)
                               for column, about in encoded.columns.items()},
                              coordinates, encoded.attributes)

    def bytes_per_sample(self, name):
        """Bytes stored for each sample of an encoded set, including its latent."""
        return sum(dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))
                   for dataset in _columns(self._group(name)).values() if _axis(dataset) != SHOWN)

    @property
    def history(self):
        """The series of the training, such as step_loss, step_samples, epoch_train_loss,
        epoch_test_loss, epoch_test_loss_encoder and epoch_validation_loss (NaN where not measured),
        or None if the run did not train."""
        group = self.file.get("history", {})
        if "step_loss" not in group or not len(group["step_loss"]):
            return None
        return SimpleNamespace(**{name: group[name][()] for name in group
                                  if name.startswith(("step_", "epoch_"))})

    def decoder(self):
        """The trained decoder, rebuilt in NumPy."""
        group = self._group("decoder")
        try:
            layers = _read_layers(group)
            shape = [int(length) for length in _text(group.attrs["shape"]).split()]
            constants = (group[name][()] if name in group else group.attrs[name]
                         for name in SCALE)
            return Decoder(layers, _text(group.attrs["loss"]), *constants, shape,
                           int(group.attrs["latent"]))
        except KeyError as error:
            raise ResultsError(f"{self.path}: /decoder is incomplete: {error.args[0]}") from error

    def encoder(self):
        """The encoder of an autoencoder, rebuilt in NumPy; None if the run had none."""
        if "encoder" not in self.file:
            return None
        try:
            return Encoder(_read_layers(self.file["encoder"]),
                           int(self._group("decoder").attrs["n"]))
        except KeyError as error:
            raise ResultsError(f"{self.path}: /encoder is incomplete: {error.args[0]}") from error


def status_counts(encoded):
    """Text such as "250 converged, 6 limit" for an encoded set."""
    counts = np.bincount(encoded.status, minlength=len(encoded.status_names))
    return ", ".join(f"{count} {name}" for name, count in zip(encoded.status_names, counts)
                     if count)


def widths(layers):
    """The widths of layers with weights, such as "64 - 128 - 256 + 256" if a residual adds a branch
    of one layer; empty branches are not shown."""
    texts = []
    while layers:
        *layers, last = layers
        if last.kind == "residual":
            first, second = last.branches
            split = len(layers) - second
            texts.append(" + ".join(filter(None, (widths(layers[split - first:split]),
                                                  widths(layers[split:])))))
            layers = layers[:split - first]
        elif last.weight is not None:
            texts.append(" x ".join(map(str, last.output)))
    return " - ".join(reversed(texts))


def summary(results):
    """A few lines about the contents of the file."""
    about, decoder, history = results.attributes, results.decoder(), results.history
    network = decoder.network
    lines = [" ".join([results.path] + [str(about[key]) for key in
                                        ("software", "softwareVersion", "date") if key in about]),
             f"decoder  {decoder.latent} - {widths(network.layers)}, loss {decoder.loss_name}, "
             f"{network.parameters} parameters"]
    if history is not None:
        lines.append(f"history  {len(history.epoch_train_loss)} epochs, "
                     f"{len(history.step_loss)} steps, {history.step_samples[-1]} samples seen, "
                     f"last batch's loss {history.step_loss[-1]:.5g}")
    for name in results.groups:
        encoded = results.set(name)
        p50, p99 = np.percentile(encoded.evaluations, (50, 99))
        lines.append(f"{name:<8} {len(encoded.z)} samples, mean loss {encoded.loss.mean():.5g}, "
                     f"evaluations {p50:.0f} (p50) {p99:.0f} (p99), {status_counts(encoded)}")
        if encoded.loss_encoder is not None:
            lines.append(f"{'':<8} mean loss {encoded.loss_encoder.mean():.5g} by the encoder")
        if "relative_l2" in encoded.attributes:
            lines.append(f"{'':<8} relative L2 error " + ", ".join(
                f"{encoded.attributes[prefix + 'relative_l2']:.4g}{of}"
                for prefix, of in (("", ""), ("encoder_", " by the encoder"), ("pod_", " of POD"))
                if prefix + "relative_l2" in encoded.attributes))
    return "\n".join(lines)


def main():
    def show(options):
        with Results(options.results) as results:
            print(summary(results))

    parser = argparse.ArgumentParser(description="Summarise a results.h5 in a few lines.")
    parser.add_argument("results", type=command.results_path,
                        help="results.h5 of a run, or its directory")
    return command.run(parser, show, draws=False)
