#!/usr/bin/env python3
"""Networks in 8 bits beside f32, and beside onnxruntime with the file of `wta export --onnx --int8`, in turns.

    int8_in_turns.py --wta target/release/wta [--rounds 7] [--threads 2] [--data DIR] RUN ...

A RUN is a folder of `wta train`. In every round ours is measured (`wta profile` of the run's recipe: encodings of a
batch to dense codes, in f32 and in 8 bits), then onnxruntime computes the features of as many samples of noise from
the exported file, in 8 bits and in f32. Its features are pooled, ours are not: few of the operations. What is printed
are medians over the rounds, and the medians of the rounds' ratios with their quartiles: a machine that is slow for a
minute slows all. Needed: `pip install numpy onnxruntime`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy
    import onnxruntime
except ImportError as missing:
    sys.exit(f"int8_in_turns.py: {missing.name} is missing: pip install numpy onnxruntime")

BATCH = 100


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options)


def milliseconds(network, seconds=1.0):
    """The median time of a batch of noise in onnxruntime."""
    (given,) = network.get_inputs()
    samples = numpy.random.default_rng(1).integers(0, 256, [BATCH, *given.shape[1:]]).astype(numpy.float32)
    times = []
    network.run(["features"], {given.name: samples})
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        network.run(["features"], {given.name: samples})
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def wta(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip())
    return done.stdout


def ratio(over, under):
    ratios = sorted(a / b for a, b in zip(over, under))
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return f"{middle:5.2f} ({low:.2f} to {high:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wta", required=True, help="the program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", help="the folder of the data sets, for calibration")
    parser.add_argument("runs", nargs="+", metavar="RUN")
    arguments = parser.parse_args()
    print("| run | f32, ms | int8, ms | onnxruntime int8, ms | f32 / int8 | onnxruntime int8 / int8 | onnxruntime f32 / f32 |")
    print("| --- | ---: | ---: | ---: | --- | --- | --- |")
    for run in arguments.runs:
        with tempfile.TemporaryDirectory() as folder:
            data = ["--data", arguments.data] if arguments.data else []
            small, large = f"{folder}/int8.onnx", f"{folder}/f32.onnx"
            wta(arguments.wta, "export", "--run", run, "--onnx", small, "--int8", *data)
            wta(arguments.wta, "export", "--run", run, "--onnx", large)
            small, large = session(small, arguments.threads), session(large, arguments.threads)
        profile = [f"{run}/recipe.toml", "--batch", str(BATCH), "--steps", "5", "--threads", str(arguments.threads)]
        floats, ours, theirs, their_floats = [], [], [], []
        for _ in range(arguments.rounds):
            report = json.loads(wta(arguments.wta, "profile", *profile, "--json"))
            floats.append(report["encode_ms"])
            ours.append(report["encode_int8_ms"])
            theirs.append(milliseconds(small))
            their_floats.append(milliseconds(large))
        medians = [f"{statistics.median(times):8.2f}" for times in (floats, ours, theirs)]
        ratios = [ratio(floats, ours), ratio(theirs, ours), ratio(their_floats, floats)]
        print(f"| {run} | {' | '.join(medians + ratios)} |", flush=True)


main()
