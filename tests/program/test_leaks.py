#!/usr/bin/env python3
"""Short runs under valgrind: no leak and no memory error of the program's own.

usage: test_leaks.py gfe_hpc

valgrind does not support AVX-512 and tells the program so, which then uses its kernels for AVX2.
Errors inside MPI and HDF5 are ignored: a record counts if the innermost function, other than those
that allocate or copy memory, is one of the program's.
"""

import os
import shutil
import sys
import tempfile
import xml.etree.ElementTree

import h5py
import numpy as np

from program import CIRCLE, IMAGES, Checks, arguments, run, write_input

ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign",
              "memory_allocate"}
COPIES = ("mem", "str", "vfprintf", "fprintf", "vsnprintf", "snprintf", "fwrite")
TINY = {"decoder.latent": 3, "decoder.layers": [{"dense": 9, "activation": "elu"}, {"dense": 784}],
        "data.train.count": 24, "data.test.count": 6, "training.batch": 8,
        "encoding.max_iterations": 4, "evaluation.max_iterations": 4}


def frames_of(stack):
    """(function, object file) from the innermost frame outwards."""
    return [(frame.findtext("fn", "?"), frame.findtext("obj", "")) for frame in
            stack.iter("frame")]


def is_ours(frames, program):
    """Whether the function that acted is in the program itself."""
    for function, file in frames:
        plain = function.lstrip("_").split("@")[0]
        if plain not in ALLOCATORS and not plain.startswith(COPIES):
            return file == program
    return False


def our_records(path, program):
    """The texts of valgrind's records that count."""
    found = []
    for error in xml.etree.ElementTree.parse(path).getroot().iter("error"):
        frames = frames_of(error.find("stack"))
        lost = error.findtext("kind").startswith("Leak_")
        if lost and error.findtext("kind") != "Leak_DefinitelyLost":
            continue
        if is_ours(frames, program):
            what = error.findtext("what") or error.findtext("xwhat/text")
            found.append(f"{what}: {' < '.join(function for function, _ in frames[:8])}")
    return found


def test_run(checks, valgrind, program, cwd, name, code, *values):
    """One run under valgrind."""
    write_input(os.path.join(cwd, name + ".yaml"), *values, {"run.directory": name})
    report = os.path.join(cwd, name + ".xml")
    result = run(valgrind, "--leak-check=full", "--error-exitcode=0", "--num-callers=40",
                 "--xml=yes", f"--xml-file={report}", program, name + ".yaml", cwd=cwd)
    if not checks(result.code == code, f"{name} should end with exit code {code}: {result}"):
        return
    records = our_records(report, program)
    checks(not records, f"{name}: {len(records)} records of ours\n  " + "\n  ".join(records))
    print(f"{name}: {len(records)} records of ours, {result.seconds:.0f} s", flush=True)


def write_missing(path):
    """A few images of 2 x 3 pixels with NaN and labels."""
    rng = np.random.default_rng(1)
    images = rng.random((12, 2, 3))
    images[::2, 0, 1] = np.nan
    np.save(path + ".npy", images)
    with h5py.File(path + ".h5", "w") as file:
        file.create_dataset("x", data=images, chunks=(5, 2, 2), compression="gzip")
        file["weights"], file["labels"] = np.ones(images.shape), np.arange(12)


def main():
    program, = arguments("gfe_hpc", 1)
    checks = Checks()
    valgrind = shutil.which("valgrind")
    if not checks(valgrind, "valgrind is needed: apt-get install valgrind"):
        return checks.finish()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        write_missing(os.path.join(cwd, "missing"))
        missing = {"run.directory": "run", "data.train.file": "missing.h5",
                   "data.train.dataset": "/x", "data.train.weights": "/weights",
                   "data.train.labels": "/labels", "data.missing": "nan",
                   "decoder.latent": 2, "decoder.layers": [{"dense": 6}], "decoder.loss": "mse"}
        test_run(checks, valgrind, program, cwd, "circle", 0, CIRCLE, {"training.epochs": 2})
        test_run(checks, valgrind, program, cwd, "images", 0, IMAGES, TINY)
        test_run(checks, valgrind, program, cwd, "missing", 0, missing)
        test_run(checks, valgrind, program, cwd, "coupled", 0, CIRCLE,
                 {"encoding.solver": "amd", "encoding.coupling": "batch",
                  "encoding.max_iterations": 4, "evaluation.max_iterations": 4})
        encode = {key: None for key in missing if key.startswith("data.train")}
        test_run(checks, valgrind, program, cwd, "encode", 0, missing, encode,
                 {"run.tasks": ["encode"], "data.encode.file": "missing.npy",
                  "decoder.file": "missing/results.h5", "decoder.latent": None,
                  "decoder.layers": None, "decoder.loss": None})
        test_run(checks, valgrind, program, cwd, "diverging", 4, CIRCLE,
                 {"training.optimiser": "sgd", "training.learning_rate": 1e6})
        test_run(checks, valgrind, program, cwd, "wrong_value", 2, CIRCLE,
                 {"training.batch": -1})
        test_run(checks, valgrind, program, cwd, "wrong_data", 2, missing,
                 {"data.train.dataset": "/y"})
        test_run(checks, valgrind, program, cwd, "wrong_decoder", 2, missing,
                 {"decoder.file": "missing.h5"})
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
