"""What the end-to-end tests share: writing an input, running the program, counting checks."""

import json
import os
import re
import signal
import subprocess
import sys
import time

SUPPORT = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(SUPPORT))
SMALL = os.path.join(ROOT, "inputs", "data", "fashion_mnist_small.h5")
FULL = "/usr/share/datasets/fashion-mnist"  # Debian's package dataset-fashion-mnist
# More ranks than processors, and not bound to them: otherwise one or two ranks of every mpirun
# would share the first processor with those of all others.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_hwloc_base_binding_policy="none",
                   PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe",  # Open MPI 5
                   PRTE_MCA_hwloc_default_binding_policy="none")
TIMED_OUT = -1  # exit code of a run that had to be stopped
HANGS = 900     # seconds, which no refusal of an input takes on any machine

# A small decoder on real images. The keys are those of the input file.
IMAGES = {
    "run.directory": "run",
    "data.train.file": SMALL,
    "data.train.dataset": "/train/images",
    "data.train.labels": "/train/labels",
    "data.train.count": 300,
    "data.test.file": SMALL,
    "data.test.dataset": "/test/images",
    "data.test.labels": "/test/labels",
    "data.test.count": 64,
    "data.scale": 255,
    "decoder.latent": 10,
    "decoder.layers": [{"dense": 64, "activation": "elu"}, {"dense": 784}],
    "decoder.loss": "bce",
    "evaluation.pod": False,
    "output.reconstructions": 8,
}

# The smallest run: points on a circle, described by one number.
CIRCLE = {
    "run.directory": "run",
    "data.train.generate": "circle",
    "data.train.count": 60,
    "data.test.generate": "circle",
    "data.test.first": 60,
    "data.test.count": 20,
    "decoder.latent": 1,
    "decoder.layers": [{"dense": 16, "activation": "silu"}, {"dense": 2}],
    "decoder.loss": "mse",
}

# Every kind of layer.
CONV = {"decoder.latent": 7, "decoder.layers": [
    {"dense": 784, "activation": "elu"}, {"reshape": [16, 7, 7]},
    {"conv_transpose": 16, "kernel": 4, "stride": 2, "padding": 1, "activation": "elu"},
    {"residual": [[{"conv": 5, "kernel": 3, "padding": 1, "padding_mode": "reflect",
                    "activation": "gelu"},
                   {"conv": 16, "kernel": 1}], []], "activation": "elu"},
    {"upsample": 2}, {"conv": 1, "kernel": 3, "padding": 1, "padding_mode": "periodic"}]}


# ---- counting ----

class Checks:
    """Counts checks; prints those that fail at once, and the sum at the end."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, condition, what):
        """One check: `what` says what should hold and what was found."""
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)
        return bool(condition)

    def finish(self):
        """Prints the closing line; returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def arguments(usage, count):
    """The command line's arguments as absolute paths; prints the usage if their number is wrong."""
    if len(sys.argv) != count + 1:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} {usage}")
    return [os.path.abspath(path) for path in sys.argv[1:]]


# ---- input files ----

def nested(values):
    """{"a.b": 1} -> {"a": {"b": 1}}; keys whose value is None are left out."""
    tree = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        if value is not None:
            place[name] = value
    return tree


def yaml_lines(tree, depth=0):
    """A nested dict as YAML, one key per line; the values as JSON, which is YAML too."""
    lines = []
    for key, value in tree.items():
        lines.append("  " * depth + f"{key}:")
        if isinstance(value, dict):
            lines += yaml_lines(value, depth + 1)
        else:
            lines[-1] += " " + json.dumps(value)
    return lines


def write_input(path, *values):
    """Writes an input file, in a new folder if necessary; later dicts replace keys of earlier ones.
    Returns the path."""
    merged = {}
    for more in values:
        merged.update(more)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(yaml_lines(nested(merged))) + "\n")
    return path


# ---- running ----

class Run:
    """A finished run: its exit code (or TIMED_OUT), what it printed, and its seconds."""

    def __init__(self, command, code, out, err, seconds):
        self.command, self.code, self.out, self.err = command, code, out, err
        self.seconds = seconds

    def __str__(self):
        return (f"{' '.join(self.command)}\nexit code {self.code} after {self.seconds:.1f} s\n"
                f"{self.out[-2000:]}{self.err[-2000:]}")


def exit_code(process, printed):
    """The exit code of a process that has ended. The launcher of Open MPI 4 itself sometimes
    crashes while it passes on the messages of MPI_Abort(), at times before it prints them; its
    ranks have then said why they abort the job, which they do with code 3 and no other."""
    crashed = process.returncode in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
    launcher = f":{process.pid:05d}] *** Process received signal ***" in printed
    return 3 if crashed and launcher and "gfe_hpc: error on rank" in printed else process.returncode


def is_not_started(printed):
    """Whether the launcher of Open MPI 5 found a directory that another one of the same process
    number left behind when it was killed, as some tests do. The next one has another number."""
    return "prte_init() failed" in printed and "session_dir" in printed


def run(program, *options, ranks=1, **how):
    """Runs the program, or a Python script, on `ranks` ranks, a single one without mpirun; `how` as
    for run_once()."""
    command = [program, *map(str, options)]
    if program.endswith(".py"):
        command.insert(0, sys.executable)
    elif ranks > 1:
        command = ["mpirun", "-n", str(ranks), *command]
    return run_command(command, **how)


def run_command(command, **how):
    """Runs a command, again if its launcher has not started; `how` as for run_once()."""
    for _ in range(3):
        result = run_once(command, **how)
        if not is_not_started(result.err):
            break
    return result


def run_once(command, cwd=None, timeout=None, environment=None, user=None):
    """Runs a command in the directory `cwd`, as another user if `user` is given and root calls.
    `timeout` seconds are for a run that may hang: no test depends on how long a run takes."""
    begun = time.monotonic()
    user = user if os.geteuid() == 0 else None
    process = subprocess.Popen(command, cwd=cwd, user=user,
                               env={**ENVIRONMENT, **(environment or {})},
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="replace")
    try:
        out, err = process.communicate(timeout=timeout)
        code = exit_code(process, err)
    except subprocess.TimeoutExpired:
        process.terminate()  # mpirun passes it on to its ranks
        try:
            out, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        code = TIMED_OUT
    return Run(command, code, out, err, time.monotonic() - begun)


def read_summary(directory):
    """summary.json of a run directory."""
    with open(os.path.join(directory, "summary.json"), encoding="utf-8") as file:
        return json.load(file)


def run_input(checks, program, cwd, name, *values, **how):
    """Writes `name`.yaml in `cwd`, runs it with the results in the folder `name` there, and checks
    that it succeeds. Returns the path of results.h5."""
    path = write_input(os.path.join(cwd, name + ".yaml"), *values, {"run.directory": name})
    result = run(program, os.path.basename(path), cwd=cwd, **how)
    checks(result.code == 0, f"{name} should end with exit code 0: {result}")
    return os.path.join(cwd, name, "results.h5")
