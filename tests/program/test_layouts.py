#!/usr/bin/env python3
"""The layouts in which scientists store fields, in files written by h5py: what data/layout,
data/packing and platform/h5_* find in them, against NumPy.

usage: test_layouts.py layout_driver
"""

import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from program import Checks, SUPPORT

ENVIRONMENT = {name: text for name, text in os.environ.items()
               if name not in ("HDF5_EXTFILE_PREFIX", "HDF5_VDS_PREFIX")}


def drive(*words, **environment):
    """What the driver prints: (its lines, its refusal or "")."""
    done = subprocess.run([DRIVER, *words], env=dict(ENVIRONMENT, **environment), text=True,
                          stdout=subprocess.PIPE, check=False)
    lines = done.stdout.splitlines()
    refusals = [line[len("error: "):] for line in lines if line.startswith("error: ")]
    if done.returncode not in (0, 1) or (done.returncode == 1) != bool(refusals):
        return lines, f"exit code {done.returncode}: {done.stdout}"
    return lines, refusals[0] if refusals else ""


def numbers(*words, **environment):
    lines, refusal = drive(*words, **environment)
    return np.array(lines[0].split()[1:], float) if not refusal else refusal


def refused(checks, what, answer, *words):
    checks(isinstance(answer, str) and all(word in answer for word in words),
                 f"{what}: refused with {', '.join(words)} (is {answer})")


def equal(checks, what, answer, expected):
    good = not isinstance(answer, str) and np.array_equal(
        answer, np.asarray(expected, float).ravel(), equal_nan=True)
    checks(good, f"{what}: as NumPy has it" + ("" if good else f" ({str(answer)[:200]})"))


# ---- blocks ----

def test_blocks(checks):
    rng = np.random.default_rng(1)
    arrays = {"f8": rng.standard_normal((7, 5, 6)), "i2": rng.integers(-99, 99, (7, 5, 6)),
              "u8": rng.integers(0, 2 ** 63, (7, 5, 6), "u8") * 2, "bool": rng.random((7, 5)) < .5,
              "long": rng.random((9, 3)).astype("f4")}
    with h5py.File("blocks.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
        file.create_dataset("chunked", data=arrays["i2"], chunks=(2, 3, 4), compression="gzip",
                            dtype=">i2")
        bits = h5py.h5t.STD_B8LE
        space = h5py.h5s.create_simple((7, 5))
        h5py.h5d.create(file.id, b"bits", bits, space).write(
            h5py.h5s.ALL, h5py.h5s.ALL, arrays["bool"].astype("u1"), bits)
    for name, array in [*arrays.items(), ("chunked", arrays["i2"]), ("bits", arrays["bool"])]:
        for step in range(3):
            places = [slice(min(step, n - 1), n, 1 + (step + a) % 3)
                      for a, n in enumerate(array.shape)]
            words = [f"{s.start}:{s.step}:{len(range(*s.indices(n)))}"
                     for s, n in zip(places, array.shape)]
            equal(checks, f"{name} {' '.join(words)}",
                  numbers("blocks.h5", "block", "/" + name, *words), array[tuple(places)])
    for words in (("0:1:8", "0:1:5"), ("-1:1:1", "0:1:5"), ("0:4:3", "0:1:5"), ("0:1:1",),
                  ("7:1:1", "0:1:5")):
        refused(checks, " ".join(words), numbers("blocks.h5", "block", "/bool", *words), "no such")
    equal(checks, "nothing at the end", numbers("blocks.h5", "block", "/bool", "7:1:0", "0:1:5"),
          [])


# ---- packed numbers ----

def test_packing(checks):
    f4, i2 = np.float32, np.int16
    raw = np.array([[-32768, -5, 0, 7], [100, 200, 32767, -1]], i2)
    cases = {
        "scaled": (raw, dict(scale_factor=.01, add_offset=270.), raw * .01 + 270),
        "fill": (raw, dict(_FillValue=i2(7)), np.where(raw == 7, np.nan, raw)),
        "fills": (raw, dict(_FillValue=i2(7), missing_value=np.array([0, 100], i2)),
                  np.where(np.isin(raw, [7, 0, 100]), np.nan, raw)),
        "fill_packed": (raw, dict(scale_factor=f4(.5), add_offset=2., _FillValue=i2(-5)),
                        np.where(raw == -5, np.nan, raw * .5 + 2)),
        "range": (raw, dict(scale_factor=2., valid_range=np.array([-5, 100], i2)),
                  np.where((raw < -5) | (raw > 100), np.nan, raw * 2.)),
        "minimum": (raw, dict(valid_min=i2(0)), np.where(raw < 0, np.nan, raw)),
        "maximum": (raw, dict(valid_max=i2(0)), np.where(raw > 0, np.nan, raw)),
        "unpacked_range": (raw, dict(scale_factor=f4(.1), valid_range=np.array([-.5, 20.])),
                           np.where((raw < -5) | (raw > 200), np.nan, raw * float(f4(.1)))),
        "falling_range": (raw, dict(scale_factor=-1., valid_range=np.array([-100., 5.])),
                          np.where((-raw.astype(float) < -100) | (-raw.astype(float) > 5), np.nan,
                                   -raw.astype(float))),
        "float_fill": (np.array([1, 1e20, np.nan, 3], f4), dict(_FillValue=1e20),
                       [1, np.nan, np.nan, 3]),
        "unsigned": (np.array([-1, -128, 5, 127], "i1"),
                     dict(_Unsigned="true", _FillValue=np.int8(-1), scale_factor=2.),
                     [np.nan, 256, 10, 254]),
        "signed": (np.array([255, 5, 128], "u1"), dict(_Unsigned="false"), [-1, 5, -128]),
        "one_in_a_list": (raw, dict(scale_factor=np.array([.5])), raw * .5),
        "plain": (raw, dict(units="m"), raw),
    }
    wrong = {
        "zero": (dict(scale_factor=0.), "scale_factor = 0"),
        "infinite": (dict(scale_factor=np.inf), "scale_factor"),
        "offset": (dict(add_offset=np.nan), "add_offset"),
        "text": (dict(scale_factor="0.1"), "scale_factor", "number"),
        "two": (dict(scale_factor=np.array([1., 2.])), "scale_factor", "number"),
        "half": (dict(valid_range=1.), "valid_range", "two"),
        "empty": (dict(valid_range=np.array([3., 2.])), "valid range", "empty"),
    }
    with h5py.File("packed.h5", "w") as file:
        for name, (array, attributes, _) in cases.items():
            file[name] = array
            file[name].attrs.update(attributes)
        for name, (attributes, *_) in wrong.items():
            file["wrong/" + name] = raw
            file["wrong/" + name].attrs.update(attributes)
        for name, kind, fill in (("nc_float", "f4", f4(9.969209968386869e36)),
                                 ("nc_short", "i2", -32767), ("nc_uint", "u4", 4294967295),
                                 ("own", "f4", -1.)):
            file.create_dataset(name, (2,), kind, fillvalue=fill)
            file[name][1] = 3
    for name, (_, _, expected) in cases.items():
        equal(checks, name, numbers("packed.h5", "packing", "/" + name), expected)
    for name, (_, *said) in wrong.items():
        refused(checks, name, numbers("packed.h5", "packing", "/wrong/" + name), name, *said)
    for name in ("nc_float", "nc_short", "nc_uint"):
        equal(checks, name, numbers("packed.h5", "packing", "/" + name), [np.nan, 3])
    equal(checks, "a fill value that is none of netCDF's", numbers("packed.h5", "packing", "/own"),
          [-1, 3])


# ---- numbers in other files ----

def test_external(checks):
    os.makedirs("there/raw", exist_ok=True)
    data = np.arange(12.).reshape(4, 3)
    with h5py.File("there/external.h5", "w") as file:
        file.create_dataset("x", (4, 3), "f8", external=[("a.bin", 0, 48), ("b.bin", 8, 48)])
        file.create_dataset("endless", (4, 3), "f8", external=[("c.bin", 0, h5py.h5f.UNLIMITED)])
        file.create_dataset("absolute", (4, 3), "f8",
                            external=[(os.path.abspath("there/raw/c.bin"), 0, 96)])
    files = {"a.bin": data[:2], "b.bin": np.append(np.zeros(1), data[2:]), "c.bin": data}

    def put(directory):
        for name, array in files.items():
            np.asarray(array).tofile(os.path.join(directory, name))

    path = "there/external.h5"
    refused(checks, "raw files that are not there", numbers(path, "packing", "/x"), "a.bin",
            "which is missing", "/x")
    put("there/raw")
    equal(checks, "in HDF5_EXTFILE_PREFIX",
          numbers(path, "packing", "/x", HDF5_EXTFILE_PREFIX="there/raw"), data)
    equal(checks, "below the file",
          numbers(path, "packing", "/x", HDF5_EXTFILE_PREFIX="${ORIGIN}/raw"), data)
    equal(checks, "an absolute path", numbers(path, "packing", "/absolute"), data)
    put("there")
    equal(checks, "beside the file", numbers(path, "packing", "/x"), data)
    equal(checks, "of any length", numbers(path, "packing", "/endless"), data)
    put(".")
    np.zeros(12).tofile("there/a.bin")
    equal(checks, "in the working directory", numbers(path, "packing", "/x"), data)
    for name in ("b.bin", "c.bin"):
        with open(name, "r+b") as file:
            file.truncate(55 if name == "b.bin" else 95)
    refused(checks, "the second is short", numbers(path, "packing", "/x"), "b.bin", "too short",
            "55 bytes of 56")
    refused(checks, "the only one is short", numbers(path, "packing", "/endless"), "c.bin",
            "95 bytes of 96")
    os.remove("b.bin")
    os.mkdir("b.bin")
    refused(checks, "a directory in its place", numbers(path, "packing", "/x"), "b.bin",
            "which is missing")


def test_virtual(checks):
    os.makedirs("parts/elsewhere", exist_ok=True)
    data = np.arange(24.).reshape(4, 6)
    for i, row in enumerate(data):
        with h5py.File(f"parts/part_{i}.h5", "w") as file:
            file["row"] = row
            file["plane"] = row[None]
    layout = h5py.VirtualLayout((4, 6), "f8")
    half = h5py.VirtualLayout((2, 6), "f8")
    for i in range(4):
        layout[i] = h5py.VirtualSource(f"part_{i}.h5", "row", (6,))
    half[0] = h5py.VirtualSource(".", "all", (4, 6))[1]
    cut = h5py.VirtualLayout((1, 3), "f8")
    cut[0] = h5py.VirtualSource("part_1.h5", "row", (6,))[1::2]
    half[1] = h5py.VirtualSource("part_3.h5", "plane", (1, 6))[0]
    with h5py.File("parts/virtual.h5", "w") as file:
        file.create_virtual_dataset("all", layout)
        file.create_virtual_dataset("half", half)
        file.create_virtual_dataset("cut", cut)
        spaces = h5py.h5s.create_simple((4, 6), (h5py.h5s.UNLIMITED, 6))
        spaces.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (1, 1), (1, 6))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_virtual(spaces, b"part_%b.h5", b"plane", h5py.h5s.create_simple((1, 6)))
        h5py.h5d.create(file.id, b"numbered", h5py.h5t.IEEE_F64LE, spaces, properties)
        circle = h5py.VirtualLayout((4, 6), "f8")
        circle[:] = h5py.VirtualSource(".", "circle", (4, 6))
        file.create_virtual_dataset("circle", circle)
    path = "parts/virtual.h5"
    equal(checks, "from four files", numbers(path, "packing", "/all"), data)
    equal(checks, "from a virtual dataset and a file", numbers(path, "packing", "/half"),
          data[[1, 3]])
    equal(checks, "from a part of a dataset", numbers(path, "packing", "/cut"), data[1, 1::2])
    equal(checks, "from numbered files", numbers(path, "packing", "/numbered"), data)
    refused(checks, "from itself", numbers(path, "packing", "/circle"), "circle", "lead back")
    os.rename("parts/part_1.h5", "parts/elsewhere/part_1.h5")
    for name in ("/all", "/half"):
        refused(checks, f"{name}: a source is gone", numbers(path, "packing", name),
                "all", "part_1.h5", "which is missing")
    for prefix in ("parts/elsewhere", "nowhere:parts/elsewhere", "${ORIGIN}/elsewhere"):
        equal(checks, "HDF5_VDS_PREFIX=" + prefix,
              numbers(path, "packing", "/all", HDF5_VDS_PREFIX=prefix), data)
    os.rename("parts/elsewhere/part_1.h5", "part_1.h5")
    equal(checks, "in the working directory", numbers(path, "packing", "/all"), data)
    for what, array, name, said in (("renamed", data[1], "line", "no such dataset"),
                                    ("short", data[1, :5], "row", "5 of 6"),
                                    ("of the same size", data[1:2], "row", "")):
        with h5py.File("part_1.h5", "w") as file:
            file[name] = array
        answer = numbers(path, "packing", "/all")
        if what == "short":
            refused(checks, "a short part", numbers(path, "packing", "/cut"), "5 of 6 entries")
        if said:
            refused(checks, what, answer, "row", "part_1.h5", said)
        else:
            equal(checks, what, answer, data)
    with open("part_1.h5", "w", encoding="utf-8") as file:
        file.write("not HDF5")
    refused(checks, "no HDF5", numbers(path, "packing", "/all"), "part_1.h5", "cannot be opened")


# ---- layouts ----

class Layout:
    """What the driver says of a file: kind, groups, reversed, and of each array path, name, units,
    standard_name, axes [(name, role, length, units, standard_name, coordinates)] and values [one
    list per group]. Or what was refused."""

    def __init__(self, *words):
        lines, self.refusal = drive(*words)
        self.arrays = []
        for line in lines if not self.refusal else []:
            kind, *parts = line.split("|") if "|" in line else line.split()
            if kind == "layout":
                self.kind, self.groups, self.reversed = parts[0], int(parts[1]), parts[2] != ""
            elif kind == "array":
                self.arrays.append(dict(path=parts[0], name=parts[1], units=parts[2],
                                        standard_name=parts[3], axes=[], values=[]))
            elif kind == "axis":
                self.arrays[-1]["axes"].append([*parts[:2], int(parts[2]), *parts[3:], None])
            elif kind == "coordinates":
                self.arrays[-1]["axes"][-1][-1] = np.array(parts, float)
            else:
                self.arrays[-1]["values"].append(np.array(parts, float))

    def paths(self):
        return [array["path"] for array in self.arrays]

    def axes(self, i=0):
        """"sample:4 time:3", the role in brackets where the name is another word."""
        def text(name, role, length, *_):
            usual = {"x": "space", "y": "space", "z": "space", "lat": "space", "lon": "space"}
            return f"{name}:{length}" + ("" if usual.get(name, name) == role else f"({role})")
        return " ".join(text(*axis) for axis in self.arrays[i]["axes"])

    def coordinates(self, name, i=0):
        return next(axis[-1] for axis in self.arrays[i]["axes"] if axis[0] == name)


def expect(checks, what, file, kind, name, axes, paths=None, values=None, fields=()):
    """A layout's name, the axes of its arrays (one text for all) and their numbers."""
    found = Layout(file, kind, *fields)
    if not checks(not found.refusal, f"{what}: read ({found.refusal})"):
        return None
    checks(found.kind == name, f"{what}: {name} (is {found.kind})")
    if paths is not None:
        checks(found.paths() == paths, f"{what}: fields {paths} (are {found.paths()})")
    axes = [axes] * len(found.arrays) if isinstance(axes, str) else axes
    for i, text in enumerate(axes):
        checks(found.axes(i) == text, f"{what}: axes {text} (are {found.axes(i)})")
    for array, expected in zip(found.arrays, values or []):
        equal(checks, f"{what}: {array['path']}", np.concatenate(array["values"]), expected)
    return found


def expect_refusal(checks, what, file, kind, *said, fields=()):
    refused(checks, what, Layout(file, kind, *fields).refusal or np.zeros(0), "key", *said)


def close(checks, what, found, expected):
    good = found is not None and len(found) == len(expected) and np.allclose(found, expected)
    checks(good, f"{what}: {expected} (is {found})")


def test_pdebench(checks):
    rng = np.random.default_rng(2)
    one = rng.standard_normal((4, 3, 5)).astype("f4")
    with h5py.File("burgers.hdf5", "w") as file:
        file["tensor"] = one
        file["x-coordinate"] = np.arange(5) / 5
        file["t-coordinate"] = np.arange(4) * .5
    found = expect(checks, "one tensor", "burgers.hdf5", "auto", "PDEBench",
                   "sample:4 time:3 x:5", ["/tensor"], [one])
    if found:
        close(checks, "times, one too many", found.coordinates("time"), [0, .5, 1])
        close(checks, "x", found.coordinates("x"), np.arange(5) / 5)
    expect(checks, "as a plain file", "burgers.hdf5", "plain", "plain",
           "sample:4 axis_0:3(space) axis_1:5(space)", fields=["tensor"])
    fields = {name: rng.standard_normal((2, 3, 4, 5)).astype("f4")
              for name in ("Vx", "Vy", "density", "pressure")}
    with h5py.File("flow.hdf5", "w") as file:
        for name, array in fields.items():
            file[name] = array
        file["density"].attrs["units"] = "kg m-3"
        file["x-coordinate"] = np.arange(5.)  # edges of cells
        file["y-coordinate"] = np.arange(5.)
        file["t-coordinate"] = np.arange(4.)
    found = expect(checks, "side by side", "flow.hdf5", "auto", "PDEBench",
                   "sample:2 time:3 x:4 y:5", ["/" + name for name in fields], fields.values())
    if found:
        close(checks, "middles of cells", found.coordinates("x"), [.5, 1.5, 2.5, 3.5])
        checks(found.arrays[2]["units"] == "kg m-3", "units of a field")
    expect(checks, "two of them", "flow.hdf5", "pdebench", "PDEBench", "sample:2 time:3 x:4 y:5",
           ["/pressure", "/Vx"], [fields["pressure"], fields["Vx"]],
           fields=["pressure", "/Vx"])
    solution, nu = rng.random((3, 1, 4, 4)), rng.random((3, 4, 4))
    for extra in ((), ("x-coordinate", "y-coordinate")):
        with h5py.File("darcy.hdf5", "w") as file:
            file["tensor"], file["nu"] = solution, nu
            for name in extra:
                file[name] = np.arange(4.)
        expect(checks, f"Darcy {extra}", "darcy.hdf5", "auto", "PDEBench",
               ["sample:3 component:1 x:4 y:4", "sample:3 x:4 y:4"], ["/tensor", "/nu"],
               [solution, nu], fields=["/tensor", "/nu"])
    expect(checks, "Darcy by itself", "darcy.hdf5", "auto", "PDEBench",
           "sample:3 component:1 x:4 y:4", ["/tensor"])
    with h5py.File("odd.hdf5", "w") as file:
        file["tensor"] = one
        file["x-coordinate"] = np.arange(9.)
    expect_refusal(checks, "coordinates that do not fit", "odd.hdf5", "auto", "/tensor", "match",
                   "plain")


def test_groups(checks):
    samples = np.random.default_rng(3).random((12, 2, 4, 3, 1)).astype("f4")

    def write(**change):
        with h5py.File("groups.h5", "w") as file:
            for i, sample in enumerate(samples):
                group = file.create_group(str(i))
                if i != change.get("lost"):
                    group["data"] = sample if i != change.get("short") else sample[:, :3]
                group["grid/x"], group["grid/y"] = np.arange(4.), np.arange(3.)
                group["grid/t"] = np.arange(2.) + i
            file.create_group("notes")

    write()
    for fields in ([], ["data"], ["/*/data"]):
        found = expect(checks, f"a group per sample {fields}", "groups.h5", "auto", "PDEBench",
                       "sample:12 time:2 x:4 y:3 component:1", ["/*/data"], [samples],
                       fields=fields)
        checks(found is not None and found.groups == 12, "12 groups")
    expect(checks, "one of the groups", "groups.h5", "auto", "plain",
           "sample:2 axis_0:4(space) axis_1:3(space) axis_2:1(space)", ["/3/data"], [samples[3]],
           fields=["/3/data"])
    write(short=7)
    expect_refusal(checks, "a group of another shape", "groups.h5", "auto", "/7/data", "shape")
    write(lost=7)
    expect_refusal(checks, "a group without data", "groups.h5", "auto", "/7/data", "no dataset")


def test_well(checks):
    rng = np.random.default_rng(4)
    arrays = {"t0_fields/height": rng.random((2, 3, 5, 4)),
              "t1_fields/velocity": rng.random((2, 3, 5, 4, 2)),
              "t2_fields/stress": rng.random((2, 3, 5, 4, 2, 2)),
              "t0_fields/depth": rng.random((5, 4)), "t0_fields/wall": rng.random((1, 1, 5, 1)),
              "t0_fields/layer": rng.random((2, 3, 5))}
    with h5py.File("well.hdf5", "w") as file:
        file.create_group("dimensions").attrs["spatial_dims"] = ["rho", "phi"]
        file["dimensions/time"] = np.arange(3.)
        file["dimensions/rho"], file["dimensions/phi"] = np.arange(5.), np.arange(4.) * .1
        file["dimensions/rho"].attrs["units"] = "m"
        for name, array in arrays.items():
            static = name in ("t0_fields/depth", "t0_fields/wall")
            file[name] = array
            file[name].attrs.update(sample_varying=not static, time_varying=not static,
                                    dim_varying=[True, name[10:] not in ("wall", "layer")])
        file["t0_fields/odd"] = rng.random((2, 3, 5))
        file["t0_fields/odd"].attrs.update(sample_varying=False)
        file.create_group("boundary_conditions")
    plane = "sample:2 time:3 rho:5(space) phi:4"
    axes = [plane + "(space)", plane + "(space) component:2",
            plane + "(space) component:2 component_2:2(component)"]
    paths = ["/t0_fields/height", "/t1_fields/velocity", "/t2_fields/stress"]
    found = expect(checks, "The Well", "well.hdf5", "auto", "The Well", axes, paths,
                   [arrays[path[1:]] for path in paths])
    if found:
        close(checks, "rho", found.coordinates("rho", 1), np.arange(5))
        close(checks, "time", found.coordinates("time", 1), np.arange(3))
        checks(found.arrays[0]["axes"][2][3] == "m", "units of an axis")
    expect(checks, "what does not vary", "well.hdf5", "auto", "The Well",
           ["rho:5(space) phi:4(space)", "sample:1 time:1 rho:5(space) phi:1(space)",
            "sample:2 time:3 rho:5(space)"],
           fields=["/t0_fields/depth", "/t0_fields/wall", "/t0_fields/layer"])
    expect_refusal(checks, "axes that the attributes deny", "well.hdf5", "auto", "/t0_fields/odd",
                   "time, rho, phi", fields=["/t0_fields/odd"])
    expect_refusal(checks, "a misspelt field", "well.hdf5", "auto", "did you mean",
                   "/t0_fields/height", fields=["/t0_fields/heigth"])
    with h5py.File("well.hdf5", "a") as file:
        del file["dimensions"].attrs["spatial_dims"]
    expect_refusal(checks, "no names of axes", "well.hdf5", "auto", "spatial_dims")
    expect_refusal(checks, "a file that is none", "burgers.hdf5", "well", "well", "t0_fields")


def test_netcdf(checks):
    rng = np.random.default_rng(5)
    raw = rng.integers(-999, 999, (6, 3, 4)).astype("i2")
    wind = rng.random((6, 3, 4))
    with h5py.File("sea.nc", "w") as file:
        for name, values, units in (("day", np.arange(6.), "days since 2000-01-01"),
                                    ("lat", [-10., 0, 10], "degrees_north")):
            file.create_dataset(name, data=values, maxshape=(None,))
            file[name].make_scale(name)
            file[name].attrs["units"] = units
        file["lat"].attrs["bounds"] = "edges"
        file["lon"] = np.zeros(4, ">f4")
        file["lon"].make_scale("This is a netCDF dimension but not a netCDF variable.         4")
        file["lat"].attrs["standard_name"] = "latitude"
        file.create_dataset("temp", data=raw, chunks=(2, 3, 4), maxshape=(None, 3, 4))
        file["wind"], file["height"] = wind, rng.random((3, 4))
        file["edges"] = rng.random((3, 2))
        file["corner"] = rng.random((6, 3, 4))
        file["wind"].attrs["coordinates"] = "height corner"
        for name, dims in (("temp", "day lat lon"), ("wind", "day lat lon"),
                           ("corner", "day lat lon"), ("height", "lat lon"), ("edges", "lat")):
            for axis, dim in enumerate(dims.split()):
                file[name].dims[axis].attach_scale(file[dim])
        file["temp"].attrs.update(scale_factor=.5, add_offset=10., _FillValue=raw[0, 0, 0],
                                  standard_name="sea_surface_temperature")
        file["temp"].attrs.create("units", b"\xb0C\n")  # Latin-1
        file["wind"].attrs["units"] = "m s\u207b\u00b9"
    temp = np.where(raw == raw[0, 0, 0], np.nan, raw * .5 + 10)
    axes = "day:6(time) lat:3 lon:4"
    found = expect(checks, "netCDF", "sea.nc", "auto", "netCDF", axes, ["/temp", "/wind"],
                   [temp, wind])
    if found:
        array = found.arrays[0]
        checks(array["units"] == "?C?" and array["standard_name"] == "sea_surface_temperature",
               f"units {array['units']}, standard name {array['standard_name']}")
        checks(found.arrays[1]["units"] == "m s\u207b\u00b9", "units in UTF-8")
        close(checks, "lat", found.coordinates("lat"), [-10, 0, 10])
        checks(found.coordinates("lon") is None, "a dimension without coordinates")
        checks(array["axes"][1][3:5] == ["degrees_north", "latitude"], "units of a dimension")
        checks(array["axes"][0][3] == "days since 2000-01-01", "units of time")
    found = expect(checks, "a static field", "sea.nc", "auto", "netCDF", "lat:3 lon:4",
                   fields=["/height"])
    with h5py.File("ensemble.nc", "w") as file:
        names = ("member", "case", "level", "time")
        for length, name in enumerate(names, 2):
            file[name] = np.arange(length)
            file[name].make_scale(name)
        file["level"].attrs["axis"] = "Z"
        file["u"] = np.zeros((2, 5, 4))
        file["v"] = np.zeros((4, 4, 4))
        file["w"] = np.zeros((7, 4))
        file["_nc4_non_coord_z"] = np.zeros(4)
        file["_nc4_non_coord_z"].make_scale("z")
        file["zz"] = np.zeros(4)
        file["zz"].dims[0].attach_scale(file["_nc4_non_coord_z"])
        for axis, name in enumerate(("member", "time", "level")):
            file["u"].dims[axis].attach_scale(file[name])
        for axis in range(3):
            file["v"].dims[axis].attach_scale(file["level"])
        file["w"].dims[1].attach_scale(file["level"])
    expect(checks, "an ensemble", "ensemble.nc", "auto", "netCDF",
           "member:2(sample) time:5 level:4(space)", fields=["u"])
    expect(checks, "one dimension three times", "ensemble.nc", "auto", "netCDF",
           "level:4(space) level_2:4(space) level_3:4(space)", fields=["v"])
    expect(checks, "an axis without a name", "ensemble.nc", "auto", "netCDF",
           "axis_0:7(sample) level:4(space)", fields=["w"])
    expect(checks, "a dimension behind a prefix", "ensemble.nc", "auto", "netCDF", "z:4",
           fields=["zz"])
    expect_refusal(checks, "fields of different shapes", "ensemble.nc", "auto", "say which", "/u")


def test_matlab(checks):
    rng = np.random.default_rng(6)
    a, u = rng.random((6, 8)), rng.random((6, 8)).astype("f4")  # in MATLAB
    with h5py.File("data.mat", "w", userblock_size=512) as file:
        for name, array, kind in (("a", a, "double"), ("u", u, "single"), ("x", a[:1], "double"),
                                  ("mask", a > .5, "logical"), ("text", np.ones((3, 9)), "char"),
                                  ("none", np.zeros(2), "double")):
            file[name] = array.T.astype("u1") if kind == "logical" else array.T
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        file["none"].attrs["MATLAB_empty"] = np.uint8(1)
    found = expect(checks, "MATLAB", "data.mat", "auto", "MATLAB", "axis_0:8(space) sample:6",
                   ["/a", "/u"], [a.T, u.T])
    checks(found is not None and found.reversed, "MATLAB: reversed")
    for name, said in (("mask", "logical"), ("text", "char"), ("none", "empty")):
        expect_refusal(checks, name, "data.mat", "auto", "/" + name, said, fields=["/" + name])


def test_plain(checks):
    with h5py.File("plain.h5", "w") as file:
        file["x"], file["y"] = np.ones((4, 3, 2)), np.ones((3, 4, 2))
        for axis, name in enumerate(("x", "sample", "channel")):
            file["y"].dims[axis].label = name
        file["one"] = 1.
        file["words"] = "text"
    expect(checks, "plain", "plain.h5", "auto", "plain", "sample:4 axis_0:3(space) axis_1:2(space)",
           fields=["x"])
    expect(checks, "labels", "plain.h5", "auto", "plain", "x:3 sample:4 channel:2(component)",
           fields=["y"])
    expect_refusal(checks, "no field named", "plain.h5", "auto", "say which", "/x, /y")
    expect_refusal(checks, "a number", "plain.h5", "auto", "single number", fields=["one"])
    expect_refusal(checks, "a text", "plain.h5", "auto", "numbers", fields=["words"])
    expect_refusal(checks, "lost sources", "parts/virtual.h5", "auto", "part_1.h5",
                   fields=["/all"])


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for test in (test_blocks, test_packing, test_external, test_virtual, test_pdebench,
                     test_groups, test_well, test_netcdf, test_matlab, test_plain):
            test(checks)
        os.chdir(SUPPORT)
    return checks.finish()


if __name__ == "__main__":
    DRIVER = os.path.abspath(sys.argv[1])
    sys.exit(main())
