"""Compares an ONNX file of `wta export --onnx` in onnxruntime with `wta encode` and `wta predict`.

    pip install numpy onnx onnxruntime
    python benches/onnx_check.py WTA RUN MODEL.onnx SAMPLES.npy [--int8]

SAMPLES are an array as `wta predict` reads it: N x D, N x C x T, N x H x W or N x C x H x W. Prints the largest
difference of features and scores, relative to the largest feature or score of all, and the share of equal
classes and names. With --int8, differences are what quantisation costs.
"""

import csv
import io
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime


def largest_difference(found, expected):
    scale = np.abs(expected).max()
    return float(np.abs(found - expected).max() / (scale if scale > 0 else 1))


def main():
    wta, run, file, samples = sys.argv[1:5]
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(file)
    (given,) = session.get_inputs()
    array = np.load(samples).astype(np.float32)
    array = array.reshape([len(array), *given.shape[1:]])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, {given.name: array})))

    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/features.npy"
        subprocess.run([wta, "encode", "--run", run, "--inputs", samples, "--out", out], check=True, capture_output=True)
        features = np.load(out).reshape(len(array), -1)
    line = [f"{file}: input {given.shape}"]
    # A classifier of all layers has more features than the last layer.
    if found["features"].shape == features.shape:
        line.append(f"features {largest_difference(found['features'], features):.1e}")
    if "scores" in found:
        predict = [wta, "predict", "--run", run, "--format", "csv", samples]
        text = subprocess.run(predict, check=True, capture_output=True, text=True).stdout
        header, *rows = csv.reader(io.StringIO(text))
        scores = np.array([[float(score) for score in row[2:]] for row in rows])
        classes = [name.removeprefix("score ") for name in header[2:]]
        labels = [row[1] for row in rows]
        here = found["label"] if "label" in found else [classes[index] for index in found["class"]]
        same = np.mean([a == b for a, b in zip(here, labels)])
        line.append(f"scores {largest_difference(found['scores'], scores):.1e}")
        line.append(f"labels equal {100 * same:.2f}% of {len(labels)}")
    print(", ".join(line))


main()
