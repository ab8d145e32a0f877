#!/usr/bin/env python3
"""wta_learn.LinearSVC beside scikit-learn's, in one process, in turns: time, objective, accuracy.

    python3 benches/svc.py [--features FILE.npz] [--rounds 5] [CASE...]

Cases: iris, wine, cancer, digits (scikit-learn's own, standardised), columns (100,000 rows of 54 columns, seven
uneven classes), text (TF-IDF of the Python files of installed packages), features (--features: arrays `X`, `y`,
and `X_test`, `y_test`, such as the features of a run).

The objective is computed in float64 from the weights of both. Ratios are medians over the rounds.
"""

import argparse
import glob
import os
import statistics
import time
import warnings

import numpy as np
import sklearn
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC as Reference

import wta_learn

LOADERS = {"iris": load_iris, "wine": load_wine, "cancer": load_breast_cancer, "digits": load_digits}


def standardised(name):
    X, y = LOADERS[name](return_X_y=True)
    return StandardScaler().fit_transform(X), y


def columns():
    weights = [0.36, 0.48, 0.06, 0.01, 0.02, 0.03, 0.04]
    X, y = make_classification(
        100_000, 54, n_informative=30, n_redundant=5, n_classes=7, weights=weights, random_state=0
    )
    return X, y


def text():
    """Pieces of 30 lines, and the part of the package that they are from."""
    pieces, labels = [], []
    for package in ("numpy", "scipy", "sklearn"):
        root = os.path.dirname(__import__(package).__file__)
        for path in sorted(glob.glob(f"{root}/**/*.py", recursive=True)):
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
            part = os.path.relpath(path, root).split(os.sep)[0]
            for start in range(0, len(lines) - 9, 30):
                pieces.append("\n".join(lines[start : start + 30]))
                labels.append(f"{package}.{part}")
    names, counts = np.unique(labels, return_counts=True)
    kept = set(names[counts >= 100])
    chosen = [k for k, label in enumerate(labels) if label in kept]
    X = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform([pieces[k] for k in chosen])
    return X.tocsr(), np.array([labels[k] for k in chosen])


def objective(X, y, model):
    total = 0.0
    scores = X @ model.coef_.T + model.intercept_
    for number, score in enumerate(np.asarray(scores).T):
        own = model.classes_[1 if len(model.coef_) == 1 else number]
        hinge = np.maximum(0, 1 - np.where(y == own, 1, -1) * score)
        w, b = model.coef_[number], model.intercept_[number]
        total += 0.5 * (w @ w + b * b) + model.C * (hinge**2).sum()
    return total


def timed(make, X, y):
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = make().fit(X, y)
    return model, time.perf_counter() - start, any("converge" in str(w.message) for w in told)


def compare(name, X, y, X_test, y_test, rounds, C):
    makes = {
        "ours": lambda: wta_learn.LinearSVC(C=C, random_state=0),
        "theirs": lambda: Reference(C=C, random_state=0),
    }
    times = {who: [] for who in makes}
    models, open_ = {}, {}
    for _ in range(rounds):
        for who, make in makes.items():
            models[who], seconds, open_[who] = timed(make, X, y)
            times[who].append(seconds)
    ratios = [b / a for a, b in zip(times["ours"], times["theirs"])]
    values = {who: objective(X, y, model) for who, model in models.items()}
    kind = f"{X.nnz / X.shape[0]:.0f} of {X.shape[1]}" if sparse.issparse(X) else f"{X.shape[1]}"
    score = {who: model.score(X_test, y_test) for who, model in models.items()}
    print(
        f"| {name} | {X.shape[0]:,} x {kind}, {len(models['ours'].classes_)} classes, C = {C:g} "
        f"| {statistics.median(times['ours']):.4g} s | {statistics.median(times['theirs']):.4g} s "
        f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
        f"| {values['ours'] / values['theirs'] - 1:+.1e} | {score['ours']:.4f} {score['theirs']:.4f} "
        f"| {'no' if open_['ours'] else 'yes'}, {'no' if open_['theirs'] else 'yes'} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=[*LOADERS, "columns", "text"])
    parser.add_argument("--features")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--c", type=float, default=1.0)
    arguments = parser.parse_args()
    print(f"scikit-learn {sklearn.__version__}, {wta_learn.instruction_set()}, {os.cpu_count()} processors\n")
    print("| case | rows | ours | scikit-learn | their time to ours | objective | accuracy | converged |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for case in arguments.cases:
        if case == "features":
            arrays = np.load(arguments.features)
            X, y, X_test, y_test = (arrays[name] for name in ("X", "y", "X_test", "y_test"))
        else:
            X, y = standardised(case) if case in LOADERS else {"columns": columns, "text": text}[case]()
            X_test, y_test = X, y
        compare(case, X, y, X_test, y_test, arguments.rounds, arguments.c)


if __name__ == "__main__":
    main()
