#!/usr/bin/env python3
"""Gradient evaluations of the dense decoder in PyTorch: forward and gradient of the latents, one
thread, batch 256, without gradients of the parameters. Prints one Markdown row.
"""
import statistics
import time

import torch


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    batch, widths, layers = 256, [20, 150, 300, 600, 784], []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ELU()]
    decoder = torch.nn.Sequential(*layers[:-1]).requires_grad_(False)
    y, z = torch.rand(batch, 784), torch.zeros(batch, 20, requires_grad=True)
    loss = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def seconds(repeats=20):
        begun = time.perf_counter()
        for _ in range(repeats):
            torch.autograd.grad(loss(decoder(z), y) / 784, z)
        return (time.perf_counter() - begun) / repeats

    seconds()
    median = statistics.median(seconds() for _ in range(9))
    print(f"| PyTorch {torch.__version__}, batch {batch}, per sample, us | {1e6 * median / batch:.1f} |")


if __name__ == "__main__":
    main()
