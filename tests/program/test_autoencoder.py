#!/usr/bin/env python3
"""The autoencoder: its files, reuse of its encoder, its gradients, and the same training in PyTorch
(left out where that is not installed).

usage: test_autoencoder.py gfe_hpc gfe_hpc_double
"""

import os
import sys
import tempfile

import h5py
import numpy as np

from program import (CIRCLE, IMAGES, SMALL, Checks, arguments, read_summary, run, run_input,
                     write_input)
from gfe.results import Results

AUTOENCODER = {"run.model": "autoencoder", "training.epochs": 2, "training.learning_rate": 1e-3,
               "evaluation.max_iterations": 20,
               "decoder.layers": [{"dense": 40, "activation": "elu"},
                                  {"dense": 64, "activation": "tanh"}, {"dense": 784}]}
FROM_FILE = {"run.model": None, "decoder.latent": None, "decoder.layers": None,
             "decoder.loss": None}


def images(group, count):
    with h5py.File(SMALL, "r") as small:
        return small[f"{group}/images"][:count] / 255.0


def test_files(checks, program, cwd):
    """What a run writes, against the encoder and decoder rebuilt in NumPy."""
    path = run_input(checks, program, cwd, "trained", IMAGES, AUTOENCODER, ranks=2)
    figures = read_summary(os.path.dirname(path))
    with Results(path) as results:
        encoder, decoder, history = results.encoder(), results.decoder(), results.history
        widths = [(len(bias), activation) for _, bias, activation in encoder.layers]
        checks(widths == [(64, "tanh"), (40, "elu"), (10, "identity")],
               f"the encoder should be the decoder's mirror: {widths}")
        for name, count in (("train", 300), ("test", 64)):
            data, y = results.set(name), images(name, count)
            z = encoder.encode(y)
            checks(np.allclose(data.z_encoder, z, rtol=1e-4, atol=1e-5), f"{name}: z_encoder")
            losses = decoder.loss(y, z)
            checks(np.allclose(data.loss_encoder, losses, rtol=1e-5), f"{name}: loss_encoder")
            checks(np.isclose(figures[f"{name}_loss_encoder"], data.loss_encoder.mean(),
                              rtol=1e-12), f"{name}_loss_encoder: {figures}")
            checks(np.isclose(data.attributes["mean_loss_encoder"], losses.mean(), rtol=1e-5),
                   f"{name}: mean_loss_encoder")
            checks(data.loss.mean() < data.loss_encoder.mean(),
                   f"{name}: the flow should refine what the encoder finds")
        checks(np.isfinite(history.epoch_test_loss_encoder).all()
               and history.epoch_test_loss_encoder[-1] == figures["test_loss_encoder"]
               and history.epoch_test_loss_encoder[1] < history.epoch_test_loss_encoder[0],
               f"epoch_test_loss_encoder: {history.epoch_test_loss_encoder}")
        checks(np.all(history.step_evaluations == 1), "one evaluation per sample and step")
    return path


def test_other_model(checks, program, cwd):
    """Without an encoder none of its columns exist, and the initial decoder is the same."""
    begun = {"training.epochs": 0}
    gfe = run_input(checks, program, cwd, "gfe", IMAGES, AUTOENCODER, begun, {"run.model": "gfe"})
    own = run_input(checks, program, cwd, "own", IMAGES, AUTOENCODER, begun)
    with h5py.File(gfe, "r") as one, h5py.File(own, "r") as other:
        checks("encoder" not in one and "z_encoder" not in one["test"], "gfe has no encoder")
        checks(np.array_equal(one["decoder/layer_1/weight"], other["decoder/layer_1/weight"]),
               "the decoder's first parameters should not depend on the encoder")
        checks(not np.array_equal(one["decoder/layer_1/weight"],
                                  other["encoder/layer_1/weight"][()].T),
               "the encoder's should be its own")
    checks(read_summary(os.path.dirname(gfe))["test_loss_encoder"] is None, "gfe: null")


def test_layers(checks, program, cwd):
    """An encoder that does not mirror the decoder."""
    layers = [{"reshape": [1, 28, 28]},
              {"conv": 3, "kernel": 4, "stride": 4, "padding": 2, "padding_mode": "reflect",
               "activation": "leaky_relu", "slope": 0.25},
              {"conv": 4, "kernel": 3, "padding": 1, "padding_mode": "replicate",
               "activation": "gelu"}, {"dense": 10}]
    path = run_input(checks, program, cwd, "layers", IMAGES, AUTOENCODER,
                     {"encoder.layers": layers}, ranks=2)
    with Results(path) as results:
        test, z = results.set("test"), results.encoder().encode(images("test", 64))
        checks(np.allclose(test.z_encoder, z, rtol=1e-4, atol=1e-5), "a convolutional encoder")
        losses = results.history.epoch_train_loss
        checks(losses[1] < losses[0], f"it should learn: {losses}")


def test_decoder_file(checks, program, cwd, trained):
    """Encoding, and further training, with the encoder of a file or without it."""
    sets = {f"data.{group}.{key}": None for group in ("train", "test")
            for key in ("file", "dataset", "labels", "count")}
    encode = {"run.tasks": ["encode"], "decoder.file": trained, "data.encode.file": SMALL,
              "data.encode.dataset": "/test/images", "data.encode.count": 64}
    path = run_input(checks, program, cwd, "encode", IMAGES, AUTOENCODER, FROM_FILE, sets, encode,
                     ranks=3)
    with h5py.File(path, "r") as file, h5py.File(trained, "r") as before:
        for name in ("z", "loss", "z_encoder", "loss_encoder"):
            checks(np.array_equal(file[f"encode/{name}"], before[f"test/{name}"]),
                   f"encode: {name} differs from that of the training")
    again = run(program, os.path.join("encode", "used_parameters.yaml"), "--set",
                "run.directory=again", cwd=cwd)
    checks(again.code == 0, f"used_parameters.yaml as input: {again}")
    path = run_input(checks, program, cwd, "plain", IMAGES, AUTOENCODER, FROM_FILE, sets, encode,
                     {"run.model": "gfe"})
    with h5py.File(path, "r") as file:
        checks("encoder" not in file and "z_encoder" not in file["encode"],
               "run.model = gfe should leave the encoder out")
    path = run_input(checks, program, cwd, "further", IMAGES, AUTOENCODER, FROM_FILE,
                     {"decoder.file": trained})
    with h5py.File(path, "r") as file, h5py.File(trained, "r") as before:
        first, last = file["history/step_loss"][0], before["history/step_loss"][-5:].mean()
        checks(first < 1.1 * last, f"going on begins with {first}, where {last} was reached")
        losses = [f["test/loss_encoder"][()].mean() for f in (file, before)]
        checks(losses[0] < losses[1], f"going on should help: {losses}")


def test_missing(checks, program, cwd):
    """The encoder sees an entry that was not observed as 0."""
    path = os.path.join(cwd, "missing.h5")
    y = np.round(255 * images("train", 100)).astype(np.float32)
    y[np.random.default_rng(1).random(y.shape) < 0.3] = np.nan
    with h5py.File(path, "w") as file:
        file["x"] = y
    values = {f"data.{group}.{key}": value for group in ("train", "test")
              for key, value in (("file", path), ("dataset", "/x"), ("labels", None),
                                 ("count", 100))}
    found = run_input(checks, program, cwd, "missing", IMAGES, AUTOENCODER, values,
                      {"data.missing": "nan", "data.allow_overlap": True}, ranks=2)
    with Results(found) as results:
        seen, z = np.nan_to_num(y / 255), results.set("test").z_encoder
        checks(np.allclose(z, results.encoder().encode(seen), rtol=1e-4, atol=1e-5),
               "missing entries should be 0 for the encoder")
        losses = results.decoder().loss(seen, z, weight=~np.isnan(y))
        checks(np.allclose(results.set("test").loss_encoder, losses, rtol=1e-5),
               "missing entries should not count in the loss")


def test_gradients(checks, double, cwd):
    """Taylor slopes of all gradients, that through the encoder among them."""
    path = run_input(checks, double, cwd, "gradients", IMAGES, AUTOENCODER,
                     {"run.tasks": ["gradient_check"], "gradient_check.count": 30}, ranks=2)
    with h5py.File(path, "r") as file:
        check = file["gradient_check"]
        checks("through the encoder" in str(check.attrs["kinds"]), f"{check.attrs['kinds']}")
        checks(len(check["slope"]) == 3 and np.allclose(check["slope"], 2, atol=0.05),
               f"slopes {check['slope'][()]}")
        checks(np.abs(file["gradient_encoder/layer_0/weight"]).max() > 0, "gradient_encoder")


def test_circle(checks, program, cwd):
    """The smallest autoencoder, with fewer samples than ranks."""
    path = write_input(os.path.join(cwd, "circle.yaml"), CIRCLE,
                       {"run.model": "autoencoder", "data.train.count": 3, "data.test.count": 2,
                        "training.batch": 2})
    result = run(program, os.path.basename(path), ranks=5, cwd=cwd)
    checks(result.code == 0, f"fewer samples than ranks: {result}")


def torch_network(torch, group):
    """A network of PyTorch from a group of results.h5, in double."""
    modules = []
    for k in range(int(group.attrs["layers"])):
        place = group[f"layer_{k}"]
        outputs, inputs = place["weight"].shape
        linear = torch.nn.Linear(inputs, outputs, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(place["weight"][()]))
            linear.bias.copy_(torch.tensor(place["bias"][()]))
        modules.append(linear)
        activation = place.attrs["activation"]
        activation = activation.decode() if isinstance(activation, bytes) else activation
        if activation != "identity":
            modules.append({"elu": torch.nn.ELU, "tanh": torch.nn.Tanh}[activation]())
    return torch.nn.Sequential(*modules)


def test_pytorch(checks, double, cwd):
    """From the same parameters, step by step the losses of PyTorch's autograd and Adam."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: left out", flush=True)
        return
    torch.set_num_threads(1)
    values = {"training.order": "file", "evaluation.every": 0}
    begun = run_input(checks, double, cwd, "begun", IMAGES, AUTOENCODER, values,
                      {"training.epochs": 0})
    path = run_input(checks, double, cwd, "pytorch", IMAGES, AUTOENCODER, values,
                     {"training.epochs": 1})
    with h5py.File(begun, "r") as file:
        encoder, decoder = (torch_network(torch, file[name]) for name in ("encoder", "decoder"))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, 1e-3)
    loss = torch.nn.BCEWithLogitsLoss()
    losses = []
    for y in torch.tensor(images("train", 300).reshape(-1, 20, 784)):
        optimiser.zero_grad()
        value = loss(decoder(encoder(y)), y)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    with h5py.File(path, "r") as file:
        ours = file["history/step_loss"][()]
        weights = file["encoder/layer_0/weight"][()]
    error = np.abs(ours / np.array(losses) - 1).max()
    checks(len(ours) == len(losses) and error < 1e-9,
           f"losses of 15 steps should be PyTorch's to 1e-9: {error}")
    checks(np.allclose(weights, encoder[0].weight.detach().numpy(), rtol=0, atol=1e-9),
           "and so should the encoder's first weights after the last step")
    print(f"PyTorch: losses agree to {error:.1e}", flush=True)


def main():
    program, double = arguments("gfe_hpc gfe_hpc_double", 2)
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="gfe_test_") as cwd:
        trained = test_files(checks, program, cwd)
        test_other_model(checks, program, cwd)
        test_layers(checks, program, cwd)
        test_decoder_file(checks, program, cwd, trained)
        test_missing(checks, program, cwd)
        test_circle(checks, program, cwd)
        test_gradients(checks, double, cwd)
        test_pytorch(checks, double, cwd)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
