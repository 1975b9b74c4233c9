#!/usr/bin/env python3
"""Nothing is believed that has changed, and nothing of the user's is destroyed.

usage: test_trust.py gfe_hpc [test ...]

A test is named without its `test_`, such as `finished`; by default all run.
"""
import os
import shutil
import sys
import tempfile

import h5py
import numpy as np

from program import CIRCLE, IMAGES, Checks, read_summary, run, run_input, write_input
from test_job import encode_values, encoded, finish, stopped_while_encoding

FEW = 7  # iterations, in place of many


def iterations(path, group):
    with h5py.File(path, "r") as file:
        return file[f"{group}/iterations"][()]


def same_latents(path, reference, group):
    with h5py.File(path, "r") as one, h5py.File(reference, "r") as other:
        return one[f"{group}/z"][()].tobytes() == other[f"{group}/z"][()].tobytes()


# ---- what is encoded already ----

def test_other_options(checks, program, cwd, trained):
    """Half of a set is encoded; the other half is not encoded differently."""
    train = {**IMAGES, "training.epochs": 1, "data.train.count": 2000, "run.tasks": ["train"],
             "evaluation.solver": "amd", "evaluation.tolerance": 0,
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
            checks(f"{group} is encoded anew" in out, f"this should be said: {out[:1500]}")
            checks(iterations(found, group).max() <= FEW and same_latents(found, reference, group),
                   f"{group} on {ranks} ranks: latents of the earlier options are left")
    print("other options: done", flush=True)


def test_other_samples(checks, program, cwd, trained):
    """Half of a set is encoded; then the file, the selection or the decoder is another."""
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
        checks("encode is encoded anew" in out, f"another {what} should be said: {out[:1500]}")
        checks(same_latents(os.path.join(copy, "run", "results.h5"), reference, "encode"),
               f"another {what}: latents of before are left")
    shutil.move(trained + ".old", trained)
    print("other samples: done", flush=True)


# ---- finished already ----

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
        checks(("finished already" in out) == same == (os.stat(results).st_mtime_ns == before),
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
    print("finished: done", flush=True)


TESTS = [test_other_options, test_other_samples, test_finished]


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
