#!/usr/bin/env python3
"""Copies of training samples against NumPy and, where it is installed, scipy.ndimage: in 1, 2 and 3
dimensions, with channels, weights, reflections and cyclic shifts.

usage: test_copies_scipy.py copies_driver
"""

import itertools
import subprocess
import sys

import numpy as np

from program import Checks

try:
    from scipy import ndimage
except ImportError:
    ndimage = None

TOLERANCE = 1e-12
SAMPLES = 4
NEAREST, ZERO = 0, 1
CASES = {  # outside, shift, scale, rotation, shape, channels, weighted, reflected, periodic
    "shift": (NEAREST, 1, 0, 0, (9, 8), 1, False, (), ()),
    "affine": (NEAREST, 1, 0.08, 5, (28, 28), 1, False, (), ()),
    "far": (NEAREST, 20, 0.7, 180, (7, 12), 2, False, (), ()),
    "zero": (ZERO, 3, 0.3, 90, (11, 7), 2, False, (), ()),
    "weights": (NEAREST, 2, 0.2, 45, (9, 10), 2, True, (0,), ()),
    "weights, zero": (ZERO, 2, 0.2, 45, (9, 10), 1, True, (1,), ()),
    "line": (NEAREST, 3, 0.5, 0, (17,), 3, True, (0,), ()),
    "periodic": (NEAREST, 0, 0, 0, (6, 9), 2, False, (0,), (0, 1)),
    "channel flow": (NEAREST, 1.5, 0, 0, (12, 6), 1, True, (0,), (0,)),
    "space": (NEAREST, 1, 0.1, 30, (5, 6, 7), 2, False, (0, 2), ()),
    "thin": (NEAREST, 1, 0.1, 30, (6, 1, 7), 1, False, (), ()),
}


def interpolate(field, matrix, offset, mode):
    """scipy.ndimage.affine_transform of order 1, in NumPy."""
    to = np.indices(field.shape).reshape(field.ndim, -1)
    point = matrix @ to + offset[:, None]
    last = np.array(field.shape)[:, None] - 1
    if mode == "nearest":
        point = np.clip(point, 0, last)
    low = np.floor(point)
    found = np.zeros(point.shape[1])
    for side in itertools.product((0, 1), repeat=field.ndim):
        side = np.array(side)[:, None]
        corner = (low + side).astype(int)
        share = np.prod(np.where(side, point - low, 1 - (point - low)), axis=0)
        inside = ((corner >= 0) & (corner <= last)).all(axis=0)
        found += share * inside * field[tuple(np.clip(corner, 0, last))]
    return found.reshape(field.shape)


def transform(field, copy, mode):
    """A channel's copy by a map (matrix, offset, reflected, roll)."""
    matrix, offset, reflected, roll = copy
    found = interpolate(field, matrix, offset, mode)
    if ndimage is not None:
        other = ndimage.affine_transform(field, matrix, offset, order=1, mode=mode)
        assert np.abs(other - found).max() < TOLERANCE, "this test's NumPy is wrong"
    return np.roll(np.flip(found, np.flatnonzero(reflected)), roll, range(field.ndim))


def expected(y, w, copy, outside):
    """Values and weights of a sample's copy, channel by channel. What is outside has the weight of
    the nearest entry."""
    mode = "nearest" if outside == NEAREST else "grid-constant"
    if w is None:
        return np.array([transform(field, copy, mode) for field in y]), None
    sums = np.array([transform(field, copy, mode) for field in w * y])
    weights = np.array([transform(field, copy, "nearest") for field in w])
    return np.where(weights > 0, sums / np.where(weights > 0, weights, 1), 0), weights


def flags(axes, chosen):
    return " ".join(str(int(a in chosen)) for a in range(axes))


def check_case(checks, driver, name, case, rng):
    outside, shift, scale, rotation, shape, channels, weighted, reflect, periodic = case
    axes = len(shape)
    y = rng.random((SAMPLES, channels, *shape))
    w = rng.choice([0.0, 0.5, 1.0, 2.0], y.shape) if weighted else None
    if weighted:
        y[w == 0] = 0
    words = [outside, shift, scale, rotation, axes, *shape, channels, SAMPLES, int(weighted)]
    text = f"{' '.join(map(str, words))} {flags(axes, reflect)} {flags(axes, periodic)}\n"
    text += "\n".join(" ".join(map(repr, item.ravel().tolist())) for item in (y, w)
                      if item is not None)
    result = subprocess.run([driver], input=text, capture_output=True, text=True, check=False)
    if not checks(result.returncode == 0, f"{name}: {result.stderr}"):
        return
    lines = iter([np.array(line.split(), float) for line in result.stdout.splitlines()])
    maps = []
    for _ in range(2):
        for i in range(SAMPLES):
            numbers = next(lines)
            matrix, rest = np.split(numbers, [axes * axes])
            offset, reflected, roll = np.split(rest, 3)
            maps.append(numbers)
            copy = (matrix.reshape(axes, axes), offset, reflected, roll.astype(int))
            values, weights = expected(y[i], w[i] if weighted else None, copy, outside)
            found = next(lines).reshape(values.shape)
            checks(np.abs(found - values).max() < TOLERANCE,
                   f"{name}: values differ by {np.abs(found - values).max():.2e}")
            total = y[i].size
            if weighted:
                own = next(lines).reshape(values.shape)
                total = own.sum()
                checks(np.abs(own - weights).max() < TOLERANCE, f"{name}: weights differ")
            checks(abs(next(lines)[0] - total) < 1e-9 * total, f"{name}: the sum of weights")
            check_bounds(checks, name, case, copy)
    checks(len({tuple(m) for m in maps}) == len(maps), f"{name}: copies that are the same")


def check_bounds(checks, name, case, copy):
    """The middle moves by at most `shift`, lengths change by `scale`, angles by `rotation`."""
    _, shift, scale, rotation, shape, _, _, reflect, periodic = case
    matrix, offset, reflected, roll = copy
    middle = (np.array(shape) - 1) / 2
    moved = np.abs(matrix @ middle + offset - middle)
    checks((moved <= shift + 1e-12).all() and (moved[list(periodic)] == 0).all(),
           f"{name}: the middle moves by {moved}")
    wide = [a for a, n in enumerate(shape) if n > 1]
    factor = 1 / abs(np.linalg.det(matrix)) ** (1 / len(wide))
    checks(abs(factor - 1) <= scale + 1e-12, f"{name}: factor {factor}")
    turn = np.linalg.norm(matrix * factor - np.diag([1 if n > 1 else factor for n in shape]), 2)
    checks(turn <= 2 * np.sin(np.radians(rotation) / 2) + 1e-9, f"{name}: turned by {turn}")
    checks(all(a in reflect for a in np.flatnonzero(reflected))
           and all(a in periodic for a in np.flatnonzero(roll)), f"{name}: other axes")


def main():
    checks, rng = Checks(), np.random.default_rng(1)
    for name, case in CASES.items():
        check_case(checks, sys.argv[1], name, case, rng)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
