"""Draws inputs/figures/fields.png and prints the table of errors, from the runs of fields.sh."""

import os

import matplotlib.pyplot as plt
import numpy as np

from gfe import style
from gfe.compare import errors_of
from gfe.results import Results
from gfe.style import BLUE, GREEN, LIGHT, ORANGE
from gfe.tables import print_table

RUNS = os.path.join("runs", "readme")
SEEDS = (1, 2, 3)
SHOWN = (0, 88)  # two test samples, by index
LATENTS, TRAJECTORIES = (2, 4, 8, 16), (10, 20, 40, 80)
POD = ("POD", "gfe", "POD", GREEN)  # name of the error, model of the runs, label, colour
ENCODER = ("encoder", "autoencoder", "autoencoder", BLUE)
BY_FLOW = ("GFE", "autoencoder", "autoencoder's decoder with the flow", None)
GFE = ("GFE", "gfe", "GFE", ORANGE)


def errors(curve, trajectories, latent):
    """Relative L2 errors of the test data, one per seed."""
    name, model = curve[:2]
    return np.array([errors_of(os.path.join(RUNS, f"{model}_{trajectories}_{latent}_{seed}"),
                               "test")[name] for seed in SEEDS])


def draw_sample(axes, test, place):
    for name, label, look in (("target", "truth", {"color": LIGHT, "linewidth": 5}),
                              ("pod_reconstruction", "POD, 8 numbers",
                               {"color": GREEN, "linestyle": "--"}),
                              ("reconstruction", "GFE, 8 numbers", {"color": ORANGE})):
        axes.plot(test.coordinates["x"], np.ravel(getattr(test, name)[place]), label=label, **look)
    trajectory, time = test.trajectory_value[place], test.time_value[place]
    axes.set(xlabel="x [m]", title=f"test trajectory {trajectory:.0f}, t = {time:.1f} s")


def draw_errors(axes, cases, numbers, curves, label):
    """Means over seeds, with bands from the smallest to the largest error."""
    for curve in curves:
        found = np.array([errors(curve, *case) for case in cases])
        axes.plot(numbers, found.mean(axis=1), "o-", label=curve[2], color=curve[3])
        axes.fill_between(numbers, found.min(axis=1), found.max(axis=1), color=curve[3], alpha=0.2,
                          linewidth=0)
    axes.set(xscale="log", ylim=(0, None), title="relative L2 error, test", xlabel=label)
    axes.set_xticks(numbers, numbers)
    axes.minorticks_off()
    axes.legend(title=f"mean, range of {len(SEEDS)} seeds", alignment="left", loc="lower left",
                fontsize="small", title_fontsize="small")


def cell(curve, trajectories, latent):
    if curve[1] == "autoencoder" and latent != 8:
        return ""
    found = errors(curve, trajectories, latent)
    spread = np.ptp(found) / 2
    return f"{found.mean():.3f}" + (f" ± {spread:.3f}" if spread > 0 else "")


def main():
    style.use()
    by_latent = [(80, latent) for latent in LATENTS]
    by_count = [(count, 8) for count in TRAJECTORIES]
    figure, panels = plt.subplots(1, 4, figsize=(15, 3.6))
    with Results(os.path.join(RUNS, "gfe_80_8_1", "results.h5")) as results:
        test = results.set("test")
    for axes, place in zip(panels, SHOWN):
        draw_sample(axes, test, place)
    panels[0].set(ylabel="velocity [m/s]")
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(low, high + 0.45 * (high - low))  # room for the legend
    panels[0].legend(fontsize="small", loc="upper right")
    draw_errors(panels[2], by_latent, LATENTS, (POD, GFE), "numbers per sample")
    draw_errors(panels[3], by_count, TRAJECTORIES, (POD, ENCODER, GFE), "training trajectories")
    figure.savefig(os.path.join(os.path.dirname(__file__), "fields.png"), dpi=80)

    columns = (POD, ENCODER, BY_FLOW, GFE)
    print_table(["training trajectories", "latent size", *(curve[2] for curve in columns)],
                [[str(count), str(latent), *(cell(curve, count, latent) for curve in columns)]
                 for count, latent in by_latent + by_count[2::-1]])


if __name__ == "__main__":
    main()
