#!/usr/bin/env python3
"""An autoencoder in PyTorch, as PyTorch begins and trains it, for comparison with
inputs/autoencoder.yaml: test loss by the encoder, and CPU seconds of the training on one thread.

usage: autoencoder_pytorch.py [images [seeds]]      (default 6000 and 3; needs python3-torch)
"""
import gzip
import sys
import time

import numpy as np
import torch

FULL = "/usr/share/datasets/fashion-mnist/"  # Debian's package dataset-fashion-mnist
WIDTHS = (784, 600, 300, 150, 20)
BATCH = 20


def load(name, count):
    with gzip.open(FULL + name) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16)
    return torch.tensor(pixels.reshape(-1, 784)[:count].astype(np.float32) / 255)


def network(widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ELU()]
    return torch.nn.Sequential(*layers[:-1])


def main():
    count, seeds = (int(text) for text in (sys.argv[1:] + ["6000", "3"][len(sys.argv) - 1:]))
    torch.set_num_threads(1)
    train, test = load("train-images-idx3-ubyte.gz", count), load("t10k-images-idx3-ubyte.gz", None)
    loss = torch.nn.BCEWithLogitsLoss()
    for seed in range(1, seeds + 1):
        torch.manual_seed(seed)
        encoder, decoder = network(WIDTHS), network(WIDTHS[::-1])
        optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
        begun = time.process_time()
        for y in train.split(BATCH):
            optimiser.zero_grad()
            loss(decoder(encoder(y)), y).backward()
            optimiser.step()
        seconds = time.process_time() - begun
        with torch.no_grad():
            losses = [loss(decoder(encoder(test[:n])), test[:n]).item() for n in (256, 10000)]
        print(f"seed {seed}: {count} images in {seconds:.1f} CPU seconds, test loss "
              f"{losses[0]:.4f} (first 256), {losses[1]:.4f} (all)", flush=True)


if __name__ == "__main__":
    main()
