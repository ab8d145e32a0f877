"""Networks as estimators, runs and recipes."""

import doctest
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import wta_learn
from wta_learn import (
    LinearSVC, LocalContrast, Recipe, StackedWTA, UnitAverageNorm, WTAAutoencoder, WTARBM, ZCA, load, load_digits, train,
)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits("test")
    return X / np.float32(255), y


def convolutional(**more):
    return WTAAutoencoder(8, kernel_size=5, n_layers=2, lifetime=0.2, pool=(5, 3), epochs=1, random_state=3, **more)


def program():
    """The program `wta`, which CI says where it is."""
    path = os.environ.get("WTA_PROGRAM")
    if path is None:
        assert os.environ.get("CI") != "true", "WTA_PROGRAM is not set"
        pytest.skip("WTA_PROGRAM is not set")
    return path


def test_what_python_trains_is_what_the_program_trains(tmp_path):
    X, y = load_digits("train")
    here = train("digits-demo", X, y, run=tmp_path / "here")
    ours = program()
    there = tmp_path / "there"
    subprocess.run([ours, "train", "digits-demo", "--run", there], check=True, capture_output=True)
    run = load(there)
    assert run.checksum == here.checksum == load(tmp_path / "here").checksum
    for name, values in run.parameters().items():
        np.testing.assert_array_equal(values, here.parameters()[name])

    # The program evaluates what Python wrote, and Python classifies with the program's classifier.
    subprocess.run([ours, "eval", "--run", tmp_path / "here"], check=True, capture_output=True)
    X, y = load_digits("test")
    run = load(tmp_path / "here")
    assert (run.predict(X).astype(int) == y).mean() > 0.9
    scores = run.decision_function(X)
    assert scores.shape == (len(X), 10) and (scores.argmax(1) == run.predict(X).astype(int)).all()
    subprocess.run([ours, "encode", "--run", there, "--split", "test", "--out", tmp_path / "f.npy"], check=True,
                   capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), run.transform(X))


def test_an_estimator_is_saved_as_a_run_that_the_program_reads(tmp_path, digits):
    X, y = digits
    encoder = convolutional().fit(X)
    encoder.save(tmp_path / "run")
    run = load(tmp_path / "run")
    assert run.checksum == encoder.checksum_ and run.recipe == encoder.recipe_
    np.testing.assert_array_equal(run.transform(X).reshape(len(X), -1), encoder.transform(X))
    out = tmp_path / "model.wta"
    subprocess.run([program(), "export", "--run", tmp_path / "run", "--out", out], check=True, capture_output=True)
    assert out.stat().st_size > 1000
    with pytest.raises(ValueError, match="holds a run"):
        encoder.save(tmp_path / "run")


def test_layouts_of_images_are_the_same_samples():
    colour = np.random.default_rng(1).uniform(size=(40, 3, 9, 7)).astype(np.float32)
    images = convolutional().fit(colour)
    flat = convolutional(sample_shape=(3, 9, 7)).fit(colour.reshape(40, -1))
    assert images.checksum_ == flat.checksum_ and images.n_features_in_ == 3 * 9 * 7
    np.testing.assert_array_equal(images.transform(colour), flat.transform(colour.reshape(40, -1)))
    assert images.components_.shape == (8, 3, 9, 7)
    assert images.reconstruct(colour).shape == (40, 3 * 9 * 7)
    with pytest.raises(ValueError, match="was fitted on"):
        images.transform(colour.transpose(0, 1, 3, 2))
    for dtype, order in ((np.float64, "C"), (np.float32, "F"), (np.float16, "C")):
        other = convolutional().fit(np.asarray(colour.astype(np.float16), dtype=dtype, order=order))
        assert other.checksum_ == convolutional().fit(colour.astype(np.float16).astype(np.float32)).checksum_


def test_signals_are_convolved_along_their_steps():
    t = np.linspace(0, 60, 3000)
    wave = np.stack([np.sin(t), np.cos(3 * t)]).reshape(2, 100, 30).transpose(1, 0, 2)
    encoder = WTAAutoencoder(6, kernel_size=(1, 5), epochs=2, batch_size=20, pool=(5, 5), random_state=1).fit(wave)
    assert encoder.components_.shape == (6, 2, 1, 5) and encoder.sample_shape_ == (2, 1, 30)
    assert encoder.transform(wave).shape == (100, 6 * 6)


def test_codes_are_as_sparse_as_in_training(digits):
    X, _ = digits
    encoder = WTAAutoencoder(30, lifetime=0.1, epochs=1, random_state=1).fit(X)
    codes = encoder.codes(X)
    assert codes.shape == (1000, 30) and codes.nnz <= 1000 // 100 * 10 * 30
    assert encoder.codes(X[:100]).nnz <= 10 * 30
    sparse = WTAAutoencoder(30, per_sample=4, epochs=1, random_state=1).fit(X).codes(X)
    assert (np.diff(sparse.indptr) <= 4).all() and sparse.nnz > 1000
    made = encoder.reconstruct(X)
    np.testing.assert_allclose(made, codes @ encoder.components_ + encoder.intercept_, atol=1e-4)
    np.testing.assert_allclose(encoder.inverse_transform(codes.toarray()), made, atol=1e-4)


def test_a_loss_falls_and_features_serve_a_classifier(digits):
    X, y = digits
    encoder = WTAAutoencoder(64, lifetime=0.1, epochs=6, random_state=1).fit(X)
    losses = [row["loss"] for row in encoder.history_]
    assert len(losses) == encoder.n_iter_ == 6 and losses[-1] < 0.8 * losses[0] and encoder.loss_ == losses[-1]
    pipeline = make_pipeline(convolutional(), UnitAverageNorm(), LinearSVC(C=10, random_state=1))
    assert pipeline.fit(X[:600], y[:600]).score(X[600:], y[600:]) > 0.85
    names = pipeline[0].get_feature_names_out()
    assert len(names) == pipeline[0].transform(X[:1]).shape[1] and names[0] == "wtaautoencoder0"


def test_the_seed_decides_and_threads_do_not(digits):
    X, _ = digits
    one, two, other = (convolutional(n_threads=n).set_params(random_state=s).fit(X) for n, s in ((1, 3), (3, 3), (1, 4)))
    assert one.checksum_ == two.checksum_ != other.checksum_


@pytest.mark.parametrize(
    "estimator",
    [
        convolutional(),
        WTAAutoencoder(10, epochs=1, random_state=1),
        WTARBM(10, epochs=1, random_state=1),
        StackedWTA([convolutional(), WTAAutoencoder(5, epochs=1)], random_state=1),
        ZCA(patch_size=3, random_state=1),
        LocalContrast(window=5),
    ],
)
def test_estimators_are_cloned_pickled_and_dumped(estimator, digits, tmp_path):
    X = digits[0][:200]
    estimator = clone(estimator).fit(X)
    expected = estimator.transform(X)
    for copy in (pickle.loads(pickle.dumps(estimator)), joblib.load(joblib.dump(estimator, tmp_path / "e")[0])):
        np.testing.assert_array_equal(copy.transform(X), expected)
    np.testing.assert_array_equal(clone(estimator).fit(X).transform(X), expected)


def test_a_grid_is_searched_in_processes(digits):
    X, y = digits
    pipeline = make_pipeline(WTAAutoencoder(epochs=1, random_state=1, n_threads=1), LinearSVC(random_state=1))
    grid = {"wtaautoencoder__n_components": [5, 40]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X.reshape(len(X), -1)[:300], y[:300])
    assert search.best_params_ == {"wtaautoencoder__n_components": 40}


def test_rbms_take_samples_of_any_range(digits, tmp_path):
    X, _ = digits
    plain = WTARBM(20, epochs=2, random_state=1).fit(X)
    hidden = plain.transform(X)
    assert plain.range_ == (0.0, 1.0) and 0 <= hidden.min() and hidden.max() <= 1
    moved = WTARBM(20, epochs=2, random_state=1).fit(X * 10 - 5)
    np.testing.assert_allclose(moved.transform(X * 10 - 5), hidden, atol=2e-3)
    assert moved.reconstruct(X * 10 - 5).min() >= -5.01
    plain.save(tmp_path / "run")
    with pytest.raises(ValueError, match="scale them first"):
        moved.save(tmp_path / "other")


def test_whitened_samples_are_white_and_come_back(digits):
    X = np.random.default_rng(2).normal(size=(2000, 2, 3, 2)) * 3 + 1
    X[:, 1] += X[:, 0]
    zca = ZCA(regularization=1e-6).fit(X)
    white = zca.transform(X)
    assert white.shape == X.shape
    np.testing.assert_allclose(np.cov(white.reshape(2000, -1), rowvar=False), np.eye(12), atol=5e-3)
    np.testing.assert_allclose(zca.inverse_transform(white), X, atol=1e-2)
    patches = ZCA(patch_size=5, n_samples=100, random_state=1).fit(digits[0])
    assert patches.transform(digits[0]).shape == digits[0].shape and patches.mean_.shape == (25,)
    with pytest.raises(ValueError, match="no inverse"):
        patches.inverse_transform(digits[0])
    contrast = LocalContrast(window=9).fit_transform(digits[0])
    assert np.isfinite(contrast).all() and abs(contrast.mean()) < 0.1


def test_progress_is_heard_and_an_exception_stops(digits, capsys):
    X, _ = digits
    rows = []
    WTAAutoencoder(10, epochs=3, random_state=1, callback=rows.append, verbose=1).fit(X)
    assert [row["epoch"] for row in rows] == [1, 2, 3] and {"loss", "dead_share", "seconds"} <= set(rows[0])
    assert "epoch 3 of 3" in capsys.readouterr().err

    class Enough(Exception):
        pass

    def stop(row):
        raise Enough

    start = time.perf_counter()
    with pytest.raises(Enough):
        WTAAutoencoder(10, epochs=100_000, random_state=1, callback=stop).fit(X)
    assert time.perf_counter() - start < 10


def test_ctrl_c_ends_a_training_within_a_second(tmp_path):
    script = textwrap.dedent("""
        import time, wta_learn
        X, y = wta_learn.load_digits("train")
        print("begun", flush=True)
        try:
            wta_learn.WTAAutoencoder(500, epochs=100_000).fit(X)
        except KeyboardInterrupt:
            print("stopped", time.time(), flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    time.sleep(2)
    sent = time.time()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0].split()
    assert said[0] == "stopped" and float(said[1]) - sent < 1.0


def test_other_threads_run_meanwhile(digits):
    import threading

    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    WTAAutoencoder(200, epochs=20, random_state=1).fit(digits[0])
    done.set()
    thread.join()
    assert counted[0] > 20


def test_runs_go_on(tmp_path):
    X, y = load_digits("test")
    recipe = {
        "name": "mine", "about": "a test", "data": {"set": "memory", "divide_by": 255.0},
        "network": {"kind": "fully-connected", "units": [12], "initial": "he"}, "sparsity": {"lifetime": 0.1},
        "training": {"epochs": 2, "batch": 50, "optimizer": "adam", "rate": 1e-3}, "svm": None,
    }
    once = train(recipe, X, run=tmp_path / "run", callback=None)
    assert len(once.history) == 2 and "lifetime = 0.1" in once.recipe
    again = train(recipe, X, run=tmp_path / "run", resume=True)
    assert again.checksum == once.checksum and again.history == []
    begun = train(recipe, X, begin=tmp_path / "run")
    assert begun.checksum != once.checksum and begun.history[0]["loss"] < once.history[0]["loss"]
    with pytest.raises(ValueError, match="resume"):
        train(recipe, X, run=tmp_path / "run")
    assert repr(Recipe(recipe)) == "Recipe('mine'): a test"


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda X: WTAAutoencoder(0).fit(X), "'n_components' parameter"),
        (lambda X: WTAAutoencoder(2.0).fit(X), "'n_components' parameter"),
        (lambda X: WTAAutoencoder(5, batch_size=0).fit(X), "'batch_size' parameter"),
        (lambda X: WTAAutoencoder(5, lifetime=2.0).fit(X), "'lifetime' parameter"),
        (lambda X: WTAAutoencoder(5, learning_rate=float("nan")).fit(X), "'learning_rate' parameter"),
        (lambda X: WTAAutoencoder(5, initial=float("inf")).fit(X), "initial"),
        (lambda X: WTAAutoencoder(5, optimizer="rmsprop").fit(X), "'optimizer' parameter"),
        (lambda X: WTAAutoencoder(5, epochs=-1).fit(X), "'epochs' parameter"),
        (lambda X: WTAAutoencoder(5, callback=3).fit(X), "'callback' parameter"),
        (lambda X: WTAAutoencoder(5, kernel_size=(3, 1.5)).fit(X), "kernel_size must be"),
        (lambda X: WTAAutoencoder(5, kernel_size=3, spatial=False).fit(X), "spatial must be"),
        (lambda X: WTAAutoencoder(5, kernel_size=3, pool=(2,)).fit(X), "pool must be"),
        (lambda X: WTAAutoencoder(5, kernel_size=40).fit(X), "kernel is larger than the image"),
        (lambda X: WTARBM(5, start=2.0).fit(X), "'start' parameter"),
        (lambda X: WTAAutoencoder(5, sample_shape=(1, 5, 5)).fit(X), "not of the shape"),
        (lambda X: StackedWTA([WTAAutoencoder(5)]).fit(X), "at least two layers"),
        (lambda X: StackedWTA([WTAAutoencoder(5), ZCA()]).fit(X), "got ZCA"),
        (lambda X: ZCA(regularization=0.0).fit(X), "'regularization' parameter"),
        (lambda X: LocalContrast(window=4).fit(X), "window"),
        (lambda X: WTAAutoencoder(5).fit(X * np.nan), "NaN"),
        (lambda X: load("/no/such/run"), "no/such/run"),
        (lambda X: load("/no/such/run", sample_shape=(1, -2, 3)), "sample_shape must be"),
        (lambda X: load("/no/such/run", sample_shape=7), "sample_shape must be"),
        (lambda X: WTAAutoencoder(5, sample_shape=(1, 28, 2.5)).fit(X), "sample_shape must be"),
        (lambda X: WTARBM(5).save("/tmp/nothing"), "not fitted"),
        (lambda X: Recipe("no-such-recipe"), "there is no recipe"),
        (lambda X: Recipe({"name": "x", "epochs": 3}), "epochs"),
        (lambda X: load_digits("validation"), "split must be"),
    ],
)
def test_bad_input_is_a_value_error_with_a_sentence(make, sentence, digits):
    with pytest.raises(ValueError, match=sentence):
        make(digits[0])


@pytest.mark.parametrize(
    "module", [m for name, m in sorted(sys.modules.items()) if name.startswith("wta_learn") and hasattr(m, "__file__")]
)
def test_examples_of_the_documentation_run(module):
    assert doctest.testmod(module).failed == 0


def test_everything_is_documented():
    for name in wta_learn.__all__:
        thing = getattr(wta_learn, name)
        assert thing.__doc__, name
        if isinstance(thing, type):
            public = [m for m in vars(thing) if not m.startswith("_") and callable(getattr(thing, m))]
            assert all(getattr(thing, m).__doc__ for m in public), (name, public)


def test_the_stub_names_what_the_engine_has():
    import ast
    import pathlib

    from wta_learn import _engine

    tree = ast.parse(pathlib.Path(_engine.__file__).with_name("_engine.pyi").read_text())
    stub = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    assert set(stub) == {name for name in dir(_engine) if not name.startswith("_")}
    for name, node in stub.items():
        if isinstance(node, ast.ClassDef):
            said = {item.name if isinstance(item, ast.FunctionDef) else item.target.id for item in node.body}
            said.discard("__init__")
            assert said == {member for member in dir(getattr(_engine, name)) if not member.startswith("_")}, name


def test_arrays_that_are_not_aligned_or_have_gaps_are_copied():
    X = np.random.default_rng(3).uniform(size=(60, 12)).astype(np.float32)
    expected = WTAAutoencoder(4, epochs=1, random_state=1).fit(X)
    bytes_ = np.empty(X.nbytes + 1, dtype=np.uint8)
    askew = bytes_[1:].view(np.float32).reshape(X.shape)
    askew[:] = X
    wide = np.zeros((60, 24), dtype=np.float32)
    wide[:, ::2] = X
    for other in (askew, wide[:, ::2], X[::-1][::-1], np.asfortranarray(X)):
        assert WTAAutoencoder(4, epochs=1, random_state=1).fit(other).checksum_ == expected.checksum_
        assert (expected.transform(other) == expected.transform(X)).all()
        assert (LinearSVC().fit(other, X[:, 0] > 0.5).coef_ == LinearSVC().fit(X, X[:, 0] > 0.5).coef_).all()


def test_samples_do_not_depend_on_those_beside_them(digits):
    X = digits[0][:300]
    for estimator in (convolutional(), WTARBM(5, epochs=1), ZCA(), ZCA(patch_size=3), LocalContrast(window=5)):
        whole = estimator.fit(X).transform(X)
        np.testing.assert_array_equal(whole[70:77], estimator.transform(X[70:77]))
        np.testing.assert_array_equal(whole, np.concatenate([estimator.transform(x[None]) for x in X]))


def test_a_fit_that_was_stopped_leaves_no_network_for_other_samples(digits):
    X = digits[0].reshape(len(digits[0]), -1)

    def stop(row):
        raise KeyboardInterrupt

    encoder = WTAAutoencoder(4, epochs=1, random_state=0).fit(X)
    with pytest.raises(KeyboardInterrupt):
        encoder.set_params(callback=stop).fit(X[:, :392])
    with pytest.raises(ValueError, match="not fitted"):
        encoder.transform(X[:, :392])


@pytest.mark.parametrize("y", [[-1, 0], [70_000, 0], [0.7, 1.0], ["a", "b"], [[0], [1]]])
def test_labels_of_a_run_are_whole_numbers(y):
    X, _ = load_digits("test")
    with pytest.raises(ValueError, match="y must be whole numbers"):
        train("digits-demo", X[:2], y)


def test_everything_public_has_types():
    import inspect
    import typing

    def of(thing):
        if not isinstance(thing, type):
            return [thing]
        members = [
            value
            for kind in thing.__mro__ if kind.__module__.startswith("wta_learn")
            for name, value in vars(kind).items()
            if not name.startswith("_") or name == "__init__"
        ]
        members = [getattr(member, "fget", None) or getattr(member, "__func__", None) or member for member in members]
        return [member for member in members if inspect.isfunction(member)]

    for name in wta_learn.__all__:
        thing = getattr(wta_learn, name)
        if name == "instruction_set":
            continue
        for function in of(thing):
            hints = typing.get_type_hints(function)
            missing = set(inspect.signature(function).parameters) - set(hints) - {"self"}
            assert not missing and "return" in hints, (name, function, missing)
