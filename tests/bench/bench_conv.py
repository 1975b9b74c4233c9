#!/usr/bin/env python3
"""The paper's CIFAR-10 decoders: evaluations of ours and of PyTorch in turn, one thread each, in
CPU seconds. PyTorch may choose its best batch.
"""

import time

import torch
from bench import c_rows, median, row
from torch import nn

ROUNDS, ENTRIES, LATENT, BATCHES = 3, 3072, 64, (24, 60, 256)


class Residual(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ELU(),
                                   nn.Conv2d(outputs, outputs, 3, padding=1))
        self.second = nn.Conv2d(inputs, outputs, 1)

    def forward(self, a):
        return nn.functional.elu(self.first(a) + self.second(a))


def transposed():
    layers = [nn.Linear(LATENT, 512), nn.ELU(), nn.Unflatten(1, (128, 2, 2))]
    for inputs, outputs in ((128, 64), (64, 32), (32, 16), (16, 3)):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.ELU()]
    return nn.Sequential(*layers[:-1])


def residual():
    layers = [nn.Linear(LATENT, 2048), nn.ELU(), nn.Unflatten(1, (128, 4, 4))]
    for inputs, outputs in ((128, 64), (64, 32), (32, 16)):
        layers += [nn.Upsample(scale_factor=2), Residual(inputs, outputs)]
    return nn.Sequential(*layers, nn.Conv2d(16, 3, 3, padding=1))


def evaluation(decoder, batch, parameters):
    """CPU seconds per sample of loss and gradient of the latents, with `parameters` of those
    too."""
    decoder.requires_grad_(parameters)
    y, z = torch.rand(batch, ENTRIES), torch.rand(batch, LATENT, requires_grad=True)
    wanted = [z, *decoder.parameters()] if parameters else [z]
    loss = nn.BCEWithLogitsLoss(reduction="sum")

    def run(repeats):
        begun = time.process_time()
        for _ in range(repeats):
            torch.autograd.grad(loss(decoder(z).flatten(1), y) / ENTRIES, wanted)
        return (time.process_time() - begun) / (repeats * batch)

    run(1)
    return run(1 + 120 // batch)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    decoders = {"transposed": transposed(), "residual": residual()}
    shares, pairs = {}, {}
    for _ in range(ROUNDS):
        found = {what: float(figure) for what, figure in c_rows("bench_conv", 3).items()}
        for what, figure in found.items():
            if "/ SGEMM" in what:
                shares.setdefault(what, []).append(figure)
        for name, decoder in decoders.items():
            for parameters, what in ((False, "evaluation"), (True, "with parameters")):
                best = min(1e6 * evaluation(decoder, batch, parameters) for batch in BATCHES)
                own = min(found[other] for other in found
                          if other.startswith(name) and other.endswith(f"{what}, us per sample"))
                pairs.setdefault(f"{name}: {what}", []).append((best, own))
    for what, figures in shares.items():
        row(what.replace("2048^3", "2048³"), f"{median(figures):.3f}", "≥ 0.5")
    for what, figures in pairs.items():
        theirs, own = (median(times) for times in zip(*figures))
        row(f"{what}, PyTorch / ours ({theirs:.0f} / {own:.0f} µs per sample)",
            f"{median(a / b for a, b in figures):.2f}", "≥ 1")


if __name__ == "__main__":
    main()
