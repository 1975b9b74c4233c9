#!/usr/bin/env python3
"""A short summary of a results.h5 of gfe_hpc, see gfe/results.py.

usage: gfe_results.py results.h5   (--help tells more)
"""

import sys

from gfe.command import results

sys.exit(results())
