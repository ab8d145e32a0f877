"""Networks that learn on from call to call."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from wta_learn import StackedWTA, WTAAutoencoder, WTARBM, load_digits


@pytest.fixture(scope="module")
def X():
    return load_digits("test")[0] / np.float32(255)


ESTIMATORS = [
    WTAAutoencoder(20, lifetime=0.1, batch_size=50, random_state=1),
    WTAAutoencoder(6, kernel_size=5, lifetime=0.2, batch_size=50, pool=(3, 3), optimizer="sgd", random_state=1),
    WTAAutoencoder(20, per_sample=3, tied=True, initial="patches", batch_size=50, random_state=1),
    WTARBM(20, batch_size=50, persistent=True, mean_bias=True, random_state=1),
]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_it_learns_on_and_pickles_in_between_keep_the_state(estimator, X):
    parts = [X[:300], X[300:610], X[610:]]
    straight, stopped = clone(estimator), clone(estimator)
    for part in parts:
        assert straight.partial_fit(part) is straight
        stopped = pickle.loads(pickle.dumps(stopped.partial_fit(part)))
    assert straight.checksum_ == stopped.checksum_ and straight.n_iter_ == stopped.n_iter_ == 3
    np.testing.assert_array_equal(straight.transform(X), stopped.transform(X))
    one = clone(estimator).partial_fit(X[:300])
    assert one.checksum_ != straight.checksum_
    # Of whole batches, only their order counts, not the calls.
    assert clone(estimator).partial_fit(X[:600]).partial_fit(X[610:]).n_iter_ == 2
    halves = clone(estimator).partial_fit(X[:100]).partial_fit(X[100:200])
    if estimator.__dict__.get("initial") != "patches" and not isinstance(estimator, WTARBM):
        assert halves.checksum_ == clone(estimator).partial_fit(X[:200]).checksum_
    # What is left of the last batch is left out.
    if not isinstance(estimator, WTARBM) and estimator.initial != "patches":
        assert clone(estimator).partial_fit(X[:149]).checksum_ == clone(estimator).partial_fit(X[:100]).checksum_


def test_the_loss_falls_and_threads_change_nothing(X):
    rows = []
    estimator = WTAAutoencoder(40, lifetime=0.1, random_state=1, n_threads=1, callback=rows.append)
    other = WTAAutoencoder(40, lifetime=0.1, random_state=1, n_threads=2)
    for _ in range(6):
        estimator.partial_fit(X)
        other.partial_fit(X)
    assert estimator.checksum_ == other.checksum_
    losses = [row["loss"] for row in estimator.history_]
    assert len(losses) == 6 and losses[-1] < 0.8 * losses[0] and estimator.loss_ == losses[-1]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_pass_over_one_batch_is_an_epoch_of_fit(X):
    both = {"batch_size": 200, "random_state": 1, "lifetime": 0.1}
    fitted = WTAAutoencoder(20, epochs=3, **both).fit(X[:200])
    estimator = WTAAutoencoder(20, **both)
    for _ in range(3):
        estimator.partial_fit(X[:200])
    # The samples of the batch are in another order.
    np.testing.assert_allclose(estimator.components_, fitted.components_, atol=1e-3)


def test_fit_begins_anew_and_partial_fit_goes_on_from_it(X, tmp_path):
    estimator = WTAAutoencoder(20, epochs=2, random_state=1)
    fitted = clone(estimator).fit(X)
    assert estimator.partial_fit(X).fit(X).checksum_ == fitted.checksum_
    begun = fitted.history_[-1]["loss"]
    fitted.partial_fit(X)
    assert fitted.loss_ < begun and fitted.n_iter_ == 3
    fitted.save(tmp_path / "run")
    with pytest.raises(ValueError, match="describe another network"):
        clone(estimator).fit(X).set_params(n_components=7).partial_fit(X)


def test_what_cannot_be_learnt_in_parts_is_told(X):
    for more in ({"schedule": "linear"}, {"revive": True}):
        with pytest.raises(ValueError, match=f"partial_fit needs {next(iter(more))}="):
            WTAAutoencoder(5, **more).partial_fit(X)
    with pytest.raises(ValueError, match="partial_fit needs start=None"):
        WTARBM(5, start=1.0).partial_fit(X)
    estimator = WTAAutoencoder(5, batch_size=50).partial_fit(X)
    with pytest.raises(ValueError, match="at least the 50 samples of a batch, got 49"):
        estimator.partial_fit(X[:49])
    with pytest.raises(ValueError, match="features"):
        estimator.partial_fit(X[:, :, :9])
    with pytest.raises(ValueError, match="was fitted on"):
        estimator.partial_fit(X.reshape(-1, 1, 14, 56))
    assert not hasattr(StackedWTA(), "partial_fit")


def test_a_call_that_is_stopped_changes_nothing(X):
    def stop(row):
        raise KeyboardInterrupt

    estimator = WTAAutoencoder(5, random_state=1).partial_fit(X)
    before = estimator.checksum_
    with pytest.raises(KeyboardInterrupt):
        estimator.set_params(callback=stop).partial_fit(X)
    assert estimator.checksum_ == before
    other = WTAAutoencoder(5, random_state=1).partial_fit(X).partial_fit(X)
    assert estimator.set_params(callback=None).partial_fit(X).checksum_ == other.checksum_
