#!/usr/bin/env python3
"""Inputs and data in forms that other programs write, read on 1 and 3 ranks.

usage: test_forms.py gfe_hpc
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

from program import ENVIRONMENT, HANGS, Checks, arguments, run, write_input

X = np.random.default_rng(1).uniform(0, 9, (10, 6)).astype("f4")
SMALL = {
    "run.tasks": ["train"],
    "data.train.file": "data.h5",
    "data.train.dataset": "/x",
    "decoder.latent": 2,
    "decoder.layers": [{"dense": 6}],
    "decoder.loss": "mse",
    "encoding.max_iterations": 3,
    "evaluation.max_iterations": 3,
    "training.epochs": 1,
    "output.reconstructions": 1000,
}
NPY = {"data.train.file": "data.npy", "data.train.dataset": None}


def read_back(directory):
    """The samples as read by the run."""
    with h5py.File(os.path.join(directory, "results.h5")) as file:
        target = file["train/target"][:]
    return target.reshape(len(target), -1)


def expect(checks, program, cwd, what, *values, right=X, path=None, environment=None):
    """A run of this input, on 1 and 3 ranks, succeeds and has read the samples `right`; `path`: an
    existing input file instead, with the run directory "run"."""
    for ranks in (1, 3):
        directory = f"run_{ranks}"
        name = path or os.path.basename(
            write_input(os.path.join(cwd, "input.yaml"), SMALL, *values))
        result = run(program, "--set", f"run.directory={directory}", "--set", "run.restart=never",
                     name, ranks=ranks, cwd=cwd, environment=environment)
        if checks(result.code == 0, f"{what} on {ranks} ranks: {result}"):
            seen = read_back(os.path.join(cwd, directory))
            checks(np.array_equal(seen, np.asarray(right, seen.dtype)),
                   f"{what} on {ranks} ranks: {seen} in place of {right}")


# ---- the input file ----

def test_encodings(checks, program, cwd):
    """A file as saved by Windows' Notepad, PowerShell and Word."""
    path = write_input(os.path.join(cwd, "plain.yaml"), SMALL)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    forms = {"mark": text.encode("utf-8-sig"),
             "mark and CRLF": text.replace("\n", "\r\n").encode("utf-8-sig"),
             "UTF-16": text.encode("utf-16")}
    for what, content in forms.items():
        with open(os.path.join(cwd, "form.yaml"), "wb") as file:
            file.write(content)
        expect(checks, program, cwd, what, path="form.yaml")


def test_pipes(checks, program, cwd):
    """An input that can be read only once, a sweep, and a pipe into which nothing is written."""
    write_input(os.path.join(cwd, "input.yaml"), SMALL)
    options = "--set run.restart=never --set run.directory="
    for shell, directory in ((f"cat input.yaml | {program} {options}piped_1 /dev/stdin", "piped_1"),
                             (f"cat input.yaml | mpirun -n 3 {program} {options}piped_3 /dev/stdin",
                              "piped_3"),
                             (f"{program} {options}named <(cat input.yaml)", "named")):
        result = run("bash", "-c", shell, cwd=cwd)
        if checks(result.code == 0, f"{shell}: {result}"):
            checks(np.array_equal(read_back(os.path.join(cwd, directory)), X), f"{shell}: the data")
    hashes = []
    for seeds in ([1, 2], [3, 4]):
        write_input(os.path.join(cwd, "sweep.yaml"), SMALL, {"sweep.grid": {"run.seed": seeds}})
        shell = f"{program} {options}swept_{len(hashes)} --task 0 <(cat sweep.yaml)"
        result = run("bash", "-c", shell, cwd=cwd)
        checks(result.code == 0, f"{shell}: {result}")
        with open(os.path.join(cwd, f"swept_{len(hashes)}", "sweep.json"), encoding="utf-8") as file:
            hashes.append(json.load(file)["input_hash"])
    checks(hashes[0] != hashes[1], "another sweep should have another hash")

    os.mkfifo(os.path.join(cwd, "pipe.yaml"))
    with subprocess.Popen([program, "pipe.yaml"], cwd=cwd, env=ENVIRONMENT, text=True,
                          stderr=subprocess.PIPE) as process:
        files = f"/proc/{process.pid}/fd"
        while not any(os.path.realpath(os.path.join(files, name)).endswith("pipe.yaml")
                      for name in os.listdir(files)):
            time.sleep(0.02)
        process.terminate()
        said = process.communicate()[1]
    checks(process.returncode == 2 and "pipe.yaml: cannot be read: Interrupted" in said,
           f"a pipe without a writer: exit code {process.returncode}: {said}")


def test_paths(checks, program, cwd):
    """~ and variables, in files and in the run directory, which may be long, too: Open MPI reserves
    256 bytes for the path of a file."""
    home = os.path.join(cwd, "home")
    os.mkdir(home)
    os.symlink("../data.h5", os.path.join(home, "linked.h5"))
    environment = {"HOME": home, "SCRATCH": os.path.join(home, "scratch"), "N": "linked"}
    for file in ("~/linked.h5", "$HOME/linked.h5", "${HOME}/${N}.h5"):
        expect(checks, program, cwd, file, {"data.train.file": file}, environment=environment)
    for ranks, directory in ((1, "$SCRATCH/a"), (3, "${SCRATCH}/b"), (1, "~/c")):
        path = write_input(os.path.join(cwd, "input.yaml"), SMALL, {"run.directory": directory})
        result = run(program, path, ranks=ranks, cwd=cwd, environment=environment)
        place = os.path.join(home, "" if directory[0] == "~" else "scratch", directory[-1])
        checks(result.code == 0 and os.path.exists(os.path.join(place, "results.h5")),
               f"results should be in {place}: {result}")
        checks(not [name for name in os.listdir(cwd) if name[0] in "~$"],
               f"{directory} is taken as it stands: {os.listdir(cwd)}")
    for ranks, letter in ((1, "l"), (3, "m")):
        directory = "/".join([letter * 200] * 5)
        path = write_input(os.path.join(cwd, "input.yaml"), SMALL, {"run.directory": directory})
        result = run(program, path, ranks=ranks, cwd=cwd)
        checks(result.code == 0 and os.path.exists(os.path.join(cwd, directory, "results.h5")),
               f"a path of {len(directory)} bytes on {ranks} ranks: {result}")


# ---- data ----

def test_npy(checks, program, cwd):
    """Arrays of float16; a header with double quotes, as programs other than NumPy write it."""
    half = X.astype("f2")
    half[0, :3] = 2**-24, 65504, -0.0
    path = os.path.join(cwd, "data.npy")
    for kind in ("<f2", ">f2"):
        np.save(path, half.astype(kind))
        expect(checks, program, cwd, kind, NPY, right=half)
    header = b'{"descr": "<f4", "fortran_order": False, "shape": (10, 6), }\n'
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + X.tobytes())
    expect(checks, program, cwd, "double quotes", NPY)


def test_booleans(checks, program, cwd):
    """h5py's are an enumeration, those of PyTables a bit field."""
    bits = (X > 4).astype("u1")
    with h5py.File(os.path.join(cwd, "data.h5"), "w") as file:
        file["enum"] = bits.astype(bool)
        space = h5py.h5s.create_simple(bits.shape)
        field = h5py.h5d.create(file.id, b"field", h5py.h5t.STD_B8LE, space)
        field.write(h5py.h5s.ALL, h5py.h5s.ALL, bits, mtype=h5py.h5t.STD_B8LE)
        file["labels"] = np.arange(10, dtype="u8") + 2**62
    for name in ("enum", "field"):
        expect(checks, program, cwd, f"booleans, {name}",
               {"data.train.dataset": name, "data.train.labels": "labels"}, right=bits)
    with h5py.File(os.path.join(cwd, "run_3/results.h5")) as file:
        found = [file["train"][name][:] for name in ("label", "labels") if name in file["train"]]
    checks(found and np.array_equal(found[0], np.arange(10) + 2**62), f"labels: {found}")


# ---- the machine ----

def test_little_memory(checks, program, cwd):
    """With a limit of the address space (Grid Engine's h_vmem) a run ends well, or says what is
    missing; it does not wait for memory."""
    path = write_input(os.path.join(cwd, "input.yaml"), SMALL, {"run.restart": "never"})
    def limited(mebibytes, ranks, *options):
        return run("/bin/sh", "-c", f'ulimit -v {mebibytes << 10}; exec "$0" "$@"', program,
                   *options, ranks=ranks, cwd=cwd, timeout=HANGS)

    if limited(600, 1, "--version").code != 0:
        return  # a sanitizer, which takes terabytes
    for mebibytes in (120, 200, 255, 400):
        for ranks in (1, 3):
            result = limited(mebibytes, ranks, path)
            what = f"{mebibytes} MiB of address space on {ranks} ranks: {result}"
            if mebibytes < 256:
                checks(result.code == 3 and "too little memory" in result.err, what)
            else:
                checks(result.code == 0, what)


def test_full_disk(checks, program, cwd):
    """A disk that becomes full, sooner or later: the message says so, and no unfinished file is
    left. Needs root, to mount a small disk."""
    os.mkdir(os.path.join(cwd, "disk"))
    path = write_input(os.path.join(cwd, "input.yaml"), SMALL, {"run.directory": "disk/run"})
    for kibibytes in (8, 16, 32, 48, 64, 80, 96, 128):
        for ranks in (1, 3) if kibibytes in (16, 64) else (1,):
            mount = (f"mount -t tmpfs -o size={kibibytes}k tmpfs disk || exit 99; "
                     f"{'mpirun -n 3 ' if ranks > 1 else ''}\"$0\" \"$1\"; code=$?; "
                     "find disk/run -name '*.partial' -o -size 0 -type f; exit $code")
            result = run("/usr/bin/unshare", "-m", "/bin/sh", "-c", mount, program, path, cwd=cwd)
            if os.geteuid() != 0 or result.code in (1, 99):
                print("no small disk: skipped")
                return
            what = f"{kibibytes} KiB on {ranks} ranks"
            checks(result.code == 0 or (result.code == 3 and "No space left" in result.err),
                   f"{what} should be called full: {result}")
            left = [line for line in result.out.splitlines() if line.startswith("disk/run/")]
            checks(not left, f"{what}: {left} are left")


def main():
    program, = arguments("gfe_hpc", 1)
    checks = Checks()
    for test in (test_encodings, test_pipes, test_paths, test_npy, test_booleans,
                 test_little_memory, test_full_disk):
        with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
            with h5py.File(os.path.join(cwd, "data.h5"), "w") as file:
                file["x"] = X
            test(checks, program, cwd)
        print(test.__name__, "done", flush=True)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
