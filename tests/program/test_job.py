#!/usr/bin/env python3
"""Stops, kills, full disks, damaged files: the same command continues, to the same bits.

usage: test_job.py gfe_hpc [kills [damages]]

`kills` (default 6) runs are killed at random moments, half of them inside a checkpoint; `damages`
(default 16) checkpoints are damaged, in every way at least once. The full-disk tests mount a small
tmpfs and need root.
"""
import glob
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

from program import (CIRCLE, ENVIRONMENT, IMAGES, SMALL, SUPPORT, Checks, read_summary, run,
                     run_input, write_input)
from test_ranks import compare

COMPARE = os.path.join(SUPPORT, "compare_results.py")

# A second or two of training on one core, a checkpoint at every fifth step.
TRAINING = {"training.epochs": 3, "training.batch": 20, "encoding.max_iterations": 10,
            "evaluation.max_iterations": 30, "checkpoint.steps": 5,
            "decoder.layers": [{"dense": 128, "activation": "elu"}, {"dense": 784}]}
STEPS = 3 * 300 // 20
# Longer than any test waits, so that it is stopped on any machine; and the work left after that.
ENDLESS = {"training.epochs": 10**6}
EPOCHS_LEFT = 2
SMALL_TRAINING = {"training.epochs": 4, "checkpoint.steps": 2, "training.batch": 20}


def start(program, path, ranks, *options):
    """Starts a run beside its input file, without waiting for it."""
    command = ["mpirun", "-n", str(ranks), program, *options, os.path.basename(path)]
    return subprocess.Popen(command, cwd=os.path.dirname(path),
                            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")


def ranks_of(process):
    """Process numbers of the ranks that an mpirun has started."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                name, rest = re.match(r"\d+ \((.*)\) (.*)", file.read()).groups()
        except (OSError, AttributeError):
            continue
        if name.startswith("gfe_hpc") and int(rest.split()[1]) == process.pid:
            found.append(int(entry))
    return found


def wait_for(condition, process, pause=0.02):
    """Waits until the condition holds or the process has ended; returns whether it holds."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(pause)
    return False


def steps_told(directory):
    """The number of updates of the decoder in history.csv."""
    try:
        with open(os.path.join(directory, "history.csv"), encoding="utf-8") as file:
            return max(len(file.readlines()) - 1, 0)
    except FileNotFoundError:
        return 0


def encoded(directory):
    """The number of samples, of all sets, whose encoding is in the last checkpoint."""
    try:
        with h5py.File(os.path.join(directory, "checkpoint.h5"), "r") as file:
            return sum(int((file[group]["status"][()] >= 0).sum())
                       for group in ("train", "test", "encode") if group in file)
    except OSError:
        return 0


def finish(checks, program, path, ranks, what):
    """Runs an input to its end; returns what it printed."""
    result = run(program, os.path.basename(path), ranks=ranks, cwd=os.path.dirname(path))
    checks(result.code == 0, f"{what} should end with exit code 0: {result}")
    return result.out + result.err


def on_their_way(directory):
    """Files that are being written, or have been left half-written."""
    return glob.glob(os.path.join(glob.escape(directory), "*.partial*"))


def kill_once(program, path, ranks, rng, inside):
    """Kills a random rank of a run after a random number of steps, or inside a checkpoint. Returns
    the exit code of mpirun; 0 if the run was faster."""
    directory = os.path.join(os.path.dirname(path), "run")
    process = start(program, path, ranks)
    started = wait_for(lambda: len(ranks_of(process)) == ranks, process)
    if started and inside:
        for _ in range(rng.randint(1, 4)):
            wait_for(lambda: on_their_way(directory), process, pause=0.0005)
            time.sleep(rng.uniform(0, 0.01))
    elif started:
        moment = steps_told(directory) + rng.randint(0, STEPS // 3)
        wait_for(lambda: steps_told(directory) >= min(moment, STEPS), process)
        time.sleep(rng.uniform(0, 0.01))
    for victim in rng.sample(ranks_of(process), 1) if ranks_of(process) else []:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()
    return process.returncode


def test_kills(checks, program, cwd, reference, kills):
    """Killed again and again, each time on another number of ranks."""
    rng = random.Random(1)
    path = write_input(os.path.join(cwd, "kill", "input.yaml"), IMAGES, TRAINING)
    campaigns = killed = 0
    while killed < kills:
        shutil.rmtree(os.path.join(cwd, "kill", "run"), ignore_errors=True)
        for k in range(min(8, kills - killed)):
            code = kill_once(program, path, 1 + (k + campaigns) % 4, rng, inside=k % 2 == 1)
            killed += code != 0
            if code == 0:
                break
        finish(checks, program, path, rng.randint(1, 4), "a run that was killed")
        campaigns += 1
        compare(checks, f"killed, campaign {campaigns}",
                {"uninterrupted": reference, "killed": os.path.join(cwd, "kill/run/results.h5")})
    print(f"{killed} kills in {campaigns} campaigns", flush=True)


def stop_by(program, path, ranks, action):
    """Starts a run, waits until it has made steps, calls action(process); exit code and output."""
    directory = os.path.join(os.path.dirname(path), "run")
    before = steps_told(directory)
    process = start(program, path, ranks)
    wait_for(lambda: steps_told(directory) > before, process)
    action(process)
    out, _ = process.communicate()
    return process.returncode, out


def test_stops(checks, program, cwd):
    """USR1, USR2, TERM, XCPU, STOP and run.walltime, one after the other, each in an endless run;
    then, given an end, it reaches the bits of a run that had this end from the start."""
    values = {**IMAGES, **TRAINING, **ENDLESS}
    folder = os.path.join(cwd, "stop")
    path = write_input(os.path.join(folder, "input.yaml"), values)
    stop = os.path.join(folder, "run", "STOP")

    def expect(code, out, reason):
        checks(code == 75, f"{reason}: exit code {code}, not 75: {out[-2000:]}")
        found = read_summary(os.path.join(folder, "run"))["exit_reason"]
        checks(found == reason, f"exit_reason is {found}, not {reason}")
        checks("stopped cleanly: " + reason in out, f"{reason} should be said: {out[-500:]}")

    expect(*stop_by(program, path, 2, lambda p: p.send_signal(signal.SIGUSR1)), "signal USR1")
    expect(*stop_by(program, path, 3, lambda p: os.kill(ranks_of(p)[-1], signal.SIGUSR2)),
           "signal USR2")
    expect(*stop_by(program, path, 1, lambda p: os.kill(ranks_of(p)[0], signal.SIGTERM)),
           "signal TERM")
    expect(*stop_by(program, path, 2, lambda p: os.kill(ranks_of(p)[1], signal.SIGXCPU)),
           "signal XCPU")
    expect(*stop_by(program, path, 2, lambda p: open(stop, "w", encoding="utf-8").close()),
           "stop file")
    result = run(program, "input.yaml", cwd=folder)
    expect(result.code, result.out, "stop file")  # it is still there
    os.remove(stop)
    timed = run(program, "--set", "run.walltime=2", "input.yaml", cwd=folder, ranks=4)
    expect(timed.code, timed.out, "time limit")
    with h5py.File(os.path.join(folder, "run", "checkpoint.h5"), "r") as file:
        end = {"training.epochs": int(file["job/position"][1]) + EPOCHS_LEFT}
    write_input(path, values, end)
    finish(checks, program, path, 2, "a run that was stopped")
    reference = run_input(checks, program, cwd, "stop_reference", values, end)
    results = os.path.join(folder, "run", "results.h5")
    compare(checks, "stopped", {"uninterrupted": reference, "stopped": results})
    before = os.stat(results)
    out = finish(checks, program, path, 2, "a finished run")
    after = os.stat(results)
    checks("already finished" in out and before.st_mtime_ns == after.st_mtime_ns,
           f"a finished run should be left alone: {out[-500:]}")


def stop_encoding(program, path, ranks):
    """Stops a run once a checkpoint (there is one at every check) holds more encoded samples than
    before. Returns the exit code, 0 if the run had already ended, and the output."""
    directory = os.path.join(os.path.dirname(path), "run")
    before = encoded(directory)
    process = start(program, path, ranks, "--set", "checkpoint.minutes=1e-6")
    if wait_for(lambda: encoded(directory) > before, process):
        process.send_signal(signal.SIGUSR1)
    out, _ = process.communicate()
    return process.returncode, out


def stopped_while_encoding(checks, program, cwd, name, values):
    """Stops a run in the middle of encoding, with as many iterations as that requires on a machine
    of this speed. Returns the path of its input and the input's values."""
    iterations, code = values["evaluation.max_iterations"], 0
    directory = os.path.join(cwd, name, "run")
    while code == 0:
        shutil.rmtree(directory, ignore_errors=True)
        values = {**values, "evaluation.max_iterations": iterations}
        path = write_input(os.path.join(cwd, name, "input.yaml"), values)
        code, out = stop_encoding(program, path, 2)
        iterations *= 4
    checks(code == 75, f"{name}: exit code {code}: {out[-1000:]}")
    checks(encoded(directory) > 0, f"{name}: something should be encoded when first stopped")
    return path, values


def encode_values(trained):
    values = {**IMAGES, "run.tasks": ["encode"], "decoder.file": trained, "decoder.latent": None,
              "decoder.layers": None, "decoder.loss": None, "data.encode.file": SMALL,
              "data.encode.dataset": "/train/images", "data.encode.count": 600,
              "evaluation.solver": "euler", "evaluation.step": 1e-6, "evaluation.tau": 1e9,
              "evaluation.max_iterations": 400}
    values.update({f"data.{group}.{key}": None for group in ("train", "test")
                   for key in ("file", "dataset", "labels", "count")})
    return values


def test_encoding(checks, program, cwd, trained):
    """Stopped in the middle of an encoding: samples already encoded are kept."""
    path, values = stopped_while_encoding(checks, program, cwd, "encode", encode_values(trained))
    directory = os.path.join(cwd, "encode", "run")
    first = encoded(directory)
    code, out = stop_encoding(program, path, 1)  # or it is over by then
    done = encoded(directory)
    checks(code in (0, 75), f"exit code {code}: {out[-1000:]}")
    checks(done >= first, f"never fewer: {first}, then {done}")
    with h5py.File(os.path.join(directory, "checkpoint.h5"), "r") as file:
        checks(np.isfinite(file["encode/loss"][()]).all(), "losses are finite")
    out = finish(checks, program, path, 4, "the rest of the encoding")
    said = "already finished" if code == 0 else f"{done} of "
    checks(said in out, f"what is done should be said: {out[:1500]}")
    reference = run_input(checks, program, cwd, "encode_reference", values, ranks=2)
    compare_only_results(checks, "encoding", reference, os.path.join(directory, "results.h5"))


def compare_only_results(checks, what, reference, path):
    result = run(COMPARE, reference, path)
    checks(result.code == 0, f"{what}: {result.out}{result.err}")


def test_coupled(checks, program, cwd):
    """Groups of samples that share a step, stopped between two of them."""
    values = {**IMAGES, "encoding.solver": "amd", "encoding.coupling": "batch",
              "encoding.max_iterations": 20, "evaluation.max_iterations": 60,
              "evaluation.tolerance": 0, "evaluation.tau": 1e9,
              "training.epochs": 1, "data.test.count": 128}
    path, values = stopped_while_encoding(checks, program, cwd, "coupled", values)
    for ranks in (3, 1):
        code, out = stop_encoding(program, path, ranks)
        checks(code in (0, 75), f"exit code {code}: {out[-1000:]}")
    finish(checks, program, path, 2, "the rest of the groups")
    reference = run_input(checks, program, cwd, "coupled_reference", values, ranks=2)
    compare(checks, "coupled", {"uninterrupted": reference,
                                "stopped": os.path.join(cwd, "coupled/run/results.h5")})


def test_autoencoder(checks, program, cwd):
    """The encoder is part of what is saved."""
    values = {**IMAGES, "run.model": "autoencoder", "training.epochs": 3,
              "evaluation.max_iterations": 10}
    reference = run_input(checks, program, cwd, "autoencoder_reference", values, ranks=2)
    path = stopped_copy(checks, program, cwd, "autoencoder", values)
    finish(checks, program, path, 3, "the rest of an autoencoder")
    results = os.path.join(cwd, "autoencoder", "run", "results.h5")
    compare(checks, "autoencoder", {"uninterrupted": reference, "stopped": results})
    refused = run(program, "--set", "run.model=gfe", "input.yaml", cwd=os.path.dirname(path))
    checks(refused.code == 2 and "run.model: autoencoder before, gfe now" in refused.err,
           f"another model should be refused: {refused}")


def stopped_copy(checks, program, cwd, name, *values, ranks=1):
    """The input, beside its run directory, of a run that was stopped after each of two steps."""
    path = write_input(os.path.join(cwd, name, "input.yaml"), *values)
    directory = os.path.join(cwd, name, "run")
    os.makedirs(directory, exist_ok=True)
    open(os.path.join(directory, "STOP"), "w", encoding="utf-8").close()
    for _ in range(2):
        result = run(program, "input.yaml", cwd=os.path.dirname(path), ranks=ranks)
        checks(result.code == 75, f"{name} should be stopped: {result}")
    os.remove(os.path.join(directory, "STOP"))
    checks(os.path.exists(os.path.join(directory, "checkpoint.h5.prev")), "two checkpoints")
    return path


DAMAGES = ("flip", "head", "cut", "empty", "swap", "mix", "both", "gone")


def damage(rng, kind, current, previous):
    """Damages one or both files, at random places."""
    with open(current, "rb") as file:
        content = bytearray(file.read())
    if kind in ("flip", "both"):
        for _ in range(rng.choice([1, 1, 3])):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "head":
        content[rng.randrange(150)] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del content[rng.randrange(len(content)):]
    elif kind == "empty":
        content = bytearray()
    elif kind == "mix":  # a part of the other file, where they are not the same
        with open(previous, "rb") as file:
            other = file.read()
        before = bytes(content)
        while content == before:
            begin = rng.randrange(len(content) // 2)
            content[begin:begin + len(content) // 2] = other[begin:begin + len(content) // 2]
    if kind == "swap":
        os.rename(current, current + ".x")
        os.rename(previous, current)
        os.rename(current + ".x", previous)
    elif kind == "gone":
        os.remove(current)
    else:
        with open(current, "wb") as file:
            file.write(content)
    if kind == "both":
        with open(previous, "r+b") as file:
            file.truncate(rng.randrange(os.path.getsize(previous)))


def test_damage(checks, program, cwd, damages):
    """Every damaged checkpoint is detected."""
    values = {**CIRCLE, **SMALL_TRAINING}
    reference = run_input(checks, program, cwd, "circle_reference", values)
    path = stopped_copy(checks, program, cwd, "damage", values)
    folder, good = os.path.dirname(path), os.path.join(cwd, "damage_good")
    shutil.copytree(os.path.join(folder, "run"), good)
    rng = random.Random(2)
    kinds = [DAMAGES[k] if k < len(DAMAGES) else rng.choice(("flip", *DAMAGES))
             for k in range(damages)]
    for kind in kinds:
        shutil.rmtree(os.path.join(folder, "run"))
        shutil.copytree(good, os.path.join(folder, "run"))
        files = [os.path.join(folder, "run", name) for name in ("checkpoint.h5", "checkpoint.h5.prev")]
        damage(rng, kind, *files)
        result = run(program, "input.yaml", cwd=folder)
        said = "checkpoint.h5" in result.err
        if kind == "both":
            checks(result.code == 2 and said, f"{kind}: should be refused: {result}")
            continue
        checks(result.code == 0 and "warning:" in result.err and said,
               f"{kind}: should be noticed and the other one taken: {result}")
        compare_only_results(checks, kind, reference, os.path.join(folder, "run/results.h5"))
    print("damaged:", ", ".join(sorted(kinds)), flush=True)


def test_changes(checks, program, cwd):
    """Inputs and data that changed since the checkpoint."""
    values = {**CIRCLE, **SMALL_TRAINING}
    path = stopped_copy(checks, program, cwd, "changes", values)
    folder = os.path.dirname(path)
    with open(os.path.join(folder, "run", "checkpoint.h5"), "rb") as file:
        before = file.read()

    def refused(*options, words):
        result = run(program, *options, "input.yaml", cwd=folder)
        checks(result.code == 2 and all(word in result.err for word in words),
               f"{options} should be refused with {words}: {result}")
        with open(os.path.join(folder, "run", "checkpoint.h5"), "rb") as file:
            checks(file.read() == before, f"{options}: the checkpoint should stay")

    refused("--set", "training.batch=30", "--set", "run.seed=7",
            words=["training.batch: 20 before, 30 now", "run.seed: 1 before, 7 now"])
    refused("--set", "data.train.count=61", words=["data.train.count"])
    refused("--set", "run.tasks=[evaluate]", "--set", "decoder.file=nowhere.h5", words=["nowhere"])
    refused("--set", "run.restart=nowhere.h5", words=["nowhere.h5"])

    # More epochs make the longer run.
    longer = {**values, "training.epochs": 7}
    reference = run_input(checks, program, cwd, "longer_reference", longer)
    out = finish(checks, program, path, 1, "the rest")
    checks("resuming from" in out, f"should say so: {out[:1500]}")
    write_input(path, longer)
    out = finish(checks, program, path, 2, "more epochs")
    checks("training.epochs: 4 before, 7 now" in out, f"the change should be said: {out[:1500]}")
    compare(checks, "more epochs", {"at once": reference,
                                    "later": os.path.join(folder, "run/results.h5")})
    # Fewer epochs than it has had: the same results, and it says so.
    write_input(path, longer, {"training.epochs": 5})
    out = finish(checks, program, path, 1, "fewer epochs")
    checks("the results are those of 7 epochs" in out, f"the epochs should be said: {out[:1500]}")
    out = finish(checks, program, path, 1, "fewer epochs again")
    checks("the results of 7 epochs, more than the 5 of this input" in out, f"and again: {out}")
    # Another output only makes the results anew.
    write_input(path, longer, {"output.reconstructions": 3})
    finish(checks, program, path, 1, "fewer reconstructions")
    with h5py.File(os.path.join(folder, "run/results.h5"), "r") as file:
        checks(file["train/reconstruction"].shape[0] == 3, "three reconstructions")
    # From the checkpoint of another directory, and never.
    write_input(path, longer, {"run.directory": "other", "run.restart": "run/checkpoint.h5"})
    out = finish(checks, program, path, 1, "another directory")
    checks("resuming from run/checkpoint.h5" in out, f"from the file: {out[:1500]}")
    compare(checks, "from a file", {"at once": reference,
                                    "from a file": os.path.join(folder, "other/results.h5")})
    write_input(path, longer, {"run.restart": "never"})
    out = finish(checks, program, path, 1, "never")
    checks("going on" not in out, f"from the beginning: {out[:1500]}")


def test_moved_data(checks, program, cwd):
    """Data may move; other data under the old name are refused."""
    folder = os.path.join(cwd, "moved")
    os.makedirs(folder)
    rng = np.random.default_rng(3)
    data = rng.standard_normal((60, 5)).astype(np.float32)
    np.save(os.path.join(folder, "a.npy"), data)
    values = {**CIRCLE, **SMALL_TRAINING, "data.train.generate": None, "data.train.file": "a.npy",
              "data.test.generate": None, "data.test.first": None, "data.test.count": None,
              "run.tasks": ["train"], "decoder.layers": [{"dense": 5}]}
    path = stopped_copy(checks, program, folder, "run1", values, {"data.train.file": "../a.npy"})
    os.rename(os.path.join(folder, "a.npy"), os.path.join(folder, "b.npy"))
    data[17, 3] += 1e-3
    np.save(os.path.join(folder, "a.npy"), data)
    result = run(program, "input.yaml", cwd=os.path.dirname(path))
    checks(result.code == 2 and "data.train contains different samples" in result.err,
           f"changed data should be refused: {result}")
    write_input(path, values, {"data.train.file": "../b.npy"})
    out = finish(checks, program, path, 2, "moved data")
    checks("resuming from" in out, f"moved data: {out[:1500]}")


def test_divergence(checks, program, cwd):
    """A loss that is no longer finite."""
    values = {**IMAGES, "data.train.count": 300, "training.optimiser": "sgd",
              "training.learning_rate": 3e4, "checkpoint.steps": 1, "decoder.loss": "mse"}
    path = write_input(os.path.join(cwd, "diverge", "input.yaml"), values)
    codes = []
    for ranks in (2, 1):
        result = run(program, "input.yaml", ranks=ranks, cwd=os.path.dirname(path))
        codes.append(result.code)
        checks(result.code == 4 and "is no longer finite in step" in result.err and
               "learning_rate" in result.err, f"a loss not finite: {result}")
    with h5py.File(os.path.join(cwd, "diverge/run/checkpoint.h5"), "r") as file:
        theta, position = file["training/theta"][()], file["job/position"][()]
    failed = int(re.search(r"finite in step (\d+)", result.err).group(1))
    checks(np.isfinite(theta).all() and position[3] == failed - 1,
           f"the last good checkpoint is that of step {failed - 1}: {position}")
    reason = read_summary(os.path.join(cwd, "diverge/run"))["exit_reason"]
    checks(reason == "numerical failure", f"exit_reason {reason}")


def mounted(directory, mebibytes):
    os.makedirs(directory)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", directory],
                          check=False, capture_output=True).returncode == 0


def test_full_disk(checks, program, cwd):
    """No room for a checkpoint, and none for the results."""
    directory = os.path.join(cwd, "full", "run")
    if os.geteuid() != 0 or not mounted(directory, 16):
        print("a full disk was not tested: mounting a tmpfs needs root", flush=True)
        return
    filler = os.path.join(directory, "filler")
    values = {**IMAGES, "training.epochs": 3, "data.train.count": 60, "data.test.count": 20,
              "decoder.layers": [{"dense": 200, "activation": "elu"}, {"dense": 784}]}
    try:
        reference = run_input(checks, program, cwd, "full_reference", values)
        path = stopped_copy(checks, program, cwd, "full", values)
        for ranks, room, what in ((2, 100_000, "checkpoint"), (1, 400_000, "checkpoint")):
            fill(filler, room)
            result = run(program, "--set", "checkpoint.steps=1", "input.yaml", ranks=ranks,
                         cwd=os.path.dirname(path))
            checks(result.code == 3 and "gfe_hpc: error on rank" in result.err and
                   what in result.err, f"no room for the {what}: {result}")
            checks(not on_their_way(directory),
                   "what is unfinished takes up no room")
            checks(os.path.exists(os.path.join(directory, "checkpoint.h5")), "the last one stays")
        os.remove(filler)
        finish(checks, program, path, 2, "with room again")
        compare(checks, "full disk", {"uninterrupted": reference,
                                      "full": os.path.join(directory, "results.h5")})
        # The results do not fit beside those of before.
        fill(filler, 60_000)
        write_input(path, values, {"output.reconstructions": 20})
        result = run(program, "--set", "output.reconstructions=19", "input.yaml", ranks=2,
                     cwd=os.path.dirname(path))
        checks(result.code == 3 and "results.h5" in result.err, f"no room for results: {result}")
        compare_only_results(checks, "old results", reference,
                             os.path.join(directory, "results.h5"))
        os.remove(filler)
        finish(checks, program, path, 1, "results with room")
    finally:
        subprocess.run(["umount", directory], check=False)


def fill(path, room):
    """Fills a file system up to `room` bytes."""
    status = os.statvfs(os.path.dirname(path))
    with open(path, "ab") as file:
        file.write(bytes(max(0, status.f_bavail * status.f_frsize - room)))


def test_many_ranks(checks, program, cwd, reference):
    """More ranks than a batch has samples, then 3."""
    path = stopped_copy(checks, program, cwd, "many", IMAGES, TRAINING, ranks=24)
    out = finish(checks, program, path, 3, "after 24 ranks")
    checks("resuming from" in out, f"3 ranks go on: {out[:1000]}")
    compare(checks, "24 ranks", {"uninterrupted": reference,
                                 "24, then 3": os.path.join(cwd, "many/run/results.h5")})


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    damages = int(sys.argv[3]) if len(sys.argv) > 3 else 16
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        reference = run_input(checks, program, cwd, "reference", IMAGES, TRAINING, ranks=2)
        test_stops(checks, program, cwd)
        test_encoding(checks, program, cwd, reference)
        test_coupled(checks, program, cwd)
        test_autoencoder(checks, program, cwd)
        test_changes(checks, program, cwd)
        test_moved_data(checks, program, cwd)
        test_divergence(checks, program, cwd)
        test_full_disk(checks, program, cwd)
        test_damage(checks, program, cwd, damages)
        test_kills(checks, program, cwd, reference, kills)
        test_many_ranks(checks, program, cwd, reference)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
