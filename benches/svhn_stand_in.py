#!/usr/bin/env python3
"""A stand-in for SVHN's cropped digits, in SVHN's own files and numbers, for a machine that cannot get SVHN.

    svhn_stand_in.py --data DIR --out DIR/svhn [--seed N] [--jobs N] [--share F]

DIR holds mnist/ (its four files, unpacked) and natural/ (photographs). Each image is one of MNIST's digits, coloured and blended
over a crop of a photograph, with neighbours that the sides cut, a little blurred and noisy. Training and extra images have MNIST's
training digits, test images its test digits; the classes are as frequent as SVHN's. It is easier than SVHN in one way, and harder
in another: the digits are handwritten. An error rate on it says nothing about SVHN's. What it is for: time, memory and formats at
full size.

Needs numpy and Pillow. The seed determines the images (with the same numpy). Memory does not grow with the files.
"""

import argparse
import collections
import multiprocessing
import os
import struct
import sys
import zlib
from pathlib import Path

# Every process computes small products: threads of the BLAS would only wait for each other.
os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np  # noqa: E402

SIDE, GLYPH = 32, 28
CHUNK = 2048

# The files: name, images, whether of MNIST's training digits, the least contrast (SVHN's extra images are easier).
FILES = [
    ("train_32x32.mat", 73_257, True, 35),
    ("test_32x32.mat", 26_032, False, 35),
    ("extra_32x32.mat", 531_131, True, 60),
]

# Of SVHN's training images, from the digit 0 to the digit 9.
FREQUENCY = np.array([4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659], float)

# The shares of red, green and blue in the brightness.
BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)


def idx(path, header):
    """The bytes of an IDX file behind its header."""
    content = path.read_bytes()
    if len(content) <= header or content[:2] != b"\0\0":
        sys.exit(f"{path}: is not an unpacked IDX file; get the file again")
    return np.frombuffer(content, np.uint8, offset=header)


def digits(folder, prefix):
    """The digits with ink as 1, and their numbers by class."""
    images = idx(folder / f"{prefix}-images-idx3-ubyte", 16).reshape(-1, GLYPH, GLYPH)
    labels = idx(folder / f"{prefix}-labels-idx1-ubyte", 8)
    if len(images) != len(labels):
        sys.exit(f"{folder}: {len(images)} images, but {len(labels)} labels of {prefix}; get the files again")
    return images, [np.flatnonzero(labels == digit) for digit in range(10)]


def photographs(folder):
    """Photographs at a third of their size, whose crops show surfaces rather than scenes, padded to one array; their sizes."""
    from PIL import Image

    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pictures = []
    for path in files:
        with Image.open(path) as picture:
            third = [max(SIDE, side // 3) for side in picture.size]
            pictures.append(np.asarray(picture.convert("RGB").resize(third, Image.Resampling.BOX)))
    if not pictures:
        sys.exit(f"{folder}: holds no photographs")
    sizes = np.array([picture.shape[:2] for picture in pictures])
    stack = np.zeros((len(pictures), *sizes.max(axis=0), 3), np.uint8)
    for to, picture in zip(stack, pictures):
        to[: picture.shape[0], : picture.shape[1]] = picture
    return stack, sizes


def sampling(at, cells, blur):
    """Matrices that sample `cells` values at the places `at` (images x places) through a Gaussian of this width."""
    distance = at[:, :, None] - np.arange(cells, dtype=np.float32)
    return np.exp(distance * distance * (-0.5 / (blur * blur))[:, None, None]) / (np.sqrt(2 * np.pi) * blur)[:, None, None]


def uniform(random, low, high, *shape):
    return random.uniform(low, high, shape).astype(np.float32)


def masks(random, sources, labels):
    """Where the ink is: the digit in the middle, and its neighbours at the sides."""
    images, by_class = sources
    count, places = len(labels), np.arange(SIDE, dtype=np.float32)
    height, shift = uniform(random, 1.05, 1.5, count), uniform(random, -1.5, 1.5, 2, count)
    width = height * uniform(random, 0.65, 0.95, count)
    row = (places - 15.5 - shift[0][:, None]) / height[:, None] + 13.5
    blur = uniform(random, 0.5, 0.9, count)
    down = sampling(row, GLYPH, blur)
    ink = np.zeros((count, SIDE, SIDE), np.float32)
    # A glyph's own ink is 20 of its 28 columns at most.
    step = 15 * width + uniform(random, 1, 4, count)
    for side in (0, -1, 1):
        shown = np.ones(count, bool) if side == 0 else random.random(count) < 0.6
        wanted = labels if side == 0 else random.integers(0, 10, count)
        draws = random.random(count)
        glyphs = images[[by_class[digit][int(draw * len(by_class[digit]))] for digit, draw in zip(wanted, draws)]]
        column = (places - 15.5 - (shift[1] + side * step)[:, None]) / width[:, None] + 13.5
        across = sampling(column, GLYPH, blur).transpose(0, 2, 1)
        ink += (down @ (glyphs / np.float32(255)) @ across) * shown[:, None, None]
    return np.clip(ink, 0, 1)


def backgrounds(random, photos, count):
    """Crops of photographs, some of them drawn larger, with a mean of 0."""
    stack, sizes = photos
    which = random.integers(0, len(stack), count)
    top, left = (random.random((2, count)) * (sizes[which].T - SIDE + 1)).astype(int)
    rows, columns = top[:, None] + np.arange(SIDE), left[:, None] + np.arange(SIDE)
    crops = stack[which[:, None, None], rows[:, :, None], columns[:, None, :]].astype(np.float32)
    # The middle of the crop, drawn over the whole image.
    zoom = uniform(random, 0.3, 0.9, count)
    at = (np.arange(SIDE, dtype=np.float32) - 15.5) * zoom[:, None] + 15.5
    weights = sampling(at, SIDE, uniform(random, 0.5, 0.9, count))
    rows_first = (weights @ crops.reshape(count, SIDE, SIDE * 3)).reshape(count, SIDE, SIDE, 3)
    crops = np.stack([rows_first[..., channel] @ weights.transpose(0, 2, 1) for channel in range(3)], axis=3)
    return crops - crops.mean(axis=(1, 2), keepdims=True)


def colours(random, least, count):
    """Colours of the ground and of the ink, whose brightness differs by at least `least`."""
    # House fronts are rather grey.
    ground, ink = uniform(random, 40, 215, 2, count, 1) + uniform(random, -35, 35, 2, count, 3)
    wanted = uniform(random, least, 150, count)
    bright = ground @ BRIGHTNESS
    # Away from the end of the scale that is near.
    sign = np.where(bright + wanted > 245, -1, np.where(bright - wanted < 10, 1, random.choice([-1, 1], count)))
    target = bright + sign * wanted
    ink += (target - ink @ BRIGHTNESS)[:, None]
    return ground[:, None, None], np.clip(ink, 0, 255)[:, None, None]


SHARED = {}


def chunk(task):
    """The labels and the images of a chunk, in the file's order: image, channel, column, row."""
    seed, file, index, count = task
    _, _, training, least = FILES[file]
    random = np.random.default_rng([seed, file, index])
    labels = random.choice(10, count, p=FREQUENCY / FREQUENCY.sum())
    mask = masks(random, SHARED["digits"][training], labels)[..., None] * uniform(random, 0.85, 1, count, 1, 1, 1)
    ground, ink = colours(random, least, count)
    images = ground + backgrounds(random, SHARED["photos"], count) * uniform(random, 0.1, 0.5, count, 1, 1, 1)
    images += (ink - images) * mask
    # Light from one side.
    slope = uniform(random, -12, 12, 2, count, 1, 1, 1)
    ramp = np.linspace(-1, 1, SIDE, dtype=np.float32)
    images += slope[0] * ramp[:, None, None] + slope[1] * ramp[None, :, None]
    images += random.standard_normal(images.shape, np.float32) * uniform(random, 0.5, 5, count, 1, 1, 1)
    images = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return labels, images.transpose(0, 3, 2, 1).tobytes()


class Mat:
    """A MATLAB 5 file of compressed arrays of bytes, written as it comes."""

    def __init__(self, path):
        self.file = open(path, "wb")
        text = b"MATLAB 5.0 MAT-file, a stand-in for SVHN by benches/svhn_stand_in.py"
        self.file.write(text.ljust(116) + bytes(8) + struct.pack("<H2s", 0x0100, b"IM"))

    def array(self, name, dimensions, parts):
        """Adds an array; `parts` are its bytes, first dimension fastest."""
        length = int(np.prod(dimensions))
        padding = -length % 8
        # Flags (class uint8), dimensions, name, and the tag of the numbers. A name of one letter lies in its tag.
        sizes = struct.pack(f"<{len(dimensions)}i", *dimensions)
        head = struct.pack("<4I", 6, 8, 9, 0) + struct.pack("<2I", 5, len(sizes)) + sizes + bytes(-len(sizes) % 8)
        head += struct.pack("<I4s", 1 | len(name) << 16, name) + struct.pack("<2I", 2, length)
        # The reader of SciPy takes lengths of 31 bits.
        if len(head) + length + padding >= 2**31:
            raise ValueError(f"an array of {length} bytes is too long for a MATLAB 5 file")
        start = self.file.tell()
        self.file.write(bytes(8))
        stream, written = zlib.compressobj(1), 0
        self.file.write(stream.compress(struct.pack("<2I", 14, len(head) + length + padding) + head))
        for part in parts:
            written += len(part)
            self.file.write(stream.compress(part))
        if written != length:
            raise ValueError(f"{written} bytes for an array of {length}")
        self.file.write(stream.compress(bytes(padding)) + stream.flush())
        end = self.file.tell()
        self.file.seek(start)
        self.file.write(struct.pack("<2I", 15, end - start - 8))
        self.file.seek(end)


def in_order(pool, tasks, ahead):
    """The chunks in their order, with so many begun ahead: `imap` would keep all that are not written yet."""
    begun = collections.deque()
    for task in tasks:
        begun.append(pool.apply_async(chunk, (task,)))
        if len(begun) > ahead:
            yield begun.popleft().get()
    while begun:
        yield begun.popleft().get()


def write(path, file, seed, share, pool, jobs):
    """Writes a file under another name first, so that none is ever half there."""
    count = max(1, round(FILES[file][1] * share))
    tasks = [(seed, file, index, min(CHUNK, count - first)) for index, first in enumerate(range(0, count, CHUNK))]
    labels = []

    def images():
        for found, content in in_order(pool, tasks, 2 * jobs):
            # SVHN's 10 is the digit 0.
            labels.append(np.where(found == 0, 10, found).astype(np.uint8).tobytes())
            yield content

    partial = path.with_suffix(".partial")
    mat = Mat(partial)
    with mat.file:
        mat.array(b"X", (SIDE, SIDE, 3, count), images())
        mat.array(b"y", (count, 1), labels)
    partial.replace(path)
    print(f"{path}: {count:,} images, {path.stat().st_size:,} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds mnist/ and natural/")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write; wta looks in svhn/ of its --data")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--share", type=float, default=1.0, help="of the images, for a quick try")
    arguments = parser.parse_args()
    try:
        mnist = arguments.data / "mnist"
        SHARED["digits"] = {True: digits(mnist, "train"), False: digits(mnist, "t10k")}
        SHARED["photos"] = photographs(arguments.data / "natural")
        arguments.out.mkdir(parents=True, exist_ok=True)
        # The children get what is shared as a copy of this process.
        with multiprocessing.get_context("fork").Pool(arguments.jobs) as pool:
            for file, (name, *_) in enumerate(FILES):
                write(arguments.out / name, file, arguments.seed, arguments.share, pool, arguments.jobs)
    except OSError as error:
        sys.exit(f"{error.filename or arguments.out}: {error.strerror or error}")


if __name__ == "__main__":
    main()
