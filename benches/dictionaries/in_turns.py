#!/usr/bin/env python3
"""Time an epoch of a dictionary's training: `wta` and plain PyTorch, in turns.

    python3 in_turns.py --wta target/release/wta

makes rows that a dictionary explains (of four times as many random directions
as inputs, a few to each row, and noise), trains the same network on them by
the program and by in_pytorch.py, one after the other, several rounds, and
prints for each selection the seconds of an epoch, the median of the rounds'
ratios with the smallest and the largest, and the FVU of 5,000 other rows with
the winners as in training. Nothing else should run meanwhile. Packages: torch,
numpy. PyTorch's Adam is its fused one, which is its fastest; --plain-adam
takes the one that it has by default.
"""

import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent

RECIPE = """\
name = "turn"
about = "a dictionary, timed"
data = {{ set = "array", train = ["train.npy"], test = "test.npy" }}
network = {{ kind = "fully-connected", units = [{units}], initial = "transposed" }}
sparsity = {{ {sparsity} }}
dictionary = {{ centred = true, unit_atoms = true }}
training = {{ epochs = 1, batch = {batch}, optimizer = "adam", rate = 1e-3, schedule = {{ ramps = {{ rise = 0.05, fall = 0.2 }} }} }}
"""


def rows_of(directions, count, random):
    """Rows of eight directions each, with exponential weights, and a tenth of noise."""
    rows = 0.1 * random.standard_normal((count, directions.shape[1]), dtype=np.float32)
    for _ in range(8):
        chosen = directions[random.integers(len(directions), size=count)]
        rows += random.exponential(1.0, (count, 1)).astype(np.float32) * chosen
    return rows


def run(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def ours(args, folder, selection):
    """Seconds of the epoch, and the FVU."""
    sparsity = {
        "sample": f"per-sample = {args.k}",
        "batch": f"per-batch = {args.k}",
        "lifetime": f"lifetime = {args.share}",
    }[selection]
    recipe, out = folder / "turn.toml", tempfile.mkdtemp(dir=folder)
    recipe.write_text(RECIPE.format(units=args.units, sparsity=sparsity, batch=args.batch))
    common = ["--data", folder, "--run", out, "--threads", args.threads]
    run([args.wta, "train", recipe, *common])
    run([args.wta, "eval", *common])
    with open(pathlib.Path(out) / "metrics.csv") as file:
        seconds = float(next(csv.DictReader(file))["seconds"])
    return seconds, json.loads((pathlib.Path(out) / "reconstruction.json").read_text())["fvu"]


def theirs(args, folder, selection):
    """The same of PyTorch."""
    out = folder / "out.json"
    more = [] if args.plain_adam else ["--fused"]
    more += ["--share", args.share] if selection == "lifetime" else []
    run([
        sys.executable, HERE / "in_pytorch.py", "--train", folder / "train.npy", "--test", folder / "test.npy",
        "--units", args.units, "--selection", selection, "--k", args.k, "--batch", args.batch,
        "--threads", args.threads, "--json", out, *more,
    ])
    epoch = json.loads(out.read_text())["epochs"][-1]
    return epoch["seconds"], epoch["fvu"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wta", required=True, type=pathlib.Path, help="the program, a release build")
    parser.add_argument("--inputs", type=int, default=512)
    parser.add_argument("--units", type=int, default=4096)
    parser.add_argument("--k", type=int, default=32, help="winners of a sample (default 32)")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain-adam", action="store_true", help="PyTorch's default Adam")
    parser.add_argument("--selections", nargs="+", default=["sample", "batch", "lifetime"],
                        choices=["sample", "batch", "lifetime"])
    args = parser.parse_args()
    args.share = max(args.k / args.units, 1 / args.batch)
    random = np.random.default_rng(args.seed)
    directions = random.standard_normal((4 * args.inputs, args.inputs), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        np.save(folder / "train.npy", rows_of(directions, args.rows, random))
        np.save(folder / "test.npy", rows_of(directions, 5000, random))
        print(f"{args.inputs} inputs, {args.units} units, {args.k} of a sample, batches of {args.batch}, "
              f"{args.rows} rows, {args.threads} threads, {args.rounds} rounds")
        print(f"{'selection':10} {'ours, s':>8} {'PyTorch, s':>10} {'ratio':>6} {'from':>5} {'to':>5} "
              f"{'FVU':>7} {'PyTorch':>7}")
        for selection in args.selections:
            found = [(*ours(args, folder, selection), *theirs(args, folder, selection)) for _ in range(args.rounds)]
            own, fvu, other, other_fvu = map(statistics.median, zip(*found))
            ratios = sorted(round[2] / round[0] for round in found)
            print(f"{selection:10} {own:8.2f} {other:10.2f} {statistics.median(ratios):6.2f} {ratios[0]:5.2f} "
                  f"{ratios[-1]:5.2f} {fvu:7.2%} {other_fvu:7.2%}", flush=True)


if __name__ == "__main__":
    main()
