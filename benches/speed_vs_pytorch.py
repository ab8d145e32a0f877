#!/usr/bin/env python3
"""Training steps and encodings against PyTorch's, case by case in one run: the two take turns on the same machine.

    speed_vs_pytorch.py --wta target/release/wta --peer torch_wta.py [--repeat 3] [CASE ...]

The peer prints lines `CASE step|encode N ms ...`; it is run with its own default layout and with `last`
(channels-last), and its faster one counts. Of every figure the median over the repetitions is taken. Ours are also
measured on one thread and with AVX2, and the peak memory of both in training conv128 stands beside each other. Exits
with 1 if a target of the project is missed.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys

# At least so many times as fast as PyTorch: a step, an encoding.
TARGETS = {
    "fc1000": (4, 1),
    "fc2000": (4, 1),
    "conv16": (10, 1),
    "conv64x3": (8, 2),
    "conv128": (10, 2.5),
    "cifar64x3": (7, 2),
}
WIDE = ("conv64x3", "conv128", "cifar64x3")


def peer(script, case, layout):
    environment = os.environ | {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    command = [sys.executable, script, *layout, case]
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return {kind: float(ms) for kind, ms in re.findall(r"(step|encode)\s+([0-9.]+) ms", out)}


def ours(wta, case, threads=2, isa=None):
    command = [wta, "profile", "--case", case, "--json", "--threads", str(threads)]
    command += ["--isa", isa] if isa else []
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def median(values):
    return statistics.median(values)


def measure(arguments, case):
    layouts = [[]] if case.startswith("fc") else [[], ["last"]]
    theirs = {"step": [[] for _ in layouts], "encode": [[] for _ in layouts]}
    runs, single, avx2 = [], [], []
    for _ in range(arguments.repeat):
        for place, layout in enumerate(layouts):
            for kind, ms in peer(arguments.peer, case, layout).items():
                theirs[kind][place].append(ms)
        runs.append(ours(arguments.wta, case))
        single.append(ours(arguments.wta, case, threads=1))
        if runs[0]["isa"] == "avx512":
            avx2.append(ours(arguments.wta, case, isa="avx2"))
    row = {"case": case, "isa": runs[0]["isa"]}
    for kind in ("step", "encode"):
        row[f"torch_{kind}"] = min(median(times) for times in theirs[kind])
        row[kind] = median([run[f"{kind}_ms"] for run in runs])
        row[f"{kind}_ratio"] = row[f"torch_{kind}"] / row[kind]
    row["step_over_encode"] = row["step"] / row["encode"]
    row["threads"] = median([run["step_ms"] for run in single]) / row["step"]
    row["avx2"] = median([run["step_ms"] for run in avx2]) / row["step"] if avx2 else float("nan")
    row["peak"] = median([run["peak_gflops"] for run in runs])
    row["copy"] = median([run["copy_gb_s"] for run in runs])
    row["memory"] = max(run.get("peak_memory_bytes") or 0 for run in runs)
    return row


def peer_memory(script, case):
    """Peak memory of the peer's process, in bytes."""
    code = (
        "import runpy, resource, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__'); "
        "print('memory', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    command = [sys.executable, "-c", code, script, "last", case]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(re.search(r"memory (\d+)", out)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wta", required=True, help="the program")
    parser.add_argument("--peer", required=True, help="the script that times PyTorch")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("cases", nargs="*", default=list(TARGETS), metavar="CASE")
    arguments = parser.parse_args()

    print("| case | torch step | step | ratio | target | torch encode | encode | ratio | target | step / encode "
          "| 1 thread / 2 | AVX2 / AVX-512 | memory |")
    print("| --- |" + " ---: |" * 12)
    missed = []
    for case in arguments.cases:
        row = measure(arguments, case)
        step, encode = TARGETS[case]
        print(
            f"| {case} | {row['torch_step']:.2f} | {row['step']:.2f} | {row['step_ratio']:.1f} | {step} "
            f"| {row['torch_encode']:.2f} | {row['encode']:.2f} | {row['encode_ratio']:.1f} | {encode} "
            f"| {row['step_over_encode']:.2f} | {row['threads']:.2f} | {row['avx2']:.2f} "
            f"| {row['memory'] / 1e6:.0f} MB |",
            flush=True,
        )
        checks = [
            (row["step_ratio"] >= step, "step against PyTorch"),
            (row["encode_ratio"] >= encode, "encode against PyTorch"),
        ]
        if case in WIDE:
            checks += [
                (row["step_over_encode"] <= 1.3, "step at most 1.3 encodings"),
                (row["threads"] >= 1.8, "two threads at least 1.8 times one"),
                (not row["avx2"] > 1.4, "AVX2 within 1.4 of AVX-512"),
            ]
        missed += [f"{case}: {what}" for met, what in checks if not met]
    print(f"\npeak {row['peak']:.0f} GFLOP/s, copy {row['copy']:.1f} GB/s ({row['isa']}, two threads)")
    if "conv128" in arguments.cases:
        print(f"PyTorch's peak memory on conv128: {peer_memory(arguments.peer, 'conv128') / 1e6:.0f} MB")
    for what in missed:
        print(f"MISSED {what}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
