"""Draws inputs/figures/fields.png from the runs of fields.sh, which calls this."""

import os

import matplotlib.pyplot as plt
import numpy as np

from gfe import style
from gfe.compare import errors_of
from gfe.results import Results
from gfe.style import BLUE, GREEN, LIGHT, ORANGE

RUNS = os.path.join("runs", "readme")
SHOWN = (0, 88)  # two test samples, by their places
LATENTS, TRAJECTORIES = (2, 4, 8, 16), (10, 20, 40, 80)


def draw_sample(axes, test, place):
    x = test.coordinates["x"]
    for name, label, look in (("target", "truth", {"color": LIGHT, "linewidth": 5}),
                              ("pod_reconstruction", "POD, 8 numbers",
                               {"color": GREEN, "linestyle": "--"}),
                              ("reconstruction", "GFE, 8 numbers", {"color": ORANGE})):
        axes.plot(x, np.ravel(getattr(test, name)[place]), label=label, **look)
    trajectory, time = test.trajectory_value[place], test.time_value[place]
    axes.set(xlabel="x [m]", title=f"test trajectory {trajectory:.0f}, t = {time:.1f} s")


def draw_errors(axes, numbers, curves):
    for (name, label, look), names in curves:
        axes.plot(numbers, [errors_of(os.path.join(RUNS, run), "test")[name] for run in names],
                  "o-", label=label, **look)
    axes.set(xscale="log", ylim=(0, None), title="relative L2 error, test")
    axes.set_xticks(numbers, numbers)
    axes.minorticks_off()
    axes.legend()


POD = ("POD", "POD", {"color": GREEN})
GFE = ("GFE", "GFE", {"color": ORANGE})
ENCODER = ("encoder", "autoencoder", {"color": BLUE})


def main():
    style.use()
    figure, panels = plt.subplots(1, 4, figsize=(15, 3.6))
    with Results(os.path.join(RUNS, "latent_8", "results.h5")) as results:
        test = results.set("test")
    for axes, place in zip(panels, SHOWN):
        draw_sample(axes, test, place)
    panels[0].set(ylabel="velocity [m/s]")
    panels[0].legend(fontsize="small")
    latents = [f"latent_{latent}" for latent in LATENTS]
    draw_errors(panels[2], LATENTS, ((POD, latents), (GFE, latents)))
    panels[2].set_xlabel("numbers per sample")
    runs = {model: [f"{count}_{model}" for count in TRAJECTORIES]
            for model in ("gfe", "autoencoder")}
    draw_errors(panels[3], TRAJECTORIES,
                ((POD, runs["gfe"]), (ENCODER, runs["autoencoder"]), (GFE, runs["gfe"])))
    panels[3].set_xlabel("training trajectories")
    figure.savefig(os.path.join(os.path.dirname(__file__), "fields.png"), dpi=80)


if __name__ == "__main__":
    main()
