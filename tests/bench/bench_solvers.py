#!/usr/bin/env python3
"""Training by the other solvers and with adjoints: seconds of the program BASE over ours, measured
alternately."""

from bench import BASE, FASHION, Run, make_images, median, note, paper, rounds, row

ROUNDS = 3
SUMMED = {"encoding.time": "sum", "encoding.tolerance": 1e-4, "encoding.max_iterations": 40}
AMD = {**SUMMED, "encoding.solver": "amd", "encoding.h_max": 100, "encoding.growth": 1.5}
NESTEROV = {**SUMMED, "encoding.flow": "nesterov", "encoding.solver": "amd", "encoding.h_max": 30,
            "encoding.growth": 1.2}
SETTINGS = {  # what: (images, settings)
    "amd": (400, AMD),
    "nesterov": (400, NESTEROV),
    "dopri5": (100, {**SUMMED, "encoding.solver": "dopri5", "encoding.tau": 100}),
    "coupling: batch": (60, paper.AUTHORS),
    "discrete adjoint": (200, {**AMD, "training.adjoint": "discrete"}),
    "continuous adjoint": (100, {**AMD, "training.adjoint": "continuous"}),
    "discrete adjoint of nesterov": (200, {**NESTEROV, "training.adjoint": "discrete"}),
}


def main():
    if not BASE:
        note("other solvers, adjoints against an earlier revision",
                "BASE=/path/to/gfe_hpc is not set")
        return
    make_images()
    for what, (count, settings) in SETTINGS.items():
        ratios = []
        for _ in rounds(ROUNDS):
            ours, base = (Run(name, FASHION, settings, {"data.train.count": count}, **how).summary
                          for name, how in (("solver", {}), ("solver_base", {"program": BASE})))
            ratios.append(base["training_seconds"] / ours["training_seconds"])
        row(f"training, {what}, {count} images, BASE / ours ({base['training_seconds']:.2f} / "
            f"{ours['training_seconds']:.2f} s)", median(ratios), "≥ 1", "≥ 1.5")


if __name__ == "__main__":
    main()
