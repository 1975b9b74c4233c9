"""One table of the errors of runs of gfe_hpc, beside those of POD of the same latent size:

    gfe_compare.py RUN... [--group test]

RUN is a run's directory; its summary.json is read. The relative L2 error is that of the whole set,
|x - y| / |y| over all entries of all samples, in data units; the centred error is relative to the
deviation from the mean, |y - mean|; the loss is that of the run.
"""

import argparse
import json
import os

from gfe import command
from gfe.results import SETS, ResultsError
from gfe.tables import print_table

PREFERRED = ("test", "encode", "train")
SOURCES = (("POD", "pod_"), ("encoder", "encoder_"), ("GFE", ""))  # source of an error, its prefix


def read_summary(directory):
    path = os.path.join(directory, "summary.json")
    if not os.path.isfile(path):
        raise ResultsError(f"{path}: no such file")
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise ResultsError(f"{path} is not valid JSON: {error}") from error


def errors_of(directory, group=None):
    """{"POD": relative L2, ..., "loss": ...} of a run's set; None where it was not measured."""
    summary = read_summary(directory)
    group = group or next((name for name in PREFERRED
                           if summary.get(f"{name}_loss") is not None), "test")
    found = {name: summary.get(f"{group}_{prefix}relative_l2") for name, prefix in SOURCES}
    centred = {f"centred, {name}": summary.get(f"{group}_{prefix}relative_l2_centred")
               for name, prefix in SOURCES}
    return {**found, **centred, "set": group, "loss": summary.get(f"{group}_loss")}


def number(value, form=".4g"):
    return "-" if value is None else format(value, form)


def comparison(runs):
    """Head and rows of the table; `runs` are (name, errors_of()). There are columns for an encoder
    and for centred errors if any run has them. With an encoder, the column of GFE is called "flow",
    because an autoencoder's decoder is not GFE."""
    encoder = any(errors["encoder"] is not None for _, errors in runs)
    names = [name for name, _ in SOURCES if name != "encoder" or encoder]
    centred = [f"centred, {name}" for name in names
               if any(errors[f"centred, {name}"] is not None for _, errors in runs)]
    flow = "flow" if encoder else "GFE"
    head = ["run", "set", *(f"relative L2, {name}" for name in names), f"{flow} / POD", *centred,
            f"loss, {flow}"]
    head = [name.replace(", GFE", f", {flow}") for name in head]
    rows = []
    for run, errors in runs:
        pod, gfe = errors["POD"], errors["GFE"]
        ratio = number(gfe / pod, ".3f") if pod and gfe is not None else "-"
        rows.append([run, errors["set"], *(number(errors[name]) for name in names), ratio,
                     *(number(errors[name]) for name in centred), number(errors["loss"])])
    return head, rows


def main():
    def show(options):
        runs = [(os.path.basename(os.path.normpath(run)), errors_of(run, options.group))
                for run in options.runs]
        print_table(*comparison(runs))

    parser = argparse.ArgumentParser(
        description="Errors of runs beside those of POD, in one table. Centred: relative to the "
                    "deviation from the mean.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the directory of a run")
    parser.add_argument("--group", choices=SETS, help="default: test, else encode, else train")
    return command.run(parser, show, draws=False)
