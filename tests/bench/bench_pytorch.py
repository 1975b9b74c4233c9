#!/usr/bin/env python3
"""Gradient evaluations of the dense decoder in PyTorch: forward and gradient of the latents by
autograd, one thread, batch 256, without gradients of the parameters. The line printed is JSON.
"""
import json
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
        begun = time.process_time()
        for _ in range(repeats):
            torch.autograd.grad(loss(decoder(z), y) / 784, z)
        return (time.process_time() - begun) / repeats

    seconds()
    median = statistics.median(seconds() for _ in range(9))
    print(json.dumps({"version": torch.__version__, "gradients_per_second": batch / median}))


if __name__ == "__main__":
    main()
