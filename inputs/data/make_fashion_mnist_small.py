#!/usr/bin/env python3
"""Make fashion_mnist_small.h5 from the original files of Fashion-MNIST.

usage: make_fashion_mnist_small.py [DIRECTORY OF THE ORIGINALS] [OUTPUT]

The originals are those of Debian's package dataset-fashion-mnist. The same script and originals
give the same bytes.
"""
import gzip
import pathlib
import sys

import h5py
import numpy

ORIGINALS = "/usr/share/datasets/fashion-mnist"
TRAIN, TEST = 2000, 512
CHUNK = 100  # images

CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
           "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]

LICENCE = """The MIT License (MIT)

Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def read_idx(path):
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = numpy.frombuffer(content, ">u4", axes, 4)
    return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * axes).reshape(shape)


def write_set(file, name, images, labels):
    group = file.create_group(name)
    stored = group.create_dataset("images", data=images, chunks=(CHUNK, 28, 28),
                                  compression="gzip", compression_opts=9, track_times=False)
    stored.attrs["long_name"] = "images, 0 = black"
    group.create_dataset("labels", data=labels, track_times=False).attrs["long_name"] = "class"


def main():
    originals = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ORIGINALS)
    output = (sys.argv[2] if len(sys.argv) > 2 else
              pathlib.Path(__file__).with_name("fashion_mnist_small.h5"))
    with h5py.File(output, "w") as file:
        file.attrs["title"] = f"Fashion-MNIST, the first {TRAIN} training and {TEST} test images"
        file.attrs["source"] = ("https://github.com/zalandoresearch/fashion-mnist "
                                "(Debian package dataset-fashion-mnist)")
        file.attrs["licence"] = LICENCE
        file.attrs["class_names"] = CLASSES
        for name, prefix, count in (("train", "train", TRAIN), ("test", "t10k", TEST)):
            write_set(file, name,
                      read_idx(originals / f"{prefix}-images-idx3-ubyte.gz")[:count],
                      read_idx(originals / f"{prefix}-labels-idx1-ubyte.gz")[:count])


if __name__ == "__main__":
    main()
