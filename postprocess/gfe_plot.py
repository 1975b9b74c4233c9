#!/usr/bin/env python3
"""Figures of a run of gfe_hpc from its results.h5, see gfe/figures.py.

usage: gfe_plot.py results.h5   (--help tells more)
"""

import sys

from gfe.command import plot

sys.exit(plot())
