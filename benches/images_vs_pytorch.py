#!/usr/bin/env python3
"""A training step of each recipe for colour and large images beside PyTorch's for the same network, and the memory of both.

    images_vs_pytorch.py --wta target/release/wta --peer torch_wta.py [RECIPE ...]

The networks are built from the peer's `Conv`; of a stack, the last layer is compared, on inputs of the shape it learns from. Both
train with the recipe's batch and Adam, on noise. Each is a process of its own, one after the other.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

# Channels, maps of each layer, kernel, decoder's kernel, lifetime sparsity, batch, rows and columns.
NETWORKS = {
    "cifar10-conv64": (3, [64, 64, 64], 5, 7, 0.2, 100, 32),
    "cifar10-conv256": (3, [256, 256, 256], 5, 7, 0.2, 100, 32),
    "cifar10-stacked": (256, [1024], 5, 5, 0.05, 100, 8),
    "cifar10-deep": (1024, [4096], 3, 3, 0.05, 100, 4),
    "svhn-conv256": (3, [256, 256, 256], 5, 7, 0.2, 100, 32),
    "faces-conv64": (1, [64, 64, 64], 7, 15, 0.2, 100, 48),
    "natural-conv64": (3, [64, 64, 64], 5, 11, 0.2, 100, 48),
    "natural-stacked": (64, [128], 5, 5, 0.2, 50, 27),
}

# At most so many steps, and no more once so many seconds have passed.
STEPS, SECONDS = 10, 15


def peer(script, name, last):
    """Run as a process of its own: prints the median step in milliseconds and the peak memory in bytes."""
    import resource
    import runpy

    import torch

    channels, maps, kernel, decoder, lifetime, batch, side = NETWORKS[name]
    sys.argv = [script]
    module = runpy.run_path(script)
    network = module["Conv"](channels, maps[-1], maps, kernel, decoder, lifetime)
    images = torch.rand(batch, channels, side, side)
    if last:
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    times, start = [], time.time()
    while len(times) < STEPS + 1 and (len(times) < 3 or time.time() - start < SECONDS):
        before = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.mse_loss(network(images), images).backward()
        optimizer.step()
        times.append(time.perf_counter() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"step {statistics.median(times[1:]) * 1e3:.2f} memory {peak}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wta", help="the program")
    parser.add_argument("--peer", required=True, help="the script with PyTorch's networks")
    parser.add_argument("--one", choices=["first", "last"], help=argparse.SUPPRESS)
    parser.add_argument("recipes", nargs="*", default=list(NETWORKS), metavar="RECIPE")
    arguments = parser.parse_args()
    if arguments.one:
        return peer(arguments.peer, arguments.recipes[0], arguments.one == "last")

    environment = os.environ | {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    print("| recipe | PyTorch step | wta step | ratio | PyTorch memory | wta memory |")
    print("| --- |" + " ---: |" * 5)
    for name in arguments.recipes:
        theirs = []
        for layout in ("first", "last"):
            command = [sys.executable, __file__, "--peer", arguments.peer, "--one", layout, name]
            out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            step, memory = re.search(r"step ([0-9.]+) memory (\d+)", out).groups()
            theirs.append((float(step), int(memory)))
        command = [arguments.wta, "profile", name, "--steps", str(STEPS), "--json"]
        ours = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        step, memory = min(theirs)
        print(
            f"| {name} | {step:.0f} ms | {ours['step_ms']:.1f} ms | {step / ours['step_ms']:.1f} "
            f"| {memory / 1e6:.0f} MB | {ours['peak_memory_bytes'] / 1e6:.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
