#!/usr/bin/env python3
"""Time WTAAutoencoder.fit against `wta train`, in turns: fc2000 on MNIST.

    python3 fit_vs_program.py --wta target/release/wta --data DIR

DIR holds mnist/ as for the program. Both train the network of the recipe
mnist-fc2000 for a few epochs with a constant rate, from the same seed. Printed
are the seconds of each round, of the program without its start and its reading
of files (what it says itself), and whether the weights are the same bits.
Nothing else should run meanwhile. Install the package first, as a user would:
pip install ./std-host/python.
"""

import argparse
import gzip
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np

import wta_learn

RECIPE = """\
name = "fit"
about = "fc2000, timed"
data = {{ set = "mnist" }}
network = {{ kind = "fully-connected", units = [2000], tied = true, initial = {{ normal = 0.01 }} }}
sparsity = {{ lifetime = 0.05 }}
training = {{ epochs = {epochs}, batch = 100, optimizer = "adam", rate = 1e-3, seed = 1 }}
"""


def images(folder):
    """The training images, 60,000 x 784 between 0 and 1: multiplied by a number, as the program does."""
    for path in sorted(folder.glob("train-images*")):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 784).astype(np.float32) * np.float32(1 / 255)
    raise SystemExit(f"{folder} has no train-images")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wta", required=True, type=pathlib.Path, help="the program, a release build")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    X = images(args.data / "mnist")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        recipe = folder / "fit.toml"
        recipe.write_text(RECIPE.format(epochs=args.epochs))
        for index in range(args.rounds):
            run = folder / str(index)
            said = subprocess.run(
                [args.wta, "train", recipe, "--data", args.data, "--run", run, "--threads", str(args.threads)],
                check=True, capture_output=True, text=True,
            ).stdout
            program = float(re.search(r"trained in ([\d.]+) s", said)[1])
            encoder = wta_learn.WTAAutoencoder(
                2000, lifetime=0.05, tied=True, initial=0.01, epochs=args.epochs, batch_size=100, random_state=1,
                n_threads=args.threads,
            )
            began = time.perf_counter()
            encoder.fit(X)
            fit = time.perf_counter() - began
            ratios.append(fit / program)
            encoder.save(folder / f"{index}-fit")
            same = f"weights checksum: {wta_learn.load(folder / f'{index}-fit').checksum}" in said
            print(f"program {program:6.2f} s   fit {fit:6.2f} s   ratio {ratios[-1]:.3f}   same bits: {same}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
