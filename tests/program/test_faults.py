#!/usr/bin/env python3
"""A fault campaign: whatever happens to a run, the same command ends with the bits of an
undisturbed one or with a clear refusal, and no file of the user's changes.

usage: test_faults.py gfe_hpc [--faults N] [--minutes M] [--seed S] [--story K]

Each story is a separate run directory and a few faults, one after the other: random kills of one
rank, of mpirun or of all at once; bursts of signals; a second start in the same directory; disks
that are full or read-only, return EIO or write only a part, on all ranks or on one
(support/faults.c); flipped bytes, truncated and missing files; a clock that jumps; limits of the
shell. The number of ranks changes from start to start. Then the command is run undisturbed. By
default a few stories, the same ones each time; with --minutes 60 as many as fit, with at least
--faults faults. --story repeats one that failed.
"""
import argparse
import collections
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from program import ENVIRONMENT, IMAGES, SUPPORT, Checks, run, write_input
from test_job import COMPARE, ranks_of

HANGS = 300  # seconds of a run that takes one or two
VALUES = {**IMAGES, "run.tasks": ["train", "evaluate", "encode"], "run.directory": "run",
          "data.train.file": "data.h5", "data.test.file": "data.h5", "data.encode.file": "data.h5",
          "data.train.count": 120, "data.test.count": 40, "data.encode.dataset": "/test/images",
          "data.encode.first": 40, "data.encode.count": 60, "training.epochs": 3,
          "checkpoint.steps": 2, "encoding.max_iterations": 8, "evaluation.max_iterations": 20}
CRASHES = [code for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE)
           for code in (-number, 128 + number)]
STARTS = 12  # that a story may need: a leg that was told to stop is followed by another


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Story:
    """A run directory, what happens to it, and what is expected in the end."""

    def __init__(self, checks, program, folder, layer, rng, takes):
        self.checks, self.program, self.folder = checks, program, folder
        self.layer, self.rng, self.name = layer, rng, os.path.basename(folder)
        self.takes = takes  # seconds of an undisturbed run here, within which a fault may come
        self.directory = os.path.join(folder, "run")
        self.told = []  # what happened, a line each
        self.spoilt = False  # a file of the run was damaged: a refusal may be right
        self.restore = None  # the data as they were, if they were changed

    # ---- starting ----

    def start(self, ranks, environment=None, limits=()):
        def limit():
            os.setpgrp()
            for what, value in limits:
                resource.setrlimit(what, (value, value))

        command = [self.program, "input.yaml"]
        if ranks > 1:
            names = [name for name in environment or () if name != "LD_PRELOAD"]
            exported = [word for name in names for word in ("-x", name)]
            if environment and "LD_PRELOAD" in environment:  # of the ranks, not of mpirun
                command = ["env", "LD_PRELOAD=" + environment["LD_PRELOAD"], *command]
                environment = {name: environment[name] for name in names}
            command = ["mpirun", "-n", str(ranks), *exported, *command]
        return subprocess.Popen(command, cwd=self.folder, env={**ENVIRONMENT, **(environment or {})},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="replace",
                                preexec_fn=limit)

    def end(self, process, what):
        """Waits for a disturbed start, which must neither hang nor crash."""
        try:
            out, _ = process.communicate(timeout=HANGS)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            for rank in ranks_of(process):
                os.kill(rank, signal.SIGKILL)
            out, _ = process.communicate()
            code = None
        self.told.append(f"{what}: exit code {code}: {out[-600:].strip()}")
        self.checks(code is not None, f"{self.name}: {what}: hangs")
        # Open MPI's launcher may crash on a signal that arrives while it starts; this is ignored.
        self.checks(code not in CRASHES or "mpirun(" in out,
                    f"{self.name}: {what}: crashes with exit code {code}")

    # ---- faults ----

    def wait(self, process):
        """A random moment of a run."""
        end = time.monotonic() + self.rng.uniform(0, self.takes)
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.002)

    def kill(self, ranks):
        process = self.start(ranks)
        self.wait(process)
        victims = ranks_of(process) if ranks > 1 else [process.pid]
        orphans = list(victims)
        whom = self.rng.choice(["a rank", "mpirun", "all"])
        if whom == "a rank":
            victims = self.rng.sample(victims, min(1, len(victims)))
        elif whom == "mpirun":
            victims = [process.pid]
        else:
            victims.append(process.pid)
        for victim in victims:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.end(process, f"{whom} of {ranks} killed")
        while any(os.path.exists(f"/proc/{number}/fd/0") for number in orphans):
            time.sleep(0.01)  # they hold the run directory until they notice that mpirun is gone

    def signals(self, ranks):
        process = self.start(ranks)
        self.wait(process)
        names = [self.rng.choice([signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
                 for _ in range(self.rng.randint(1, 12))]
        for number in names:
            targets = [process.pid] if ranks == 1 else ranks_of(process)
            for target in self.rng.sample(targets, self.rng.randint(0, len(targets))):
                try:
                    os.kill(target, number)
                except ProcessLookupError:
                    pass
            time.sleep(self.rng.choice([0, 0.001, 0.05]))
        self.end(process, f"{len(names)} signals to {ranks} ranks")

    def second(self, ranks):
        first = self.start(ranks)
        self.wait(first)
        other = self.start(self.rng.randint(1, 3))
        self.end(other, "a second start")
        self.end(first, "the first, meanwhile")

    def disk(self, ranks):
        kind = self.rng.choice(["read", "write", "full", "quota", "short", "sync", "readonly",
                                "opening"])
        environment = {"LD_PRELOAD": self.layer, "GFE_FAULTS": kind, "GFE_FAULTS_HASTE": "20",
                       "GFE_FAULTS_UNDER": os.path.realpath(self.directory),
                       "GFE_FAULTS_AFTER": str(int(2 ** self.rng.uniform(0, 9)) - 1)}
        if kind in ("read", "short") or self.rng.random() < 0.3:
            environment["GFE_FAULTS_ONCE"] = "1"
        if self.rng.random() < 0.4:
            environment["GFE_FAULTS_RANK"] = str(self.rng.randrange(ranks))
        process = self.start(ranks, environment)
        where = environment.get("GFE_FAULTS_RANK", "all")
        self.end(process, f"{kind} fails after {environment['GFE_FAULTS_AFTER']} calls on {where} "
                          f"of {ranks}")

    def clock(self, ranks):
        by = self.rng.choice([-86400, -3600, -301, 301, 7200, 10**6, -10**9])
        environment = {"LD_PRELOAD": self.layer, "GFE_FAULTS": "clock", "GFE_FAULTS_BY": str(by),
                       "GFE_FAULTS_AFTER": str(self.rng.randint(0, 200))}
        process = self.start(ranks, environment)
        if self.rng.random() < 0.5:
            self.wait(process)
            process.kill()
        self.end(process, f"the clock jumps by {by} s on {ranks}")

    def limits(self, ranks):
        what, value = self.rng.choice([
            (resource.RLIMIT_FSIZE, 1 << self.rng.randint(10, 22)),
            (resource.RLIMIT_NOFILE, self.rng.randint(8, 60)),
            (resource.RLIMIT_AS, self.rng.randint(40, 700) << 20),
            (resource.RLIMIT_CPU, 1)])
        process = self.start(1, limits=[(what, value)])  # mpirun has needs of its own
        self.end(process, f"limit {what} is {value} on {ranks}")

    def spoil(self, _ranks):
        """Changes a file between two starts."""
        present = [name for name in sorted(os.listdir(self.directory))] if os.path.isdir(
            self.directory) else []
        names = [name for name in present if os.path.isfile(os.path.join(self.directory, name))]
        if not names:
            return
        path = os.path.join(self.directory, self.rng.choice(names))
        data = bytearray(content(path))
        how = self.rng.choice(["flip", "flip", "flip", "cut", "gone", "empty"])
        if how == "gone":
            os.remove(path)
        else:
            if how == "flip" and data:
                for _ in range(self.rng.choice([1, 1, 20])):
                    data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
            elif how == "cut" and data:
                del data[self.rng.randrange(len(data)):]
            elif how == "empty":
                data = bytearray()
            with open(path, "wb") as file:
                file.write(data)
        self.spoilt = True
        self.told.append(f"{how}: {os.path.basename(path)}")

    def spoil_data(self, ranks):
        """A start in which one sample of the data has changed; afterwards they are as before."""
        path = os.path.join(self.folder, "data.h5")
        good = content(path)
        data = bytearray(good)
        for _ in range(self.rng.choice([1, 200])):
            data[self.rng.randrange(4096, len(data))] ^= 1 << self.rng.randrange(8)
        with open(path, "wb") as file:
            file.write(data)
        process = self.start(ranks)
        if self.rng.random() < 0.5:
            self.wait(process)
            process.terminate()
        self.end(process, f"other data on {ranks}")
        with open(path, "wb") as file:
            file.write(good)
        self.spoilt = True  # a run of the other data may be refused to be gone on with

    def happen(self):
        fault = self.rng.choice([Story.kill, Story.kill, Story.kill, Story.signals, Story.second,
                                 Story.disk, Story.disk, Story.disk, Story.clock, Story.limits,
                                 Story.spoil, Story.spoil_data])
        fault(self, self.rng.randint(1, 4))
        return fault.__name__


def hashes(folder):
    return {name: hashlib.sha256(content(os.path.join(folder, name))).hexdigest()
            for name in ("data.h5", "input.yaml")}


def prepare(folder):
    """The user's files: an input and a small file of data."""
    import h5py

    write_input(os.path.join(folder, "input.yaml"), VALUES)
    with h5py.File(IMAGES["data.train.file"], "r") as given:
        with h5py.File(os.path.join(folder, "data.h5"), "w") as file:
            for path in ("/train/images", "/train/labels", "/test/images", "/test/labels"):
                file[path] = given[path][:120]


def conclude(checks, story, reference, number):
    """Repeats the command, undisturbed, until it is done or refuses. Whether it was done."""
    what = f"story {number}"
    for _ in range(STARTS):
        ranks = story.rng.randint(1, 4)
        result = run(story.program, "input.yaml", ranks=ranks, cwd=story.folder, timeout=HANGS)
        story.told.append(f"undisturbed on {ranks}: {result.code}: {(result.out + result.err)[-600:]}")
        if result.code != 75:
            break
    refused = result.code in (2, 3) and "gfe_hpc:" in result.err
    if refused and checks(story.spoilt, f"{what}: refused, but nothing was damaged"):
        if "results.h5 that was not written by this program" in result.err:  # so it is damaged
            os.remove(os.path.join(story.directory, "results.h5"))
        result = run(story.program, "--set", "run.restart=never", "input.yaml", cwd=story.folder,
                     timeout=HANGS)
        story.told.append(f"anew: {result.code}: {(result.out + result.err)[-600:]}")
    if checks(result.code == 0, f"{what}: should be done in the end"):
        found = os.path.join(story.directory, "results.h5")
        compared = run(COMPARE, reference, found)
        checks(compared.code == 0, f"{what}: other bits: {compared.out[-1000:]}")
    return not refused


def build_layer(folder):
    layer = os.path.join(folder, "faults.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", layer,
                    os.path.join(SUPPORT, "faults.c"), "-ldl"], check=True)
    return layer


def tell(checks, program, cwd, layer, reference, takes, seed, number, happened):
    """Runs one story and adds up how often each fault happened. Whether all was as it should be."""
    rng = random.Random(f"{seed} {number}")
    folder = os.path.join(cwd, f"story_{number}")
    os.makedirs(folder)
    prepare(folder)
    story = Story(checks, program, folder, layer, rng, takes)
    before, failed = hashes(folder), checks.failed
    for _ in range(rng.randint(1, 4)):
        happened[story.happen()] += 1
    done = conclude(checks, story, reference, number)
    happened["refused"] += not done
    checks(hashes(folder) == before, f"story {number}: a file of the user's has changed")
    if checks.failed > failed:
        print("\n  ".join([f"story {number} of seed {seed}:", *story.told]), flush=True)
    else:
        shutil.rmtree(folder)
    return checks.failed == failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("--faults", type=int, default=12, help="at least so many")
    parser.add_argument("--minutes", type=float, default=0, help="and for so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--story", type=int, help="this one alone")
    options = parser.parse_args()
    checks, happened, begun = Checks(), collections.Counter(), time.monotonic()
    with tempfile.TemporaryDirectory() as cwd:
        layer = build_layer(cwd)
        folder = os.path.join(cwd, "reference")
        os.makedirs(folder)
        prepare(folder)
        result = run(options.program, "input.yaml", ranks=2, cwd=folder)
        takes = time.monotonic() - begun
        checks(result.code == 0, f"undisturbed: {result}")
        reference = os.path.join(folder, "run", "results.h5")
        number = options.story if options.story is not None else 0
        while True:
            tell(checks, options.program, cwd, layer, reference, takes, options.seed, number,
                 happened)
            faults = sum(happened.values()) - happened["refused"]
            number += 1
            if options.story is not None or (faults >= options.faults and
                                             time.monotonic() - begun >= 60 * options.minutes):
                break
    print(f"{faults} faults in {number} stories:",
          ", ".join(f"{what} {count}" for what, count in sorted(happened.items())), flush=True)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
