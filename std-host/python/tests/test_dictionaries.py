"""Sparse dictionaries: their parameters, thresholds, training in parts, and what they are exported as."""

import json
import pickle

import numpy as np
import pytest

import wta_learn
from wta_learn import WTAAutoencoder, export


@pytest.fixture(scope="module")
def X():
    """Sparse sums of 40 directions, far from 0."""
    random = np.random.default_rng(1)
    atoms = random.standard_normal((40, 24))
    codes = random.exponential(size=(3000, 40)) * (random.random((3000, 40)) < 0.08)
    return (codes @ atoms + 3.0 + 0.01 * random.standard_normal((3000, 24))).astype(np.float32)


def tensors(path):
    """The float32 tensors of a safetensors file."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, about in header.items():
        assert about["dtype"] == "F32"
        begin, end = (start + offset for offset in about["data_offsets"])
        found[name] = np.frombuffer(content[begin:end], np.float32).reshape(about["shape"])
    return found


def dictionary(**more):
    parameters = dict(
        n_components=64, per_batch=4, lifetime=None, centred=True, unit_atoms=True, thresholds=True, initial="transposed",
        batch_size=100, epochs=6, learning_rate=3e-3, schedule=(0.05, 0.2), random_state=1,
    )
    return WTAAutoencoder(**{**parameters, **more})


@pytest.mark.parametrize(
    "selection", [dict(per_batch=4), dict(per_batch=None, per_sample=4), dict(per_batch=None, lifetime=0.06)]
)
def test_a_dictionary_explains_its_samples(X, selection):
    found = dictionary(epochs=15, **selection).fit(X[:2500])
    np.testing.assert_allclose(np.linalg.norm(found.components_, axis=1), 1, atol=1e-5)
    codes = found.transform(X[2500:])
    left = found.inverse_transform(codes) - X[2500:]
    assert np.square(left).sum() < 0.35 * np.square(X[2500:] - X[2500:].mean(0)).sum()
    # Cut at thresholds, codes are as sparse as in training, and do not depend on their neighbours.
    np.testing.assert_allclose(np.count_nonzero(codes) / len(codes), 4, rtol=0.15)
    np.testing.assert_array_equal(codes[7:8], found.transform(X[2507:2508]))
    assert found.thresholds_.shape == (64,)
    assert np.all((codes == 0) | (codes > found.thresholds_))


def test_units_that_never_survive_are_silent(X):
    # Hundreds of units for two winners: most never survive, though they are active.
    found = WTAAutoencoder(400, per_sample=2, thresholds=True, epochs=10, learning_rate=1e-2, random_state=1).fit(X)
    assert found.history_[-1]["dead_share"] > 0.2
    assert 1 < np.count_nonzero(found.transform(X)) / len(X) < 3


def test_codes_are_the_winners_of_training_whatever_the_thresholds(X):
    found = dictionary(per_batch=None, per_sample=4).fit(X)
    codes = found.codes(X[:300])
    assert codes.nnz == 4 * 300
    np.testing.assert_allclose(
        found.inverse_transform(codes), codes.toarray() @ found.components_ + found.intercept_, rtol=1e-5, atol=1e-5
    )


def test_a_code_of_all_positive_activations_is_warned_about(X, tmp_path):
    found = dictionary(thresholds=False, epochs=1).fit(X)
    with pytest.warns(UserWarning, match="many more than win in training: train with thresholds = true"):
        export(found, tmp_path / "sae", "saelens")


def test_onnx_has_the_thresholds(X, tmp_path):
    found = dictionary(epochs=1).fit(X)
    export(found, tmp_path / "direct.onnx")
    found.save(tmp_path / "run")
    export(wta_learn.load(tmp_path / "run"), tmp_path / "run.onnx")
    assert (tmp_path / "direct.onnx").read_bytes() == (tmp_path / "run.onnx").read_bytes()


def test_history_has_what_was_held_out(X):
    recipe = {
        "name": "held", "about": "a test", "data": {"set": "memory"},
        "network": {"kind": "fully-connected", "units": [30], "initial": "he"}, "sparsity": {"per-batch": 4},
        "training": {"epochs": 2, "batch": 50, "optimizer": "adam", "rate": 1e-3, "held_out": 0.1},
    }
    history = wta_learn.train(recipe, X).history
    assert all(0 < row["held_out_unexplained"] < 2 and row["held_out_active"] == pytest.approx(4) for row in history)


def test_dead_units_learn(X):
    # Far more units than there are directions: those that never win explain what is left.
    few = dict(n_components=400, per_batch=1, thresholds=False, epochs=10, initial="he", learning_rate=1e-2)
    without = dictionary(**few).fit(X)
    assert without.history_[-1]["dead_share"] > 0.2
    helped = dictionary(**few, dead_units=3, dead_after=1000, dead_weight=1.0).fit(X)
    assert helped.loss_ < 0.95 * without.loss_


def test_in_parts_a_dictionary_learns_the_same_after_a_pickle(X):
    made = dict(schedule="constant", dead_units=8, dead_after=300)
    whole = dictionary(**made).partial_fit(X[:1000]).partial_fit(X[1000:2000])
    halved = pickle.loads(pickle.dumps(dictionary(**made).partial_fit(X[:1000]))).partial_fit(X[1000:2000])
    assert whole.checksum_ == halved.checksum_
    np.testing.assert_array_equal(whole.thresholds_, halved.thresholds_)
    # After a fit, what was taken off the samples is found again.
    fitted = dictionary(schedule="constant").fit(X[:2000])
    loss = fitted.loss_
    assert fitted.partial_fit(X[2000:]).loss_ < 1.3 * loss


def test_a_saved_dictionary_comes_back(X, tmp_path):
    found = dictionary(epochs=2).fit(X)
    found.save(tmp_path / "run")
    run = wta_learn.load(tmp_path / "run", sample_shape=(24,))
    np.testing.assert_array_equal(run.transform(X[:50]), found.transform(X[:50]))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).transform(X[:50]), found.transform(X[:50]))


@pytest.mark.parametrize(
    "selection, architecture",
    [
        (dict(), "jumprelu"),
        (dict(thresholds=False, per_batch=None, per_sample=4), "topk"),
        (dict(thresholds=False), "standard"),
    ],
)
def test_saelens_reads_what_the_network_computes(X, tmp_path, selection, architecture):
    found = dictionary(epochs=2, **selection).fit(X)
    export(found, tmp_path / "sae", "saelens")
    config = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    weights = tensors(tmp_path / "sae" / "sae_weights.safetensors")
    assert config["architecture"] == architecture
    assert (config["d_in"], config["d_sae"]) == (24, 64)
    assert config["apply_b_dec_to_input"] is False
    before = X[:50] @ weights["W_enc"] + weights["b_enc"]
    if architecture == "jumprelu":
        codes = np.where(before > weights["threshold"], np.maximum(before, 0), 0)
        np.testing.assert_allclose(codes, found.transform(X[:50]), atol=1e-4)
    elif architecture == "topk":
        assert config["k"] == 4
    else:
        np.testing.assert_allclose(np.maximum(before, 0), found.transform(X[:50]), atol=1e-4)
    np.testing.assert_allclose(weights["W_dec"], found.components_, atol=1e-6)


def test_networks_are_exported_for_other_programs(tmp_path):
    images, _ = wta_learn.load_digits("test")
    found = WTAAutoencoder(8, epochs=1, random_state=1).fit(images / 255.0)
    export(found, tmp_path / "model.wta")
    assert (tmp_path / "model.wta").stat().st_size > 784 * 8 * 8
    export(found, tmp_path / "model.onnx")
    assert b"Relu" in (tmp_path / "model.onnx").read_bytes()
    found.save(tmp_path / "run")
    export(wta_learn.load(tmp_path / "run", sample_shape=(784,)), tmp_path / "again.wta")
    assert (tmp_path / "again.wta").read_bytes() == (tmp_path / "model.wta").read_bytes()


@pytest.mark.parametrize(
    "wrong, about",
    [
        (dict(per_sample=3), "per_sample and per_batch"),
        (dict(per_batch=65), "per_batch=65 winners of a sample are more than n_components=64"),
        (dict(per_batch=None, per_sample=10**6), "per_sample=1000000 winners"),
        (dict(n_layers=2), "centred is for a fully connected network of one layer"),
        (dict(per_batch=None, lifetime=0.1, dead_units=3), "dead_units needs per_sample or per_batch"),
        (dict(schedule=(0.7, 0.6)), "schedule must be a word or two shares"),
        (dict(schedule=(0.1,)), "schedule must be a word or two shares"),
        (dict(initial="patches"), "initial"),
        (dict(revive=True), "revive"),
        (dict(per_batch=None, lifetime=None), "thresholds"),
        (dict(signs="both"), "signs"),
        (dict(threshold="triangle"), "threshold"),
    ],
)
def test_what_makes_no_sense_is_refused_in_own_words(X, wrong, about):
    with pytest.raises(ValueError, match=about) as refused:
        dictionary(**wrong).fit(X)
    assert "dictionary." not in str(refused.value) and "recipe" not in str(refused.value)


@pytest.mark.parametrize(
    "path, format, about",
    [("x.bin", None, "does not say the format"), ("x", "pickle", "format must be one of"), ("x.wta", None, "thresholds")],
)
def test_what_cannot_be_exported_is_told(X, tmp_path, path, format, about):
    found = dictionary(epochs=1).fit(X)
    with pytest.raises(ValueError, match=about):
        export(found, tmp_path / path, format)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="path must be the path of a file, got an empty one"):
        export(found, "", "onnx")
