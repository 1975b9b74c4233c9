#!/usr/bin/env python3
"""CPU seconds of training until a test loss is reached (first 256 test images): that of the
authors' program after 1,200 images, and those of an autoencoder in PyTorch after all 60,000. Tests
are not counted on either side. Our training is measured to its end, with settings that reach the
loss with little work.
"""

from bench import FASHION, TEST, Run, make_images, median, pytorch, rounds, row

ROUNDS = 3
# The authors' program, one core, one pass over 1,200 images.
AUTHORS_LOSS, AUTHORS_SECONDS, AUTHORS_RATE = 0.324, 82.0, 25400.0
ALL = 60000
AUTOENCODERS = (("RMSprop 5e-4", ("rmsprop", "5e-4")), ("Adam 1e-3", ("adam", "1e-3")))
# Settings of training that reach a loss quickly.
AUTHORS = {"data.train.count": 200, "encoding.max_iterations": 10, "training.learning_rate": 4e-3}
FEW = {"training.batch": 12, "training.schedule": "cosine"}
FIRST = {**FEW, "data.train.count": 900, "encoding.max_iterations": 16,
         "training.learning_rate": 3.5e-3}
BEST = {**FEW, "data.train.count": 1200, "training.learning_rate": 3e-3}


class Trained:
    """GFE's training by `settings`, several times: median seconds, and the test loss."""

    def __init__(self, name, settings):
        runs = [Run(name, FASHION, TEST, settings, {"run.tasks": ["train", "evaluate"]}).summary
                for _ in rounds(ROUNDS)]
        self.cpu = median(run["training_cpu_seconds"] for run in runs)
        self.wall = median(run["training_seconds"] for run in runs)
        self.loss, self.images = runs[0]["test_loss"], settings["data.train.count"]

    def text(self, goal):
        verdict = "" if self.loss <= goal else ", NOT REACHED"
        return (f"{self.images:,} images, {self.cpu:.2f} CPU s, {self.wall:.2f} s; "
                f"test loss {self.loss:.4f}{verdict}")


def against_authors():
    rates, ours = [], []
    for _ in rounds(ROUNDS):
        rates.append(pytorch("bench_pytorch.py")[1]["gradients_per_second"])
        ours.append(Trained("time_authors", AUTHORS))
    scaled = [AUTHORS_SECONDS * AUTHORS_RATE / rate for rate in rates]
    ratio = median(seconds / own.cpu for seconds, own in zip(scaled, ours))
    row(f"authors' program / ours, training until test loss {AUTHORS_LOSS} "
        f"({ours[0].text(AUTHORS_LOSS)}; theirs {median(scaled):.0f} s at PyTorch's "
        f"{median(rates):.0f} gradients/s)", ratio, "≥ 800", "≥ 1000", ".0f")


def against_autoencoder():
    for (what, how), settings, bounds in zip(AUTOENCODERS, (FIRST, BEST), (("≥ 20", "≥ 30"), ())):
        goal = pytorch("autoencoder_pytorch.py", ALL, 1, *how)[1]
        own, seconds = Trained("time_autoencoder", settings), goal["cpu_seconds"]
        row(f"autoencoder in PyTorch, {ALL:,} images, {what} ({seconds:.1f} CPU s; test loss "
            f"{goal['test_loss']:.4f}) / ours until that loss ({own.text(goal['test_loss'])})",
            seconds / own.cpu, *bounds, form=".1f")


if __name__ == "__main__":
    make_images()
    against_authors()
    against_autoencoder()
