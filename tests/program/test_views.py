#!/usr/bin/env python3
"""Fields as they are stored: nine layouts, each read unchanged and compared with NumPy on 1, 3 and
4 ranks; labels, weights and selections; overlaps of two sets; wrong inputs.

usage: test_views.py gfe_hpc
"""

import os
import sys
import tempfile

import h5py
import numpy as np

from program import Checks, arguments, run, run_input, write_input

N = 96      # entries of a sample in every layout
RANKS = (1, 3, 4)

BASE = {
    "run.directory": "run",
    "run.tasks": ["train", "evaluate", "encode"],
    "data.missing": "nan",
    "decoder.latent": 2,
    "decoder.layers": [{"dense": N}],
    "decoder.loss": "mse",
    "encoding.max_iterations": 2,
    "evaluation.max_iterations": 2,
    "training.epochs": 0,
    "output.reconstructions": 1000,
}


# ---- the files, and what NumPy makes of them ----

class Layouts:
    """Small files in the layouts that scientists use, each with its section of an input file and
    the samples that it should give."""

    def __init__(self, directory):
        self.directory = directory
        self.rng = np.random.default_rng(7)
        self.all = {name: getattr(self, name)() for name in (
            "pdebench", "groups", "well", "netcdf", "darcy", "npy", "side_by_side", "matlab",
            "many")}

    def path(self, name):
        return os.path.join(self.directory, name)

    def numbers(self, *shape):
        return self.rng.standard_normal(shape).astype("f4")

    def pdebench(self):
        u = self.numbers(7, 5, N)
        with h5py.File(self.path("burgers.hdf5"), "w") as file:
            file["tensor"] = u
            file["x-coordinate"] = np.linspace(0, 1, N)
            file["t-coordinate"] = np.linspace(0, 2, 6)
        return {"file": "burgers.hdf5", "samples": ["sample", "time"],
                "select": {"sample": {"count": 6}, "time": {"first": 1, "stride": 2}},
                }, u[:6, 1::2].reshape(-1, N)

    def groups(self):
        u = self.numbers(6, 4, 12, 8, 1)
        with h5py.File(self.path("groups.h5"), "w") as file:
            for i, sample in enumerate(u):
                group = file.create_group(f"{i:04d}")
                group["data"] = sample
                group["grid/x"], group["grid/y"] = np.arange(12.), np.arange(8.)
                group["grid/t"] = np.arange(4.)
        return {"file": "groups.h5", "samples": ["sample", "time"],
                "select": {"sample": {"first": 1}}}, np.moveaxis(u[1:], -1, 2).reshape(-1, N)

    def well(self):
        height, velocity = self.numbers(5, 4, 8, 4), self.numbers(5, 4, 8, 4, 2)
        with h5py.File(self.path("well.hdf5"), "w") as file:
            file.attrs.update(dataset_name="dam", grid_type="cartesian", n_spatial_dims=2,
                              n_trajectories=5)
            dimensions = file.create_group("dimensions")
            dimensions.attrs["spatial_dims"] = ["x", "y"]
            for name, length in (("time", 4), ("x", 8), ("y", 4)):
                dimensions[name] = np.linspace(0, 1, length, dtype="f4")
                dimensions[name].attrs["sample_varying"] = False
            for group, name, field in (("t0_fields", "height", height),
                                       ("t1_fields", "velocity", velocity)):
                file.create_group(group).attrs["field_names"] = [name]
                file[group][name] = field
                file[group][name].attrs.update(sample_varying=True, time_varying=True,
                                               dim_varying=[True, True])
        both = np.concatenate([height[:, :, None], np.moveaxis(velocity, -1, 2)], 2)
        return {"file": "well.hdf5", "fields": ["/t0_fields/height", "/t1_fields/velocity"],
                "samples": ["sample", "time"]}, both.reshape(-1, N)

    def netcdf(self):
        land = self.rng.random((8, 12)) < 0.3
        packed = self.rng.integers(-3000, 3000, (11, 8, 12)).astype("i2")
        packed[:, land] = -32768
        with h5py.File(self.path("sst.nc"), "w") as file:
            file.attrs["Conventions"] = "CF-1.8"
            field = file.create_dataset("temp", data=packed, chunks=(4, 8, 12),
                                        compression="gzip", fillvalue=np.int16(-32768))
            for axis, (name, length) in enumerate((("time", 11), ("lat", 8), ("lon", 12))):
                file[name] = np.arange(length) * 1.5
                file[name].make_scale(name)
                field.dims[axis].attach_scale(file[name])
            field.attrs.update(scale_factor=0.001, add_offset=15., _FillValue=np.int16(-32768),
                               units="degC")
        real = packed * 0.001 + 15.
        real[:, land] = np.nan
        return {"file": "sst.nc", "fields": ["temp"]}, real.reshape(-1, N)

    def darcy(self):
        nu, u = self.numbers(9, 8, 6), self.numbers(9, 1, 8, 6)
        with h5py.File(self.path("darcy.hdf5"), "w") as file:
            file["nu"], file["tensor"] = nu, u
        return {"file": "darcy.hdf5", "fields": ["/nu", "/tensor"],
                "axes": ["sample", "component", "x", "y"],
                }, np.stack([nu, u[:, 0]], 1).reshape(-1, N)

    def npy(self):
        u = self.rng.standard_normal((13, 2 * N))
        np.save(self.path("fronts.npy"), u)
        return {"file": "fronts.npy", "axes": ["sample", "x"],
                "select": {"sample": {"stride": 3}, "x": {"stride": 2}}}, u[::3, ::2]

    def side_by_side(self):
        names = ("density", "pressure", "Vx", "Vy")
        fields = self.numbers(4, 5, 3, 6, 4)
        with h5py.File(self.path("cfd.hdf5"), "w") as file:
            for name, field in zip(names, fields):
                file[name] = field
            for name, length in (("x", 6), ("y", 4), ("t", 4)):
                file[f"{name}-coordinate"] = np.arange(length, dtype="f4")
        return {"file": "cfd.hdf5", "fields": [f"/{name}" for name in names],
                "samples": ["sample", "time"]}, np.moveaxis(fields, 0, 2).reshape(-1, N)

    def matlab(self):
        u = self.rng.standard_normal((10, 12, 8))
        with h5py.File(self.path("set.mat"), "w", userblock_size=512) as file:
            file["u"] = u.T
            file["u"].attrs["MATLAB_class"] = np.bytes_("double")
            file["re"] = np.linspace(1, 2, 10)[None]
            file["re"].attrs["MATLAB_class"] = np.bytes_("double")
        with open(self.path("set.mat"), "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(512))
        return {"file": "set.mat", "fields": ["/u"], "labels": "/re"}, u.reshape(-1, N)

    def many(self):
        u = self.numbers(6, 3, N)
        for k, lengths in enumerate((slice(0, 3), slice(3, 4), slice(4, 6))):
            with h5py.File(self.path(f"sim_{k}.h5"), "w") as file:
                file["u"] = u[lengths]
        return {"file": "sim_*.h5", "fields": ["/u"], "axes": ["sample", "time", "x"],
                "samples": ["sample", "time"], "select": {"sample": {"first": 1}},
                }, u[1:].reshape(-1, N)


def section(name, values):
    return {f"data.{name}.{key}": value for key, value in values.items()}


def read_all(results):
    """The results of a run, except times."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("performance"):
            found[name] = item[()].astype("S") if item.dtype == object else item[()]
    with h5py.File(results) as file:
        for group in ("train", "test", "encode"):
            file[group].visititems(lambda name, item, g=group: visit(f"{g}/{name}", item))
    return found


# ---- layouts ----

def check_layouts(checks, program, layouts):
    """Three layouts at a time, as the three sets of one run."""
    names = list(layouts.all)
    for first in range(0, len(names), 3):
        sets = dict(zip(("train", "test", "encode"), names[first:first + 3]))
        values = [section(key, layouts.all[name][0]) for key, name in sets.items()]
        found = {}
        for ranks in RANKS:
            results = run_input(checks, program, layouts.directory, f"layout_{first}_{ranks}",
                                BASE, *values, ranks=ranks)
            found[ranks] = read_all(results)
        for key, name in sets.items():
            lines = len(layouts.all[name][0])
            checks(lines <= 6, f"{name}: {lines} lines in the input file")
            expected = layouts.all[name][1].astype("f4")
            target = found[1][f"{key}/target"].reshape(-1, N)
            known = np.isfinite(expected)
            checks(target.shape == expected.shape and
                   np.array_equal(target[known], expected[known]),
                   f"{name}: the samples should be NumPy's, {expected.shape}: {target.shape}")
            checks(np.array_equal(found[1][f"{key}/index"], np.arange(len(expected))),
                   f"{name}: index should number the samples")
        for ranks in RANKS[1:]:
            same = [name for name in found[1]
                    if found[1][name].tobytes() == found[ranks][name].tobytes()]
            checks(len(same) == len(found[1]), f"{sets}: on {ranks} ranks other bits in "
                   f"{sorted(set(found[1]) - set(same))}")
    labels = found[1]["train/label"] if sets["train"] == "matlab" else None
    with h5py.File(os.path.join(layouts.directory, "layout_6_1", "results.h5")) as file:
        labels = file["test/label"][()]
    checks(np.allclose(labels, np.linspace(1, 2, 10), rtol=1e-15),
           f"labels of MATLAB should be real numbers: {labels}")


# ---- labels, weights, places ----

def check_again(checks, program, layouts):
    """What a run says of its input is an input, with which it is finished; another selection is
    refused; values by --set and in a sweep."""
    directory = layouts.directory
    values = section("train", layouts.all["pdebench"][0])
    base = {**BASE, "run.tasks": ["train"], "training.epochs": 1}
    run_input(checks, program, directory, "again", base, values)
    used = os.path.join("again", "used_parameters.yaml")
    result = run(program, used, cwd=directory)
    checks(result.code == 0 and "already finished" in result.out,
           f"used_parameters.yaml should give the same run: {result}")
    select = "data.train.select={sample: {count: 2}, time: 1}"
    result = run(program, used, "--set", select, "--set", "data.train.samples=sample",
                 cwd=directory)
    checks(result.code == 2 and "data.train.select" in result.err and
           "data.train.samples" in result.err, f"another selection should be refused: {result}")
    result = run(program, used, "--set", select, "--set", "data.train.samples=sample", "--set",
                 "run.directory=other", cwd=directory)
    with h5py.File(os.path.join(directory, "other", "results.h5")) as file, \
            h5py.File(layouts.path("burgers.hdf5")) as data:
        checks(np.array_equal(file["train/target"][()].reshape(2, N), data["tensor"][:2, 1]),
               f"a selection by --set: {result}")
    sweep = write_input(os.path.join(directory, "sweep.yaml"), base, values)
    with open(sweep, "a", encoding="utf-8") as file:
        file.write("sweep: {zip: {data.train.samples: [[sample, time], [time, sample]], "
                   "data.train.select: [{time: {count: 2}}, {sample: {stride: 2}}]}}\n")
    result = run(program, "--tasks", "sweep.yaml", cwd=directory)
    checks(result.code == 0 and "[time, sample]" in result.out and "count: 2" in result.out,
           f"a sweep over lists and maps: {result}")


def check_companions(checks, program, directory):
    """Labels and weights of a view with two axes of samples, the later one first."""
    rng = np.random.default_rng(3)
    u = rng.standard_normal((4, 5, N)).astype("f4")
    weight = rng.integers(1, 4, (N,)).astype("f4")
    classes = rng.integers(0, 3, (4, 5))
    with h5py.File(os.path.join(directory, "labels.h5"), "w") as file:
        file["u"], file["weight"], file["class"] = u, weight, classes
        file["re"] = np.arange(4) + 0.5
    base = {**BASE, "run.tasks": ["train"], **section("train", {
        "file": "labels.h5", "fields": ["/u"], "axes": ["sample", "time", "x"],
        "samples": ["time", "sample"], "weights": "/weight"})}
    turned, order = u.transpose(1, 0, 2).reshape(-1, N), np.arange(20)
    cases = {"/re": np.tile(np.arange(4) + 0.5, 5), "/class": classes.T.ravel(),
             "time": np.repeat(np.arange(5), 4)}
    for k, (labels, expected) in enumerate(cases.items()):
        results = run_input(checks, program, directory, f"labels_{k}", base,
                            {"data.train.labels": labels}, ranks=1 + k)
        with h5py.File(results) as file:
            checks(np.array_equal(file["train/label"][()], expected),
                   f"labels {labels}: {file['train/label'][()]}")
            target = file["train/target"][()].reshape(-1, N)
            checks(np.array_equal(target, turned), f"labels {labels}: samples in another order")
            weights = file["train/weight"][()].reshape(-1, N)
            checks(np.array_equal(weights, np.tile(weight, (20, 1))),
                   "weights of one sample's shape should count for every sample")
    results = run_input(checks, program, directory, "classes", base,
                        {"data.train.labels": "/class", "data.train.classes": [1, 2],
                         "data.train.stride": 2}, ranks=3)
    expected = order[np.isin(classes.T.ravel(), [1, 2])][::2]
    with h5py.File(results) as file:
        checks(np.array_equal(file["train/index"][()], expected),
               f"classes and stride of a view: {file['train/index'][()]}")
        checks(np.array_equal(file["train/target"][()].reshape(-1, N), turned[expected]),
               "classes and stride of a view: other samples")
    mask = (rng.random(N) < 0.3).astype("i1")
    with h5py.File(os.path.join(directory, "mask.h5"), "w") as file:
        file["land"] = mask
    for k, (where, values) in enumerate((("mask.h5:/land", {}), ("mask.npy", {}),
                                         ("mask.npy", {"labels": "time"}))):
        np.save(os.path.join(directory, "mask.npy"), mask if k < 2 else mask[::2])
        results = run_input(
            checks, program, directory, f"mask_{k}", base, section("train", values),
            {"data.train.weights": None, "data.train.mask": where,
             "data.train.select": {"x": {"stride": 2}}, "decoder.layers": [{"dense": N // 2}]},
            ranks=1 + k % 2)
        with h5py.File(results) as file:
            weights = file["train/weight"][()].reshape(-1, N // 2)
            checks(np.array_equal(weights, np.tile(mask[::2] == 0, (20, 1))),
                   f"{where}: the mask of the fields' grid, or of what is selected")
    for k in range(3):
        np.save(os.path.join(directory, f"run_{k}.npy"), u[k])
    results = run_input(checks, program, directory, "files", BASE, {"run.tasks": ["train"]},
                        section("train", {"file": "run_?.npy", "axes": ["time", "x"],
                                          "samples": ["file", "time"], "labels": "file",
                                          "select": {"time": {"first": 2, "count": 2}}}))
    with h5py.File(results) as file:
        checks(np.array_equal(file["train/target"][()].reshape(-1, N), u[:3, 2:4].reshape(-1, N)),
               "a trajectory per file: other samples")
        checks(np.array_equal(file["train/label"][()], [0, 0, 1, 1, 2, 2]), "the number of a file")


# ---- two sets of one file ----

def check_overlap(checks, program, directory):
    """The same sample or trajectory in data.train and data.test."""
    both = {**BASE, "run.tasks": ["train", "evaluate"]}
    view = {"file": "labels.h5", "fields": ["/u"], "axes": ["sample", "time", "x"],
            "samples": ["sample", "time"]}
    os.symlink("labels.h5", os.path.join(directory, "other.h5"))

    def case(name, train, test, says, ranks=1, **more):
        path = write_input(os.path.join(directory, "overlap.yaml"), both, section("train", train),
                           section("test", test), {"run.directory": "overlap"}, more)
        result = run(program, "--check", os.path.basename(path), cwd=directory, ranks=ranks)
        checks(result.code == (2 if says else 0) and says in result.err, f"{name}: {result}")

    def part(first, **more):
        return {**view, "select": {"sample": {"first": first, "count": 2}, **more}}

    case("other trajectories", part(0), part(2), "")
    case("the same trajectory", part(0), part(1), "sample 1 of", ranks=3)
    case("other times of it, by a link", part(0, time={"count": 2}),
         {**part(1, time={"first": 2}), "file": "other.h5"}, "sample 1 of")
    case("allowed", part(0), part(1), "", **{"data.allow_overlap": True})
    case("another trajectory by its place", part(0), {**view, "samples": ["time"],
                                                      "select": {"sample": 3}}, "")
    case("one of them by its place", part(0), {**view, "samples": ["time"],
                                               "select": {"sample": 1}}, "a time of")
    rows = {"file": "fronts.npy"}
    wide = {"decoder.layers": [{"dense": 2 * N}]}
    case("rows", {**rows, "count": 6}, {**rows, "first": 6}, "", **wide)
    case("a row", {**rows, "count": 7}, {**rows, "first": 6}, "sample 6 of", ranks=3, **wide)
    case("every second row", {**rows, "stride": 2}, {**rows, "first": 1, "stride": 2}, "", **wide)


# ---- wrong inputs ----

def check_mistakes(checks, program, directory):
    """Exit code 2 and one sentence with what would be right."""
    with h5py.File(os.path.join(directory, "odd_0.h5"), "w") as file:
        file["u"] = np.zeros((2, 3, N))
    with h5py.File(os.path.join(directory, "odd_1.h5"), "w") as file:
        file["u"] = np.zeros((2, 4, N))
    good = {"file": "labels.h5", "fields": ["/u"], "axes": ["sample", "time", "x"],
            "samples": ["sample", "time"]}
    cases = [
        ("no file", {"file": "none_*.h5"}, ["none_*.h5", "no file matches", "give one that does"]),
        ("unequal shapes", {"file": "odd_*.h5"}, ["odd_1.h5", "(2, 4, 96)", "(2, 3, 96)"]),
        ("unknown axis of samples", {"samples": ["sample", "tiem"]},
         ["data.train.samples", "tiem", "did you mean time?"]),
        ("unknown axis without axes", {"axes": None, "samples": ["tiem"]},
         ["data.train.samples", "no axis tiem"]),
        ("unknown axis of select", {"select": {"z": 3}}, ["data.train.select", "no z"]),
        ("an axis twice", {"axes": ["sample", "x", "x"]},
         ["data.train.axes", "given twice", "each name once"]),
        ("fields and dataset", {"dataset": "/u"}, ["data.train.fields", "data.train.dataset"]),
        ("select and first", {"first": 2, "select": {"x": 3}},
         ["data.train.select", "data.train.first"]),
        ("a missing field", {"fields": ["/v"]}, ["/v", "did you mean /u?"]),
        ("too few names", {"axes": ["sample", "x"], "samples": ["sample"]},
         ["data.train.axes", "2 names", "(4, 5, 96)"]),
        ("a place that is not there", {"select": {"time": 5}},
         ["data.train.select", "cannot number samples"]),
        ("places that are not there", {"select": {"time": {"first": 3, "count": 3}}},
         ["data.train.select", "time", "there are only 2 of its 5"]),
        ("a step of 0", {"select": {"time": {"stride": 0}}}, ["stride of time", "at least 1"]),
        ("an unknown word of select", {"select": {"time": {"begin": 0}}}, ["not begin"]),
        ("labels of a wrong shape", {"labels": "/weight"},
         ["data.train.labels", "sample (4) and time (5)", "(96)"]),
        ("weights of a wrong shape", {"weights": "/class"}, ["data.train.weights", "(4, 5, 96)"]),
        ("axes of IDX", {"file": "/dev/null", "fields": None}, ["/dev/null"]),
        ("channels last", {"file": "last.npy", "fields": None, "axes": None, "samples": None},
         ["8 x 4 x 3", "3 x 8 x 4", "channels are last"]),
    ]
    np.save(os.path.join(directory, "last.npy"), np.zeros((5, 8, 4, 3), "f4"))
    field = [{"dense": N}, {"reshape": [3, 8, 4]}]
    for name, values, says in cases:
        layers = {"decoder.layers": field} if "last" in name else {}
        path = write_input(os.path.join(directory, "wrong.yaml"), BASE, {"run.tasks": ["train"]},
                           section("train", {**good, **values}), layers)
        result = run(program, "--check", os.path.basename(path), cwd=directory)
        checks(result.code == 2 and all(text in result.err for text in says) and
               result.err.count("\n") == 1, f"{name}: {says} expected: {result}")


def main():
    program, = arguments("gfe_hpc", 1)
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        layouts = Layouts(directory)
        check_layouts(checks, program, layouts)
        check_again(checks, program, layouts)
        check_companions(checks, program, directory)
        check_overlap(checks, program, directory)
        check_mistakes(checks, program, directory)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
