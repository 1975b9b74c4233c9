"""What the benchmarks share: paths, runs of gfe_hpc, PyTorch's scripts, rows of the table.
Everything is written to runs/bench. run.sh beside this file sets the path of the modules.
"""

import gzip
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time

import h5py
import numpy as np

import paper
from program import FULL, read_summary, write_input

QUICK = bool(os.environ.get("QUICK"))  # to see that everything runs: the figures mean nothing
BASE = os.environ.get("BASE")          # gfe_hpc of a revision to compare with
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RUNS = os.path.join(ROOT, "runs", "bench")
BUILD = os.environ.get("GFE_BUILD", os.path.join(ROOT, "build"))
PROGRAM = os.path.join(BUILD, "gfe_hpc")
IMAGES = os.path.join(RUNS, "fashion_mnist.h5")  # the same in HDF5
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMP_NUM_THREADS="1",
                   OPENBLAS_NUM_THREADS="1")
# PyTorch allocates every result afresh: by default glibc returns such memory each time, and a third
# of the time goes into page faults.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
               "MALLOC_TOP_PAD_": str(1 << 26)}

# The paper's experiment: training alone, from these images; tests on the first of them.
FASHION = {
    **paper.SETTINGS,
    "run.tasks": ["train"],
    "run.restart": "never",
    "data.train.file": IMAGES,
    "data.train.dataset": "/train/images",
    "evaluation.train": False,
    "output.reconstructions": 0,
    "checkpoint.minutes": 0,
}
TEST = {"data.test.file": IMAGES, "data.test.dataset": "/test/images",
        "data.test.count": paper.TEST_COUNT}
ENCODE = {key: None for key in FASHION if key.startswith(("data.train", "decoder", "training"))}


def median(values):
    return statistics.median(values)


def rounds(count):
    """How often something is measured."""
    return range(1 if QUICK else count)


def holds(value, bound):
    """Whether a value satisfies a bound "≥ 1" or "≤ 1"."""
    sign, limit = bound.split()
    return value >= float(limit) if sign == "≥" else value <= float(limit)


def row(what, value, must="", aim="", form=".2f"):
    """Prints a row of the table, with the instruction set if run.sh has chosen one."""
    isa = ENVIRONMENT.get("GFE_ISA")
    met = next((name for name, bound in (("aim", aim), ("must", must))
                if bound and holds(value, bound)), "no" if must else "")
    print(f"| {what}{f', {isa}' if isa else ''} | {value:{form}} | {must} | {aim} | {met} |",
          flush=True)


def note(what, text):
    """Prints a row without a target, with words for a figure: why there is none, for example."""
    print(f"| {what} | {text} | | | |", flush=True)


class Finished:
    """A process that has succeeded: its output, its wall-clock and CPU seconds."""

    def __init__(self, command, **environment):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        result = subprocess.run(command, cwd=ROOT, env={**ENVIRONMENT, **environment},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        self.wall = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.out = result.stdout
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}\nended with exit code {result.returncode}\n"
                     f"{result.stdout}{result.stderr}")


class Run(Finished):
    """A new finished run of gfe_hpc in the directory runs/bench/NAME, on one core if requested."""

    def __init__(self, name, *values, ranks=1, program=PROGRAM, core=None):
        self.directory = os.path.join(RUNS, name)
        self.input = write_input(os.path.join(RUNS, name + ".yaml"), *values,
                                 {"run.directory": self.directory})
        launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
        if core is not None:
            launcher = ["taskset", "-c", str(core)]
        super().__init__([*launcher, program, self.input])
        self.results = os.path.join(self.directory, "results.h5")
        self.summary = read_summary(self.directory)

    def phase(self, name):
        """Seconds that the slowest rank has spent in a phase."""
        return float(re.search(rf"^ {name} +\S+ +\S+ +(\S+) ", self.out, re.M).group(1))


def pytorch(script, *arguments):
    """Runs a script of this directory; returns the last line of its output as a dict."""
    done = Finished([sys.executable, os.path.join(HERE, script), *map(str, arguments)],
                    **KEEP_MEMORY)
    return done, json.loads(done.out.splitlines()[-1])


def c_rows(program, *arguments):
    """{what: figure} of a program of this directory that prints rows `| what | figure |`."""
    out = Finished([os.path.join(BUILD, "tests", "bench", program), *map(str, arguments)]).out
    return {what: float(figure)
            for what, figure in re.findall(r"^\| (.*?) \| (.*?) \|$", out, re.M)}


def make_images():
    """Fashion-MNIST as an HDF5 file, /train/images and /test/images, unless it exists already."""
    if os.path.exists(IMAGES):
        return
    os.makedirs(RUNS, exist_ok=True)
    with h5py.File(IMAGES + ".new", "w") as file:
        for name, idx in (("train", "train"), ("test", "t10k")):
            with gzip.open(f"{FULL}/{idx}-images-idx3-ubyte.gz") as source:
                pixels = np.frombuffer(source.read(), np.uint8, offset=16)
            file[f"{name}/images"] = pixels.reshape(-1, 28, 28)
    os.rename(IMAGES + ".new", IMAGES)


def trained_decoder(loss="bce"):
    """results.h5 of a decoder trained on 6,000 images, by Adam 1e-3, with a predictor; made if it
    does not exist."""
    name = f"decoder_{loss}"
    path = os.path.join(RUNS, name, "results.h5")
    if os.path.exists(path):
        return path
    make_images()
    return Run(name, FASHION, {"data.train.count": 6000, "decoder.loss": loss,
                               "training.learning_rate": 1e-3,
                               "evaluation.start": "predictor"}).results


def test_loss(name, decoder):
    """Loss of the first 256 test images, encoded by gfe_hpc with the decoder of a file."""
    return Run(name, FASHION, ENCODE, TEST, {"run.tasks": ["evaluate"], "decoder.file": decoder}
               ).summary["test_loss"]


def first_step_seconds(path, ranks=1):
    """Seconds from the command until training begins its first step: until history.csv has the line
    of that step, minus the time it took. The run is then ended."""
    with open(path, encoding="utf-8") as file:
        directory = re.search(r'directory: "(.*)"', file.read()).group(1)
    history = os.path.join(directory, "history.csv")
    if os.path.exists(history):
        os.remove(history)
    launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
    begun = time.perf_counter()
    process = subprocess.Popen([*launcher, PROGRAM, path], cwd=ROOT, env=ENVIRONMENT,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    lines = []
    while len(lines) < 2 or not lines[1].endswith("\n"):
        if process.poll() is not None:
            sys.exit(f"the run of {path} has ended without a step")
        time.sleep(0.002)
        if os.path.exists(history):
            with open(history, encoding="ascii") as file:
                lines = file.readlines()
    seconds = time.perf_counter() - begun
    process.terminate()
    process.wait()
    return seconds - float(lines[1].rsplit(",", 1)[1])
