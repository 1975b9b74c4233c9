#!/usr/bin/env python3
"""Writes the four sets of fields of inputs/physics/study.yaml.

usage: generate.py [--directory runs/physics_data] [--small] [SET ...]

    fronts          tanh profiles, determined by their random place, width and height
    burgers         viscous Burgers equation in one dimension, states that steepen into shocks
    shallow_water   round dams that break: height and velocity on 64 x 64 cells
    navier_stokes   vorticity of a stirred fluid on 64 x 64 points

There is a file per set, SET.h5, which follows netCDF-4: named dimensions with coordinates and
units. The first trajectories are for training, the last ones for tests (TRAIN and TEST below, and
the selections in study.yaml); all continue beyond the times used in training. Fronts have no time;
the last of them are steeper and higher than those used in training. --small writes the same fields
on few points.
"""

import argparse
import importlib.util
import os
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.append(os.path.join(ROOT, "postprocess"))
from gfe import command
with command.imports():
    import h5py
    import numpy as np

FIELDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "fields.py")
SETS = ("fronts", "burgers", "shallow_water", "navier_stokes")

# Trajectories and stored times; fronts: samples, of which the last TEST are out of range.
TRAIN = {"fronts": 1000, "burgers": 200, "shallow_water": 80, "navier_stokes": 80}
TEST = {"fronts": 300, "burgers": 40, "shallow_water": 20, "navier_stokes": 20}
TIMES = {"burgers": 51, "shallow_water": 26, "navier_stokes": 26}


# ---- the fields ----

def front_profiles(samples, points, draw, width, height):
    """Fronts (sample, x) that fall from a height to 0, and x; `width` and `height` are ranges."""
    x = (np.arange(points) + 0.5) / points
    place = draw.uniform(0.1, 0.9, (samples, 1))
    width = draw.uniform(*width, (samples, 1))
    height = draw.uniform(*height, (samples, 1))
    return height / 2 * (1 - np.tanh((x - place) / width)), x


def fronts(train, test, points=256, seed=5):
    draw = np.random.default_rng(seed)
    inside, x = front_profiles(train + test, points, draw, (0.01, 0.05), (0.5, 1.5))
    beyond, _ = front_profiles(test, points, draw, (0.005, 0.01), (1.5, 2.0))
    u = np.concatenate([inside, beyond])
    return {"front": (u, "1", "height of a front")}, [("sample", "1", np.arange(len(u))),
                                                       ("x", "m", x)]


def burgers(trajectories, times, points=256, seed=1, end=2.0, viscosity=0.01 / np.pi):
    """Burgers' equation, solved as in inputs/fields.py."""
    spec = importlib.util.spec_from_file_location("fields", FIELDS)
    solver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(solver)
    t = np.linspace(0, end, times)
    u = solver.solve(solver.initial(trajectories, points, seed), t, viscosity)
    return {"velocity": (u, "m s-1", "velocity of the viscous Burgers equation")}, [
        ("trajectory", "1", np.arange(trajectories)), ("time", "s", t),
        ("x", "m", np.arange(points) / points)]


GRAVITY = 9.81  # m/s^2


def minmod(a, b):
    return np.where(a * b > 0, np.where(np.abs(a) < np.abs(b), a, b), 0)


def shallow_flux(q, direction):
    """Flux of (h, hu, hv) in x or y, and the speed of the fastest wave."""
    speed = q[:, 1 + direction] / q[:, 0]
    flux = q * speed[:, None]
    flux[:, 1 + direction] += GRAVITY / 2 * q[:, 0] ** 2
    return flux, (np.abs(speed) + np.sqrt(GRAVITY * q[:, 0]))[:, None]


def shallow_slope(q, cell):
    """dq/dt by finite volumes: limited linear states at the faces, Rusanov's flux, periodic."""
    slope = np.zeros_like(q)
    for direction, axis in ((0, 2), (1, 3)):
        half = minmod(q - np.roll(q, 1, axis), np.roll(q, -1, axis) - q) / 2
        left, right = q + half, np.roll(q - half, -1, axis)
        (flux_left, fast_left), (flux_right, fast_right) = (
            shallow_flux(state, direction) for state in (left, right))
        face = (flux_left + flux_right - np.maximum(fast_left, fast_right) * (right - left)) / 2
        slope -= (face - np.roll(face, 1, axis)) / cell
    return slope


def shallow_water(trajectories, times, points=64, seed=2, end=0.4, length=5.0):
    """Round dams of random place, radius and height that break in still water, 1 m deep, by Heun's
    method."""
    draw = np.random.default_rng(seed)
    cell = length / points
    x = (np.arange(points) + 0.5) * cell
    place = draw.uniform(0.3 * length, 0.7 * length, (2, trajectories, 1, 1))
    radius = draw.uniform(0.3, 0.9, (trajectories, 1, 1))
    height = draw.uniform(0.5, 1.5, (trajectories, 1, 1))
    distance = np.hypot(x[:, None] - place[0], x - place[1])
    q = np.zeros((trajectories, 3, points, points))
    q[:, 0] = 1 + height / 2 * (1 - np.tanh((distance - radius) / (1.5 * cell)))
    t = np.linspace(0, end, times)
    fastest = 2 * np.sqrt(GRAVITY * 2.5)  # m/s: no wave of such dams is as fast
    steps = int(np.ceil(t[1] / (0.45 * cell / fastest)))
    step = t[1] / steps
    stored = np.empty((times, *q.shape))
    for i in range(times):
        stored[i] = q
        for _ in range(steps if i < times - 1 else 0):
            first = shallow_slope(q, cell)
            q = q + step / 2 * (first + shallow_slope(q + step * first, cell))
    h, hu, hv = np.moveaxis(stored, (0, 2), (2, 0))
    return {"height": (h - 1, "m", "height above still water"),
            "velocity_x": (hu / h, "m s-1", "velocity in x"),
            "velocity_y": (hv / h, "m s-1", "velocity in y")}, [
        ("trajectory", "1", np.arange(trajectories)), ("time", "s", t), ("x", "m", x),
        ("y", "m", x)]


LARGEST_STEP = 0.04  # s: stable for vorticity of deviation 1/s on 64 x 64 points


def navier_stokes(trajectories, times, points=64, seed=3, end=5.0, viscosity=1e-3):
    """w_t + u w_x + v w_y = nu (w_xx + w_yy) + f on the periodic unit square, from random smooth
    vorticity of deviation 1/s, stirred by f = 0.1 (sin 2 pi (x + y) + cos 2 pi (x + y)): Fourier
    pseudo-spectral (2/3 rule), Runge-Kutta of fourth order, integrating factor for viscosity."""
    draw = np.random.default_rng(seed)
    x = np.arange(points) / points
    k = 2 * np.pi * np.fft.fftfreq(points, 1 / points)[:, None]
    l = 2 * np.pi * np.fft.rfftfreq(points, 1 / points)
    square = k ** 2 + l ** 2
    inverse = np.divide(1, square, out=np.zeros_like(square), where=square > 0)
    kept = (np.abs(k) < 2 * np.pi * points / 3) & (l < 2 * np.pi * points / 3)
    stir = 2 * np.pi * (x[:, None] + x)
    force = np.fft.rfft2(0.1 * (np.sin(stir) + np.cos(stir)))
    w = np.fft.rfft2(draw.standard_normal((trajectories, points, points)))
    w *= np.where(square > 0, (square + 49.0) ** -2, 0)
    w /= np.std(np.fft.irfft2(w, (points, points)))

    def change(w):
        w = w * kept
        u, v, w_x, w_y = (np.fft.irfft2(factor * w, (points, points)) for factor in (
            1j * l * inverse, -1j * k * inverse, 1j * k, 1j * l))
        return force - kept * np.fft.rfft2(u * w_x + v * w_y)

    t = np.linspace(0, end, times)
    steps = int(np.ceil(t[1] / LARGEST_STEP))
    step = t[1] / steps
    half = np.exp(-viscosity * square * step / 2)
    stored = np.empty((trajectories, times, points, points), "f4")
    for i in range(times):
        stored[:, i] = np.fft.irfft2(w, (points, points))
        for _ in range(steps if i < times - 1 else 0):
            first = change(w)
            second = change(half * (w + step / 2 * first))
            third = change(half * w + step / 2 * second)
            last = change(half * (half * w + step * third))
            w = half * (half * (w + step / 6 * first) + step / 3 * (second + third))
            w += step / 6 * last
    return {"vorticity": (stored, "s-1", "vorticity")}, [
        ("trajectory", "1", np.arange(trajectories)), ("time", "s", t), ("x", "m", x),
        ("y", "m", x)]


# ---- the files ----

def write(path, fields, axes):
    """A file of `fields`, name: (values, units, meaning), over `axes` of (name, units, places)."""
    with h5py.File(path, "w") as file:
        for name, units, places in axes:
            file[name] = places
            file[name].attrs["units"] = units
            file[name].make_scale(name)
        for name, (values, units, meaning) in fields.items():
            file[name] = values.astype("f4")
            file[name].attrs.update(units=units, long_name=meaning)
            for axis, (scale, _, _) in enumerate(axes):
                file[name].dims[axis].attach_scale(file[scale])


def generate(name, small=False):
    """Fields and axes of a set; `small`: on few points, for tests."""
    if name == "fronts":
        return fronts(TRAIN[name], TEST[name], **({"points": 32} if small else {}))
    points = {"points": 32 if name == "burgers" else 8} if small else {}
    return globals()[name](TRAIN[name] + TEST[name], TIMES[name], **points)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; all")
    parser.add_argument("--directory", default=os.path.join("runs", "physics_data"))
    parser.add_argument("--small", action="store_true", help="the same on few points, for tests")
    options = parser.parse_args()
    unknown = [name for name in options.sets if name not in SETS]
    if unknown:
        parser.error(f"{unknown[0]} is not one of the sets {', '.join(SETS)}")
    os.makedirs(options.directory, exist_ok=True)
    for name in options.sets or SETS:
        began = time.monotonic()
        fields, axes = generate(name, options.small)
        path = os.path.join(options.directory, f"{name}.h5")
        write(path, fields, axes)
        shape = ", ".join(f"{axis} {len(places)}" for axis, _, places in axes)
        print(f"wrote {path}: {', '.join(fields)} ({shape}) in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
