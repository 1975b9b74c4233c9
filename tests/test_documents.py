#!/usr/bin/env python3
"""Everything that README files and CONTRIBUTING.md name exists: files, links, functions, options of
commands, keys of the input, Python modules. Blocks of commands are valid shell, one per line.
"""
import ast
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`]+)`")
# Paths of the repository. A placeholder has a capital or the name x: src/FLOOR/x.c, solver_x.c.
PATH = re.compile(r"(?<![\w/.$~-])((?:inputs|jobscripts|postprocess|src|include|tests)/[\w./*-]*\w)")
PLACEHOLDER = re.compile(r"[A-Z]|(?:/|_|fuzz_)x\b")
INDENTED = re.compile(r"^[^\s\-*|\d][^\n]*\n\n    \S", re.MULTILINE)
OPTION = re.compile(r"(?<!\S)(--[a-z][\w-]*)")
OVERRIDE = re.compile(r"--set[ =]['\"]?([\w.]+)=")
COMMAND = re.compile(r"\b(?:python3|mpirun|ninja|meson|sbatch|xargs) \S|\bbuild/gfe_hpc")
SECTIONS = "run|data|decoder|encoder|encoding|training|evaluation|gradient_check|output|checkpoint"
KEY = re.compile(rf"^((?:{SECTIONS})(?:\.\w+)+)(?=$|[:= ])")
FILE = re.compile(r"\.(?:c|h|h5|prev|py|sh|yaml)$")
FUNCTION = re.compile(r"`(\w+)\(\)`\s+(?:of|in)\s+`([\w/]+/\w+\.(?:c|h|py))`")
PROGRAM = re.compile(r"\S*\bgfe_hpc(?:_double)?(?=\s|$)")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def documents():
    for pattern in ("*.md", "inputs/**/*.md", "jobscripts/*.md", "postprocess/*.md", "src/**/*.md",
                    "tests/**/*.md"):
        for path in sorted(glob.glob(os.path.join(ROOT, pattern), recursive=True)):
            name = os.path.relpath(path, ROOT)
            if name != "CHANGELOG.md":  # names what was
                yield name


def input_keys():
    """Every key of inputs/parameters.yaml, and its sections, as section.key."""
    keys, open_keys = set(), []
    for line in read("inputs/parameters.yaml").splitlines():
        match = re.match(r"( *)(\w+):", line)
        if match:
            open_keys = open_keys[:len(match[1]) // 2] + [match[2]]
            keys.add(".".join(open_keys))
    return keys


def there(path, folder):
    """Whether a path is in the repository, from its root or from the document's folder."""
    return any(glob.glob(os.path.join(ROOT, base, path + end))
               for base in ("", folder) for end in ("", ".c"))  # x: the program made from x.c


def commands(block):
    """(command, comment) of each line of a shell block; continued lines are one."""
    for line in block.replace("\\\n", " ").splitlines():
        command, _, comment = re.sub(r"\s#", "\0", line, count=1).partition("\0")
        if not command.lstrip().startswith("#"):
            yield command, comment


def options_of(command):
    """(options, text in which they must be) of a command of the repository, or none."""
    script = re.search(r"python3 (\S+\.py)(.*)", command)
    program = PROGRAM.search(command)
    if script is None and program:
        return OPTION.findall(command[program.end():].split("|")[0]), read("src/app/cli.c")
    if script is None or not os.path.exists(os.path.join(ROOT, script[1])):
        return [], ""
    text = read(script[1])
    module = os.path.basename(script[1])[len("gfe_"):]
    if os.path.exists(os.path.join(ROOT, "postprocess/gfe", module)):
        text += read(f"postprocess/gfe/{module}")  # gfe_x.py is a command of the module gfe/x.py
    return OPTION.findall(script[2]), text


def shell(block, keys):
    """What is wrong with a block of commands."""
    if not re.search(r"\[-|<\w", block):  # a synopsis
        check = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True)
        if check.returncode != 0:
            yield f"no valid shell: {check.stderr.strip()}"
    for command, comment in commands(block):
        if COMMAND.search(comment):
            yield f"a command behind a comment: {comment.strip()}"
        options, text = options_of(command)
        for option in options:
            if f'"{option}"' not in text:
                yield f"no option {option}: {command.strip()}"
        for key in OVERRIDE.findall(command):
            if key not in keys:
                yield f"no key {key}: {command.strip()}"


def names_of(path):
    """What a module of the package gfe defines at its top level."""
    for node in ast.parse(read(path)).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        for target in getattr(node, "targets", []):
            yield getattr(target, "id", "")


def python(block):
    """What is wrong with a block of Python."""
    try:
        tree = ast.parse(block)
    except SyntaxError as error:
        yield f"no valid Python: {error}"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("gfe."):
            path = f"postprocess/{node.module.replace('.', '/')}.py"
            if not os.path.exists(os.path.join(ROOT, path)):
                yield f"no module {node.module}"
                continue
            for alias in node.names:
                if alias.name not in set(names_of(path)):
                    yield f"{node.module} has no {alias.name}"


def faults(name, keys):
    """A sentence for everything in a document that is wrong."""
    text, folder = read(name), os.path.dirname(name)
    prose = FENCE.sub("", text)
    if "```" in prose:
        yield "a fence that is not closed"
    for match in INDENTED.finditer(prose):
        yield f"a block without fences after: {match[0].splitlines()[0]}"
    for path in LINK.findall(prose):
        if not os.path.exists(os.path.join(ROOT, folder, path)):
            yield f"a link to {path}, which is not there"
    for path in PATH.findall(text):
        if not PLACEHOLDER.search(path) and not there(path, folder):
            yield f"{path} is not there"
    for code in CODE.findall(prose):
        key = KEY.match(code)
        if key and key[1] not in keys and not FILE.search(key[1]):
            yield f"no key {key[1]}"
    for function, path in FUNCTION.findall(prose):
        if there(path, folder) and f"{function}(" not in read(path):
            yield f"{path} has no {function}()"
    for _, language, block in FENCE.findall(text):
        if language == "python":
            yield from python(block)
        if language == "sh":
            yield from shell(block, keys)


def main():
    keys = input_keys()
    found = [f"{name}: {fault}" for name in documents() for fault in faults(name, keys)]
    print("\n".join(found) if found else "everything that the documents name is there")
    print(f"{0 if found else 1} passed, {1 if found else 0} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
