#!/usr/bin/env python3
"""The floors of the program, checked by every include line of src/ and include/.

A file includes headers of its own floor or of lower ones. `decoder` and `flow` are two wings on the
same level, and neither knows the other. A header is in include/FLOOR if another floor includes it,
otherwise beside its source in src/FLOOR. A line for each breach says which file includes what.

The table of floors in CONTRIBUTING.md names the same ones in the same order, and the functions that
src/README.md walks through exist.

No file calls a function of libm whose rounding IEEE 754 does not define (exp, pow, sin, ...): its
last bit depends on library and CPU. numerics/portable.h and numerics/elementary.h have our own.
"""
import os
import re
import sys

LEVELS = [["ground"], ["platform"], ["numerics"], ["decoder", "flow"], ["input"], ["data"],
          ["engine"], ["files"], ["app"]]
LEVEL = {floor: level for level, floors in enumerate(LEVELS) for floor in floors}
PARTS = re.compile(r"(_kernels|_internal)?\.[ch]$")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
INEXACT = re.compile(r"\b(?:a?(?:cos|sin|tan)(?:h|pi)?|sincos|atan2|exp(?:2|10|m1)?|pow|pow10|"
                     r"log(?:2|10|1p)?|cbrt|hypot|erfc?|[lt]?gamma|[jy][01n])[fl]?\s*\(")
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def sources(root):
    """(tree, floor, name, text) of every source and header."""
    for tree in ("include", "src"):
        for folder, _, names in os.walk(os.path.join(root, tree)):
            floor = os.path.relpath(folder, os.path.join(root, tree))
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        yield tree, floor, name, file.read()


def breaches(root):
    """A list of sentences, empty if there is no breach."""
    files = list(sources(root))
    trees = {f"{floor}/{name}": tree for tree, floor, name, _ in files}
    users = {path: set() for path in trees}
    found = []
    for tree, floor, name, text in files:
        here = f"{tree}/{floor}/{name}"
        if floor not in LEVEL:
            found.append(f"{here}: {floor} is no floor; there are {', '.join(LEVEL)}")
            continue
        for path in INCLUDE.findall(text):
            if path not in trees:
                if "/" in path:
                    found.append(f"{here}: {path} is not there")
                continue  # a library's, or made by the build
            target = path.split("/")[0]
            users[path].add(floor)
            if target != floor and LEVEL[target] > LEVEL[floor]:
                found.append(f"{here} includes {path}: {target} stands above {floor}")
            elif target != floor and LEVEL[target] == LEVEL[floor]:
                found.append(f"{here} includes {path}: {target} is the other wing")
    for path, tree in trees.items():
        floor = path.split("/")[0]
        others = users[path] - {floor}
        if path.endswith(".h") and tree == "src" and others:
            found.append(f"src/{path} is included by {', '.join(sorted(others))}: "
                         "it belongs into include/")
        if path.endswith(".h") and tree == "include" and not others:
            found.append(f"include/{path} is included by its own floor only: "
                         "it belongs beside its source")
    return found + circles(files) + inexact_calls(files) + documents(root, files)


def inexact_calls(files):
    """Calls whose last bit depends on the machine."""
    return [f"{tree}/{floor}/{name} calls libm's {call.rstrip('( ')}: see numerics/portable.h"
            for tree, floor, name, text in files
            for call in INEXACT.findall(COMMENT.sub("", text))]


def documents(root, files):
    """What CONTRIBUTING.md and src/README.md say about floors and functions that is wrong."""
    def read(name):
        with open(os.path.join(root, name), encoding="utf-8") as file:
            return file.read()

    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", read("CONTRIBUTING.md"), re.MULTILINE)
    found = []
    if [re.findall(r"\w+", row) for row in rows] != LEVELS[::-1]:
        found.append(f"CONTRIBUTING.md: the table of floors has {rows}")
    text = {f"{floor}/{name}": text for _, floor, name, text in files}
    for path, function in re.findall(r"`(\w+/\w+\.c):(\w+)`", read("src/README.md")):
        definition = re.compile(rf"^\w[^;{{}}=]*?\b{function}\([^;]*?\) \{{", re.MULTILINE)
        if not definition.search(text.get(path, "")):
            found.append(f"src/README.md: {path} has no function {function}")
    return found


def circles(files):
    """Cycles of modules within a floor. x.c and x.h are one module x, and so are x_kernels, what
    is compiled once per instruction set, and x_internal.h, what the files x_* share."""
    module = {}
    for _, floor, name, text in files:
        here = PARTS.sub("", f"{floor}/{name}")
        module.setdefault(here, set()).update(PARTS.sub("", path)
                                              for path in INCLUDE.findall(text))
    found, done = [], set()

    def visit(here, path):
        if here in path:
            found.append("a circle: " + " -> ".join(path[path.index(here):] + [here]))
        elif here not in done:
            for other in sorted(module[here] - {here}):
                if other in module:
                    visit(other, path + [here])
            done.add(here)

    for here in sorted(module):
        visit(here, [])
    return found


def main():
    found = breaches(sys.argv[1] if len(sys.argv) > 1 else ROOT)
    print("\n".join(found) if found else "every include line runs down, no bit is left to libm")
    print(f"{0 if found else 1} passed, {1 if found else 0} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
