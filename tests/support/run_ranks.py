#!/usr/bin/env python3
"""Run an MPI test on several numbers of ranks and compare the bits that it prints.

usage: run_ranks.py "1 2 3 4" TEST [ARGUMENT ...]

The test passes if every run ends with exit code 0 and the lines that begin with "bits " are the
same in all runs.
"""
import sys

from program import run_command


def main():
    counts, command = [int(word) for word in sys.argv[1].split()], sys.argv[2:]
    reference, failed = None, False
    for count in counts:
        result = run_command(["mpirun", "-n", str(count), *command])
        print(f"--- {count} ranks\n{result.out}{result.err}", end="")
        bits = [line for line in result.out.splitlines() if line.startswith("bits ")]
        reference = bits if reference is None else reference
        if result.code != 0:
            print(f"{count} ranks: exit code {result.code}")
        if bits != reference:
            print(f"{count} ranks: the bits differ from those on {counts[0]}")
        failed = failed or result.code != 0 or bits != reference
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
