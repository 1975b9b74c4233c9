#!/usr/bin/env python3
"""Every kind of layer against PyTorch in double: output, loss, gradients, H v and the mixed
derivative, in 1, 2 and 3 dimensions, alone and in random networks.

usage: test_layers_pytorch.py layers_driver
"""

import random
import subprocess
import sys

import numpy as np

from program import Checks

try:
    import torch
    from torch.nn import functional
except ImportError:
    print("skipped: PyTorch is not installed (Debian: python3-torch)")
    sys.exit(77)

TOLERANCE = 1e-12
RANDOM = 60
PHI = {
    "identity": lambda s: s, "elu": functional.elu, "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "softplus": functional.softplus, "silu": functional.silu,
    "gelu": functional.gelu, "leaky_relu": lambda s: functional.leaky_relu(s, SLOPE),
}
SLOPE = 0.2
# Where what a position beyond the ends of an axis sees is found, as np.pad calls it.
MODES = {"zero": None, "periodic": "wrap", "reflect": "reflect", "replicate": "edge"}
CONV = {"conv": (functional.conv1d, functional.conv2d, functional.conv3d),
        "conv_transpose": (functional.conv_transpose1d, functional.conv_transpose2d,
                           functional.conv_transpose3d)}


def layer(kind, activation="identity", **values):
    return {"kind": kind, "activation": activation, **values}


def residual(first, second, activation="identity"):
    return layer("residual", activation, branches=[first, second])


# ---- networks in PyTorch ----

def weights_of(spec, shape):
    """Shapes of weight and bias for an input of this shape; None without."""
    if spec["kind"] == "dense":
        return (spec["width"], int(torch.Size(shape).numel())), (spec["width"],)
    if spec["kind"] == "conv":
        return (spec["width"], shape[0], *spec["kernel"]), (spec["width"],)
    if spec["kind"] == "conv_transpose":
        return (shape[0], spec["width"], *spec["kernel"]), (spec["width"],)
    return None


def extend(spec, a):
    """The input of a convolution with its padding, and the padding that is left."""
    mode = MODES[spec.get("padding_mode", "zero")]
    if mode is None:
        return a, spec["padding"]
    for axis, padding in enumerate(spec["padding"], 2):
        origin = np.pad(np.arange(a.shape[axis]), padding, mode=mode)
        a = a.index_select(axis, torch.from_numpy(origin))
    return a, [0] * len(spec["padding"])


def apply(spec, a, parameters):
    """The layer's sums s; its parameters are taken from the front of the list."""
    kind = spec["kind"]
    if kind == "reshape":
        return a.reshape(len(a), *spec["sizes"])
    if kind == "upsample":
        for axis, factor in enumerate(spec["sizes"]):
            a = a.repeat_interleave(factor, dim=2 + axis)
        return a
    if kind == "residual":
        first, second = (network(branch, a, parameters) for branch in spec["branches"])
        return first + second
    weight, bias = parameters.pop(0), parameters.pop(0)
    if kind == "dense":
        return a.reshape(len(a), -1) @ weight.T + bias
    more = {"output_padding": spec["output_padding"]} if kind == "conv_transpose" else {}
    a, padding = extend(spec, a)
    return CONV[kind][a.dim() - 3](a, weight, bias, stride=spec["stride"], padding=padding, **more)


def network(layers, a, parameters):
    for spec in layers:
        a = PHI[spec["activation"]](apply(spec, a, parameters))
    return a


def make_parameters(layers, shape, generator):
    """Random parameters and the output's shape."""
    parameters = []
    for spec in layers:
        if spec["kind"] == "residual":
            ends = [make_parameters(branch, shape, generator) for branch in spec["branches"]]
            for some, _ in ends:
                parameters += some
            shape = ends[0][1]
            continue
        shapes = weights_of(spec, shape)
        own = [torch.randn(size, generator=generator, dtype=torch.float64) * 0.6
               for size in shapes or ()]
        if own:
            own[0] /= own[0][0].numel() ** 0.5
        shape = tuple(apply(spec, torch.zeros(1, *shape, dtype=torch.float64), list(own)).shape[1:])
        parameters += own
    return parameters, shape


def expected(layers, loss, parameters, y, z, v):
    parameters = [p.clone().requires_grad_() for p in parameters]
    z = z.clone().requires_grad_()
    x = network(layers, z, list(parameters)).reshape(len(z), -1)
    entries = functional.softplus(x) - y * x if loss == "bce" else (x - y) ** 2
    losses = entries.mean(dim=1)
    g, *theta = torch.autograd.grad(losses.sum(), [z, *parameters], create_graph=True)
    product, *mixed = torch.autograd.grad((g * v).sum(), [z, *parameters], allow_unused=True)
    mixed = [torch.zeros_like(p) if m is None else m for m, p in zip(mixed, parameters)]
    def flat(some):
        return torch.cat([item.reshape(-1) for item in some]) if some else torch.zeros(0)
    return {"x": torch.sigmoid(x) if loss == "bce" else x, "loss": losses, "gradient": g,
            "theta": flat(theta), "product": product, "mixed": flat(mixed)}


# ---- the program ----

def flatten(layers):
    """The layers as the program lists them: branches before their sum."""
    for spec in layers:
        if spec["kind"] != "residual":
            yield spec, (0, 0)
            continue
        branches = [list(flatten(branch)) for branch in spec["branches"]]
        for branch in branches:
            yield from branch
        yield spec, tuple(map(len, branches))


def sizes_text(values):
    return " ".join(map(str, [len(values), *values]))


def case_text(layers, loss, parameters, y, z, v):
    flat = list(flatten(layers))
    lines = [f"{loss} {z.shape[1]} {len(flat)}"]
    for spec, branch in flat:
        sizes = " ".join(sizes_text(spec.get(key, ())) for key in
                         ("kernel", "stride", "padding", "output_padding", "sizes"))
        lines.append(f"{spec['kind']} {spec['activation']} {SLOPE} "
                     f"{spec.get('padding_mode', 'zero')} {spec.get('width', 0)} {sizes} "
                     f"{branch[0]} {branch[1]}")
    numbers = [*parameters, torch.tensor([len(z)]), y, z, v]
    lines += [" ".join(repr(value) for value in item.reshape(-1).tolist()) for item in numbers]
    return "\n".join(lines) + "\n"


def compare(checks, driver, name, layers, latent, loss, generator):
    parameters, shape = make_parameters(layers, (latent,), generator)
    samples = 1 + int(torch.randint(12, (1,), generator=generator))
    def draw(width):
        return torch.randn(samples, width, generator=generator, dtype=torch.float64)
    y = torch.sigmoid(draw(int(torch.Size(shape).numel())))
    z, v = draw(latent), draw(latent)
    text = case_text(layers, loss, parameters, y, z, v)
    result = subprocess.run([driver], input=text, capture_output=True, text=True, check=False)
    if not checks(result.returncode == 0, f"{name}: {result.stderr}\n{layers}"):
        return
    found = {line.split()[0]: torch.tensor([float(word) for word in line.split()[1:]],
                                           dtype=torch.float64)
             for line in result.stdout.splitlines()}
    for what, reference in expected(layers, loss, parameters, y, z, v).items():
        reference = reference.detach().reshape(-1)
        if not checks(found[what].shape == reference.shape,
                      f"{name}: {what} has {len(found[what])} numbers, not {len(reference)}"):
            continue
        if len(reference) == 0:
            continue
        worst = float((found[what] - reference).abs().max())
        scale = max(1.0, float(reference.abs().max()))
        checks(worst <= TOLERANCE * scale,
               f"{name}: {what} differs by {worst:.2e} of {scale:.2e}\n{layers}")


# ---- cases ----

def conv(rng, axes, length, **values):
    """A convolution that fits axes of these lengths, different along each."""
    kernel = [rng.randint(1, 4) for _ in range(axes)]
    padding = [rng.randint(0, 2) for _ in range(axes)]
    padding = [max(p, (k - n + 1) // 2) for p, k, n in zip(padding, kernel, length)]
    most = {"zero": 1, "replicate": 1, "periodic": 0, "reflect": -1}
    fitting = [mode for mode, more in most.items()
               if more == 1 or all(p <= n + more for p, n in zip(padding, length))]
    return layer("conv", kernel=kernel, stride=[rng.randint(1, 3) for _ in range(axes)],
                 padding=padding, padding_mode=rng.choice(fitting), width=rng.randint(1, 5),
                 **values)


def conv_transpose(rng, axes, length, **values):
    kernel = [rng.randint(1, 4) for _ in range(axes)]
    stride = [rng.randint(1, 3) for _ in range(axes)]
    padding = [rng.randint(0, max(0, ((n - 1) * s + k - 1) // 2))
               for n, s, k in zip(length, stride, kernel)]
    return layer("conv_transpose", kernel=kernel, stride=stride,
                 padding=[min(p, 2) for p in padding], width=rng.randint(1, 5),
                 output_padding=[rng.randint(0, s - 1) for s in stride], **values)


def upsample(rng, axes, _, **values):
    return layer("upsample", sizes=[rng.randint(1, 3) for _ in range(axes)], **values)


def shape_after(layers, latent):
    _, shape = make_parameters(layers, (latent,), torch.Generator().manual_seed(1))
    return shape


def same_shape(rng, channels, axes, activation):
    """A convolution that keeps the shape, with a kernel of odd length."""
    kernel = [rng.choice((1, 3)) for _ in range(axes)]
    return layer("conv", activation, kernel=kernel, stride=[1] * axes, width=channels,
                 padding=[k // 2 for k in kernel])


def make_residual(rng, shape, activation):
    channels, axes = shape[0], len(shape) - 1
    first = [same_shape(rng, rng.randint(1, 4), axes, "silu"),
             same_shape(rng, channels, axes, "identity")]
    others = [[], [same_shape(rng, channels, axes, "tanh")],
              [residual([same_shape(rng, channels, axes, "elu")], [])]]
    branches = [first, rng.choice(others)]
    rng.shuffle(branches)
    return residual(*branches, activation)


def random_network(rng):
    latent, axes = rng.randint(1, 6), rng.randint(1, 3)
    def activation():
        return rng.choice(list(PHI))
    shape = [rng.randint(1, 4)] + [rng.randint(1, 5 - axes + 1) for _ in range(axes)]
    layers = [layer("dense", activation(), width=int(torch.Size(shape).numel())),
              layer("reshape", activation(), sizes=shape)]
    for _ in range(rng.randint(1, 4)):
        shape = shape_after(layers, latent)
        axes = len(shape) - 1
        choice = rng.choice(["conv", "conv_transpose", "upsample", "residual", "reshape"])
        if choice == "reshape":
            moved = [*shape[1:], shape[0]]
            layers.append(layer("reshape", activation(), sizes=moved))
        elif choice == "residual":
            layers.append(make_residual(rng, shape, activation()))
        elif torch.Size(shape).numel() < 300 or choice == "conv":
            layers.append(globals()[choice](rng, axes, shape[1:], activation=activation()))
    if rng.random() < 0.4:
        if rng.random() < 0.5:
            size = int(torch.Size(shape_after(layers, latent)).numel())
            layers.append(layer("reshape", sizes=[size]))
        layers.append(layer("dense", activation(), width=rng.randint(1, 9)))
    return layers, latent


def single_cases(rng):
    """Each kind in each dimension, directly after the latent."""
    for axes in (1, 2, 3):
        shape = [2] + [3, 2, 4][:axes]
        latent = int(torch.Size(shape).numel())
        start = [layer("reshape", sizes=shape)]
        for make in (conv, conv_transpose, upsample):
            yield f"{make.__name__}, {axes} axes", start + [
                make(rng, axes, shape[1:], activation="tanh")], latent
        yield f"residual, {axes} axes", start + [make_residual(rng, shape, "elu")], latent
    # So wide that the matrix of patches is put together in parts, the last one smaller.
    wide = {"kernel": [5, 3], "stride": [1, 2], "padding": [2, 1]}
    start = [layer("dense", "tanh", width=1820), layer("reshape", sizes=[10, 7, 26])]
    yield "wide conv", start + [layer("conv", "elu", width=2, **{**wide, "stride": [1, 1]})], 3
    yield "wide conv_transpose", start + [layer("conv_transpose", "elu", width=10,
                                                output_padding=[0, 1], **wide)], 3
    # So many samples' numbers that they are extended in several groups.
    for mode, padding in ("periodic", [7, 2]), ("reflect", [6, 3]), ("replicate", [1, 30]):
        start = [layer("dense", "gelu", width=1820), layer("reshape", sizes=[10, 7, 26])]
        yield f"wide {mode}", start + [
            layer("conv", "leaky_relu", width=17, kernel=[3, 5], stride=[1, 2], padding=padding,
                  padding_mode=mode)], 3
    for mode in MODES:
        same = layer("conv", "gelu", width=3, kernel=[3], stride=[1], padding=[1],
                     padding_mode=mode)
        yield f"{mode} in branches", [layer("reshape", sizes=[3, 4]),
                                      residual([same, same], [], "leaky_relu"), same], 12
    yield "dense branches", [residual([layer("dense", "tanh", width=5)], [], "silu"),
                             layer("dense", width=3)], 5
    yield "1 x 1", [layer("reshape", sizes=[3, 2, 2]),
                    layer("conv", "tanh", kernel=[1, 1], stride=[1, 1], padding=[0, 0], width=4),
                    layer("conv_transpose", kernel=[1, 1], stride=[1, 1], padding=[0, 0], width=2,
                          output_padding=[0, 0])], 12
    start = layer("reshape", sizes=[3, 2, 2])
    inner = layer("conv", "tanh", kernel=[1, 1], stride=[1, 1], padding=[0, 0], width=3)
    transposed = layer("conv_transpose", "silu", kernel=[1, 1], stride=[1, 1], padding=[0, 0],
                       width=3, output_padding=[0, 0])
    yield "1 x 1 in branches", [start, residual([inner], [transposed]),
                                residual([transposed], [inner], "elu")], 12


def main():
    driver = sys.argv[1]
    checks = Checks()
    rng = random.Random(20)
    generator = torch.Generator().manual_seed(21)
    for name, layers, latent in single_cases(rng):
        for loss in ("mse", "bce"):
            compare(checks, driver, f"{name}, {loss}", layers, latent, loss, generator)
    for k in range(RANDOM):
        layers, latent = random_network(rng)
        compare(checks, driver, f"network {k}", layers, latent, rng.choice(("mse", "bce")),
                generator)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
