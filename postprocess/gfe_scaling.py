#!/usr/bin/env python3
"""Predicts how runs of gfe_hpc scale to thousands of ranks, see gfe/scaling.py.

usage: gfe_scaling.py RUN...   (--help tells more)
"""

import sys

from gfe.command import scaling

sys.exit(scaling())
