#!/usr/bin/env python3
"""How scientists lay out fields, in files written by h5py: what data/layout, data/packing and
platform/h5_* find in them against NumPy.

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
    checks(good, f"{what}: as NumPy has it" + ("" if good else f" ({answer})"))


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
            "not there", "/x")
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
            "not there")


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
    half[1] = h5py.VirtualSource("part_3.h5", "plane", (1, 6))[0]
    with h5py.File("parts/virtual.h5", "w") as file:
        file.create_virtual_dataset("all", layout)
        file.create_virtual_dataset("half", half)
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
    equal(checks, "from numbered files", numbers(path, "packing", "/numbered"), data)
    refused(checks, "from itself", numbers(path, "packing", "/circle"), "circle", "lead back")
    os.rename("parts/part_1.h5", "parts/elsewhere/part_1.h5")
    for name in ("/all", "/half"):
        refused(checks, f"{name}: a source is gone", numbers(path, "packing", name),
                "all", "part_1.h5", "not there")
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
        if said:
            refused(checks, what, answer, "row", "part_1.h5", said)
        else:
            equal(checks, what, answer, data)
    with open("part_1.h5", "w", encoding="utf-8") as file:
        file.write("not HDF5")
    refused(checks, "no HDF5", numbers(path, "packing", "/all"), "part_1.h5", "cannot be opened")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for test in (test_blocks, test_packing, test_external, test_virtual):
            test(checks)
        os.chdir(SUPPORT)
    return checks.finish()


if __name__ == "__main__":
    DRIVER = os.path.abspath(sys.argv[1])
    sys.exit(main())
