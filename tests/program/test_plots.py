#!/usr/bin/env python3
"""Tests of the plots of fields on small synthetic results, and of the data of inputs/fields.py."""

import importlib.util
import os
import sys
import tempfile
from dataclasses import replace

import h5py
import matplotlib.pyplot as plt
import numpy as np
import xarray

from gfe import style
from gfe.figures import figures_of
from gfe.figures_samples import Plane, map_grid
from gfe.results import Results
from gfe.samples import Axis, pretty, read_samples, read_trajectories
from gfe.style import MISSING, MISSING_IN_GREYS, error_look, value_look
from program import ROOT, Checks
from results_files import run, scale, write_results

PLOT, LATENTS = (os.path.join(ROOT, "postprocess", f"gfe_{name}.py") for name in ("plot", "latents"))
BURGERS = os.path.join(ROOT, "inputs", "fields.py")
check = Checks()

CHANNELS = (("height", "cm"), ("velocity_x", "m s-1"))
X, Y, TIMES = np.array([0.0, 1.0, 3.0, 4.0]), np.array([9.0, 8.0, 7.0]), np.array([0.0, 0.5, 2.0])
TRAJECTORIES = 4


def write_fields(path, rng, space, channels=CHANNELS, numbering=True, loss="mse"):
    """Results as the program writes them for fields: a channel per (name, unit), `space` of (name,
    unit, coordinates or a length). Heights are positive, velocities signed; the reconstruction's
    error is 0.1 times the target in the first channel, 0.2 in the others; of sample 1 the first
    entries along the last axis are missing. Samples are those of trajectories, in time, if
    `numbering`."""
    shape = [np.size(c) if np.ndim(c) else c for _, _, c in space]
    samples = TRAJECTORIES * len(TIMES)
    write_results(path, rng, (len(channels), *shape), loss, labels=not numbering, samples=samples,
                  stored=samples)
    y = rng.normal(size=(samples, len(channels), *shape))
    y[:, 0] = 1 + np.abs(y[:, 0])
    y[1, ..., 0] = np.nan
    error = np.array([0.1] + [0.2] * (len(channels) - 1)).reshape(-1, *(1 for _ in shape))
    with h5py.File(path, "a") as file:
        group = file["test"]
        group.attrs.update(samples_in="data units", relative_l2=0.15, pod_relative_l2=0.3)
        with_axis = len(channels) > 1
        scales = [group["shown"]]
        if with_axis:
            group["channel"] = [name for name, _ in channels]
            group["channel"].make_scale("channel")
            scales.append(group["channel"])
        for name, unit, coordinates in space:
            if not np.ndim(coordinates):
                scales.append(scale(group, name, coordinates))
                continue
            group[name] = coordinates
            group[name].make_scale(name)
            group[name].attrs["units"] = unit
            scales.append(group[name])
        for name, values in (("target", y), ("reconstruction", (1 + error) * np.nan_to_num(y))):
            del group[name]
            group[name] = values if with_axis else values[:, 0]
            group[name].attrs.update(channel_names=" ".join(name for name, _ in channels),
                                     channel_units="; ".join(unit for _, unit in channels))
            for axis, place in zip(group[name].dims, scales):
                axis.attach_scale(place)
        if numbering:
            group.attrs["numbering"] = "run time"
            group["run"] = np.repeat(np.arange(TRAJECTORIES), len(TIMES))
            group["time"] = np.tile(np.arange(len(TIMES)), TRAJECTORIES)
            group["time_value"] = np.tile(TIMES, TRAJECTORIES)
            group["time_value"].attrs["units"] = "s"
    return y


def open_samples(path):
    with Results(path) as results:
        return read_samples(results, "test", results.decoder()), read_trajectories(results, "test")


def test_samples(rng, directory):
    """Samples have the channels, axes and units of the file, and mask entries that do not count;
    the errors are those with which the file was made; trajectories are in the order of time."""
    path = os.path.join(directory, "fields.h5")
    y = write_fields(path, rng, (("y", "m", Y), ("x", "m", X)))
    samples, trajectories = open_samples(path)
    view = samples.view
    check([channel.label for channel in view.channels]
          == ["height [cm]", "velocity x [m s$^{-1}$]"], "channels and units")
    check([axis.label for axis in view.space] == ["y [m]", "x [m]"], "axes")
    check(np.array_equal(view.space[1].coordinates, X)
          and np.allclose(view.space[1].edges(), [-0.5, 0.5, 2, 3.5, 4.5])
          and np.allclose(view.space[0].edges(), [9.5, 8.5, 7.5, 6.5]), "cells of coordinates")
    hidden = np.isnan(y)
    check(np.array_equal(np.ma.getmaskarray(samples.target), hidden)
          and np.array_equal(np.ma.getmaskarray(samples.reconstruction), hidden),
          "missing entries are hidden in both")
    check(np.allclose(samples.target.filled(0), np.nan_to_num(y)), "targets")
    error = np.nan_to_num(y) * np.array([0.1, 0.2]).reshape(-1, 1, 1)
    expected = [np.linalg.norm(error[k]) / np.linalg.norm(np.nan_to_num(y[k])) for k in range(12)]
    check(np.allclose(samples.relative_l2, expected), "relative L2")
    check(samples.titles[5] == "run 1\ntime = 2 s", f"titles: {samples.titles}")
    chosen = trajectories.chosen()
    check(trajectories.label == "time [s]" and [number for number, _ in chosen] == [0, 1, 2, 3]
          and [list(order) for _, order in chosen] == np.arange(12).reshape(4, 3).tolist(),
          f"trajectories: {chosen}")
    with h5py.File(path, "a") as file:
        file["test/time_value"][:3] = (2.0, 0.0, 0.5)
        file["test/weight"] = np.ones_like(y)
        file["test/weight"][7, 1, 2, 3] = 0
        file["test/relative_l2"] = np.arange(12.0)
    samples, trajectories = open_samples(path)
    check(list(trajectories.chosen()[0][1]) == [1, 2, 0], "in the order of time")
    check(samples.target.mask[7, 1, 2, 3] and samples.reconstruction.mask[7, 1, 2, 3]
          and samples.target.mask.sum() == hidden.sum() + 1, "weight 0 is hidden")
    check(np.array_equal(samples.relative_l2, np.arange(12)), "errors that the run measured")
    check(pretty("degC") == "°C" and pretty("days since 1920-01-01") == "days since 1920-01-01"
          and pretty("kg m-2 s-1") == "kg m$^{-2}$ s$^{-1}$" and pretty("m/s") == "m/s", "units")


def axis(name, units="", coordinates=None, length=3):
    known = coordinates is not None
    return Axis(name, units, "", coordinates if known else np.arange(length), known)


def test_maps(rng, directory):
    """Maps are oriented as physicists draw them: x and longitude horizontal, time upwards, y
    upwards where it has a name; values are drawn at their positions; masked entries are grey in
    target and reconstruction; signed quantities and errors are white at 0."""
    cases = {  # (axes of the sample): (across, up, whether y falls)
        ("y", "x"): ("x", "y", False), ("x", "y"): ("x", "y", False),
        ("lat", "lon"): ("lon", "lat", False), ("lon", "lat"): ("lon", "lat", False),
        ("t", "x"): ("x", "t", False), ("x", "t"): ("x", "t", False),
        ("z", "r"): ("r", "z", False), ("axis_0", "axis_1"): ("axis_1", "axis_0", True),
        ("axis_0", "y", "x"): ("x", "y", False)}
    for names, expected in cases.items():
        plane = Plane([axis(name) for name in names])
        found = plane.across.name, plane.up.name, plane.falls
        check(found == expected, f"{names} drawn as {found}")
    lat, lon = axis("lat", "degrees_north", Y), axis("lon", "degrees_east", X)
    check(np.isclose(Plane([lat, lon]).aspect, 3 / 5), "degrees of both axes are of one length")
    check(Plane([lat, axis("lev", "hPa", X)]).aspect == 0.75, "different units: a fixed aspect")

    for names, field in ((("y", "x"), np.arange(12.0).reshape(3, 4)),
                         (("x", "y"), np.arange(12.0).reshape(3, 4).T)):
        space = {"x": axis("x", "m", X), "y": axis("y", "m", Y)}
        figure, axes = plt.subplots()
        plane = Plane([space[name] for name in names])
        mesh = plane.draw(axes, np.ma.array(field), value_look(field))
        corners, values = mesh.get_coordinates(), np.asarray(mesh.get_array()).reshape(3, 4)
        row, column = np.argwhere(values == 6)[0]  # of y = 8 and x = 3
        check(corners[row, column, 0] < 3 < corners[row, column + 1, 0]
              and corners[row + 1, column, 1] < 8 < corners[row, column, 1]
              and axes.get_ylim()[0] < axes.get_ylim()[1], f"{names}: the place of an entry")
        plt.close(figure)

    positive, signed = np.array([2.0, 5]), np.array([-1.0, 4])
    for values, name, low, high in ((positive, "viridis", 2, 5), (signed, "RdBu_r", -4, 4),
                                    (np.array([-0.1, 4]), "viridis", -0.1, 4)):
        look = value_look(values)
        check((look["cmap"].name, look["norm"].vmin, look["norm"].vmax) == (name, low, high),
              f"colours of {values}")
    look = error_look(signed)
    check((look["norm"].vmin, look["norm"].vmax) == (-4, 4)
          and min(look["cmap"](look["norm"](0.0))[:3]) > 0.95, "errors are white at 0")

    for case, grey, kind in (((("y", "m", Y), ("x", "m", X)), MISSING, "mse"),
                             ((("axis_0", "", 3), ("axis_1", "", 4)), MISSING_IN_GREYS, "bce")):
        path = os.path.join(directory, f"{kind}.h5")
        write_fields(path, rng, case, (("height", "cm"),), loss=kind)
        samples, _ = open_samples(path)
        for rows, some in ((slice(0, 2), True), (slice(2, 3), False)):
            part = replace(samples, target=samples.target[rows], titles=samples.titles[rows],
                           reconstruction=samples.reconstruction[rows])
            figure = map_grid(part, 0)
            shares = shares_of(figure, grey)
            check(len(shares) == 3 and all((share > 0.02) == some for share in shares),
                  f"{kind}: grey where entries are missing, {shares}")
            plt.close(figure)


def shares_of(figure, colour):
    """The largest share of a map's pixels that have a colour, per row of maps."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    wanted = [int(colour[k:k + 2], 16) for k in (1, 3, 5)]
    found = np.all(np.abs(pixels.astype(int) - wanted) <= 1, axis=-1)
    rows = {}
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            continue
        left, low, right, high = axes.get_window_extent().extents.astype(int)
        part = found[len(found) - high:len(found) - low, left:right]
        rows.setdefault(low, []).append(part.mean())
    return [max(rows[low]) for low in sorted(rows, reverse=True)]


def test_field_plots(rng, directory):
    """Figures of fields: one per channel beside that of all, trajectories over time and in phase
    space, labels of real values, photographs only if asked for."""
    plane = (("y", "m", Y), ("x", "m", X))
    colours = dict(space=(("axis_0", "", 6), ("axis_1", "", 5)), numbering=False,
                   channels=(("red", "1"), ("green", "1"), ("blue", "1")))
    channels = ["reconstructions", "reconstructions_height", "reconstructions_velocity_x"]
    paths = ["latents", "latents_time", "latents_phase"]
    cases = {
        "map": (dict(space=plane), channels + paths),
        "space_time": (dict(space=(("t", "s", TIMES), ("x", "m", X)), channels=(("u", "m/s"),),
                            numbering=False), ["reconstructions", "latents"]),
        "curves": (dict(space=(("x", "m", X),)), channels + paths),
        "photo": (colours, ["reconstructions", "latents"]),
        "no_photo": (colours, ["reconstructions", "reconstructions_red", "reconstructions_green",
                               "reconstructions_blue", "latents"]),
        "volume": (dict(space=(("z_axis", "m", X), *plane), channels=(("p", "Pa"),)),
                   ["reconstructions"] + paths)}
    for name, (case, expected) in cases.items():
        path = os.path.join(directory, f"{name}.h5")
        write_fields(path, rng, **case)
        with Results(path) as results:
            figures = figures_of(results, "test", photo=name == "photo")
        check(list(figures) == ["loss", *expected, "evaluations"], f"{name}: {list(figures)}")
        loss, relative = figures["loss"].axes
        check(loss.get_ylabel() == "mean squared error of scaled data"
              and relative.get_xlabel() == "relative L2 error at the end",
              f"{name}: the axes of the losses")
        bars = {text.get_text(): bar.get_width() for text, bar
                in zip(relative.get_yticklabels(), relative.patches)}
        check(bars == {"test": 0.15, "POD, test": 0.3}, f"{name}: errors {bars}")
        for key in ("reconstructions", *paths):
            if figures.get(key):
                figures[key].set_dpi(40)
                figures[key].canvas.draw()
        if "latents_time" in figures:
            check("over time" in figures["latents_time"]._suptitle.get_text()
                  and "trajectories" in figures["latents_phase"].axes[0].get_title(loc="left"),
                  f"{name}: titles of the latents")
        check(name != "volume" or "z = 3 m" in figures["reconstructions"]._suptitle.get_text(),
              "the slice of a volume is named")
        plt.close("all")
    path = os.path.join(directory, "space_time.h5")
    with h5py.File(path, "a") as file:
        del file["test/label"]
        file["test/label"] = np.linspace(100, 1000.5, 12)
        file["test/label"].attrs["units"] = "Pa"
    with Results(path) as results:
        figure = figures_of(results, "test")["latents_label"]
    check(figure.axes[-1].get_xlabel() == "label [Pa]", "latents against a real label")
    plt.close("all")
    path = os.path.join(directory, "map.h5")
    with h5py.File(path, "a") as file:
        file["history"].attrs["kept_epoch"] = 2
    with Results(path) as results:
        loss, relative = figures_of(results)["loss"].axes
    lines = {line.get_label(): line for line in loss.get_lines()}
    check(lines["decoder kept"].get_xdata()[0] == 400, f"the loss figure: {list(lines)}")
    plt.close("all")
    for command in (PLOT, LATENTS):
        result = run(command, path)
        check(result.returncode == 0 and not result.stderr, f"{command}: {result.stderr}")


def test_burgers(rng, directory):
    """The generated solutions are those of Cole and Hopf's transformation, u = -2 nu phi_x / phi
    where phi diffuses, and are laid out as xarray reads it."""
    spec = importlib.util.spec_from_file_location("burgers", BURGERS)
    burgers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(burgers)
    points, viscosity = 256, 0.03
    x, times = np.arange(points) / points, np.linspace(0, 0.4, 3)
    start = np.sin(2 * np.pi * x) + 0.5 * np.sin(4 * np.pi * x + 1)
    potential = -np.cos(2 * np.pi * x) / (2 * np.pi) - np.cos(4 * np.pi * x + 1) / (8 * np.pi)
    wave = 2j * np.pi * np.fft.rfftfreq(points, 1 / points)
    phi = np.fft.rfft(np.exp(-potential / (2 * viscosity)))
    solution = burgers.solve(start[None], times, viscosity)[0]
    for time, u in zip(times, solution):
        spectrum = phi * np.exp(viscosity * wave ** 2 * time)
        exact = (-2 * viscosity * np.fft.irfft(wave * spectrum, points)
                 / np.fft.irfft(spectrum, points))
        check(np.max(np.abs(u - exact)) < 1e-7, f"t = {time}: {np.max(np.abs(u - exact)):.1e}")
    path = os.path.join(directory, "burgers.h5")
    burgers.write(path, trajectories=3)
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        velocity = data["velocity"]
        check(velocity.dims == ("trajectory", "time", "x")
              and velocity.shape == (3, burgers.TIMES, burgers.STORED)
              and velocity.attrs["units"] == "m s-1" and data["x"].attrs["units"] == "m"
              and float(data["time"][-1]) == burgers.END, f"the file: {velocity}")
        check(np.all(np.abs(velocity.mean("x")) < 1e-6), "the mean velocity is kept")


def main():
    style.use()
    rng = np.random.default_rng(1)
    for test in (test_samples, test_maps, test_field_plots, test_burgers):
        with tempfile.TemporaryDirectory() as directory:
            test(rng, directory)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
