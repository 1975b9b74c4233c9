#!/usr/bin/env python3
"""Recomputes the losses in a results.h5 from its latents, its decoder and the original data.

Independent of the program and of postprocess/: plain NumPy in float64, written from the formulas.
With --tolerance it also encodes every sample again, from z = 0, and fails if the mean of the stored
losses is more than 10 tolerances (relative) above the mean found in this way. Single samples may
differ by more: a flow that stops at a tolerance stops well before the minimum.

usage: check_losses.py results.h5 [--group test] [--file F --dataset D] [--weights D]
           [--offset A --scale B] [--rtol R] [--tolerance T [--iterations N]]
"""

import argparse
import gzip
import os
import struct
import sys

import h5py
import numpy as np

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
BLOCK = 1000  # samples at a time


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def read_idx(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as stream:
        _, kind, axes = struct.unpack(">HBB", stream.read(4))
        shape = struct.unpack(f">{axes}I", stream.read(4 * axes))
        return np.frombuffer(stream.read(), IDX_TYPES[kind]).reshape(shape)


def read_rows(path, dataset, index):
    """The samples `index` of a data file as float64, (sample, n)."""
    if path.endswith(".npy"):
        rows = np.load(path, mmap_mode="r")[index]
    elif h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            first = index.min()
            rows = file[dataset][first:index.max() + 1][index - first]
    else:
        rows = read_idx(path)[index]
    return rows.reshape(len(index), -1).astype(np.float64)


def sigmoid(s):
    return np.where(s >= 0, 1, np.exp(-np.abs(s))) / (1 + np.exp(-np.abs(s)))


def activation(name, s):
    """(phi(s), phi'(s))"""
    if name == "identity":
        return s, np.ones_like(s)
    if name == "elu":
        low = np.exp(np.minimum(s, 0))
        return np.where(s > 0, s, low - 1), low
    if name in ("relu", "leaky_relu"):
        slope = np.where(s > 0, 1.0, 0.01 if name == "leaky_relu" else 0.0)
        return slope * s, slope
    if name == "tanh":
        return np.tanh(s), 1 / np.cosh(s) ** 2
    p = sigmoid(s)
    if name == "sigmoid":
        return p, p * (1 - p)
    if name == "softplus":
        return np.maximum(s, 0) + np.log1p(np.exp(-np.abs(s))), p
    if name == "silu":
        return s * p, p + s * p * (1 - p)
    raise ValueError(f"unknown activation {name}")


def read_layers(group):
    layers = [group[f"layer_{k}"] for k in range(int(group.attrs["layers"]))]
    return [(layer["weight"][()].astype(float), layer["bias"][()].astype(float),
             text(layer.attrs["activation"])) for layer in layers]


def loss_and_gradient(layers, kind, y, w, z):
    """Loss per sample and its gradient with respect to z; rows are samples."""
    a, slopes = z, []
    for weight, bias, name in layers:
        a, slope = activation(name, a @ weight.T + bias)
        slopes.append(slope)
    if kind == "bce":
        entries = np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))) - y * a
        delta = sigmoid(a) - y
    else:
        entries, delta = (a - y) ** 2, 2 * (a - y)
    total = w.sum(axis=1)
    delta *= w / total[:, None]
    for (weight, _, _), slope in zip(layers[::-1], slopes[::-1]):
        delta = (delta * slope) @ weight
    return (w * entries).sum(axis=1) / total, delta


def encode(layers, kind, y, w, tolerance, iterations, memory=10):
    """The loss of one sample (1, n) that L-BFGS with an Armijo line search reaches from z = 0 when
    its relative decrease has been below the tolerance twice in a row."""
    z = np.zeros(layers[0][0].shape[1])

    def evaluate(point):
        loss, gradient = loss_and_gradient(layers, kind, y, w, point[None])
        return loss[0], gradient[0]

    loss, g = evaluate(z)
    pairs, idle = [], 0
    for _ in range(iterations):
        p, factors = -g, []
        for s, r in reversed(pairs):
            factors.append(s @ p / (s @ r))
            p = p - factors[-1] * r
        if pairs:
            s, r = pairs[-1]
            p = p * (s @ r) / (r @ r)
        else:
            p = p * 0.1 * loss / max(g @ g, 1e-300)
        for (s, r), factor in zip(pairs, reversed(factors)):
            p = p + (factor - r @ p / (s @ r)) * s
        step = 1.0
        loss_next, g_next = evaluate(z + p)
        while not loss_next <= loss + 1e-4 * step * (g @ p) and step > 1e-8:
            step /= 2
            loss_next, g_next = evaluate(z + step * p)
        if not loss_next < loss:
            break
        s, r = step * p, g_next - g
        if s @ r > 0:
            pairs = (pairs + [(s, r)])[-memory:]
        idle = idle + 1 if loss - loss_next < tolerance * loss else 0
        z, loss, g = z + s, loss_next, g_next
        if idle == 2:
            break
    return loss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results")
    parser.add_argument("--group", default="test")
    parser.add_argument("--file", help="the data (HDF5, IDX, .npy); default: the file the run read")
    parser.add_argument("--dataset", help="HDF5: path in the file; default: the one the run read")
    parser.add_argument("--weights", help="weights: a dataset of the file, or a file of its own")
    parser.add_argument("--offset", type=float,
                        help="y = (raw - offset) / scale; default: as stored")
    parser.add_argument("--scale", type=float)
    parser.add_argument("--rtol", type=float, default=1e-5, help="allowed relative difference")
    parser.add_argument("--tolerance", type=float, help="tolerance the samples were encoded to")
    parser.add_argument("--iterations", type=int, default=100)
    arguments = parser.parse_args()

    with h5py.File(arguments.results, "r") as results:
        group, decoder = results[arguments.group], results["decoder"]
        layers, kind = read_layers(decoder), text(decoder.attrs["loss"])
        z, stored, index = group["z"][()].astype(float), group["loss"][()], group["index"][()]
        path = arguments.file or text(group.attrs["file"])
        dataset = arguments.dataset or text(group.attrs["dataset"])
        offset = float(decoder.attrs["scale_offset"] if arguments.offset is None
                       else arguments.offset)
        scale = float(decoder.attrs["scale_factor"] if arguments.scale is None
                      else arguments.scale)

    recomputed, encoded = np.empty(len(z)), np.empty(len(z))
    for first in range(0, len(z), BLOCK):
        rows = slice(first, first + BLOCK)
        y = (read_rows(path, dataset, index[rows]) - offset) / scale
        w = np.isfinite(y).astype(float)
        if arguments.weights:
            inside = h5py.is_hdf5(path)
            w *= read_rows(path if inside else arguments.weights, arguments.weights, index[rows])
        y = np.where(w > 0, y, 0)
        recomputed[rows], _ = loss_and_gradient(layers, kind, y, w, z[rows])
        if arguments.tolerance:
            encoded[rows] = [encode(layers, kind, y[k:k + 1], w[k:k + 1], arguments.tolerance,
                                    arguments.iterations) for k in range(len(y))]

    name = f"{os.path.basename(arguments.results)} /{arguments.group}"
    difference = np.abs(stored - recomputed) / np.maximum(np.abs(recomputed), 1e-12)
    worst = int(np.argmax(difference))
    good = bool(difference[worst] <= arguments.rtol)  # False also for NaN, which argmax finds
    print(f"{name}: {len(z)} losses recomputed, worst relative difference {difference[worst]:.2e} "
          f"(sample {worst}: stored {stored[worst]:.9g}, recomputed {recomputed[worst]:.9g}), "
          f"allowed {arguments.rtol:g}: {'good' if good else 'WRONG'}")
    if arguments.tolerance:
        excess = recomputed.mean() / encoded.mean() - 1
        near = bool(excess <= 10 * arguments.tolerance)
        good = good and near
        print(f"{name}: encoded anew, the mean loss is {encoded.mean():.6g}; the stored one is "
              f"{excess:+.2e} of that above it, allowed {10 * arguments.tolerance:g}, worst sample "
              f"{np.max(recomputed / encoded) - 1:+.2e}: {'good' if near else 'WRONG'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
