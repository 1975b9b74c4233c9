#!/usr/bin/env python3
"""Figures of the latents in a results.h5 of gfe_hpc, see gfe/latents.py.

usage: gfe_latents.py results.h5   (--help tells more)
"""

import sys

from gfe.command import latents

sys.exit(latents())
