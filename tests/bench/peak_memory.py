"""Runs a command and prints the peak of its resident memory (VmHWM). It is small itself, because
the peak of a child includes that of the process it was forked from.

usage: peak_memory.py COMMAND [ARGUMENT...]
"""
import os
import sys

child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ,
                        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(child, 0)
print(f"peak {usage.ru_maxrss} KiB", flush=True)
sys.exit(os.waitstatus_to_exitcode(status))
