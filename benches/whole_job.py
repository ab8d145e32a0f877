#!/usr/bin/env python3
"""A whole job, from files to test error: train, encode, SVM. Beside PyTorch and scikit-learn doing the same.

    whole_job.py --wta target/release/wta --data ~/data mnist-conv128 cifar10-conv64
    whole_job.py --wta ... --data ... --samples 5000 --test-samples 2000 cifar10-conv64     # a shorter run

A recipe is one of `wta recipes` or a file: one convolutional network, on MNIST or CIFAR-10. What the peer
does not do is refused. `wta train` and `wta eval` are a process each, the peer is one process (`--python
PROGRAM` for a Python that has PyTorch and scikit-learn). Printed is a Markdown table of seconds, peak
memory (of wait4), loss and test error, and then where the time goes in ours. With --samples, both read
smaller files: the first images of the real ones, written before anything is timed.

The peer does what the recipe says: the same preprocessing, network, distribution of initial weights,
winners, loss, optimiser, batches, epochs and features. Only what is drawn differs. From the same weights
and the same batch, losses are the same to six digits; from other weights, the losses of the last epoch and
the test errors must be near each other, or the times mean nothing. It is what a good user would write. The
layout of tensors (the default one, or channels last) is the faster one in a trial of a few steps and
encodings, which counts for nothing. Whitening is by torch.linalg, and features are kept sparse where that
takes less memory.

LinearSVC solves the same problem at the same C, in one thread, as it has no more. It does so by dual
coordinate descent (Newton's method took longer), to LIBLINEAR's tolerance of 0.1. That left its objective
within 0.03% of the least on 3,000 images of both recipes; ours stops within 0.1%. `--tolerance 1e-4` is
scikit-learn's default, and took twice as long.

"Start, read, preprocess" is what the other phases leave of the processes' time: their start (in Python, the
imports), reading files, learning the whitening; in ours also reading all of it once more for `wta eval`,
and writing the run. Ours whitens once more in "encode". In ours, "train" includes writing weights and
pictures.

Python 3.11 or later. The peer needs `pip install torch scikit-learn`.
"""

import argparse
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile
import time

MNIST = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CIFAR = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
FOLDERS = {"mnist": "mnist", "cifar10": "cifar-10-batches-bin"}

# Bytes of one of CIFAR-10's records.
RECORD = 1 + 3 * 32 * 32

# The keys of a recipe that the peer knows.
KNOWN = {
    "": "name about data preprocess network sparsity training features svm",
    "data": "set divide_by",
    "preprocess": "step regulariser",
    "network": "kind encoder decoder_kernel initial",
    "network.encoder": "maps kernel stride",
    "sparsity": "lifetime start falling",
    "training": "epochs batch optimizer rate schedule decay seed",
    "features": "root pool",
    "features.pool": "kernel stride whole average",
    "svm": "c gap held_out",
}

# Steps and encodings in the trial of layouts, after the first one.
TRIALS = 3

# Losses are alike if the larger one is at most so many times the other.
ALIKE = 1.1

# Steps of `wta profile`.
PROFILED = 10


# Recipes and files, of both sides.


def read_recipe(wta, name):
    """The recipe as a table: a file, or one that the program knows."""
    try:
        import tomllib
    except ImportError:
        sys.exit("this needs Python 3.11 or later; --python may be an older one")
    if os.path.isfile(name):
        with open(name, encoding="utf-8") as file:
            text = file.read()
    else:
        found = subprocess.run([wta, "recipes", name], capture_output=True, text=True)
        if found.returncode != 0:
            sys.exit(found.stderr.strip())
        text = found.stdout
    try:
        recipe = tomllib.loads(text)
        check_recipe(recipe)
    except tomllib.TOMLDecodeError as error:
        sys.exit(f"{name}: is no TOML: {error}")
    except KeyError as error:
        sys.exit(f"{name}: has no key {error}")
    except ValueError as error:
        sys.exit(f"{name}: {error}")
    return recipe


def check_recipe(recipe):
    """Raises a ValueError for what the peer does not do."""
    for table in ("data", "network", "training"):
        if table not in recipe:
            raise ValueError(f"has no table [{table}]")
    if recipe["training"]["epochs"] == 0:
        raise ValueError("trains for no epoch")
    if "below" in recipe:
        raise ValueError("is a stack; only recipes of one network are compared")
    if recipe["network"]["kind"] != "convolutional":
        raise ValueError("is not convolutional")
    if recipe["data"]["set"] not in FOLDERS:
        raise ValueError(f"the data are {recipe['data']['set']}; only mnist and cifar10 are compared")
    check_keys(recipe, "")
    for layer in recipe["network"]["encoder"]:
        if size(layer.get("stride", 1)) != (1, 1):
            raise ValueError("has a convolution with a stride, which is not compared")
    kernels = [layer["kernel"] for layer in recipe["network"]["encoder"]]
    for kernel in [*kernels, recipe["network"]["decoder_kernel"]]:
        if any(side % 2 == 0 for side in size(kernel)):
            raise ValueError("has a kernel with an even side, which is not compared")
    initial = recipe["network"]["initial"]
    if initial != "he" and not isinstance(initial, dict):
        raise ValueError(f"initial weights are {initial!r}, which is not compared")
    for step in recipe.get("preprocess", []):
        if step["step"] not in ("contrast", "zca"):
            raise ValueError(f"has the step {step['step']}, which is not compared")


def check_keys(table, path):
    for key, value in table.items():
        below = f"{path}.{key}" if path else key
        if key not in KNOWN[path].split() and value is not False:
            raise ValueError(f"has the key {below}, which is not compared")
        if below in KNOWN:
            for part in value if isinstance(value, list) else [value]:
                check_keys(part, below)


def size(value):
    """Rows and columns."""
    return (value, value) if isinstance(value, int) else tuple(value)


def home(kind, folder):
    """Where the files are: in their usual folder below, or in the folder itself."""
    below = os.path.join(folder, FOLDERS[kind])
    return below if os.path.isdir(below) else folder


def files_of(kind, folder, split):
    """The paths of a split's files; a missing one ends the program."""
    paths = []
    for name in MNIST[split] if kind == "mnist" else CIFAR[split]:
        path = os.path.join(home(kind, folder), name)
        if not os.path.exists(path) and os.path.exists(path + ".gz"):
            path += ".gz"
        if not os.path.exists(path):
            sys.exit(f"{path} is not there; --data must be the folder that holds {FOLDERS[kind]}/")
        paths.append(path)
    return paths


def read_bytes(path, most=-1):
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with (gzip.open if packed else open)(path, "rb") as file:
        return file.read(most)


def shorten(kind, folder, to, counts):
    """Writes files with the first images alone, so many of each split; None for all."""
    os.makedirs(os.path.join(to, FOLDERS[kind]), exist_ok=True)
    for split, count in counts.items():
        paths = files_of(kind, folder, split)
        for place, path in enumerate(paths):
            if kind == "mnist":
                data = read_bytes(path)
                header, there = 4 + 4 * data[3], int.from_bytes(data[4:8], "big")
                kept = there if count is None else min(count, there)
                end = header + (len(data) - header) // there * kept
                data = data[:4] + kept.to_bytes(4, "big") + data[8:end]
            else:
                # The images are spread over the files.
                share = None if count is None else (count + place) // len(paths)
                if share == 0:
                    sys.exit(f"--samples must be at least {len(paths)}, as none of the files may be empty")
                data = read_bytes(path, -1 if share is None else share * RECORD)
            name = os.path.basename(path).removesuffix(".gz")
            with open(os.path.join(to, FOLDERS[kind], name), "wb") as file:
                file.write(data)


def rate_at(training, step, steps):
    """The learning rate of a step (from 0), as core/src/train/optimizer.rs has it."""
    rate, schedule, share = training["rate"], training.get("schedule", "constant"), step / max(steps, 1)
    if schedule == "constant":
        return rate
    if schedule == "linear":
        return rate * max(1 - share, 0)
    if "step" in schedule:
        return rate * (schedule["step"]["factor"] if share >= schedule["step"]["at"] else 1)
    rise, fall = schedule["ramps"]["rise"], schedule["ramps"]["fall"]
    up, left = (step + 1) / max(steps, 1), max(1 - share, 0)
    return rate * min(up / rise if up < rise else 1, left / fall if left < fall else 1)


def survivors(sparsity, batch, step, steps):
    """How many of a map's winners over the batch live in a step; None for all."""
    if "lifetime" not in sparsity:
        return None
    lifetime = sparsity["lifetime"]
    left = max(1 - step / max(sparsity.get("falling", 0.5) * steps, 1), 0)
    lifetime += left * (sparsity.get("start", lifetime) - lifetime)
    return max(1, math.floor(lifetime * batch + 0.5))


# The peer: a process of its own, which imports what it needs.


class Peer:
    """A recipe's network in PyTorch."""

    def __init__(self, recipe, channels, last, steps):
        import torch

        torch.manual_seed(recipe["training"].get("seed", 1))
        self.torch, self.recipe, self.steps = torch, recipe, steps
        network, training = recipe["network"], recipe["training"]
        self.convolutions, below = torch.nn.ModuleList(), channels
        for layer in network["encoder"]:
            kernel = size(layer["kernel"])
            padding = tuple(side // 2 for side in kernel)
            self.convolutions.append(torch.nn.Conv2d(below, layer["maps"], kernel, padding=padding))
            below = layer["maps"]
        kernel = size(network["decoder_kernel"])
        padding = tuple(side // 2 for side in kernel)
        self.decoder = torch.nn.ConvTranspose2d(below, channels, kernel, padding=padding)
        self.layers = [*self.convolutions, self.decoder]
        for layer in self.layers:
            numbers = layer.weight[0].numel()
            deviation = math.sqrt(2 / numbers) if layer is not self.decoder else 0.01 / math.sqrt(numbers)
            if network["initial"] != "he":
                deviation = network["initial"]["normal"]
            torch.nn.init.normal_(layer.weight, std=deviation)
            torch.nn.init.zeros_(layer.bias)
        self.use(last)
        decay = training.get("decay", 0.0)
        groups = [
            {"params": [layer.weight for layer in self.layers], "weight_decay": decay},
            {"params": [layer.bias for layer in self.layers], "weight_decay": 0.0},
        ]
        if training["optimizer"] == "adam":
            self.optimizer = torch.optim.Adam(groups, training["rate"], fused=True)
        else:
            momentum = training["optimizer"]["sgd"]["momentum"]
            self.optimizer = torch.optim.SGD(groups, training["rate"], momentum=momentum, fused=True)

    def use(self, last):
        """Brings the weights to a layout: with channels last, or the default one."""
        self.last = last
        self.layout = self.torch.channels_last if last else self.torch.contiguous_format
        for layer in self.layers:
            layer.to(memory_format=self.layout)

    def code(self, images):
        code = images.contiguous(memory_format=self.layout)
        for convolution in self.convolutions:
            code = self.torch.nn.functional.relu(convolution(code), inplace=True)
        return code

    def sparse(self, code, keep):
        """The winner of each map alone, and of each map's winners the largest of the batch."""
        # A view in either layout.
        flat, axis = (code.permute(0, 2, 3, 1).flatten(1, 2), 1) if self.last else (code.flatten(2), 2)
        winners, places = flat.max(axis, keepdim=True)
        if keep is not None:
            values, images = winners.topk(keep, dim=0)
            winners = self.torch.zeros_like(winners).scatter(0, images, values)
        sparse = self.torch.zeros_like(flat).scatter(axis, places, winners)
        sparse = sparse.unflatten(axis, code.shape[2:])
        return sparse.permute(0, 3, 1, 2) if self.last else sparse

    def step(self, images, number):
        """A training step; returns the loss, half the squared error of an image."""
        training, batch = self.recipe["training"], len(images)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(training, number, self.steps)
        keep = survivors(self.recipe.get("sparsity", {}), batch, number, self.steps)
        made = self.decoder(self.sparse(self.code(images), keep))
        loss = self.torch.nn.functional.mse_loss(made, images, reduction="sum") / (2 * batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def features(self, images):
        """The dense code, pooled, a row for each image."""
        torch, features = self.torch, self.recipe.get("features", {})
        with torch.inference_mode():
            code = self.code(images)
            pool = features.get("pool")
            first = features.get("root", False) and (pool is None or pool.get("average", False))
            code = code.sqrt_() if first else code
            code = code if pool is None else pooled(torch.nn.functional, code, pool)
            code = code.sqrt_() if features.get("root", False) and not first else code
            return code.flatten(1)


def pooled(functional, code, pool):
    """docs/features.md: the border cuts the last windows, or `whole` leaves these out."""
    kernel, stride = size(pool["kernel"]), size(pool["stride"])
    average, (rows, columns) = pool.get("average", False), code.shape[2:]
    if not pool.get("whole", False):
        # What the last window lacks. Codes are not negative, so that a 0 changes no maximum.
        bottom, right = (
            max(0, (-(-side // step) - 1) * step + window - side)
            for side, step, window in zip((rows, columns), stride, kernel)
        )
        if bottom or right:
            padding = (0, right, 0, bottom)
            if average:
                share = functional.avg_pool2d(
                    functional.pad(code.new_ones(1, 1, rows, columns), padding), kernel, stride
                )
                return functional.avg_pool2d(functional.pad(code, padding), kernel, stride) / share
            code = functional.pad(code, padding)
    return (functional.avg_pool2d if average else functional.max_pool2d)(code, kernel, stride)


def read_split(kind, folder, split):
    """Images (N x channels x rows x columns) and labels of a split, as bytes."""
    import numpy as np

    if kind == "mnist":
        images, labels = (read_bytes(path) for path in files_of(kind, folder, split))
        count, rows, columns = np.frombuffer(images, ">i4", 3, 4)
        images = np.frombuffer(images, np.uint8, offset=16).reshape(count, 1, rows, columns)
        return images, np.frombuffer(labels, np.uint8, offset=8)
    parts = [np.frombuffer(read_bytes(path), np.uint8) for path in files_of(kind, folder, split)]
    records = np.concatenate(parts).reshape(-1, RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def preprocess(recipe, train, test):
    """Images as the network sees them, from bytes: float32 tensors. What is learnt is learnt from `train`."""
    import torch

    def prepared(images):
        # In one pass, and from here on in place.
        return torch.from_numpy(images.copy()).to(torch.float32).div_(recipe["data"].get("divide_by", 255.0))

    sets = [prepared(train), prepared(test)]
    shape = sets[0].shape[1:]
    sets = [images.flatten(1) for images in sets]
    for step in recipe.get("preprocess", []):
        if step["step"] == "contrast":
            for images in sets:
                images -= images.mean(1, keepdim=True)
                deviation = (images.var(1, correction=0, keepdim=True) + step.get("regulariser", 0.0)).sqrt()
                images /= torch.where(deviation > 0, deviation, math.inf)
        else:
            mean, matrix = whitening(sets[0], step["regulariser"])
            for images in sets:
                for block in images.split(10_000):
                    block.copy_((block - mean) @ matrix)
    return [images.unflatten(1, shape) for images in sets]


def whitening(images, regulariser):
    """The mean and the matrix of ZCA, learnt in double precision."""
    import torch

    mean = images.mean(0, dtype=torch.float64)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for block in images.split(10_000):
        block = block.double() - mean
        covariance.addmm_(block.T, block)
    values, vectors = torch.linalg.eigh(covariance / len(images))
    matrix = (vectors / (values.clamp(min=0) + regulariser).sqrt()) @ vectors.T
    return mean.float(), matrix.float()


class Rows:
    """Features for LinearSVC, which wants float64: sparse if that takes less memory, by the first batch."""

    def __init__(self, count):
        self.count, self.width, self.norms, self.nonzero = count, 0, 0.0, 0
        self.dense, self.blocks = None, []

    def add(self, first, features):
        import numpy as np
        import scipy.sparse

        nonzero = np.count_nonzero(features)
        # A value that is not 0 takes 8 bytes and its column 4.
        if first == 0 and 12 * nonzero >= 8 * features.size:
            self.dense = np.empty((self.count, features.shape[1]))
        self.width = features.shape[1]
        self.nonzero += nonzero
        self.norms += float(np.linalg.norm(features, axis=1).sum())
        if self.dense is not None:
            self.dense[first : first + len(features)] = features
        else:
            self.blocks.append(scipy.sparse.csr_matrix(features).astype(np.float64))

    def take(self, scale):
        """All of it, multiplied by a number."""
        import scipy.sparse

        matrix = self.dense if self.dense is not None else scipy.sparse.vstack(self.blocks, format="csr")
        self.dense, self.blocks = None, []
        numbers = matrix if not scipy.sparse.issparse(matrix) else matrix.data
        numbers *= scale
        return matrix


def encode(peer, images):
    batch = peer.recipe["training"]["batch"]
    rows = Rows(len(images))
    for first in range(0, len(images), batch):
        rows.add(first, peer.features(images[first : first + batch]).numpy())
    return rows


def timed(what):
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def peer_layouts(job):
    """The faster layout of tensors for steps and for encodings: whether it is channels last."""
    import torch

    torch.set_num_threads(job["threads"])
    recipe = job["recipe"]
    channels, side = (1, 28) if recipe["data"]["set"] == "mnist" else (3, 32)
    images = torch.rand(recipe["training"]["batch"], channels, side, side)
    peers = [Peer(recipe, channels, last, 1000) for last in (False, True)]
    # Of each layout, the least time of a step and of an encoding.
    least = [[math.inf] * 2 for _ in peers]
    for trial in range(TRIALS + 1):
        for peer, seconds in zip(peers, least):
            found = timed(lambda: peer.step(images, 0)), timed(lambda: peer.features(images))
            seconds[:] = map(min, seconds, found if trial > 0 else seconds)
    steps, encodings = zip(*least)
    return {"step": steps[1] < steps[0], "encode": encodings[1] < encodings[0], "least": least}


def peer_run(job):
    """The whole job in PyTorch and scikit-learn."""
    import numpy as np
    import sklearn
    import torch
    from sklearn.svm import LinearSVC

    torch.set_num_threads(job["threads"])
    report, clock = {"phases": {}, "losses": []}, time.time()
    report["phases"]["imports"] = clock - job["start"]

    def done(phase):
        nonlocal clock
        before, clock = clock, time.time()
        report["phases"][phase] = clock - before

    recipe = job["recipe"]
    training, kind = recipe["training"], recipe["data"]["set"]
    (images, labels), (test_images, test_labels) = (
        read_split(kind, job["data"], split) for split in ("train", "test")
    )
    done("read")
    images, test_images = preprocess(recipe, images, test_images)
    done("preprocess")

    batch, epochs = training["batch"], training["epochs"]
    steps = len(images) // batch
    peer = Peer(recipe, images.shape[1], job["layouts"]["step"], steps * epochs)
    for epoch in range(epochs):
        order, total = torch.randperm(len(images)), 0.0
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            total += peer.step(images[chosen], epoch * steps + step)
        report["losses"].append(total / max(steps, 1))
        print(f"epoch {epoch + 1} of {epochs}: loss {report['losses'][-1]:.4f}", file=sys.stderr, flush=True)
    done("train")

    peer.use(job["layouts"]["encode"])
    rows, test_rows = encode(peer, images), encode(peer, test_images)
    del images, test_images
    report["features"] = rows.width
    report["density"] = rows.nonzero / (rows.count * rows.width)
    scale = rows.count / rows.norms
    rows, test_rows = rows.take(scale), test_rows.take(scale)
    done("encode")

    svm = LinearSVC(C=job["c"], dual=True, tol=job["tolerance"], random_state=0)
    svm.fit(rows, labels)
    report["test_error"] = float(np.mean(svm.predict(test_rows) != test_labels))
    done("svm")
    report["passes"], report["converged"] = int(svm.n_iter_), bool(svm.n_iter_ < svm.max_iter)
    report["versions"] = {"torch": torch.__version__, "scikit-learn": sklearn.__version__}
    return report


# The two sides, each in processes of its own.


class Failed(Exception):
    """A process that ended with an error, which the text says."""


def run(command, threads=None, show=False):
    """Runs a process: what it printed, its wall-clock seconds, its peak memory in bytes, when it began."""
    environment = dict(os.environ)
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[name] = str(threads)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        began, start = time.time(), time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=None if show else errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            said = errors.read().strip() or f"ended with {process.returncode}: {' '.join(command[:3])}"
            raise Failed(said)
        return out.read(), seconds, usage.ru_maxrss * 1024, began


def ours(arguments, name, recipe, data, folder):
    common = ["--data", data, "--threads", str(arguments.threads), "--quiet"]
    runs, log = os.path.join(folder, "run"), os.path.join(folder, "log.jsonl")
    epochs, seed = (str(recipe["training"].get(key, 1)) for key in ("epochs", "seed"))
    command = [arguments.wta, "train", name, "--run", runs, "--epochs", epochs, "--seed", seed, *common]
    _, train_seconds, train_peak, began = run([*command, "--log", "json", "--log-to", log])
    with open(log, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    begins = [event for event in events if event["event"] in ("phase", "end")]
    before = {one["phase"]: after["time"] - one["time"] for one, after in zip(begins, begins[1:-1])}
    # The last phase is the training.
    begun = begins[-2]["time"] - began

    command = [arguments.wta, "eval", "--run", runs, "--c", str(arguments.c), "--json", *common]
    out, eval_seconds, eval_peak, _ = run(command)
    evaluation = json.loads(out)
    encode_seconds, svm_seconds = evaluation["encode_seconds"], evaluation["svm_seconds"]
    command = [arguments.wta, "profile", name, "--steps", str(PROFILED), "--json", *common]
    profile = json.loads(run(command)[0])
    return {
        "phases": {
            "start": begun + eval_seconds - encode_seconds - svm_seconds,
            "train": train_seconds - begun,
            "encode": encode_seconds,
            "svm": svm_seconds,
            "all": train_seconds + eval_seconds,
        },
        "peak_memory": {"train": train_peak, "eval": eval_peak, "all": max(train_peak, eval_peak)},
        "losses": [event["loss"] for event in events if event["event"] == "epoch"],
        "test_error": evaluation["test_error"],
        "converged": evaluation["converged"],
        "features": evaluation["features"],
        "density": evaluation["density"],
        "isa": evaluation["isa"],
        "before_training": {"start, read": begun - sum(before.values()), **before},
        "eval_rest": eval_seconds - encode_seconds - svm_seconds,
        "profile": {
            "step_ms": profile["step_ms"],
            "parts": {part["name"]: part["ms"] for part in profile["phases"]} | {"rest": profile["rest_ms"]},
        },
    }


def theirs(arguments, recipe, data):
    job = {
        "recipe": recipe,
        "data": data,
        "threads": arguments.threads,
        "c": arguments.c,
        "tolerance": arguments.tolerance,
    }
    command = [arguments.python, os.path.abspath(__file__), "--peer"]
    if arguments.layout:
        job["layouts"] = dict.fromkeys(("step", "encode"), arguments.layout == "last")
    else:
        told("settling the layout of tensors")
        job["layouts"] = json.loads(run([*command, "layouts", json.dumps(job)], arguments.threads)[0])
    told("PyTorch and scikit-learn")
    job["start"] = time.time()
    out, seconds, peak, _ = run([*command, "run", json.dumps(job)], arguments.threads, show=True)
    report = json.loads(out)
    phases = report.pop("phases")
    known = {phase: phases[phase] for phase in ("train", "encode", "svm")}
    report["phases"] = {"start": seconds - sum(known.values()), **known, "all": seconds}
    report["before_training"] = {phase: phases[phase] for phase in ("imports", "read", "preprocess")}
    report["peak_memory"] = {"all": peak}
    report["layouts"] = job["layouts"]
    return report


# What is printed.

PHASES = {
    "start": "start, read, preprocess",
    "train": "train",
    "encode": "encode",
    "svm": "SVM",
    "all": "all",
}


def table(results):
    lines = ["| recipe | | ours | PyTorch, scikit-learn | times |", "| --- | --- | ---: | ---: | ---: |"]
    for result in results:
        sides = [result.get("ours"), result.get("peer")]

        def row(label, find, show, compared=True, sides=sides, name=result["recipe"]):
            found = [side and find(side) for side in sides]
            shown = ["" if value is None else show(value) for value in found]
            ratio = f"{found[1] / found[0]:.2f}" if compared and None not in found else ""
            lines.append(f"| {name} | {label} | {shown[0]} | {shown[1]} | {ratio} |")

        for phase, label in PHASES.items():
            row(label, lambda side, phase=phase: side["phases"][phase], lambda seconds: f"{seconds:.1f} s")
        row("peak memory", lambda side: side["peak_memory"]["all"], lambda peak: f"{peak / 1e6:,.0f} MB")
        row("loss, last epoch", lambda side: side["losses"][-1], lambda loss: f"{loss:.3f}", False)
        row("test error", lambda side: side["test_error"], lambda share: f"{share:.2%}", False)
        row("features that are not 0", lambda side: side["density"], lambda share: f"{share:.1%}", False)
    return "\n".join(lines)


def where(result):
    """Where the time goes in ours. The training is divided as `wta profile` divides a few steps."""
    side = result["ours"]
    phases, all_seconds = side["phases"], side["phases"]["all"]
    lines = [f"| {result['recipe']}: where ours goes | seconds | of all |", "| --- | ---: | ---: |"]

    def row(label, seconds):
        lines.append(f"| {label} | {seconds:.2f} | {seconds / all_seconds:.1%} |")

    for phase, seconds in side["before_training"].items():
        row(f"before training: {phase}", seconds)
    for part, milliseconds in side["profile"]["parts"].items():
        row(f"training: {part}", phases["train"] * milliseconds / side["profile"]["step_ms"])
    row("eval: encode", phases["encode"])
    row("eval: SVM", phases["svm"])
    row("eval: start, read, write", side["eval_rest"])
    peaks = side["peak_memory"]
    memory = " and ".join(f"{peaks[one] / 1e6:,.0f} MB in `wta {one}`" for one in ("train", "eval"))
    return "\n".join(lines) + f"\n\nPeak memory: {memory}. Instruction set: {side['isa']}."


def about(result):
    """What a reader of the table should know of the peer."""
    side = result["peer"]
    layouts = {use: "channels last" if side["layouts"][use] else "the default" for use in ("step", "encode")}
    before = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in side["before_training"].items())
    versions = ", ".join(f"{name} {version}" for name, version in side["versions"].items())
    return (
        f"{result['recipe']}, the peer: {versions}; layout: {layouts['step']} in steps, {layouts['encode']} "
        f"in encodings; {before}; LinearSVC: {side['passes']} passes at most."
    )


def told(text):
    print(text, file=sys.stderr, flush=True)


def expect_packages(python):
    """Ends the program if the peer's Python has not what it needs."""
    code = (
        "import importlib.util as u, sys;"
        "print(*[n for n in ('torch', 'numpy', 'scipy', 'sklearn') if not u.find_spec(n)])"
    )
    try:
        found = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"{python}: {error.strerror}; --python must be a Python with PyTorch and scikit-learn")
    if found.returncode != 0 or found.stdout.strip():
        missing = found.stdout.strip().replace(" ", ", ") or "import system"
        sys.exit(f"{python} has no {missing}: pip install torch scikit-learn, or name another by --python")


def positive(kind):
    def read(text):
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError("must be more than 0")
        return value

    read.__name__ = kind.__name__
    return read


def main():
    if sys.argv[1:2] == ["--peer"]:
        print(json.dumps({"layouts": peer_layouts, "run": peer_run}[sys.argv[2]](json.loads(sys.argv[3]))))
        return
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--wta", required=True, help="the program")
    parser.add_argument("--data", required=True, help="the folder with mnist/ and cifar-10-batches-bin/")
    parser.add_argument("--python", default=sys.executable, help="a Python with PyTorch and scikit-learn")
    parser.add_argument("--epochs", type=positive(int), help="instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--samples", type=positive(int), help="the first so many training images alone")
    parser.add_argument("--test-samples", type=positive(int), help="the first so many test images alone")
    parser.add_argument("--c", type=positive(float), default=1.0, help="the SVM's C, of both (default: 1)")
    parser.add_argument("--tolerance", type=positive(float), default=0.1, help="LinearSVC's (default: 0.1)")
    parser.add_argument("--threads", type=positive(int), default=2)
    parser.add_argument("--only", choices=["ours", "peer"], help="one side alone")
    parser.add_argument("--layout", choices=["first", "last"], help="PyTorch's, instead of the faster one")
    parser.add_argument("--json", metavar="FILE", help="write all figures to a file, too")
    parser.add_argument("recipes", nargs="+", metavar="RECIPE", help="as mnist-conv128, or my.toml")
    arguments = parser.parse_args()
    sides = [arguments.only] if arguments.only else ["ours", "peer"]
    if not os.path.isfile(arguments.wta):
        sys.exit(f"{arguments.wta} is not there; build it: cargo build --release")
    if "peer" in sides:
        expect_packages(arguments.python)
    # All is checked before anything runs.
    recipes = {name: read_recipe(arguments.wta, name) for name in arguments.recipes}
    for recipe in recipes.values():
        for split in ("train", "test"):
            files_of(recipe["data"]["set"], arguments.data, split)
        for key in ("epochs", "seed"):
            if getattr(arguments, key) is not None:
                recipe["training"][key] = getattr(arguments, key)

    results = []
    for name, recipe in recipes.items():
        kind, result = recipe["data"]["set"], {"recipe": recipe["name"]}
        with tempfile.TemporaryDirectory(prefix="whole-job-") as folder:
            data = arguments.data
            counts = {"train": arguments.samples, "test": arguments.test_samples}
            if any(counts.values()):
                data = os.path.join(folder, "data")
                shorten(kind, arguments.data, data, counts)
            try:
                if "ours" in sides:
                    told(f"{name}: wta")
                    result["ours"] = ours(arguments, name, recipe, data, folder)
                if "peer" in sides:
                    told(f"{name}: the peer")
                    result["peer"] = theirs(arguments, recipe, data)
            except Failed as error:
                sys.exit(f"{name}: {error}")
        results.append(result)

    keys = ("c", "threads", "tolerance", "samples", "test_samples", "epochs", "seed")
    settings = {key: getattr(arguments, key) for key in keys if getattr(arguments, key) is not None}
    print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in settings.items()))
    print(f"\n{table(results)}")
    for result in results:
        if "ours" in result:
            print(f"\n{where(result)}")
        if "peer" in result:
            print(f"\n{about(result)}")
        for side in sides:
            if not result[side]["converged"]:
                print(f"\nwarning: {result['recipe']}: the SVM of {side} stopped before its tolerance")
        losses = [result[side]["losses"][-1] for side in sides]
        if max(losses) > ALIKE * min(losses):
            print(f"\nwarning: {result['recipe']}: the losses are not alike, the sides did not do the same")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"settings": settings, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
