#!/usr/bin/env python3
"""Gradient flow encoding in PyTorch, written by hand for speed: all samples of a block advance
together, finished ones leave it, and the passes of the dense decoder are matrix products without an
autograd graph. The solver is that of src/flow/solver_lbfgs.c. One thread. The last line printed is
JSON.

usage: pytorch_gfe.py encode IMAGES.h5 DATASET COUNT DECODER.h5 [block]
       pytorch_gfe.py train IMAGES.h5 DATASET COUNT OUT.h5

Needs python3-torch and python3-h5py, and postprocess/ in PYTHONPATH.
"""

import json
import sys
import time

import h5py
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, elu, softplus

from gfe.results import write_decoder

MEMORY, REDUCTIONS, ARMIJO = 10, 20, 1e-4
FIRST_DECREASE, FIRST_LENGTH, LONGEST = 0.1, 0.01, 1e3
WIDTHS = (20, 150, 300, 600, 784)
BLOCK = 500        # samples that advance together
BATCH, RATE = 20, 2e-3


def dot(a, b):
    """Of each row: (rows, 1)."""
    return (a * b).sum(-1, keepdim=True)


# ---- the decoder ----

class Decoder:
    """Dense layers with ELU between them, and the cross-entropy loss."""

    def __init__(self, layers):
        """`layers`: (weight (out, in), bias) from the latent on."""
        self.layers = [(weight.t(), weight, bias) for weight, bias in layers]

    def __call__(self, z, y):
        """Mean loss over a sample's entries (rows, 1) and its gradient (rows, latent)."""
        outputs, a = [], z
        for transposed, _, bias in self.layers:
            if a is not z:
                a = elu(a)
                outputs.append(a)
            a = torch.addmm(bias, a, transposed)
        loss = softplus(a).addcmul_(y, a, value=-1).mean(1, keepdim=True)
        delta = a.sigmoid_().sub_(y)
        for k in range(len(self.layers) - 1, 0, -1):
            delta = torch.ops.aten.elu_backward(delta @ self.layers[k][1], 1, 1, 1, True,
                                                outputs[k - 1])
        return loss, (delta @ self.layers[0][1]).div_(y.shape[1])


# ---- the solver ----

class Flows:
    """L-BFGS of a block of samples, side by side. Pairs stand from the newest to the oldest; where
    a sample has none, its `inverse` (1 / s.y) is zero and the pair does nothing."""

    def __init__(self, evaluate, y, z, tolerance, iterations):
        self.evaluate, self.tolerance, self.most = evaluate, tolerance, iterations
        rows, d = z.shape
        self.found = [torch.empty(rows, d), torch.empty(rows, 1), torch.empty(rows, 1)]
        self.evaluations = 1
        self.y, self.z, self.sample = y, z, torch.arange(rows)
        self.loss, self.g = evaluate(z, y)
        self.pairs = torch.zeros(2, MEMORY, rows, d)  # s and gradient differences
        self.inverse = torch.zeros(MEMORY, rows, 1)
        self.count, self.gamma = torch.zeros(rows, 1), torch.ones(rows, 1)
        self.standing, self.iterations = torch.zeros(rows, 1), torch.zeros(rows, 1)
        self.reductions = torch.zeros(rows, 1)
        self.start_length = z.norm(dim=1, keepdim=True)
        self.begin_step()
        self.step = self.fresh_step()

    def direction(self):
        """p = -H g by the two loops."""
        s, y = self.pairs
        p, depth = -self.g, min(MEMORY, self.evaluations - 1)
        coefficients = []
        for k in range(depth):
            coefficients.append(dot(s[k], p).mul_(self.inverse[k]))
            p.addcmul_(coefficients[k], y[k], value=-1)
        p *= self.gamma
        for k in range(depth - 1, -1, -1):
            p.addcmul_(coefficients[k] - dot(y[k], p).mul_(self.inverse[k]), s[k])
        return p

    def begin_step(self):
        self.p = self.direction()
        self.slope = dot(self.g, self.p)
        if not bool((self.slope < 0).all()):  # forget the pairs of such samples
            bad = ~(self.slope < 0)
            self.inverse.masked_fill_(bad, 0)
            self.count.masked_fill_(bad, 0)
            self.gamma.masked_fill_(bad, 1)
            self.p = self.direction()
            self.slope = dot(self.g, self.p)

    def fresh_step(self):
        """The first trial of a step."""
        step = torch.ones_like(self.slope)
        if bool((self.count == 0).any()):
            length = (-self.slope).sqrt()
            first = FIRST_DECREASE * self.loss / -self.slope
            longest = torch.where(self.start_length > 0, FIRST_LENGTH * self.start_length,
                                  torch.full_like(length, torch.inf))
            step = torch.where(self.count == 0, first.minimum(longest / length), step)
        longest = LONGEST * self.z.shape[1] ** 0.5
        return step.minimum(longest / dot(self.p, self.p).sqrt_())

    def advance(self):
        """An evaluation of every sample that is left, and what follows from it."""
        trial = torch.addcmul(self.z, self.step, self.p)
        loss, g = self.evaluate(trial, self.y)
        self.evaluations += 1
        end = dot(g, self.p)
        accepted = ((loss <= self.loss + ARMIJO * self.step * self.slope) |
                    ((loss <= self.loss + 1e-6 * self.loss.abs()) &
                     (end <= -(1 - 2 * ARMIJO) * self.slope)))
        every = bool(accepted.all())
        s, y = trial - self.z, g - self.g
        curvature, yy = dot(s, y), dot(y, y)
        useful = curvature > 1e-10 * (dot(s, s) * yy).sqrt_()
        if not every:
            useful &= accepted
        self.remember(s, y, curvature, yy, useful)
        before = self.loss
        if every:
            self.z, self.g, self.loss = trial, g, loss
        else:
            self.step = self.reduced_step(loss)
            self.z = torch.where(accepted, trial, self.z)
            self.g = torch.where(accepted, g, self.g)
            self.loss = torch.where(accepted, loss, self.loss)
        still = before - self.loss < self.tolerance * before.abs()
        self.standing = torch.where(accepted, (self.standing + 1) * still, self.standing)
        self.iterations += accepted
        self.reductions = torch.where(accepted, torch.zeros_like(self.reductions),
                                      self.reductions + 1)
        self.accepted = accepted
        done = ((self.standing >= 2) | (self.iterations >= self.most) |
                (self.reductions > REDUCTIONS))
        if bool(done.any()):
            self.leave(done.squeeze(1))
        self.begin_step()
        self.step = torch.where(self.accepted, self.fresh_step(), self.step)

    def remember(self, s, y, curvature, yy, useful):
        """Puts the new pairs before the others."""
        pairs = torch.cat((torch.stack((s, y))[:, None], self.pairs[:, :-1]), 1)
        inverse = torch.cat(((1 / curvature)[None], self.inverse[:-1]))
        gamma = curvature / yy
        if not bool(useful.all()):
            pairs = torch.where(useful, pairs, self.pairs)
            inverse = torch.where(useful, inverse, self.inverse)
            gamma = torch.where(useful, gamma, self.gamma)
        self.pairs, self.inverse, self.gamma = pairs, inverse, gamma
        self.count += useful

    def reduced_step(self, loss):
        """The minimum of the parabola through loss, slope and the trial's loss, in [0.1, 0.5]."""
        fall = -self.slope * self.step
        factor = fall / (2 * (loss - self.loss + fall))
        return self.step * factor.nan_to_num_(0.1).clamp_(0.1, 0.5)

    def leave(self, done):
        """Samples that are done leave the block."""
        gone, stay = done.nonzero().squeeze(1), (~done).nonzero().squeeze(1)
        z, loss, evaluations = self.found
        samples = self.sample[gone]
        z[samples], loss[samples] = self.z[gone], self.loss[gone]
        evaluations[samples] = float(self.evaluations)
        self.pairs = self.pairs.index_select(2, stay)
        self.inverse = self.inverse.index_select(1, stay)
        for name in ("y", "z", "g", "loss", "step", "count", "gamma", "standing", "iterations",
                     "reductions", "accepted", "start_length", "sample"):
            setattr(self, name, getattr(self, name).index_select(0, stay))

    def run(self):
        """Latents (rows, latent), losses and evaluations (rows, 1)."""
        while len(self.sample):
            self.advance()
        return self.found


# ---- the tasks ----

def read_images(path, dataset, count):
    with h5py.File(path, "r") as file:
        pixels = file[dataset][:count]
    return torch.from_numpy(pixels.reshape(len(pixels), -1)).float() / 255


def encode(images, dataset, count, file, block=BLOCK):
    """Encodes the first images by a trained decoder."""
    y = read_images(images, dataset, int(count))
    with h5py.File(file, "r") as results:
        group = results["decoder"]
        layers = [tuple(torch.from_numpy(group[f"layer_{k}/{name}"][()])
                        for name in ("weight", "bias")) for k in range(len(WIDTHS) - 1)]
    decoder, found = Decoder(layers), []
    begun, cpu = time.perf_counter(), time.process_time()
    for part in y.split(int(block)):
        found.append(Flows(decoder, part, torch.zeros(len(part), WIDTHS[0]), 1e-5, 100).run())
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    _, loss, evaluations = (torch.cat(values).double() for values in zip(*found))
    return {"samples": len(y), "seconds": seconds, "cpu_seconds": cpu,
            "loss": loss.mean().item(), "evaluations": evaluations.mean().item()}


def train(images, dataset, count, out):
    """One pass, with the latents of each batch found by `Flows`; writes the decoder."""
    y = read_images(images, dataset, int(count))
    layers = []
    for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ELU()]
    network = nn.Sequential(*layers[:-1])
    dense = network[::2]
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    evaluations, begun, cpu = 0.0, time.perf_counter(), time.process_time()
    for part in y.split(BATCH):
        with torch.no_grad():
            decoder = Decoder([(layer.weight, layer.bias) for layer in dense])
            z, _, spent = Flows(decoder, part, torch.zeros(len(part), WIDTHS[0]), 1e-4, 20).run()
        evaluations += spent.sum().item()
        optimiser.zero_grad()
        binary_cross_entropy_with_logits(network(z), part).backward()
        optimiser.step()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    write_decoder(out, [(layer.weight.detach().numpy(), layer.bias.detach().numpy(), "elu")
                        for layer in dense[:-1]]
                  + [(dense[-1].weight.detach().numpy(), dense[-1].bias.detach().numpy(),
                      "identity")], "bce", scale_factor=255)
    return {"seconds": seconds, "cpu_seconds": cpu, "evaluations": evaluations / len(y)}


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    task, *arguments = sys.argv[1:]
    if task == "encode":
        with torch.inference_mode():
            print(json.dumps(encode(*arguments)))
    else:
        print(json.dumps(train(*arguments)))


if __name__ == "__main__":
    main()
