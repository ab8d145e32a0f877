"""Sentences are about what the caller wrote; what would be ignored is refused."""

import re

import numpy as np
import pytest

from wta_learn import (
    LocalContrast, Recipe, StackedWTA, WTAAutoencoder, WTARBM, ZCA, _engine, load, load_digits, train,
)

# What only somebody knows who has written a recipe.
RECIPE = re.compile(r"recipe wta-learn|\b(network|sparsity|training|features|preprocess|data)[.:]|regulariser|data set")


@pytest.fixture(scope="module")
def X():
    return load_digits("test")[0][:60] / 255


def one(*values, **more):
    return WTAAutoencoder(*(values or (5,)), epochs=1, **more)


@pytest.mark.parametrize(
    "estimator, sentence",
    [
        (one(pool=(2, 2)), "pool needs kernel_size"),
        (one(strides=2), "strides needs kernel_size"),
        (one(decoder_kernel_size=5), "decoder_kernel_size needs kernel_size"),
        (one(spatial=2), "spatial needs kernel_size"),
        (one(spatial=False), "spatial needs kernel_size"),
        (one(average=True), "average needs pool"),
        (one(tied=True, n_layers=2), "tied needs n_layers=1"),
        (one(kernel_size=3, tied=True, n_layers=2), "^tied needs n_layers=1"),
        (one(kernel_size=3, tied=True, decoder_kernel_size=5), "decoder_kernel_size that is kernel_size"),
        (one(kernel_size=3, decoder_kernel_size=99), "^kernel_size or decoder_kernel_size: a kernel is larger"),
        (one(kernel_size=3, strides=29), "^strides is 29, but a layer sees only 28 rows"),
        (one(kernel_size=3, strides=(1, 15), n_layers=3), "^strides is .1, 15., but a layer sees only 28 rows and 2"),
        (one(kernel_size=3, spatial=99), "^spatial: "),
        (one(kernel_size=3, pool=(99, 99)), "^pool: "),
        (one(n_layers=99), "^n_layers must be at most 8"),
        (one(10**9, kernel_size=3), "^the network needs .* of memory"),
        (one(10**400), "'n_components' parameter"),
        (one(kernel_size=(3, 10**400)), "kernel_size must be"),
        (WTARBM(5, start=0.1, epochs=1), "^start must be at least lifetime"),
        (WTARBM(5, lifetime=None, start=0.5, epochs=1), "^start needs lifetime"),
        (ZCA(n_samples=100), "^n_samples is 100, but X has only 60 samples"),
        (ZCA(patch_size=100), "^patch_size: a patch is larger"),
        (LocalContrast(window=100), "^window must be odd"),
        (LocalContrast(deviation=0), "^deviation must be"),
        (StackedWTA([one(kernel_size=3), one(kernel_size=3, tied=True, n_layers=2)]), "^layer 2 of the stack: tied needs"),
        (StackedWTA([one(kernel_size=3, pool=(2, 2)), one(pool=(2, 2))]), "pool needs kernel_size"),
        (StackedWTA([one(kernel_size=3, pool=(10, 10)), one(kernel_size=9)]), "^layer 2 of the stack: kernel_size"),
        (StackedWTA([one(kernel_size=3, pool=(5, 5)), one(kernel_size=3, strides=7)]), "^strides is 7, but a layer"),
        (StackedWTA([one()] * 17), "^layers: a stack has at most 16"),
    ],
)
def test_a_sentence_names_the_parameter(estimator, sentence, X):
    with pytest.raises((ValueError, MemoryError), match=sentence) as raised:
        estimator.fit(X)
    assert not RECIPE.search(str(raised.value)) and "\n" not in str(raised.value)


def test_samples_that_are_too_large_are_told_in_the_callers_words(X):
    with pytest.raises(RuntimeError, match="too large to learn from; scale them first$"):
        one().fit(X * 1e30)
    with pytest.raises(RuntimeError, match="scale them first$"):
        one().partial_fit(X * 1e30)


@pytest.mark.parametrize(
    "tables, sentence",
    [
        ({"name": float("nan")}, "^name is nan"),
        ({"training": {"rate": float("inf")}}, "^training.rate is inf"),
        ({"network": {"encoder": [{"maps": None}, {"maps": object()}]}}, "^network.encoder.1.maps is <object"),
        ({3: 4}, "keys of a recipe are strings"),
    ],
)
def test_tables_that_are_no_recipe_are_told_by_their_key(tables, sentence):
    with pytest.raises(ValueError, match=sentence):
        Recipe(tables)
    with pytest.raises(TypeError, match="a recipe is a name, a path or a dict"):
        Recipe(3)


def test_what_train_cannot_use_is_refused(X, tmp_path):
    with pytest.raises(ValueError, match="samples have 1 to 3 dimensions, but these have 4"):
        train("digits-demo", X[:, None])
    with pytest.raises(ValueError, match="resume needs run"):
        train("digits-demo", X, resume=True)
    with pytest.raises(ValueError, match="run must be the path"):
        train("digits-demo", X, run="")
    with pytest.raises(ValueError, match="begin must be the path"):
        train("digits-demo", X, begin="")
    with pytest.raises(ValueError, match="folder must be the path"):
        load("")
    encoder = one().fit(X)
    with pytest.raises(ValueError, match="folder must be the path"):
        encoder.save("")


def test_the_engine_refuses_arrays_of_another_width(X):
    network = one().fit(X)._network
    rows = np.zeros((28, 28), dtype=np.float32)
    with pytest.raises(ValueError, match="rows of 28 numbers, which are not 1 x 1 x 784"):
        network.encode(rows, (1, 1, 784), 1)
    with pytest.raises(ValueError, match="rows of 28 numbers"):
        network.encode(rows, (2**32, 2**32, 784), 1)
    with pytest.raises(ValueError, match="rows of 1 numbers"):
        network.encode(np.zeros(784, dtype=np.float32), (1, 1, 784), 1)
    assert _engine.Recipe.load("digits-demo").feature_shape((1, 28, 28))[0] > 1


def test_the_callbacks_of_a_stack_hear_of_their_own_epochs(X):
    heard = {"below": [], "above": [], "all": []}
    layers = [
        WTAAutoencoder(5, epochs=2, callback=heard["below"].append),
        WTAAutoencoder(4, epochs=3, callback=heard["above"].append),
    ]
    StackedWTA(layers, callback=heard["all"].append).fit(X)
    assert {name: [row["epoch"] for row in rows] for name, rows in heard.items()} == {
        "below": [1, 2], "above": [1, 2, 3], "all": [1, 2, 1, 2, 3],
    }


def test_an_inverse_undoes_roots_and_refuses_what_it_cannot_undo(X):
    plain = WTAAutoencoder(12, epochs=1, random_state=1).fit(X)
    rooted = WTAAutoencoder(12, epochs=1, random_state=1, root=True).fit(X)
    expected = plain.inverse_transform(plain.transform(X))
    np.testing.assert_allclose(rooted.inverse_transform(rooted.transform(X)), expected, rtol=1e-4, atol=1e-5)
    for more, sentence in (
        ({"signs": "both"}, "needs signs='positive'"),
        ({"threshold": "triangle"}, "needs threshold='none'"),
        ({"kernel_size": 3}, "for fully connected networks"),
    ):
        encoder = one(**more).fit(X)
        with pytest.raises(ValueError, match=sentence):
            encoder.inverse_transform(encoder.transform(X))


def test_the_codes_of_a_run_are_dense_or_sparse(X, tmp_path):
    encoder = one(kernel_size=3).fit(X)
    encoder.save(tmp_path / "run")
    run = load(tmp_path / "run")
    dense, rows = run.codes(X), run.codes(X, sparse=True)
    assert dense.shape == (60, 5, 28, 28) and rows.shape == (60, 5 * 28 * 28)
    np.testing.assert_array_equal(rows.toarray(), dense.reshape(60, -1))
    np.testing.assert_array_equal(rows.toarray(), encoder.codes(X).toarray())
