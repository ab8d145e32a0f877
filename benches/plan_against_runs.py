#!/usr/bin/env python3
"""What `wta plan` says against what `wta train` then takes: memory, and the time of an epoch.

    plan_against_runs.py --wta target/release/wta --data DIR [--scratch DIR] [--most-minutes M] [RECIPE ...]

DIR holds mnist/, cifar-10-batches-bin/ and natural/ as for the program. For want of svhn/ and faces/, files of their formats and
sizes are written into the scratch folder: noise, 630,420 images of 32 x 32 (2 GB), and 4,000 pictures of 48 x 48. Every recipe
(or those named) is planned and then trained for one epoch, each layer of a stack too. The memory is the largest resident set
(VmHWM) of the training, the time that of metrics.csv. A recipe whose plan is longer than M minutes is planned alone.

A layer above another one keeps features of it, and how many of these are not 0 is known when it is trained. So a stack is planned
a second time, with the layers below as they have been trained ("below trained"). Prints a table in Markdown. Nothing else should
run meanwhile.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SVHN = {"train_32x32.mat": 73_257, "test_32x32.mat": 26_032, "extra_32x32.mat": 531_131}
FACES = 4_000
CHUNK = 1 << 22


def write_svhn(path, images):
    """A MATLAB 5 file with X of 32 x 32 x 3 x N bytes of noise, and y of N labels from 1 to 10."""
    def array(name, dimensions, length):
        padded = -(-length // 8) * 8
        dims = struct.pack(f"<{len(dimensions)}i", *dimensions)
        dims += b"\0" * (-len(dims) % 8)
        head = struct.pack("<IIII", 6, 8, 9, 0) + struct.pack("<II", 5, 4 * len(dimensions)) + dims
        head += struct.pack("<HH4s", 1, 1, name) + struct.pack("<II", 2, length)
        return struct.pack("<II", 14, len(head) + padded) + head, padded - length

    with open(path, "wb") as file:
        file.write(b"MATLAB 5.0 MAT-file, a stand-in".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49))
        pixels = 32 * 32 * 3 * images
        head, padding = array(b"X", (32, 32, 3, images), pixels)
        file.write(head)
        for start in range(0, pixels, CHUNK):
            file.write(os.urandom(min(CHUNK, pixels - start)))
        file.write(b"\0" * padding)
        head, padding = array(b"y", (images, 1), images)
        file.write(head + bytes(1 + index % 10 for index in range(images)) + b"\0" * padding)


def data_folder(given, scratch):
    """A folder with all data sets: links to those given, and stand-ins for the others."""
    folder = scratch / "data"
    folder.mkdir(exist_ok=True)
    for name in ("mnist", "cifar-10-batches-bin", "natural", "svhn", "faces"):
        if (given / name).exists() and not (folder / name).exists():
            (folder / name).symlink_to((given / name).resolve())
    if not (folder / "svhn").exists():
        (folder / "svhn").mkdir()
        for name, images in SVHN.items():
            write_svhn(folder / "svhn" / name, images)
    if not (folder / "faces").exists():
        (folder / "faces").mkdir()
        for index in range(FACES):
            pixels = b"P5 48 48 255\n" + os.urandom(48 * 48)
            (folder / "faces" / f"{index:05}.pgm").write_bytes(pixels)
    return folder


def plan(wta, recipe, data, *more):
    command = [wta, "plan", recipe, "--data", data, "--epochs", "1", "--json", *more]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if not done.stdout:
        raise SystemExit(f"{recipe}: {done.stderr}")
    return json.loads(done.stdout)


def train(wta, recipe, data, run):
    """Trains, and returns the largest resident set in bytes."""
    command = [wta, "train", recipe, "--data", data, "--epochs", "1", "--run", run]
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while child.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
            peak = max(peak, *(int(kib) << 10 for kib in re.findall(r"VmHWM:\s+(\d+) kB", status)), 0)
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.02)
    if child.returncode != 0:
        raise SystemExit(f"{recipe}: {child.stderr.read().decode()}")
    return peak


def seconds_of(run):
    with open(run / "metrics.csv", newline="") as file:
        return float(list(csv.DictReader(file))[-1]["seconds"])


def ratio(planned, real):
    return f"{planned / real:.2f}" if planned and real else ""


def row(name, memory, peak, times, seconds):
    mib = lambda size: f"{size / 2**20:.0f}" if size else ""
    second = lambda value: f"{value:.1f}" if value else ""
    cells = [name, mib(memory), mib(peak), ratio(memory, peak), second(times), second(seconds), ratio(times, seconds)]
    print("| " + " | ".join(cells) + " |", flush=True)


def compare(arguments, recipe, data, scratch):
    found = plan(arguments.wta, recipe, data)
    layers = found["layers"]
    if found["will_not_fit"] and found["memory"]["peak"] is None:
        print(f"| {recipe}: will not fit: {found['will_not_fit'][0]} | | | | | | |", flush=True)
        return
    run, again = scratch / "run", scratch / "again"
    for folder in (run, again):
        shutil.rmtree(folder, ignore_errors=True)
    if found["seconds"] > 60 * arguments.most_minutes:
        row(f"{recipe} (planned alone)", found["memory"]["peak"], 0, layers[-1]["epoch_seconds"], 0)
        return
    peak = train(arguments.wta, recipe, data, run)
    folders = [run.joinpath(*["below"] * depth) for depth in reversed(range(len(layers)))]
    times = [seconds_of(folder) for folder in folders]
    for layer, seconds in zip(layers[:-1], times):
        row(f"{recipe}: {layer['recipe']}", 0, 0, layer["epoch_seconds"], seconds)
    row(recipe, found["memory"]["peak"], peak, layers[-1]["epoch_seconds"], times[-1])
    if len(layers) > 1:
        again.mkdir()
        shutil.copy(run / "recipe.toml", again)
        shutil.copytree(run / "below", again / "below")
        found = plan(arguments.wta, recipe, data, "--run", again, "--resume")
        row(f"{recipe}, below trained", found["memory"]["peak"], peak, found["layers"][-1]["epoch_seconds"], times[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wta", required=True, type=pathlib.Path, help="the program, a release build")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--scratch", type=pathlib.Path, help="where stand-ins and runs go [default: a temporary folder]")
    parser.add_argument("--most-minutes", type=float, default=60)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE")
    arguments = parser.parse_args()
    recipes = arguments.recipes
    if not recipes:
        listed = subprocess.run([arguments.wta, "recipes"], capture_output=True, text=True, check=True).stdout
        recipes = [line.split()[0] for line in listed.splitlines() if re.match(r"[a-z0-9]+-", line)]
    with tempfile.TemporaryDirectory() as temporary:
        scratch = arguments.scratch or pathlib.Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        data = data_folder(arguments.data, scratch)
        print("| recipe | planned, MiB | was | ratio | epoch planned, s | was | ratio |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
        for recipe in recipes:
            compare(arguments, recipe, data, scratch)


if __name__ == "__main__":
    sys.exit(main())
