#!/usr/bin/env python3
"""The machine that the table was measured on, and the table's head."""

import os
import re

import torch
from bench import BASE, QUICK, make_images, trained_decoder
from gfe.results import Results


def main():
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    make_images()
    with Results(trained_decoder()) as results:
        about = results.attributes
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        cpu = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    for what, text in (("date", about["date"]), ("load at the beginning", load),
                       ("CPU", f"{cpu.group(1) if cpu else 'unknown'}, {os.cpu_count()} cores"),
                       ("machine", about["machine"]),
                       ("OpenBLAS's kernel for the opponents, at first",
                        os.environ.get("OPENBLAS_CORETYPE", "its own choice")),
                       ("BASE", BASE or "not set"),
                       ("program", f"{about['software']} {about['softwareVersion']}, revision "
                                   f"{about['revision']}, {about['compiler']}"),
                       ("libraries", about["softwareDependencies"]),
                       ("PyTorch", torch.__version__)):
        print(f"- {what}: {text}")
    if QUICK:
        print("- QUICK is set: the figures mean nothing")
    print("\n| what | figure | must | aim | met |\n| --- | --- | --- | --- | --- |", flush=True)


if __name__ == "__main__":
    main()
