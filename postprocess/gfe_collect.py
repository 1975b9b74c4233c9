#!/usr/bin/env python3
"""Gathers the tasks of a sweep into one table, see gfe/collect.py.

usage: gfe_collect.py DIRECTORY   (--help tells more)
"""

import sys

from gfe.command import collect

sys.exit(collect())
