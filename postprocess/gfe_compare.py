#!/usr/bin/env python3
"""Errors of runs of gfe_hpc beside those of POD, see gfe/compare.py.

usage: gfe_compare.py RUN...   (--help tells more)
"""

import sys

from gfe.command import compare

sys.exit(compare())
