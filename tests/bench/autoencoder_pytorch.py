#!/usr/bin/env python3
"""An autoencoder in PyTorch, with PyTorch's own initialisation and optimisers, for comparison with
inputs/autoencoder.yaml: test loss by the encoder, and seconds of training on one thread. The last
line printed is JSON.

usage: autoencoder_pytorch.py [images [seed [adam|rmsprop [learning rate]]]]
       default 6000, 1, adam, 1e-3; needs python3-torch
"""
import gzip
import json
import sys
import time

import numpy as np
import torch

FULL = "/usr/share/datasets/fashion-mnist/"  # Debian's package dataset-fashion-mnist
WIDTHS = (784, 600, 300, 150, 20)
BATCH = 20
OPTIMISERS = {"adam": torch.optim.Adam,
              "rmsprop": lambda parameters, rate: torch.optim.RMSprop(parameters, rate, 0.9, 1e-6)}


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
    given = sys.argv[1:]
    count, seed, name, rate = given + ["6000", "1", "adam", "1e-3"][len(given):]
    torch.set_num_threads(1)
    torch.manual_seed(int(seed))
    train = load("train-images-idx3-ubyte.gz", int(count))
    test = load("t10k-images-idx3-ubyte.gz", None)
    loss = torch.nn.BCEWithLogitsLoss()
    encoder, decoder = network(WIDTHS), network(WIDTHS[::-1])
    optimiser = OPTIMISERS[name]([*encoder.parameters(), *decoder.parameters()], float(rate))
    begun, cpu = time.perf_counter(), time.process_time()
    for y in train.split(BATCH):
        optimiser.zero_grad()
        loss(decoder(encoder(y)), y).backward()
        optimiser.step()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    with torch.no_grad():
        first, every = (loss(decoder(encoder(test[:n])), test[:n]).item() for n in (256, 10000))
    print(json.dumps({"images": len(train), "seconds": seconds, "cpu_seconds": cpu,
                      "test_loss": first, "test_loss_all": every}))


if __name__ == "__main__":
    main()
