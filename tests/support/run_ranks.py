#!/usr/bin/env python3
"""Run an MPI test on several numbers of ranks and compare the bits that it prints.

usage: run_ranks.py "1 2 3 4" TEST [ARGUMENT ...]

The test passes if every run ends with exit code 0 and the lines that begin with "bits " are the
same in all runs.
"""
import subprocess
import sys

from program import ENVIRONMENT


def main():
    counts, command = [int(word) for word in sys.argv[1].split()], sys.argv[2:]
    reference, failed = None, False
    for count in counts:
        run = subprocess.run(["mpirun", "-n", str(count), *command], env=ENVIRONMENT,
                             capture_output=True, text=True)
        print(f"--- {count} ranks\n{run.stdout}{run.stderr}", end="")
        bits = [line for line in run.stdout.splitlines() if line.startswith("bits ")]
        reference = bits if reference is None else reference
        if run.returncode != 0:
            print(f"{count} ranks: exit code {run.returncode}")
        if bits != reference:
            print(f"{count} ranks: the bits differ from those on {counts[0]}")
        failed = failed or run.returncode != 0 or bits != reference
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
