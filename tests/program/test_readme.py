#!/usr/bin/env python3
"""The quick start ends with the lines that README.md shows, and its Python code runs.

usage: test_readme.py gfe_hpc

Results have the same bits on any x86-64 with FMA, so the figures in README.md must be those of this
revision.
"""
import os
import re
import sys
import tempfile

from program import Checks, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def blocks(wanted):
    """The code blocks of README.md of a kind, such as "python"; "" for those without one."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        found = re.findall(r"^```(\w*)\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
    return [text for kind, text in found if kind == wanted]


def cells(line):
    return [cell.strip() for cell in line.strip("| \n").split("|")]


def test_quick_start(checks, program, cwd):
    for name in ("fields.py", "quickstart.yaml", "fields.yaml"):
        path = os.path.join(ROOT, "inputs", name)
        result = run(path, cwd=cwd) if name.endswith(".py") else run(program, path, cwd=cwd)
        checks(result.code == 0, f"{name}: {result}")
    printed = run(os.path.join(ROOT, "postprocess", "gfe_compare.py"), "runs/fields",
                  "runs/quickstart", cwd=cwd).out.strip().splitlines()
    shown, = (block.splitlines() for block in blocks("") if block.startswith("| run |"))
    checks(len(shown) == len(printed) == 4, f"{len(shown)} lines: {printed}")
    for line, now in zip(shown, printed):
        told = cells(line)
        checks(told[-1] == "..." and told[:-1] == cells(now)[:len(told) - 1],
               f"README.md: {line}\nnow: {now}")


def test_python(checks, cwd):
    """From a checkout; xarray is optional."""
    os.symlink(os.path.join(ROOT, "postprocess"), os.path.join(cwd, "postprocess"))
    codes = blocks("python")
    checks(len(codes) >= 2, f"{len(codes)} blocks of Python")
    code, path = "", os.path.join(cwd, "code.py")
    for block in codes:
        code += block
        with open(path, "w", encoding="utf-8") as file:
            file.write(code)
        result = run(path, cwd=cwd)
        checks(result.code == 0 or "No module named 'xarray'" in result.err, f"{block}{result}")
    checks("(200, 8)" in result.out, f"the shape of the latents: {result}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    checks = Checks()
    with tempfile.TemporaryDirectory() as cwd:
        test_quick_start(checks, os.path.abspath(sys.argv[1]), cwd)
        test_python(checks, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
