"""Colours and looks of the figures."""

import matplotlib
import matplotlib.pyplot as plt

# Okabe and Ito's colours, and Tol's "muted" for the classes: both safe for colour-blind readers.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY, LIGHT, GRID = "#555555", "#BBBBBB", "#E5E5E5"
NOT_OBSERVED = "#E8D9A0"
CLASS_COLOURS = ("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255", "#44AA99",
                 "#999933", "#AA4499", "#777777")
CLASS_MARKERS = ("o", "^")

STYLE = {
    "font.size": 13, "axes.titlesize": 13, "axes.labelsize": 13, "legend.fontsize": 12,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
    "legend.frameon": False, "lines.linewidth": 2, "figure.dpi": 100, "savefig.dpi": 200,
    "figure.constrained_layout.use": True, "image.interpolation": "nearest",
}


def use():
    """Draws into files, in this style, from now on."""
    matplotlib.use("Agg")
    plt.rcParams.update(STYLE)
