#!/usr/bin/env python3
"""Nothing that has changed is trusted, and no file of the user's is destroyed.

usage: test_trust.py gfe_hpc [test ...]

A test is named without its `test_`, such as `finished`; by default all run.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

from program import (CIRCLE, ENVIRONMENT, HANGS, IMAGES, SUPPORT, Checks, exit_code, read_summary,
                     run, run_input, write_input)
from test_faults import build_layer
from test_job import (COMPARE, encode_values, encoded, finish, ranks_of, start, steps_told,
                      stopped_copy, stopped_while_encoding, wait_for)

FEW = 7      # iterations, in place of many
BLOCK = 512  # bytes in front of a checkpoint


def iterations(path, group):
    with h5py.File(path, "r") as file:
        return file[f"{group}/iterations"][()]


def same_latents(path, reference, group):
    with h5py.File(path, "r") as one, h5py.File(reference, "r") as other:
        return one[f"{group}/z"][()].tobytes() == other[f"{group}/z"][()].tobytes()


def content(path):
    with open(path, "rb") as file:
        return file.read()


# ---- what is encoded already ----

def test_other_options(checks, program, cwd, trained):
    """Half of a set is encoded; the other half is not encoded differently."""
    train = {**IMAGES, "training.epochs": 1, "data.train.count": 2000, "run.tasks": ["train"],
             "evaluation.solver": "euler", "evaluation.step": 1e-6, "evaluation.tau": 1e9,
             "evaluation.max_iterations": 400}
    for group, values in (("encode", encode_values(trained)), ("train", train)):
        name = "options_" + group
        path, values = stopped_while_encoding(checks, program, cwd, name, values)
        values["evaluation.max_iterations"] = FEW
        reference = run_input(checks, program, cwd, name + "_few", values)
        for ranks in (1, 3):
            copy = os.path.join(cwd, f"{name}_{ranks}")
            shutil.copytree(os.path.dirname(path), copy)
            checks(encoded(os.path.join(copy, "run")) > 0, "something is encoded")
            out = finish(checks, program, write_input(os.path.join(copy, "input.yaml"), values),
                         ranks, f"{group} with fewer iterations")
            found = os.path.join(copy, "run", "results.h5")
            checks(f"{group} is encoded again" in out, f"this should be said: {out[:1500]}")
            checks(iterations(found, group).max() <= FEW and same_latents(found, reference, group),
                   f"{group} on {ranks} ranks: latents of the earlier options are left")
    print("other options: done", flush=True)


def test_other_samples(checks, program, cwd, trained):
    """Half of a set is encoded; then the file, the selection or the decoder changes."""
    path, values = stopped_while_encoding(checks, program, cwd, "samples", encode_values(trained))
    other = run_input(checks, program, cwd, "other_decoder", IMAGES, {"run.seed": 9})
    for what, change in (("selection", {"data.encode.first": 10}),
                         ("number", {"data.encode.count": 64}),
                         ("decoder", {"decoder.file": os.path.abspath(other)})):
        changed = {**values, **change}
        if what == "decoder":  # in place, under the old name
            shutil.copy(trained, trained + ".old")
            shutil.copy(other, trained)
            changed = values
        copy = os.path.join(cwd, "samples_" + what)
        shutil.copytree(os.path.dirname(path), copy)
        few = {**changed, "evaluation.max_iterations": FEW}
        out = finish(checks, program, write_input(os.path.join(copy, "input.yaml"), few), 3,
                     f"another {what}")
        reference = run_input(checks, program, cwd, f"samples_{what}_few", few)
        checks("encode is encoded again" in out, f"another {what} should be said: {out[:1500]}")
        checks(same_latents(os.path.join(copy, "run", "results.h5"), reference, "encode"),
               f"another {what}: latents of before are left")
    shutil.move(trained + ".old", trained)
    print("other samples: done", flush=True)


# ---- already finished ----

def test_finished(checks, program, cwd, trained):
    """The same command again, while its files have been touched, copied, replaced or damaged."""
    folder = os.path.join(cwd, "finished")
    os.makedirs(folder)
    data, decoder = (os.path.join(folder, name) for name in ("d.npy", "decoder.h5"))
    rng = np.random.default_rng(0)
    samples = rng.random((40, 784)).astype(np.float32)
    np.save(data, samples)
    shutil.copy(trained, decoder)
    path = write_input(os.path.join(folder, "input.yaml"), encode_values(decoder),
                       {"data.encode.file": "d.npy", "data.encode.dataset": None,
                        "data.encode.count": None, "data.scale": 1,
                        "evaluation.max_iterations": FEW})
    results = os.path.join(folder, "run", "results.h5")
    other = run_input(checks, program, cwd, "retrained", IMAGES, {"run.seed": 9})

    def again(ranks, what, same):
        before = os.stat(results).st_mtime_ns
        out = finish(checks, program, path, ranks, what)
        checks(("already finished" in out) == same == (os.stat(results).st_mtime_ns == before),
               f"{what}: should be {'left alone' if same else 'done anew'}: {out[-1500:]}")
        return out

    def copied(name):
        shutil.copy(name, name + ".copy")
        os.replace(name + ".copy", name)

    finish(checks, program, path, 1, "a first run")
    for ranks in (1, 3):
        again(ranks, "nothing has changed", True)
        os.utime(data)
        copied(decoder)
        again(ranks, "touched and copied", True)
        samples[17, 400] += 1e-3
        np.save(data, samples)
        out = again(ranks, "another sample", False)
        checks("since the run was finished: data.encode" in out, f"should say so: {out[:1500]}")
        again(ranks, "known by now", True)
        loss = read_summary(os.path.dirname(results))["encode_loss"]
        shutil.copy(other if ranks == 1 else trained, decoder)
        out = again(ranks, "another decoder", False)
        checks("decoder.file" in out and loss != read_summary(os.path.dirname(results))["encode_loss"],
               f"another decoder has another loss than {loss}: {out[:1500]}")
        with open(results, "r+b") as file:
            file.truncate(1000)
        again(ranks, "results cut short", False)
        with open(results, "r+b") as file:
            file.write(bytes(512))
        again(ranks, "results overwritten", False)
        with h5py.File(results, "r") as file:
            checks(len(file["encode/z"]) == 40, "results are whole again")
            place, good = file["encode/z"].id.get_offset(), file["encode/z"][()]
        with open(results, "r+b") as file:
            file.seek(place + 7)
            file.write(bytes([good.tobytes()[7] ^ 1]))
        out = again(ranks, "a bit of a latent", False)
        with h5py.File(results, "r") as file:
            checks("finished: results.h5" in out and file["encode/z"][()].tobytes() == good.tobytes(),
                   f"a bit should be found, and be as before: {out[:1500]}")
    print("finished: done", flush=True)


# ---- two jobs in one directory ----

def running(program, path, ranks, environment=None):
    """A run without an end that has begun to train."""
    directory = os.path.join(os.path.dirname(path), "run")
    before = steps_told(directory)
    command = [program, "input.yaml"]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks), *command]
    with open(log_of(path), "w", encoding="utf-8") as log:  # a pipe would not be emptied meanwhile
        process = subprocess.Popen(command, cwd=os.path.dirname(path),
                                   env={**ENVIRONMENT, **(environment or {})},
                                   stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)
    wait_for(lambda: steps_told(directory) > before, process)
    return process


def log_of(path):
    """What a run of an input prints."""
    return os.path.join(os.path.dirname(path), "log.txt")


def kill(process):
    """Kills a run, mpirun and all ranks, and waits until they are gone."""
    ranks = ranks_of(process)
    for victim in [process.pid, *ranks]:
        os.kill(victim, signal.SIGKILL)
    process.wait()
    while any(os.path.exists(f"/proc/{rank}") for rank in ranks):
        time.sleep(0.02)


def check_refused(checks, result, what):
    checks(result.code == 2 and "another job is working there (process " in result.err
           and f" on {os.uname().nodename}, Slurm job 4711, since " in result.err
           and result.err.count("gfe_hpc:") == 1, f"{what} should be refused: {result}")


def check_undisturbed(checks, process, directory, what):
    """The first of two jobs continues, and stops cleanly."""
    before = steps_told(directory)
    wait_for(lambda: steps_told(directory) > before, process)
    for rank in ranks_of(process) or [process.pid]:
        os.kill(rank, signal.SIGUSR1)
    process.wait()
    with open(log_of(directory), encoding="utf-8") as log:
        out = log.read()
    checks(process.returncode == 75, f"{what} should not disturb the first job: {out[-2000:]}")
    checks(not [name for name in os.listdir(directory) if "lock" in name or "partial" in name],
           f"nothing should be left: {os.listdir(directory)}")


def test_two_jobs(checks, program, cwd, _trained):
    """The second job is told which one is there; the first is undisturbed; killed jobs do not
    block."""
    path = write_input(os.path.join(cwd, "two", "input.yaml"), CIRCLE,
                       {"training.epochs": 10**6, "checkpoint.steps": 10})
    folder, slurm = os.path.dirname(path), {"SLURM_JOB_ID": "4711", "SLURM_JOB_END_TIME": "999999999999"}
    directory = os.path.join(folder, "run")
    np.save(os.path.join(folder, "nan.npy"), np.full((60, 2), np.nan, np.float32))
    unread = ("--set", "data.train.generate=none", "--set", "data.train.file=nan.npy")
    for first, second in ((1, 3), (3, 1)):
        process = running(program, path, first, slurm)
        for options in ((), unread):  # data that are read would be refused
            check_refused(checks, run(program, *options, "input.yaml", cwd=folder, ranks=second),
                          f"{second} ranks beside {first}")
        check_undisturbed(checks, process, directory, "a second start")
        process = running(program, path, first)
        kill(process)
        checks(os.path.exists(os.path.join(directory, "run.lock")), "what a killed job left")
        check_undisturbed(checks, running(program, path, second), directory, "a killed job")
    # Four ranks of which none knows of the others.
    shutil.rmtree(directory)
    four = [subprocess.Popen([program, "--set", "training.epochs=40", "input.yaml"], cwd=folder,
                             env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for _ in range(4)]
    codes = sorted(process.wait() for process in four)
    checks(codes[0] == 0 and set(codes) <= {0, 2}, f"four at once: exit codes {codes}")
    print("two jobs: done", flush=True)


def test_moved(checks, program, cwd, _trained):
    """The run directory is moved away under a job, and another one takes its place: nothing in the
    new one is replaced, and its lock is not removed."""
    path = write_input(os.path.join(cwd, "moved", "input.yaml"), CIRCLE,
                       {"training.epochs": 10**6, "checkpoint.steps": 10})
    folder = os.path.dirname(path)
    directory = os.path.join(folder, "run")
    for ranks in (1, 3):
        for ends in (True, False):
            first = running(program, path, ranks)
            processes = ranks_of(first) or [first.pid]
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            os.rename(directory, directory + ".old")
            os.rename(log_of(path), log_of(path) + ".old")  # the second job prints there, too
            if ends:
                result = run(program, "--set", "training.epochs=3", "input.yaml", cwd=folder)
                checks(result.code == 0, f"the second should be done: {result}")
                before = {name: content(os.path.join(directory, name))
                          for name in os.listdir(directory)}
            else:
                second = running(program, path, 1)
            for process in processes:
                os.kill(process, signal.SIGCONT)
            first.wait()
            printed = content(log_of(path) + ".old").decode()
            checks(exit_code(first, printed) == 3 and "gfe_hpc: error on rank" in printed,
                   f"the first on {ranks} ranks: {first.returncode}: {printed[-2000:]}")
            if ends:
                checks(before == {name: content(os.path.join(directory, name))
                                  for name in os.listdir(directory)},
                       f"the first on {ranks} ranks replaces files of the second")
            else:
                checks(os.path.exists(os.path.join(directory, "run.lock")),
                       f"the first on {ranks} ranks takes the lock of the second away")
                check_undisturbed(checks, second, directory, "a first job without a directory")
            shutil.rmtree(directory)
            shutil.rmtree(directory + ".old")
    print("moved: done", flush=True)


def test_heartbeat(checks, program, cwd, _trained):
    """The same where the file system has no locks."""
    library = os.path.join(cwd, "no_locks.so")
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", library,
                       os.path.join(SUPPORT, "no_locks.c"), "-ldl"], check=False).returncode != 0:
        print("a file system without locks was not tested: there is no C compiler", flush=True)
        return
    path = write_input(os.path.join(cwd, "beat", "input.yaml"), CIRCLE,
                       {"training.epochs": 10**6, "checkpoint.steps": 10})
    folder, preload = os.path.dirname(path), {"LD_PRELOAD": library}
    directory = os.path.join(folder, "run")
    lock = os.path.join(directory, "run.lock")
    slurm = {**preload, "SLURM_JOB_ID": "4711", "SLURM_JOB_END_TIME": "999999999999"}
    for first, second in ((1, 3), (3, 1)):
        process = running(program, path, first, slurm)
        os.utime(lock, (1, 1))
        wait_for(lambda: os.stat(lock).st_mtime > 1, process)
        checks(process.poll() is None, "the heart should beat")
        again = run(program, "input.yaml", cwd=folder, ranks=second, environment=preload)
        check_refused(checks, again, f"{second} ranks beside {first}, by heartbeat")
        check_undisturbed(checks, process, directory, "a second start")
        process = running(program, path, first, slurm)
        kill(process)
        again = run(program, "input.yaml", cwd=folder, ranks=second, environment=preload)
        check_refused(checks, again, "a job that may be alive")
        os.utime(lock, (os.stat(lock).st_mtime - 301,) * 2)
        check_undisturbed(checks, running(program, path, second, preload), directory, "a dead job")
    print("heartbeat: done", flush=True)


# ---- the user's own files ----

def test_own_files(checks, program, cwd, trained):
    """A run never overwrites a file that it reads, under whatever name."""
    folder = os.path.join(cwd, "own")
    directory, data = os.path.join(folder, "run"), os.path.join(folder, "data.h5")
    os.makedirs(directory)
    with h5py.File(data, "w") as file:
        file["x"] = np.random.default_rng(0).random((40, 784)).astype(np.float32)
        file["w"] = np.ones((40, 784), np.float32)
    values = {**IMAGES, "run.tasks": ["train"], "training.epochs": 1, "data.scale": 1,
              "data.train.file": "data.h5", "data.train.dataset": "/x", "data.train.labels": None,
              "data.train.count": None, "evaluation.max_iterations": FEW,
              **{key: None for key in IMAGES if key.startswith("data.test")}}
    before = content(data)

    def refused(ranks, what, change, *words):
        path = write_input(os.path.join(folder, "input.yaml"), values, change)
        listed = sorted(os.listdir(directory))
        twice = ranks == 1 and ("link" in what or "directory" in what)
        for options in ((), ("--check",))[:1 + twice]:
            result = run(program, *options, "input.yaml", cwd=folder, ranks=ranks)
            checks(result.code == 2 and all(word in result.err for word in words),
                   f"{what} should be refused with {words}: {result}")
        checks(content(data) == before and sorted(os.listdir(directory)) == listed,
               f"{what}: all should be as it was, {os.listdir(directory)}")
        return path

    for ranks in (1, 3):
        names = ["results.h5", "checkpoint.h5.partial.node7.12", "history.csv", "checkpoint.h5",
                 "checkpoint.h5.prev", "used_parameters.yaml", "summary.json"]
        for name in names if ranks == 1 else names[:2]:
            place = os.path.join(directory, name)
            for link in (os.link, os.symlink):
                link(data, place)
                refused(ranks, f"data as {name}", {}, "data.train.file = data.h5 is run/" + name,
                        "would overwrite")
                os.remove(place)
        place = os.path.join(directory, "results.h5")
        os.rename(data, place)
        os.symlink(place, data)
        refused(ranks, "a link to data", {}, "data.train.file = data.h5 is run/results.h5")
        os.remove(data)
        os.rename(place, data)
        os.symlink(trained, place)
        refused(ranks, "a decoder", {"decoder.file": trained, "decoder.latent": None,
                                     "decoder.layers": None, "decoder.loss": None},
                "decoder.file = ", "is run/results.h5")
        os.remove(place)
        os.link(trained, place + ".partial.x.1")
        refused(ranks, "a checkpoint", {"run.restart": "run/results.h5.partial.x.1"},
                "run.restart = run/results.h5.partial.x.1")
        os.remove(place + ".partial.x.1")
        for name in names if ranks == 1 else names[-1:]:
            if ".partial" not in name:
                os.mkdir(os.path.join(directory, name))
                refused(ranks, f"a directory {name}", {"data.train.file": "data.h5"},
                        f"run/{name} is not a file")
                os.rmdir(os.path.join(directory, name))
                os.symlink("nowhere", os.path.join(directory, name))
                refused(ranks, f"a dead link {name}", {"data.train.file": "data.h5"},
                        f"run/{name}, which this run would write, is a link to a file that does not")
                os.unlink(os.path.join(directory, name))
        for stranger in (before, b"my notes", b""):
            with open(place, "wb") as file:
                file.write(stranger)
            shutil.copy(data, data + ".2")
            refused(ranks, "a stranger's results", {"data.train.file": "data.h5.2"},
                    "was not written by this program")
            checks(content(place) == stranger, "it should stay")
            os.remove(place)
    print("own files: done", flush=True)


# ---- checkpoints ----

def test_rotation(checks, program, cwd, _trained):
    """A damaged checkpoint does not replace the good one before it; one that is complete but not
    yet renamed is resumed from."""
    values = {**CIRCLE, "training.epochs": 4, "training.batch": 20}
    reference = run_input(checks, program, cwd, "rotation_reference", values)
    path = stopped_copy(checks, program, cwd, "rotation", values)
    folder = os.path.dirname(path)
    directory, good = os.path.join(folder, "run"), os.path.join(folder, "good")
    current, previous = (os.path.join(directory, "checkpoint.h5" + end) for end in ("", ".prev"))
    shutil.copytree(directory, good)

    def afresh():
        shutil.rmtree(directory)
        shutil.copytree(good, directory)

    for ranks in (1, 3):
        afresh()
        before = content(previous)
        with open(current, "r+b") as file:
            file.seek(3000)
            file.write(b"damaged!")
        open(os.path.join(directory, "STOP"), "w", encoding="utf-8").close()
        result = run(program, "input.yaml", cwd=folder, ranks=ranks)
        checks(result.code == 75, f"should be stopped: {result}")
        checks(content(previous) == before, "the good checkpoint should stay")
        os.remove(os.path.join(directory, "STOP"))
        os.remove(current)
        finish(checks, program, path, ranks, "from the good one")
        for others in ("neither", "damaged"):
            afresh()
            os.rename(current, current + ".partial.node7.123")
            os.remove(previous)
            if others == "damaged":
                with open(current, "wb") as file:
                    file.write(content(current + ".partial.node7.123")[:-100])
            with open(current + ".partial.node7.124", "wb") as file:
                file.write(bytes(3000))
            out = finish(checks, program, path, ranks, "one on its way")
            checks("2 steps done" in out, f"should go on from it: {out[:1500]}")
            results = os.path.join(directory, "results.h5")
            checks(run(COMPARE, reference, results).code == 0, "other bits than without a stop")
            checks(not [name for name in os.listdir(directory) if "partial" in name],
                   f"should be cleaned up: {os.listdir(directory)}")
    print("rotation: done", flush=True)


# ---- disks that fail on one node ----

def test_read_only(checks, program, cwd, _trained):
    """The disk turns read-only on one rank alone: before the run, at a checkpoint, at the results,
    and while all ranks are opening a file, where MPI would wait for ever."""
    values = {**CIRCLE, "training.epochs": 3, "training.batch": 20}
    reference = run_input(checks, program, cwd, "read_only_reference", values)
    path = stopped_copy(checks, program, cwd, "read_only", values)
    folder = os.path.dirname(path)
    directory, good = os.path.join(folder, "run"), os.path.join(folder, "good")
    os.rename(directory, good)
    disk = {"LD_PRELOAD": build_layer(folder), "GFE_FAULTS_UNDER": os.path.realpath(directory),
            "GFE_FAULTS_HASTE": "20"}  # three seconds are a minute
    opening = {"GFE_FAULTS": "opening", "GFE_FAULTS_NAME": "checkpoint.h5"}
    once = {**opening, "GFE_FAULTS_ONCE": "1"}
    everywhere = [({"GFE_FAULTS": "readonly"}, "before the run", "Read-only"),
                  ({"GFE_FAULTS": "readonly", "GFE_FAULTS_NAME": "checkpoint.h5"},
                   "at a checkpoint", "Read-only"),
                  ({"GFE_FAULTS": "readonly", "GFE_FAULTS_NAME": "results.h5"}, "at the results",
                   "Read-only")]
    together = [(opening, "within the opening of a checkpoint", "Read-only"),
                ({**opening, "GFE_FAULTS_NAME": "results.h5"}, "within that of the results",
                 "Read-only"),
                (once, "within it, for a moment", "MPI_File_open() has not ended after 600 s")]
    for ranks in (1, 3):
        for faults, when, words in everywhere + together * (ranks > 1):
            shutil.copytree(good, directory)
            result = run(program, "input.yaml", cwd=folder, ranks=ranks, timeout=HANGS,
                         environment={**disk, **faults, "GFE_FAULTS_RANK": str(ranks - 1)})
            checks(result.code == 3 and "run/" in result.err and words in result.err,
                   f"read-only {when} on one of {ranks} should be told: {result}")
            what = f"read-only {when} on one of {ranks}"
            finish(checks, program, path, 4 - ranks, f"{what}, then not")
            checks(run(COMPARE, reference, os.path.join(directory, "results.h5")).code == 0,
                   f"{what}: other bits")
            shutil.rmtree(directory)
    print("read-only: done", flush=True)


# ---- ranks that go astray ----

def test_other_program(checks, program, cwd, _trained):
    """Another version on some ranks."""
    folder = os.path.join(cwd, "versions")
    write_input(os.path.join(folder, "input.yaml"), CIRCLE)
    revision = run(program, "--version").out.split("revision ")[1].split(")")[0].encode()
    other = os.path.join(folder, "gfe_hpc_other")
    with open(other, "wb") as file:
        file.write(content(program).replace(revision, bytes(reversed(revision))))
    os.chmod(other, 0o755)
    for count in (1, 2):  # not as two programs of mpirun, which that of Open MPI 5.0.7 cannot start
        choice = (f'test "$OMPI_COMM_WORLD_RANK" -lt {count} || exec {other} input.yaml; '
                  f"exec {program} input.yaml")
        result = run("sh", "-c", choice, ranks=3, cwd=folder)
        host = os.uname().nodename
        checks(result.code == 3 and "the program differs between ranks" in result.err and
               result.err.count(f"on host {host} (rank") >= 2 and revision.decode() in result.err,
               f"another program should be found: {result}")
        checks(not os.path.exists(os.path.join(folder, "run")), "nothing should be written")
    print("other program: done", flush=True)


def checksum(data):
    """The sum of ground/checksum.c."""
    words = np.frombuffer(data + bytes(-len(data) % 8), np.uint64)
    x = words + np.arange(1, len(words) + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        x = (x ^ (x >> np.uint64(33))) * np.uint64(factor)
    return int((x ^ (x >> np.uint64(33))).sum())


def make_older(path):
    """A checkpoint as written by a version with a different layout, complete and sealed."""
    with h5py.File(path, "r+") as file:
        file.attrs["layout"] = "0"
    text = content(path)
    values = [line.split(b" ")[1] for line in text.split(b"\n")[1:3]]
    block = (b"gfe_hpc checkpoint\nbytes %d\nserial %s\nsum %016x\n"
             % (len(text), values[1], checksum(text[BLOCK:])))
    block += b"check %016x\n" % checksum(block)
    with open(path, "r+b") as file:
        file.write(block.ljust(BLOCK, b"\n"))


def test_older(checks, program, cwd, _trained):
    """Decoders of an earlier version are read, checkpoints are refused."""
    older = run_input(checks, program, cwd, "older", CIRCLE)
    checkpoint = os.path.join(os.path.dirname(older), "checkpoint.h5")
    make_older(checkpoint)
    before = content(checkpoint)
    for ranks in (1, 3):
        result = run(program, "--set", "training.epochs=5", "older.yaml", ranks=ranks, cwd=cwd)
        checks(result.code == 2 and "was written by another version" in result.err
               and "run.restart = never" in result.err and "damaged" not in result.err,
               f"a checkpoint of an earlier version: {result}")
        checks(content(checkpoint) == before, "the checkpoint is kept")
        run_input(checks, program, cwd, f"older_decoder_{ranks}",
                  {**CIRCLE, "run.tasks": ["evaluate"], "decoder.file": older,
                   "decoder.layers": None, "decoder.latent": None, "decoder.loss": None},
                  ranks=ranks)
    print("earlier versions: done", flush=True)


def flip(process, pattern):
    """Changes the byte in the middle of every copy of some bytes in a process; how many."""
    found = 0
    os.kill(process, signal.SIGSTOP)
    with open(f"/proc/{process}/maps", encoding="utf-8") as maps, \
         open(f"/proc/{process}/mem", "r+b", buffering=0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw") or end - begin > 1 << 28:
                continue
            try:
                memory.seek(begin)
                area = memory.read(end - begin)
            except OSError:
                continue
            at = area.find(pattern)
            while at >= 0:
                middle = at + len(pattern) // 2
                memory.seek(begin + middle)
                memory.write(bytes([area[middle] ^ 1]))
                found += 1
                at = area.find(pattern, at + 1)
    os.kill(process, signal.SIGCONT)
    return found


def trained_theta(directory):
    """The parameters in the last checkpoint once the training is over; None until then, and while
    the file is being renamed."""
    try:
        with h5py.File(os.path.join(directory, "checkpoint.h5"), "r") as file:
            return file["training/theta"][()].tobytes() if "train/status" in file else None
    except OSError:
        return None


def test_bad_memory(checks, program, cwd, _trained):
    """A bit of the decoder flips on one rank, while the others continue to encode endlessly."""
    path = write_input(os.path.join(cwd, "memory", "input.yaml"), CIRCLE,
                       {"training.epochs": 1, "checkpoint.minutes": 1e-6, "evaluation.every": 0,
                        "evaluation.solver": "euler", "evaluation.tolerance": 0,
                        "evaluation.step": 1e-9, "evaluation.tau": 1e3,
                        "evaluation.max_iterations": 10**9})
    directory = os.path.join(os.path.dirname(path), "run")
    for victim in (0, 2):
        process = start(program, path, 3)
        wait_for(lambda: trained_theta(directory) is not None, process)
        theta = trained_theta(directory)
        while theta is None and process.poll() is None:
            theta = trained_theta(directory)
        checks(flip(sorted(ranks_of(process))[victim], theta) > 0, "the decoder should be found")
        out, _ = process.communicate()
        checks(exit_code(process, out) == 3 and "the decoder differs between ranks" in out,
               f"rank {victim}: exit code {process.returncode}: {out[-2000:]}")
        shutil.rmtree(directory)
    print("bad memory: done", flush=True)


# ---- time ----

def test_as_new(checks, program, cwd, _trained):
    """Training samples whose loss is far above what it was in training, encoded as if new."""
    values = {**IMAGES, "run.tasks": ["train"], "training.epochs": 3, "encoding.max_iterations": 20,
              "evaluation.start": "zero"}
    for ranks in (1, 3):
        for iterations, poor in ((1, True), (100, False)):
            name = f"as_new_{ranks}_{iterations}"
            path = write_input(os.path.join(cwd, name, "input.yaml"), values,
                               {"evaluation.max_iterations": iterations})
            out = finish(checks, program, path, ranks, name)
            directory = os.path.join(cwd, name, "run")
            with h5py.File(os.path.join(directory, "results.h5"), "r") as file:
                ratio = file["train/loss_as_new"][()].mean() / file["train/loss"][()].mean()
            told = read_summary(directory)["train_loss_as_new_over_trained"]
            checks(abs(told / ratio - 1) < 1e-5, f"{name}: {told} instead of {ratio}")
            checks((ratio > 1.5) == poor == ("as if they were new" in out),
                   f"{name}: {ratio} times the trained loss: {out[-1500:]}")
    print("as new: done", flush=True)


def test_limits(checks, program, cwd, _trained):
    """Slurm's limit counts if it is earlier than run.walltime."""
    folder = os.path.join(cwd, "limits")
    write_input(os.path.join(folder, "input.yaml"), CIRCLE,
                {"training.epochs": 10**6, "run.walltime": 10**6})
    for ranks in (1, 3):
        slurm = {"SLURM_JOB_ID": "4711", "SLURM_JOB_END_TIME": str(int(time.time()) + 5)}
        result = run(program, "input.yaml", cwd=folder, ranks=ranks, timeout=HANGS,
                     environment=slurm)
        checks(result.code == 75 and "time limit" in result.out,
               f"Slurm's limit should count: {result}")
    print("limits: done", flush=True)


TESTS = [test_other_options, test_other_samples, test_finished, test_two_jobs, test_moved,
         test_heartbeat, test_own_files, test_rotation, test_read_only, test_other_program,
         test_older, test_bad_memory, test_as_new, test_limits]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        trained = os.path.abspath(run_input(checks, program, cwd, "trained", IMAGES))
        for test in TESTS:
            if not wanted or test.__name__[5:] in wanted:
                test(checks, program, cwd, trained)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
