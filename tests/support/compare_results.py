#!/usr/bin/env python3
"""Compare results files bit by bit, except times and provenance.

usage: compare_results.py results.h5 other.h5 [...]

Every dataset of the first file must be in all others with the same shape, type and bytes, and vice
versa. Otherwise exit code 1 and the names of what differs.
"""
import sys

import h5py


def datasets(path):
    """Name -> (shape, type, bytes) of every dataset except times."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not name.endswith(("seconds", "imbalance")):
            values = item[()].astype("S") if item.dtype == object else item[()]  # texts
            found[name] = (item.shape, str(item.dtype), values.tobytes())

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def main():
    reference, different = datasets(sys.argv[1]), 0
    for path in sys.argv[2:]:
        other = datasets(path)
        for name in sorted(set(reference) | set(other)):
            if reference.get(name) != other.get(name):
                print(f"{path}: {name} differs from {sys.argv[1]}")
                different += 1
    if not different:
        print(f"{len(reference)} datasets are equal in {len(sys.argv) - 1} files")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
