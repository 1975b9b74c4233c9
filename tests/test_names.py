#!/usr/bin/env python3
"""Every module has a test named after it, or a row in the table of README.md that says which tests
cover it. Files x_y.c are parts of a module x.
"""
import glob
import os
import re
import sys

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(TESTS)
ROW = re.compile(r"^\| `([a-z]+)/` \| (.*?) \| ", re.MULTILINE)


def listed():
    """The modules FLOOR/x of the table."""
    with open(os.path.join(TESTS, "README.md"), encoding="utf-8") as file:
        return {f"{floor}/{name}" for floor, names in ROW.findall(file.read())
                for name in re.findall(r"`(\w+)`", names)}


def covers(names, module):
    """Whether a module, or one that it is a part of (x_y is of x), is among the names."""
    return any(module == name or module.startswith(name + "_") for name in names)


def main():
    def paths(pattern):
        return sorted(glob.glob(os.path.join(ROOT, pattern)))

    def name(path):
        return "/".join(path[:-2].split(os.sep)[-2:])

    own = {name(path).replace("/test_", "/") for path in paths("tests/unit/*/test_*.c")}
    elsewhere = listed()
    modules = [name(path) for path in paths("src/*/*.c")]
    found = [f"{module} has neither a test nor a row in the table of tests/README.md"
             for module in modules if not covers(own | elsewhere, module)]
    found += [f"{module} has its own test; its row in the table of tests/README.md is out of date"
              for module in sorted(own & elsewhere)]
    found += [f"{module} in the table of tests/README.md does not exist"
              for module in sorted(elsewhere - set(modules))]
    print("\n".join(found) if found else "every module has its test")
    print(f"{0 if found else 1} passed, {1 if found else 0} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
