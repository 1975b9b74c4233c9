#!/usr/bin/env python3
"""Writes the fields that inputs/fields.yaml learns: solutions of the viscous Burgers equation.

usage: fields.py [FILE]   (default: runs/burgers.h5)

    u_t + (u^2 / 2)_x = nu u_xx,   0 <= x < 1 m, periodic

from random sums of two sine waves, which steepen into fronts that run into each other. The method
is Fourier pseudo-spectral in x (2/3 rule) and fourth-order Runge-Kutta in t for the flux, with an
integrating factor for diffusion. The file follows netCDF-4: named dimensions with coordinates and
units.
"""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "postprocess"))
from gfe import command
with command.imports():
    import h5py
    import numpy as np

POINTS, STORED = 256, 128  # grid points of the solution, and of the file
TIMES, END = 41, 1.0       # stored times, the last one in s
VISCOSITY = 4e-3           # m^2/s: fronts are some four grid points of the solution wide
LARGEST_STEP = 1e-3        # s


def initial(trajectories, points, seed):
    """Sums of two sine waves of random amplitude, phase and wave number 1 to 3, (trajectory, x)."""
    draw = np.random.default_rng(seed)
    waves = draw.integers(1, 4, (trajectories, 2, 1))
    amplitude, phase = draw.random((2, trajectories, 2, 1))
    x = np.arange(points) / points
    return np.sum(amplitude * np.sin(2 * np.pi * (waves * x + phase)), axis=1)


def solve(start, times, viscosity=VISCOSITY):
    """Solutions (trajectory, time, x) at evenly spaced times, the first of which is that of
    `start` (trajectory, x)."""
    points = start.shape[1]
    wave = 2j * np.pi * np.fft.rfftfreq(points, 1 / points)
    kept = np.abs(wave) < 2 * np.pi * points / 3
    interval = times[1] - times[0]
    steps = int(np.ceil(interval / LARGEST_STEP))
    step = interval / steps
    half = np.exp(viscosity * wave ** 2 * step / 2)  # diffusion over half a step
    full = half * half

    def flux(spectrum):
        u = np.fft.irfft(spectrum * kept, points)
        return -0.5 * wave * kept * np.fft.rfft(u * u)

    spectrum = np.fft.rfft(start)
    solution = [start]
    for _ in times[1:]:
        for _ in range(steps):
            first = flux(spectrum)
            second = flux(half * (spectrum + step / 2 * first))
            third = flux(half * spectrum + step / 2 * second)
            last = flux(full * spectrum + step * half * third)
            spectrum = full * (spectrum + step / 6 * first) + step / 6 * (
                2 * half * (second + third) + last)
        solution.append(np.fft.irfft(spectrum, points))
    return np.stack(solution, axis=1)


def write(path, trajectories=100, seed=1):
    times = np.linspace(0, END, TIMES)
    solution = solve(initial(trajectories, POINTS, seed), times)[..., ::POINTS // STORED]
    with h5py.File(path, "w") as file:
        file["velocity"] = solution.astype("f4")
        velocity = file["velocity"]
        velocity.attrs.update(units="m s-1", long_name="velocity of the viscous Burgers equation")
        for axis, (name, units, values) in enumerate((
                ("trajectory", "1", np.arange(trajectories)), ("time", "s", times),
                ("x", "m", np.arange(STORED) / STORED))):
            file[name] = values
            file[name].attrs["units"] = units
            file[name].make_scale(name)
            velocity.dims[axis].attach_scale(file[name])


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join("runs", "burgers.h5")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    write(path)
    print(f"wrote {path}: velocity (trajectory, time, x)")


if __name__ == "__main__":
    main()
