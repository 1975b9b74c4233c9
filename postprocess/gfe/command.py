"""What the commands share: options, messages, exit codes, and writing figures to files.

Exit code 2 and one line report what is wrong with the arguments, the files or the installation.
"""

import argparse
import importlib
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial


SYSTEM = "/usr/bin/python3"  # has Debian's packages, beside which another python3 may come first


def other_python():
    """" or run it with /usr/bin/python3", if that has the packages that this one lacks."""
    if sys.executable == SYSTEM or not os.path.exists(SYSTEM):
        return ""
    found = subprocess.run([SYSTEM, "-c", "import h5py, matplotlib"], capture_output=True,
                           check=False)
    return "" if found.returncode else f", or run it with {SYSTEM}"


@contextmanager
def imports():
    """`with imports():` around a command's imports: reports a missing package by name."""
    try:
        yield
    except ImportError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error} in {sys.executable} "
              f"(Debian: python3-h5py python3-numpy python3-matplotlib){other_python()}",
              file=sys.stderr)
        sys.exit(2)


def figure_parser(description, output="plots beside the results"):
    """A parser with --output and --format, for commands that draw."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--output", metavar="DIR", help=f"default: {output}")
    parser.add_argument("--format", choices=("png", "pdf"), default="png")
    return parser


def results_path(path):
    """The path of a results file, also if the run's directory is given."""
    return os.path.join(path, "results.h5") if os.path.isdir(path) else path


def results_parser(description):
    """The same for commands that draw a results.h5: with --group (group_shown()) and --photo."""
    from gfe.results import SETS
    parser = figure_parser(description)
    parser.add_argument("results", type=results_path, help="results.h5 of a run, or its directory")
    parser.add_argument("--group", choices=SETS,
                        help="the encoded set to show; default: test, else encode, else train")
    parser.add_argument("--photo", action="store_true",
                        help="show three channels as the colours of a photograph")
    return parser


def group_shown(results, options):
    """The name of the set to show; None if the file has none."""
    return options.group or next(
        (name for name in ("test", "encode", "train") if name in results.groups), None)


def plots_beside(path):
    """The default folder for the figures of a results file."""
    return os.path.join(os.path.dirname(path), "plots")


def save_figures(figures, directory, form, **look):
    """Writes the figures {name: figure} that are not None, and prints their paths; `look`: options
    of matplotlib's savefig."""
    os.makedirs(directory, exist_ok=True)
    for name, figure in figures.items():
        if figure is not None:
            path = os.path.join(directory, f"{name}.{form}")
            figure.savefig(path, **look)
            print(path)


def run(parser, work, draws=True):
    """Calls work(options) with the command line's options; returns the exit code."""
    from gfe.results import ResultsError
    options = parser.parse_args()
    if draws:
        from gfe import style
        style.use()
    try:
        work(options)
    except (ResultsError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def start(module):
    """Runs main() of a module of this package."""
    with imports():
        main = importlib.import_module(f"gfe.{module}").main
    return main()


# The entry points of the commands, in a checkout (gfe_plot.py) and installed (gfe-plot).
collect, compare, latents, plot, results, scaling = (
    partial(start, module)
    for module in ("collect", "compare", "latents", "figures", "results", "scaling"))
