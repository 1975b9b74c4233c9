"""The stored samples of an encoded set: their channels, their axes in space, and targets and
reconstructions in data units, with names, units and coordinates where the results have them."""

import os
import re
from dataclasses import dataclass

import numpy as np

UNNAMED = "axis_"  # axes that the data do not name: axis_0, axis_1, ...
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
TIMES = ("t", "time")
ACROSS = ("x", "lon", "longitude")  # drawn from left to right, whatever their order in the data
TAKEN = "_axis"
NO_UNIT = ("1", "")
PRINTED = {"degrees_north": "°N", "degrees_east": "°E", "degC": "°C", "degrees": "°", "degree": "°"}
MOST_TRAJECTORIES = 5   # in a figure
MOST_SHOWN = 64         # samples that are read, plus as many
MOST_READ = 20000       # as have this many entries in all


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def pretty(units):
    """Units as printed: °C, m s⁻¹."""
    return PRINTED.get(units) or re.sub(r"(?<=[A-Za-z])(-?\d+)", r"$^{\1}$", units)


def labelled(name, units):
    """"height [cm]"; without brackets where there is no unit."""
    name = name.replace("_", " ")
    return name if units in NO_UNIT else f"{name} [{pretty(units)}]"


def with_unit(value, units):
    return f"{value:.6g}" if units in NO_UNIT else f"{value:.6g} {pretty(units)}"


@dataclass
class Axis:
    """An axis in space or time. Where the data have no coordinates, these are 0, 1, ..."""
    name: str
    units: str
    standard_name: str
    coordinates: np.ndarray
    known: bool  # whether the data have coordinates

    @property
    def named(self):
        return self.known or not self.name.startswith(UNNAMED)

    @property
    def time(self):
        return (self.name.lower() in TIMES or self.standard_name == "time"
                or " since " in self.units)

    @property
    def across(self):
        return (self.name.lower() in ACROSS
                or self.standard_name in ("longitude", "projection_x_coordinate"))

    @property
    def label(self):
        if self.known:
            return labelled(self.name, self.units)
        return f"entry along {self.name}" if self.named else "entry"

    def edges(self):
        """The edges of the cells around the coordinates: one more than there are coordinates."""
        x = self.coordinates
        if len(x) == 1:
            return np.array([x[0] - 0.5, x[0] + 0.5])
        between = (x[1:] + x[:-1]) / 2
        return np.concatenate(([x[0] - (between[0] - x[0])], between,
                               [x[-1] + (x[-1] - between[-1])]))

    def extent(self):
        edges = self.edges()
        return abs(edges[-1] - edges[0]) or 1


@dataclass
class Channel:
    name: str
    units: str

    @property
    def label(self):
        return labelled(self.name, self.units)


@dataclass
class View:
    """The structure of a sample."""
    channels: list
    space: list          # axes
    probabilities: bool  # whether the decoder gives probabilities, as for grey values

    @property
    def picture(self):
        """Whether a sample is an image of grey values, without names, rather than a field."""
        return self.probabilities and not any(axis.named for axis in self.space)

    @property
    def shape(self):
        """The shape of a sample, (channel, *space)."""
        return len(self.channels), *(len(axis.coordinates) for axis in self.space)


@dataclass
class Samples:
    """Stored samples in data units: arrays (sample, channel, *space), masked where the target is
    missing or left out."""
    view: View
    target: np.ma.MaskedArray
    reconstruction: np.ma.MaskedArray
    pod: np.ma.MaskedArray      # reconstructions by POD, None if not stored
    titles: list                # a text per sample, "" where only its number is known
    relative_l2: np.ndarray     # per sample
    deviation: np.ndarray = None  # standard deviation of each entry of a reconstruction, if known

    def __len__(self):
        return len(self.target)


def spread(count, most):
    """Up to `most` of the numbers 0 ... count - 1, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


# ---- reading ----

def plain_name(name):
    """The original name of an axis, to which the file adds "_axis" if a column has that name."""
    return name[:-len(TAKEN)] if name.endswith(TAKEN) else name


def plain_axis(number, length):
    return Axis(f"{UNNAMED}{number}", "", "", np.arange(length), False)


def read_axis(dataset, number):
    """An axis of a dataset, from its coordinate variable if it has one."""
    length = dataset.shape[number]
    scales = dataset.dims[number].values()
    if not scales:
        return plain_axis(number - 1, length)
    scale = scales[0]
    name = plain_name(os.path.basename(scale.name))
    text = {key: _text(value) for key, value in scale.attrs.items()
            if key in ("NAME", "units", "standard_name")}
    known = not text.get("NAME", "").startswith(NO_VARIABLE)
    coordinates = scale[()].astype(float) if known else np.arange(length)
    return Axis(name, text.get("units", ""), text.get("standard_name", ""), coordinates, known)


def read_channels(dataset):
    """The channels of a target, and whether they have an axis, its second one."""
    names = _text(dataset.attrs.get("channel_names", "")).split()
    units = _text(dataset.attrs.get("channel_units", "")).split("; ")
    scales = dataset.dims[1].values() if dataset.ndim > 1 else []
    with_axis = bool(scales) and os.path.basename(scales[0].name) == "channel"
    count = dataset.shape[1] if with_axis else 1
    names += [f"channel {k}" if count > 1 else "value" for k in range(len(names), count)]
    units += [""] * (count - len(units))
    return [Channel(*pair) for pair in zip(names, units)], with_axis


def read_view(results, name, decoder):
    """The structure of the samples of an encoded set."""
    dataset, bernoulli = results.file[name].get("target"), decoder.loss_name == "bce"
    if dataset is None:
        space = [plain_axis(*axis) for axis in enumerate(decoder.shape)]
        return View([Channel("value", "")], space, bernoulli)
    channels, with_axis = read_channels(dataset)
    space = [read_axis(dataset, k) for k in range(1 + with_axis, dataset.ndim)]
    return View(channels, space, bernoulli)


def read_samples(results, name, decoder):
    """Stored samples of an encoded set, evenly spaced if there are very many; None if there are
    none."""
    group, view = results.file[name], read_view(results, name, decoder)
    if "target" not in group or "reconstruction" not in group or not len(group["target"]):
        return None
    rows = spread(len(group["target"]), MOST_READ // decoder.n + MOST_SHOWN)
    scaled = "samples_in" not in group.attrs  # as earlier versions stored them

    def values(column):
        if column not in group:
            return None
        x = group[column][rows].astype(float)
        return (decoder.to_data_units(x) if scaled else x).reshape(-1, *view.shape)

    target, reconstruction, pod = map(values, ("target", "reconstruction", "pod_reconstruction"))
    hidden = ~np.isfinite(target)
    if "weight" in group:
        hidden |= group["weight"][rows].reshape(target.shape) == 0
    target, reconstruction = (np.ma.masked_where(hidden, x) for x in (target, reconstruction))
    pod = pod if pod is None else np.ma.masked_where(hidden, pod)
    errors = (group["relative_l2"][rows] if "relative_l2" in group
              else relative_l2(target, reconstruction))  # as measured by the run
    return Samples(view, target, reconstruction, pod, titles(group, rows), errors,
                   values("reconstruction_std"))


def relative_l2(target, reconstruction):
    """|x - y| / |y| of each row."""
    axes = tuple(range(1, target.ndim))
    error, size = (np.ma.sum(x ** 2, axis=axes) for x in (reconstruction - target, target))
    error, size = np.ma.filled(error, 0), np.ma.filled(size, 0)
    return np.sqrt(error / np.where(size > 0, size, 1))


def titles(group, rows):
    """Texts that identify samples, such as "time = 0.4 s"."""
    places = read_places(group)
    if places:
        words = [[place.text(value) for value in place.values[rows]] for place in places]
        return ["\n".join(texts) for texts in zip(*words)]
    if "label" in group:
        return [f"label {label:.4g}" for label in group["label"][rows]]
    if "index" in group:
        return [f"sample {index}" for index in group["index"][rows]]
    return [""] * len(rows)


# ---- the positions of samples on the axes that number them ----

@dataclass
class Place:
    """An axis that numbers samples, and the position of each sample on it: a coordinate or, if the
    data have none, an index."""
    axis: Axis
    values: np.ndarray

    @property
    def name(self):
        """Of an axis `sample` beside others, "sample index", since it does not number samples."""
        return "sample index" if self.axis.name == "sample" else self.axis.name

    def text(self, value):
        if not self.axis.known:
            return f"{self.name} {value}"
        return f"{self.axis.name} = {with_unit(value, self.axis.units)}"


def read_places(group):
    """The axes that number the samples of an encoded set; none if the samples have only an
    index."""
    places = []
    for name in _text(group.attrs.get("numbering", "")).split():
        known = f"{name}_value" in group
        column = group[f"{name}_value" if known else name]
        about = {key: _text(column.attrs.get(key, "")) for key in ("units", "standard_name")}
        axis = Axis(plain_name(name), **about, coordinates=None, known=known)
        places.append(Place(axis, column[()]))
    return places


class Trajectories:
    """Latents (sample, latent) of one or several trajectories over time."""

    def __init__(self, time, label, which=None, name="trajectory"):
        self.time, self.label, self.name = np.asarray(time, float), label, name
        self.which = np.zeros(len(self.time), int) if which is None else np.asarray(which)

    def chosen(self):
        """(number, samples in the order of time) of some trajectories, evenly spaced; those with a
        single time are left out."""
        numbers, counts = np.unique(self.which, return_counts=True)
        numbers = numbers[counts > 1]
        if not len(numbers):
            return []
        order = np.argsort(self.time, kind="stable")
        return [(number, order[self.which[order] == number])
                for number in numbers[spread(len(numbers), MOST_TRAJECTORIES)]]


def read_trajectories(results, name):
    """The trajectories of an encoded set; None if none of the axes that number its samples is a
    time."""
    places = read_places(results.file[name])
    time = next((place for place in places if place.axis.time), None)
    others = [place for place in places if place is not time]
    if time is None:
        return None
    along = time.values, time.axis.label
    if len(others) == 1:
        return Trajectories(*along, others[0].values, others[0].name)
    if not others:
        return Trajectories(*along)
    which = np.unique([place.values for place in others], axis=1, return_inverse=True)[1]
    return Trajectories(*along, which.reshape(-1))
