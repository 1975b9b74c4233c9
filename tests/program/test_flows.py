#!/usr/bin/env python3
"""Flows, solvers and adjoints as users configure them.

usage: test_flows.py gfe_hpc gfe_hpc_double

Every solver trains on every flow that it can follow; adjoints change the decoder, which is the same
on any number of ranks; gradient_check finds slopes of 2 and stores the same gradient as NumPy's;
meaningless combinations are refused with the reason.
"""
import os
import sys
import tempfile

import h5py
import numpy as np

from program import CONV, IMAGES, Checks, arguments, read_summary, run, run_input, write_input
from gfe.results import Results

FLOW = {"encoding.time": "sum", "encoding.tau": 2, "encoding.step": 0.2, "encoding.h0": 0.2,
        "encoding.h_min": 0.05, "encoding.max_iterations": 200, "evaluation.solver": "lbfgs",
        "evaluation.flow": "gradient", "data.train.count": 60, "data.test.count": 20}
METHODS = [("gradient", solver) for solver in ("amd", "euler", "rk4", "heun", "dopri5")]
METHODS += [("nesterov", solver) for solver in ("amd", "rk4", "heun", "dopri5")]


def values_of(flow, solver):
    return {"encoding.flow": flow, "encoding.solver": solver}


def same_datasets(checks, first, second, what):
    """Checks that decoder and latents of two results files are equal bit for bit."""
    with h5py.File(first, "r") as a, h5py.File(second, "r") as b:
        names = []
        a.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset)
                     and not name.endswith(("seconds", "imbalance")) else None)
        different = [name for name in names if a[name][()].tobytes() != b[name][()].tobytes()]
    checks(not different, f"{what}: {different} should be equal")


def test_methods(checks, program, folder):
    """Training with every flow and solver brings the loss down from log 2."""
    for flow, solver in METHODS:
        run_input(checks, program, folder, f"{flow}_{solver}", IMAGES, FLOW,
                  values_of(flow, solver), {"training.epochs": 3})
        loss = read_summary(os.path.join(folder, f"{flow}_{solver}"))["test_loss"]
        checks(loss < 0.6, f"{solver} on {flow}: test loss {loss} should be below 0.6")


def test_adjoints(checks, program, folder):
    """An adjoint changes the decoder, and its bits are the same on 1, 2 and 3 ranks."""
    paths = {}
    for adjoint in ("none", "discrete", "continuous"):
        for ranks in (1, 2, 3) if adjoint != "none" else (1,):
            paths[adjoint, ranks] = run_input(
                checks, program, folder, f"{adjoint}_{ranks}", IMAGES, FLOW,
                values_of("nesterov", "rk4"), {"training.adjoint": adjoint}, ranks=ranks)
    for adjoint in ("discrete", "continuous"):
        for ranks in (2, 3):
            same_datasets(checks, paths[adjoint, 1], paths[adjoint, ranks],
                          f"{adjoint} on {ranks} ranks and on one")
    weights = {}
    for adjoint in ("none", "discrete", "continuous"):
        with h5py.File(paths[adjoint, 1], "r") as file:
            weights[adjoint] = file["decoder/layer_0/weight"][()]
    checks(not np.array_equal(weights["none"], weights["discrete"]), "the adjoint should matter")
    distance = np.abs(weights["discrete"] - weights["continuous"]).max()
    checks(distance < 0.01, f"both adjoints should lead to nearly one decoder, not {distance} apart")


def test_convolutions(checks, double, folder):
    """Slopes of 2 on a decoder of all kinds of layers, also through a flow."""
    check = {"run.tasks": ["gradient_check"], "gradient_check.count": 10}
    for flow, solver, kinds in (("gradient", "lbfgs", 2), ("gradient", "rk4", 3)):
        path = run_input(checks, double, folder, f"check_layers_{solver}", IMAGES, FLOW, CONV,
                         values_of(flow, solver), check)
        with h5py.File(path, "r") as file:
            slopes = file["gradient_check/slope"][()]
        checks(len(slopes) == kinds and np.all(np.abs(slopes - 2) < 0.05),
               f"convolutions, {solver}: slopes {slopes} should be {kinds} times 2")


def test_gradient_check(checks, program, double, folder):
    """Slopes of 2; without a flow's part the stored gradient is that of the latents held fixed."""
    check = {"run.tasks": ["train", "gradient_check"], "gradient_check.count": 10}
    for flow, solver in [("gradient", "lbfgs"), *METHODS]:
        path = run_input(checks, double, folder, f"check_{flow}_{solver}", IMAGES, FLOW,
                         values_of(flow, solver), check, ranks=2 if solver == "rk4" else 1)
        with h5py.File(path, "r") as file:
            slopes = file["gradient_check/slope"][()]
            kinds = 2 if solver == "lbfgs" else 3
            checks(len(slopes) == kinds and np.all(np.abs(slopes - 2) < 0.05),
                   f"{solver} on {flow}: slopes {slopes} should be {kinds} times 2")
            shapes = file["gradient/layer_0/weight"].shape, file["decoder/layer_0/weight"].shape
            checks(shapes[0] == shapes[1], f"the gradient's shapes are {shapes}")

    # At tau = 0 every latent is 0, and the gradient of the last bias is the mean of (x - y) / n with
    # the probabilities x that the decoder makes of z = 0.
    path = run_input(checks, double, folder, "at_once", IMAGES, FLOW, values_of("gradient", "euler"),
                     check, {"encoding.tau": 0, "gradient_check.count": 8,
                             "output.reconstructions": 8})
    with h5py.File(path, "r") as file:
        stored = file["gradient/layer_1/bias"][()]
    with Results(path) as results:
        start = results.decoder().decode(np.zeros((1, 10)))
        target = results.decoder().to_scaled_units(results.set("train").target)
    expected = (start - target).reshape(8, -1).mean(0) / 784
    distance = np.abs(stored - expected).max() / np.abs(expected).max()
    checks(distance < 1e-9, f"the stored gradient should be NumPy's, not {distance} off")

    path = write_input(os.path.join(folder, "single.yaml"), IMAGES, FLOW, check)
    result = run(program, path, cwd=folder)
    checks(result.code == 2 and "gfe_hpc_double" in result.err,
           f"float32 should be refused with the other program's name: {result}")


def test_root_loss(checks, program, folder):
    """The first step from 0 down the square root of the loss is that of the loss over 2 sqrt(l)."""
    encode = {"run.tasks": ["train", "evaluate"], "training.epochs": 1, "evaluation.start": "zero",
              "evaluation.max_iterations": 1, "evaluation.tau": 1e4, "evaluation.h0": 0.01,
              "evaluation.h_min": 0.01, "evaluation.h_max": 0.01, "decoder.loss": "mse"}
    for name, method in (("euler", values_of("gradient", "euler")),
                         ("coupled", {"encoding.solver": "amd", "encoding.coupling": "batch"})):
        method = {key.replace("encoding", "evaluation"): value for key, value in method.items()}
        found = {}
        for root in (False, True):
            path = run_input(checks, program, folder, f"{name}_{root}", IMAGES, FLOW, encode, method,
                             {"evaluation.root_loss": root}, ranks=1 + 2 * root)
            with Results(path) as results:
                decoder, test = results.decoder(), results.set("test")
                target = decoder.to_scaled_units(test.target)
                found[root] = test.z[:8].astype(float), test.loss[:8].astype(float)
                start = ((decoder.decode(np.zeros((1, 10))) - target) ** 2).reshape(8, -1).mean(1)
                ends = ((decoder.decode(found[root][0]) - target) ** 2).reshape(8, -1).mean(1)
                checks(np.abs(found[root][1] / ends - 1).max() < 1e-4,
                       f"{name}: losses {found[root][1]} should be those of the ends, {ends}")
        expected = found[False][0] / (2 * np.sqrt(start))[:, None]
        error = np.abs(found[True][0] - expected).max() / np.abs(expected).max()
        checks(error < 1e-4, f"{name}: the first step is {error} off")


def test_refusals(checks, program, folder):
    """Meaningless combinations: exit code 2 and the reason."""
    cases = {
        "lbfgs with an adjoint": ({"training.adjoint": "discrete"}, "vanishes"),
        "lbfgs on nesterov": ({"encoding.flow": "nesterov"},
                              "solver to amd, euler, rk4, heun or dopri5"),
        "coupled nesterov": ({"encoding.flow": "nesterov", "encoding.solver": "amd",
                              "encoding.coupling": "batch"}, "encoding.flow = gradient"),
        "coupled rk4": ({"encoding.solver": "rk4", "encoding.coupling": "batch"},
                        "encoding.solver = amd"),
        "coupled adjoint": ({"encoding.solver": "amd", "encoding.coupling": "batch",
                             "training.adjoint": "discrete"}, "coupling = none"),
        "an adjoint of the root": ({"encoding.solver": "euler", "encoding.root_loss": True,
                                    "training.adjoint": "discrete"}, "root_loss = false"),
    }
    for name, (values, fragment) in cases.items():
        path = write_input(os.path.join(folder, "refused.yaml"), IMAGES, values)
        result = run(program, path, cwd=folder)
        checks(result.code == 2 and fragment in result.err,
               f"{name} should be refused with '{fragment}': {result}")


def main():
    program, double = arguments("gfe_hpc gfe_hpc_double", 2)
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        test_methods(checks, program, folder)
        test_adjoints(checks, program, folder)
        test_gradient_check(checks, program, double, folder)
        test_convolutions(checks, double, folder)
        test_root_loss(checks, program, folder)
        test_refusals(checks, program, folder)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
