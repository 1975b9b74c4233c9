"""The layers of gfe_hpc's decoders in NumPy (float64), forward and back to their input.

A layer is a dict with the keys of the input file: `kind`, `activation` (with the `slope` of
`leaky_relu`, by default 0.01), `weight` and `bias` where the kind has them, and `kernel`, `stride`,
`padding`, `output_padding` (per axis), `padding_mode` (conv: by default `zero`), `sizes` (reshape,
upsample) or `branches` (residual: how many layers before it make up each branch). Weights have
PyTorch's layout. For a dense layer, a tuple (weight, bias, activation) is enough.
"""

from itertools import product
from math import erfc

import numpy as np


class LayerError(Exception):
    """A mistake in a layer, described in one line."""


def sigmoid(s):
    return 0.5 * (1 + np.tanh(0.5 * s))


def normal(s):
    """The cumulative distribution of the standard normal distribution."""
    return 0.5 * np.vectorize(erfc, otypes=[float])(-np.sqrt(0.5) * s)


def leaky(slope):
    return (lambda s: np.where(s > 0, s, slope * s), lambda s: np.where(s > 0, 1.0, slope))


# name: (phi, phi'), as functions of the sum s
ACTIVATIONS = {
    "identity": (lambda s: s, np.ones_like),
    "elu": (lambda s: np.where(s > 0, s, np.expm1(np.minimum(s, 0))),
            lambda s: np.exp(np.minimum(s, 0))),
    "relu": (lambda s: np.maximum(s, 0), lambda s: np.where(s > 0, 1.0, 0.0)),
    "leaky_relu": leaky(0.01),
    "tanh": (np.tanh, lambda s: 1 - np.tanh(s) ** 2),
    "sigmoid": (sigmoid, lambda s: sigmoid(s) * (1 - sigmoid(s))),
    "softplus": (lambda s: np.logaddexp(0, s), sigmoid),
    "silu": (lambda s: s * sigmoid(s), lambda s: sigmoid(s) * (1 + s * (1 - sigmoid(s)))),
    "gelu": (lambda s: s * normal(s),
             lambda s: normal(s) + s * np.exp(-0.5 * s * s) / np.sqrt(2 * np.pi)),
}
PADDING_MODES = {"zero": "constant", "periodic": "wrap", "reflect": "reflect",
                 "replicate": "edge"}  # as np.pad calls them

SIZES = {"conv": ("kernel", "stride", "padding"),
         "conv_transpose": ("kernel", "stride", "padding", "output_padding"),
         "reshape": ("sizes",), "upsample": ("sizes",), "residual": ("branches",), "dense": ()}
WITH_WEIGHT = ("dense", "conv", "conv_transpose")


class Layer:
    """One layer, for an input of shape `shape`, whose first axis is that of the channels unless it
    is the only one. The first axis of all arrays is that of the samples."""

    def __init__(self, description, shape):
        self.kind, self.activation = description["kind"], description["activation"]
        if self.kind not in SIZES:
            raise LayerError(f"unknown kind of layer '{self.kind}' (allowed: {', '.join(SIZES)})")
        if self.activation not in ACTIVATIONS:
            raise LayerError(f"unknown activation '{self.activation}' "
                             f"(allowed: {', '.join(ACTIVATIONS)})")
        self.slope = float(description.get("slope", 0.01))
        self.phi, self.phi_slope = (leaky(self.slope) if self.activation == "leaky_relu" else
                                    ACTIVATIONS[self.activation])
        self.padding_mode = description.get("padding_mode", "zero")
        if self.padding_mode not in PADDING_MODES:
            raise LayerError(f"unknown padding_mode '{self.padding_mode}' "
                             f"(allowed: {', '.join(PADDING_MODES)})")
        self.weight = self.bias = None
        if self.kind in WITH_WEIGHT:
            self.weight = np.asarray(description["weight"], np.float64)
            self.bias = np.asarray(description["bias"], np.float64)
        self.shape = tuple(shape)
        for key in SIZES[self.kind]:
            values = tuple(int(value) for value in np.atleast_1d(description[key]))
            if len(values) == 1 and key not in ("branches",) and self.kind != "reshape":
                values *= len(shape) - 1
            setattr(self, key, values)
        self._check_weight()
        probe = np.zeros((1, *self.shape))
        self.output = self.sums(probe).shape[1:]
        if self.kind == "reshape" and np.prod(self.output) != np.prod(self.shape):
            raise LayerError(f"an input of {self.shape} cannot become {self.output}")

    def _check_weight(self):
        """The shape of the weight, which follows from bias and input."""
        if self.weight is None:
            return
        ends = (len(self.bias), int(np.prod(self.shape)) if self.kind == "dense"
                else self.shape[0])
        wanted = ends[::-1] if self.kind == "conv_transpose" else ends
        if self.kind != "dense":
            wanted += self.kernel
        if self.weight.shape != wanted:
            raise LayerError(f"weight is {self.weight.shape}, not {wanted} as required by bias and "
                             "input")

    def sums(self, a):
        """s, before the activation; for a residual layer, its input."""
        if self.kind == "dense":
            return a.reshape(len(a), -1) @ self.weight.T + self.bias
        if self.kind == "reshape":
            return a.reshape(len(a), *self.sizes) if len(a) else np.zeros((0, *self.sizes))
        if self.kind == "upsample":
            for axis, factor in enumerate(self.sizes):
                a = a.repeat(factor, axis=2 + axis)
            return a
        if self.kind == "residual":
            return a
        s = self._gather(a) if self.kind == "conv" else self._scatter(a, self._enlarged())
        return s + self.bias.reshape(-1, *[1] * (s.ndim - 2))

    def back(self, delta):
        """d loss / d a from d loss / d s."""
        if self.kind == "dense":
            return (delta @ self.weight).reshape(len(delta), *self.shape)
        if self.kind == "reshape":
            return delta.reshape(len(delta), *self.shape)
        if self.kind == "upsample":
            for axis, factor in enumerate(self.sizes):
                parts = delta.shape[:2 + axis] + (-1, factor) + delta.shape[3 + axis:]
                delta = delta.reshape(parts).sum(axis=3 + axis)
            return delta
        if self.kind == "residual":
            return delta
        return (self._scatter(delta, self.shape[1:]) if self.kind == "conv"
                else self._gather(delta))

    def _pad(self, image):
        return np.pad(image, [(0, 0), (0, 0)] + [(p, p) for p in self.padding],
                      mode=PADDING_MODES[self.padding_mode])

    def _unpad(self, padded, lengths):
        """The transpose of _pad."""
        for axis, (p, n) in enumerate(zip(self.padding, lengths), 2):
            parts = np.moveaxis(padded, axis, 0)
            inside = parts[p:p + n].copy()
            if self.padding_mode != "zero":
                origin = np.pad(np.arange(n), p, mode=PADDING_MODES[self.padding_mode])
                for k in (*range(p), *range(p + n, n + 2 * p)):
                    inside[origin[k]] += parts[k]
            padded = np.moveaxis(inside, 0, axis)
        return padded

    # A convolution gathers patches of an image on a grid, its transpose scatters them.

    def _enlarged(self):
        return tuple((n - 1) * s + k - 2 * p + more for n, s, k, p, more in
                     zip(self.shape[1:], self.stride, self.kernel, self.padding,
                         self.output_padding))

    def _offsets(self, grid):
        """Positions in the kernel, and the slices of a padded image that they see."""
        for offset in product(*map(range, self.kernel)):
            yield offset, tuple(slice(o, o + n * s, s)
                                for o, n, s in zip(offset, grid, self.stride))

    def _gather(self, image):
        padded = self._pad(image)
        grid = [(n - k) // s + 1 for n, k, s in zip(padded.shape[2:], self.kernel, self.stride)]
        return sum(np.einsum("oi,ni...->no...", self.weight[(..., *offset)],
                             padded[(..., *seen)][(..., *[slice(n) for n in grid])])
                   for offset, seen in self._offsets(grid))

    def _scatter(self, grid, lengths):
        # Beyond the last patch there may be positions that no patch sees.
        room = [n + 2 * p for n, p in zip(lengths, self.padding)]
        padded = np.zeros((len(grid), self.weight.shape[1], *room))
        for offset, seen in self._offsets(grid.shape[2:]):
            padded[(..., *seen)] += np.einsum("oi,no...->ni...", self.weight[(..., *offset)], grid)
        return self._unpad(padded, lengths)


class Network:
    """Layers that start from a latent of `latent` numbers."""

    def __init__(self, descriptions, latent):
        self.layers, self.sources = [], []
        shapes = {-1: (latent,)}
        descriptions = [self._describe(item) for item in descriptions]
        for k, (description, sources) in enumerate(zip(descriptions, sources_of(descriptions))):
            try:
                if len({shapes[source] for source in sources}) > 1:
                    raise LayerError(f"its branches end with {shapes[sources[0]]} and "
                                     f"{shapes[sources[1]]}")
                self.layers.append(Layer(description, shapes[sources[0]]))
            except LayerError as error:
                raise LayerError(f"layer {k}: {error}") from None
            shapes[k] = self.layers[-1].output
            self.sources.append(sources)
        self.shapes = [layer.output for layer in self.layers]
        self.n = int(np.prod(self.shapes[-1]))
        self.parameters = sum(layer.weight.size + layer.bias.size for layer in self.layers
                              if layer.weight is not None)

    @staticmethod
    def _describe(item):
        if isinstance(item, dict):
            return item
        weight, bias, activation = item
        return {"kind": "dense", "weight": weight, "bias": bias, "activation": activation}

    def forward(self, z):
        """The output, (sample, n), and the layers' sums s."""
        outputs, sums = {-1: z}, []
        for k, (layer, sources) in enumerate(zip(self.layers, self.sources)):
            sums.append(sum(layer.sums(outputs[source]) for source in sources))
            outputs[k] = layer.phi(sums[-1])
        return outputs[len(self.layers) - 1].reshape(len(z), self.n), sums

    def backward(self, delta, sums):
        """d loss / d z from d loss / d output."""
        deltas = {len(self.layers) - 1: delta.reshape(sums[-1].shape)}
        for k in reversed(range(len(self.layers))):
            layer = self.layers[k]
            delta_s = deltas.pop(k) * layer.phi_slope(sums[k])
            for source in self.sources[k]:
                deltas[source] = deltas.get(source, 0) + layer.back(delta_s)
        return deltas[-1]


def sources_of(descriptions):
    """The layers whose outputs each layer takes, -1 for the latent. The second branch of a residual
    begins where the first does, and the residual takes the ends of both."""
    sources = [[k - 1] for k in range(len(descriptions))]
    for k in reversed(range(len(descriptions))):
        if descriptions[k]["kind"] != "residual":
            continue
        first, second = (int(length) for length in descriptions[k]["branches"])
        begin = sources[k - second - first][0]
        if second:
            sources[k - second][0] = begin
        sources[k] = [k - second - 1 if first else begin, k - 1 if second else begin]
    return sources
