#!/usr/bin/env python3
"""What `meson install` copies to a prefix works there: the program on an installed example, the
Python commands, the manual page.

usage: test_install.py BUILD [more]   (a build directory that is up to date; more: the tutorial)
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from program import ENVIRONMENT, Checks

COMMANDS = ("collect", "compare", "latents", "plot", "results", "scaling")
SKIPPED = 77  # the exit code by which meson knows
TINY = ("data.train.count=40", "data.test.count=10", "training.epochs=1", "decoder.latent=3")
check = Checks()


def install(build, directory):
    """Installs into a new directory; returns the prefix there."""
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", directory],
                          capture_output=True, text=True, check=False)
    if not check(done.returncode == 0, f"meson install ends with 0: {done.stdout}{done.stderr}"):
        sys.exit(check.finish())
    program, = (os.path.join(place, "gfe_hpc") for place, _, files in os.walk(directory)
                if "gfe_hpc" in files)
    return os.path.dirname(os.path.dirname(program))


def files_below(directory):
    return sorted(os.path.join(place, name) for place, _, names in os.walk(directory)
                  for name in names)


def run(cwd, *command):
    # Of Python's paths only those that the installed files find by themselves.
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False,
                          env={**environment, "PYTHONDONTWRITEBYTECODE": "1"})


def test_example(prefix, cwd):
    """An example, with its data beside it, runs from any directory and writes nothing beside it."""
    share = os.path.join(prefix, "share", "gfe_hpc")
    before = files_below(prefix)
    done = run(cwd, os.path.join(prefix, "bin", "gfe_hpc"), *(f"--set={value}" for value in TINY),
               os.path.join(share, "inputs", "quickstart.yaml"))
    check(done.returncode == 0, f"the example ends with 0: {done.stdout}{done.stderr}")
    with h5py.File(os.path.join(cwd, "runs", "quickstart", "results.h5")) as file:
        check(file["test/z"].shape == (10, 3), f"latents of {file['test/z'].shape}")
    for name in ("one_node", "several_nodes", "job_array", "encode", "requeue"):
        check(os.path.isfile(os.path.join(share, "jobscripts", f"{name}.sh")), f"{name}.sh")
    check(os.path.isfile(os.path.join(prefix, "share", "doc", "gfe_hpc", "LICENSE")), "the licence")
    return before


def test_commands(prefix, cwd):
    """The commands find their package, and read what the program wrote."""
    for name in COMMANDS:
        check(os.access(os.path.join(prefix, "bin", f"gfe-{name}"), os.X_OK), f"gfe-{name}")
    for name, expected in (("results", "test"), ("compare", "| quickstart | test |")):
        done = run(cwd, sys.executable, os.path.join(prefix, "bin", f"gfe-{name}"),
                   os.path.join("runs", "quickstart" + "/results.h5" * (name == "results")))
        check(done.returncode == 0 and expected in done.stdout,
              f"gfe-{name} tells of the run: {done.stdout}{done.stderr}")


def test_manual(prefix, cwd):
    """The page has every parameter that --help SECTION lists, in the same order and with its
    default; groff reports no errors."""
    folder = os.path.join(prefix, "share", "man", "man1")
    page = os.path.join(folder, "gfe_hpc.1")
    with open(page, encoding="ascii") as file:
        text = file.read().replace("\\-", "-")
    found = re.findall(r"^\.TP\n\\fB([a-z_0-9]+\.[a-z_.0-9]+)\\fR\n.*\n(?:\.br\nDefault: \\&(.*))?",
                       text[:text.index(".SH FILES")], re.MULTILINE)
    listed = []
    for section in dict.fromkeys(name.rpartition(".")[0] for name, _ in found):
        shown = run(cwd, os.path.join(prefix, "bin", "gfe_hpc"), "--help", section).stdout
        own = re.findall(rf"^  ({section}\.\w+) ((?:.*\n)(?: {{10}}.*\n)*)", shown, re.MULTILINE)
        listed += [(name, " ".join(text.split())) for name, text in own]
    check(len(listed) > 100, f"{len(listed)} parameters")
    check([name for name, _ in found] == [name for name, _ in listed], "the page lists them all")
    for (name, value), (_, text) in zip(found, listed):
        told = re.search(r"; default ([^;]*)\)$", text)
        check((told[1] if told else "") == value, f"{name}: default {value}, --help says {text}")
    with open(os.path.join(folder, "gfe_hpc_double.1"), encoding="ascii") as file:
        check(file.read().startswith(".TH"), "gfe_hpc_double has the same page")
    if shutil.which("groff"):
        done = run(cwd, "groff", "-man", "-Tutf8", "-ww", page)
        check(done.returncode == 0 and done.stderr == "", f"groff complains: {done.stderr}")
        plain = re.sub(".\b|\x1b\\[[0-9;]*m", "", done.stdout)  # bold is overstruck, or a colour
        check(all(name in plain for name, _ in listed), "groff shows every parameter")


def test_tutorial(prefix, cwd):
    """The tutorial runs as installed. Its errors of POD are those of NumPy's singular vectors, and
    those of the decoder, which begins there, are lower."""
    script = os.path.join(prefix, "share", "gfe_hpc", "inputs", "physics", "tutorial.py")
    path = os.path.join(prefix, "bin") + ":" + os.environ["PATH"]
    done = run(cwd, "env", f"PATH={path}", sys.executable, script)
    if not check(done.returncode == 0, f"the tutorial ends with 0: {done.stdout}{done.stderr}"):
        return
    with h5py.File(os.path.join(cwd, "runs", "tutorial", "burgers.h5")) as file:
        states = file["velocity"][:, 4::4].astype(float)
    train, test = (part.reshape(-1, states.shape[-1]) for part in np.split(states, [240]))
    centred = test - train.mean(axis=0)
    modes = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)[2]
    rows = re.findall(r"^\| (\d) \| ([\d.]+)% \| ([\d.]+)% \|$", done.stdout, re.MULTILINE)
    check([row[0] for row in rows] == ["2", "4", "8"], f"rows of the table: {rows}")
    for numbers, pod, gfe in rows:
        kept = modes[:int(numbers)]
        error = np.linalg.norm(centred - centred @ kept.T @ kept) / np.linalg.norm(test)
        check(abs(float(pod) - 100 * error) < 0.1, f"{numbers} numbers: POD {pod}%, {error:.2%}")
        check(float(gfe) < float(pod), f"{numbers} numbers: {gfe}% after POD's {pod}%")
    for name in ("errors", "loss", "reconstructions", "latents_time"):
        check(os.path.isfile(os.path.join(cwd, "runs", "tutorial", f"{name}.png")), f"{name}.png")


def main():
    if not shutil.which("meson"):
        print("skipped: there is no meson to install with")
        return SKIPPED
    with tempfile.TemporaryDirectory() as scratch:
        prefix = install(sys.argv[1], os.path.join(scratch, "root"))
        cwd = os.path.join(scratch, "elsewhere")
        os.mkdir(cwd)
        before = test_example(prefix, cwd)
        test_commands(prefix, cwd)
        test_manual(prefix, cwd)
        if "more" in sys.argv[2:]:
            test_tutorial(prefix, cwd)
        check(files_below(prefix) == before, "what is installed is left as it was")
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
