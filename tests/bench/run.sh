#!/bin/sh
# Measures speed on an idle machine and prints a Markdown table. Needs Debian's python3-torch for the
# comparison with PyTorch. See tests/bench/README.md.
set -eu
cd "$(dirname "$0")/../.."
. jobscripts/setup.sh
install_packages
find_python
build build
ninja -C build tests/bench/bench_encoder tests/bench/bench_adjoint tests/bench/bench_conv > /dev/null
allow_root

build/gfe_hpc --set run.directory=runs/bench --set run.tasks=[train] --set training.epochs=1 \
    inputs/quickstart.yaml > /dev/null
echo "| what | figure |"
echo "| --- | --- |"
taskset -c 0 build/tests/bench/bench_encoder tests/bench/encode.yaml
taskset -c 0 build/tests/bench/bench_adjoint
if "${PYTHON_TORCH:-/usr/bin/python3}" -c 'import torch' 2> /dev/null; then
    taskset -c 0 "${PYTHON_TORCH:-/usr/bin/python3}" tests/bench/bench_pytorch.py
    taskset -c 0 "${PYTHON_TORCH:-/usr/bin/python3}" tests/bench/bench_conv.py \
        build/tests/bench/bench_conv
else
    echo "| PyTorch | not installed (Debian: python3-torch) |"
fi
