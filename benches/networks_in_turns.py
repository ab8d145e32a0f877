#!/usr/bin/env python3
"""Training steps and encodings of any network beside PyTorch's, in turns.

    networks_in_turns.py --wta target/release/wta [--rounds 7] [--threads 2] [NETWORK ...]

A NETWORK is written like 3x32x32,64conv3-64conv3-64deconv7 or 784-1000-784, as for `wta profile --case`. In every
round ours is measured (`wta profile`, a few steps), then PyTorch in its default layout and with channels last, whose
faster one counts. What is printed are medians over the rounds, the median of the rounds' ratios, and the quartiles of
the ratios: a machine that is slow for a minute slows both. The batch has 100 samples of noise, 5% of a map's winners
survive, the optimiser is SGD with momentum: the step computes what `wta` does, by dense operations and autograd.
PyTorch is needed: `pip install torch`.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as functional

# The networks of issue 21's table, and the paper's for faces (64 maps of 7 x 7, atoms of 15 x 15).
NETWORKS = [
    "3x32x32,64conv3-64conv3-64conv3-64deconv7",
    "1x28x28,48conv7-48conv7-48deconv9",
    "6x1x1024,64conv1x9-64conv1x9-64conv1x9-64deconv1x17",
    "1x40x24,96conv3-96conv3-96deconv5",
    "1x32x32,64conv7-64conv7-64conv7-64deconv15",
    "784-1000-784",
    "784-2000-784",
    "1x28x28,16conv5-16conv5-16deconv11",
    "1x28x28,64conv5-64conv5-64conv5-64deconv11",
    "3x32x32,64conv5-64conv5-64conv5-64deconv7",
    "1x28x28,128conv5-128conv5-128deconv11",
]

BATCH = 100
KEEP = 5


def size(text):
    numbers = [int(number) for number in text.split("x")]
    return tuple(numbers * 2) if len(numbers) == 1 else tuple(numbers)


class Peer:
    """A network in PyTorch."""

    def __init__(self, notation, channels_last):
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        torch.manual_seed(1)
        self.dense = "," not in notation
        if self.dense:
            inputs, *units, _ = (int(number) for number in notation.split("-"))
            sizes = [inputs, *units]
            self.layers = [torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
            self.decoder = torch.nn.Linear(sizes[-1], inputs)
            self.images = torch.rand(BATCH, inputs)
        else:
            image, layers = notation.split(",")
            channels, height, width = (int(number) for number in image.split("x"))
            *convs, decoder = layers.split("-")
            below = channels
            self.layers = []
            for conv in convs:
                maps, kernel, stride = re.fullmatch(r"(\d+)conv([\dx]+)(?:/([\dx]+))?", conv).groups()
                layer = torch.nn.Conv2d(
                    below, int(maps), size(kernel), stride=size(stride or "1"), padding=tuple(k // 2 for k in size(kernel))
                )
                self.layers.append(layer.to(memory_format=self.layout))
                below = int(maps)
            kernel = size(decoder.split("deconv")[1])
            self.decoder = torch.nn.ConvTranspose2d(below, channels, kernel, padding=tuple(k // 2 for k in kernel))
            self.decoder = self.decoder.to(memory_format=self.layout)
            self.images = torch.rand(BATCH, channels, height, width).to(memory_format=self.layout)
        parameters = [p for layer in [*self.layers, self.decoder] for p in layer.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9)

    def code(self):
        code = self.images
        for layer in self.layers:
            code = functional.relu(layer(code))
        return code

    def encode(self):
        with torch.no_grad():
            self.code()

    def step(self):
        code = self.code()
        flat = code if self.dense else code.flatten(2).amax(2)
        cut = flat.detach().topk(KEEP, dim=0).values[-1]
        winners = torch.where(flat >= cut, flat, 0)
        if self.dense:
            sparse = winners
        else:
            best = code.detach().flatten(2).argmax(2)
            sparse = torch.zeros_like(code.flatten(2), memory_format=torch.contiguous_format)
            sparse = sparse.scatter(2, best[:, :, None], winners[:, :, None]).view(code.shape)
            sparse = sparse.contiguous(memory_format=self.layout)
        error = self.decoder(sparse)[tuple(slice(n) for n in self.images.shape)] - self.images
        loss = 0.5 * error.square().sum() / BATCH
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def timed(what, seconds):
    """The median time of a call, in milliseconds, over calls that take about so many seconds."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        what()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def ours(arguments, network):
    command = [arguments.wta, "profile", "--case", network, "--json", "--threads", str(arguments.threads)]
    command += ["--steps", str(arguments.steps)]
    found = subprocess.run(command, capture_output=True, text=True)
    if found.returncode != 0:
        sys.exit(found.stderr)
    report = json.loads(found.stdout)
    return {"step": report["step_ms"], "encode": report["encode_ms"], "isa": report["isa"]}


def quartiles(values):
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:.2f} to {high:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wta", required=True, help="the program")
    parser.add_argument("--rounds", type=int, default=7, help="at least 2")
    parser.add_argument("--steps", type=int, default=7, help="our steps and encodings in a round")
    parser.add_argument("--seconds", type=float, default=0.6, help="of each of PyTorch's measurements in a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds must be at least 2")
    torch.set_num_threads(arguments.threads)

    print(f"PyTorch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} rounds, ms")
    print("| network | step: ours | PyTorch | times | quartiles | encode: ours | PyTorch | times | quartiles | step / encode |")
    print("| --- |" + " ---: |" * 9)
    for network in arguments.networks or NETWORKS:
        network = network.replace(" ", "").replace(":", ",")
        peers = [Peer(network, False)] + ([] if "," not in network else [Peer(network, True)])
        for peer in peers:
            peer.step()
        rounds = []
        for _ in range(arguments.rounds):
            row = ours(arguments, network)
            for kind in ("step", "encode"):
                row[f"peer_{kind}"] = min(timed(getattr(peer, kind), arguments.seconds) for peer in peers)
            rounds.append(row)
        cells = []
        for kind in ("step", "encode"):
            ratios = [row[f"peer_{kind}"] / row[kind] for row in rounds]
            mine, theirs = (statistics.median(row[key] for row in rounds) for key in (kind, f"peer_{kind}"))
            cells += [f"{mine:.2f}", f"{theirs:.2f}", f"**{statistics.median(ratios):.1f}**", quartiles(ratios)]
        over = statistics.median(row["step"] / row["encode"] for row in rounds)
        print(f"| {network} | " + " | ".join(cells) + f" | {over:.2f} |", flush=True)
    print(f"\ninstruction set: {rounds[-1]['isa']}")


if __name__ == "__main__":
    main()
