#!/usr/bin/env python3
"""`wta svm` beside LIBLINEAR's programs, in turns: time, peak memory, objective, accuracy.

    svm_tool.py --wta target/release/wta [--liblinear DIR] [--folder DIR] [--share 1.0] [--rounds 3] [-C 1] [-B -1]

LIBLINEAR's programs are `liblinear-train` and `liblinear-predict` (Debian's liblinear-tools), or `train` and `predict`
in DIR. The data are made here, with the sizes of rcv1.multiclass: 15,564 examples to train on and 518,571 to test on,
47,236 features, 53 classes, some 65 non-zeros in a row, which are tf-idf weights of a norm of 1. Words have Zipf's
frequencies, and each class prefers some of them. --share makes a smaller set; --swap trains on the test set, which is
the larger one. Files stay in --folder and are made once.

Every model is judged by the same float64 objective, computed here. Peak memory is the kernel's, beside the data as a
sparse matrix of float32: 8 bytes for a non-zero and 8 for a row. Exits with 1 if ours is the slower one at an objective
that is not lower, or if it takes more than 1.5 times the data, its classifier and 64 MiB.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

TRAIN, TEST, FEATURES, CLASSES, NONZEROS = 15_564, 518_571, 47_236, 53, 65


def write(path, rows, random, preferred, frequencies):
    """Examples as LIBSVM's text, some thousand at a time."""
    log_idf = np.log(1 / np.maximum(frequencies * NONZEROS, 1e-5)).clip(0.1)
    shares = 1 / np.arange(1, CLASSES + 1)
    shares /= shares.sum()
    with open(path + ".part", "w") as out:
        for start in range(0, rows, 4096):
            count = min(4096, rows - start)
            labels = random.choice(CLASSES, count, p=shares)
            lengths = random.gamma(4, NONZEROS / 4, count).astype(int).clip(5, 600)
            lines = []
            for label, length in zip(labels, lengths):
                own = random.random(length) < 0.25
                words = random.choice(preferred[label], length)
                common = random.random(length - own.sum())
                words[~own] = np.searchsorted(np.cumsum(frequencies), common).clip(0, FEATURES - 1)
                words, counts = np.unique(words, return_counts=True)
                values = (1 + np.log(counts)) * log_idf[words]
                values /= np.sqrt((values**2).sum())
                pairs = " ".join(f"{word + 1}:{value:.6g}" for word, value in zip(words.tolist(), values.tolist()))
                lines.append(f"{label + 1} {pairs}\n")
            out.writelines(lines)
    os.rename(path + ".part", path)


def make(folder, share):
    random = np.random.default_rng(1)
    ranks = random.permutation(FEATURES) + 1.0
    frequencies = 1 / (ranks + 5)
    frequencies /= frequencies.sum()
    preferred = [random.choice(FEATURES, 400, p=frequencies, replace=False) for _ in range(CLASSES)]
    paths = []
    for name, rows in (("train", TRAIN), ("test", TEST)):
        path = os.path.join(folder, f"{name}-{share:g}.svm")
        if not os.path.exists(path):
            write(path, max(int(rows * share), 200), random, preferred, frequencies)
        paths.append(path)
    return paths


def measured(command, out):
    """Seconds and peak memory in MiB of a program, whose output goes to a file."""
    peak = 0
    start = time.perf_counter()
    with open(out, "wb") as to:
        child = subprocess.Popen(command, stdout=to, stderr=to)
    # What wait4 says of a child begins with this process's own memory.
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status") as status:
                peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))])
        except OSError:
            pass
        time.sleep(0.002)
    seconds = time.perf_counter() - start
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{open(out).read()[-2000:]}")
    return seconds, peak / 1024


def read(path):
    labels, starts, columns, values = [], [0], [], []
    with open(path) as lines:
        for line in lines:
            label, *pairs = line.split()
            labels.append(int(label))
            for pair in pairs:
                column, value = pair.split(":")
                columns.append(int(column) - 1)
                values.append(float(value))
            starts.append(len(columns))
    return np.array(labels), np.array(starts), np.array(columns), np.array(values)


def objective(data, model, penalty, bias):
    """Of all classes together, in float64, of a model in LIBLINEAR's text."""
    labels, starts, columns, values = data
    head = {}
    with open(model) as text:
        for line in text:
            key, *rest = line.split()
            if key == "w":
                break
            head[key] = rest
        weights = np.loadtxt(text, ndmin=2)
    if float(head["bias"][0]) < 0:
        weights = np.vstack([weights, np.zeros((1, weights.shape[1]))])
    constant = bias if bias > 0 else 0
    total = 0.0
    names = [int(name) for name in head["label"]][: weights.shape[1]]
    for name, column in zip(names, weights.T):
        # A model says what the bias adds, at a constant of its own.
        added = column[-1] * max(float(head["bias"][0]), 0)
        own = column[:-1].copy()
        inside = columns < len(own)
        terms = np.where(inside, own[np.minimum(columns, len(own) - 1)], 0) * values
        sums = np.concatenate([[0], np.cumsum(terms)])
        scores = sums[starts[1:]] - sums[starts[:-1]] + added
        signs = np.where(labels == name, 1, -1)
        square = (own**2).sum() + (added / constant if constant else 0) ** 2
        total += square / 2 + penalty * (np.maximum(1 - signs * scores, 0) ** 2).sum()
    return total


def accuracy(path, labels):
    with open(path) as lines:
        found = np.array([int(float(line)) for line in lines])
    return (found == labels).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wta", required=True, help="the built program")
    parser.add_argument("--liblinear", help="folder of LIBLINEAR's train and predict")
    parser.add_argument("--folder", help="where files are, and stay [default: a temporary one]")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows; 0.01 for a try")
    parser.add_argument("--swap", action="store_true", help="train on the test set")
    parser.add_argument("--rounds", type=int, default=3, help="the least time of this many turns counts")
    parser.add_argument("-C", type=float, default=1.0)
    parser.add_argument("-B", type=float, default=-1)
    parser.add_argument("--eps", type=float, default=0.1)
    arguments = parser.parse_args()

    temporary = None if arguments.folder else tempfile.TemporaryDirectory()
    folder = arguments.folder or temporary.name
    os.makedirs(folder, exist_ok=True)
    train, test = make(folder, arguments.share)
    if arguments.swap:
        train, test = test, train
    if arguments.liblinear:
        theirs = [os.path.join(arguments.liblinear, name) for name in ("train", "predict")]
    else:
        theirs = [shutil.which(name) for name in ("liblinear-train", "liblinear-predict")]
    if not all(theirs):
        parser.error("there is no LIBLINEAR: install liblinear-tools, or give --liblinear DIR")

    data = read(train)
    with open(test) as lines:
        test_labels = np.array([int(line.split(maxsplit=1)[0]) for line in lines])
    rows, nonzeros = len(data[0]), len(data[3])
    matrix = (8 * nonzeros + 8 * rows) / 2**20
    print(f"{rows} examples, {nonzeros} non-zeros, {len(np.unique(data[0]))} classes: {matrix:.1f} MiB as a matrix, "
          f"{os.path.getsize(train) / 2**20:.1f} MiB as text; {len(test_labels)} to test on; C = {arguments.C:g}")

    flags = ["-c", str(arguments.C), "-B", f"{arguments.B:g}", "-e", str(arguments.eps)]
    at = lambda name: os.path.join(folder, name)
    # Each has a model of its own, and what it prints.
    programs = {"LIBLINEAR -s 1": ([theirs[0], "-q", "-s", "1", *flags, train, at("1.model")],
                                   [theirs[1], test, at("1.model"), at("1.out")], at("1"))}
    for threads in (1, 2):
        wta = [arguments.wta, "svm"]
        name = at(f"wta{threads}")
        programs[f"wta, {threads} threads"] = (
            [*wta, "fit", train, "--model", name + ".model", "--format", "liblinear", "--threads", str(threads), *flags],
            [*wta, "predict", test, "--model", name + ".model", "--out", name + ".out", "--threads", str(threads)], name)
    results = {name: [] for name in programs}
    for _ in range(arguments.rounds):
        for name, (fit, predict, out) in programs.items():
            results[name].append((*measured(fit, out + ".log"), *measured(predict, out + ".log")))
    print(f"{'':16} {'fit s':>8} {'MiB':>8} {'x data':>7} {'predict s':>10} {'MiB':>8} {'objective':>14} {'test accuracy':>14}")
    table = {}
    for name, turns in results.items():
        out = programs[name][2]
        fit, fit_memory, predict, predict_memory = (min(column) for column in zip(*turns))
        value, right = objective(data, out + ".model", arguments.C, arguments.B), accuracy(out + ".out", test_labels)
        table[name] = (fit, fit_memory, predict, value)
        print(f"{name:16} {fit:8.2f} {fit_memory:8.1f} {fit_memory / matrix:7.2f} {predict:10.2f} {predict_memory:8.1f} "
              f"{value:14.4f} {right:14.4%}")
    reference = table.pop("LIBLINEAR -s 1")
    model = 4 * FEATURES * CLASSES / 2**20
    failed = False
    for name, (fit, memory, predict, value) in table.items():
        print(f"{name}: fit {reference[0] / fit:.2f} times as fast, predict {reference[2] / predict:.2f}; objective "
              f"{value / reference[3] - 1:+.1e}")
        failed |= fit > reference[0] and value >= reference[3]
        failed |= memory > 1.5 * matrix + model + 64
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
