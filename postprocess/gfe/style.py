"""Colours and style of the figures."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import Normalize

# Okabe and Ito's colours, and Tol's "muted" for the classes: both safe for colour-blind readers.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY, LIGHT, GRID = "#555555", "#BBBBBB", "#E5E5E5"
CLASS_COLOURS = ("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255", "#44AA99",
                 "#999933", "#AA4499", "#777777")
CLASS_MARKERS = ("o", "^")

# Colour maps of fields; diverging ones are white at 0. Missing entries are grey, which none of the
# maps contains, or sand in images of grey values.
ONE_SIDE, TWO_SIDES, ERRORS, GREYS = "viridis", "RdBu_r", "PuOr_r", "gray"
MISSING, MISSING_IN_GREYS = "#A9A9A9", "#E8D9A0"
SIGNED = 0.1  # a quantity is signed if its smaller extreme exceeds this part of the larger one

STYLE = {
    "font.size": 13, "axes.titlesize": 13, "axes.labelsize": 13, "legend.fontsize": 12,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
    "legend.frameon": False, "lines.linewidth": 2, "figure.dpi": 100, "savefig.dpi": 200,
    "figure.constrained_layout.use": True, "image.interpolation": "nearest",
}


def use():
    """From now on, figures are drawn to files, in this style."""
    matplotlib.use("Agg")
    plt.rcParams.update(STYLE)


def _number(x):
    """A number, NaN for one that is masked."""
    return float(np.ma.filled(x, np.nan))


def _look(name, low, high, missing=MISSING):
    return dict(cmap=matplotlib.colormaps[name].with_extremes(bad=missing),
                norm=Normalize(low, high))


def value_look(values, greys=False):
    """Colour map and range of a quantity: symmetric about 0 if it is signed."""
    low, high = _number(np.ma.min(values)), _number(np.ma.max(values))
    if not np.isfinite(low) or not np.isfinite(high):  # no finite values
        low, high = 0.0, 1.0
    if greys:
        return _look(GREYS, low, high, MISSING_IN_GREYS)
    if low < 0 < high and min(-low, high) > SIGNED * max(-low, high):
        limit = max(-low, high)
        return _look(TWO_SIDES, -limit, limit)
    return _look(ONE_SIDE, low, high)


def error_limit(errors):
    """The largest absolute error, 1 if there is none."""
    limit = _number(np.ma.max(np.abs(errors)))
    return limit if np.isfinite(limit) and limit > 0 else 1.0


def error_look(errors, greys=False):
    limit = error_limit(errors)
    return _look(ERRORS, -limit, limit, MISSING_IN_GREYS if greys else MISSING)
