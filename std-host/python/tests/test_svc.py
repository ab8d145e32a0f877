"""LinearSVC against scikit-learn's, and by what it promises."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC as Reference

from wta_learn import LinearSVC


def objective(X, y, model, C, weights=None):
    """The objective of each class, from its definition."""
    weights = np.ones(len(y)) if weights is None else weights
    found = []
    for number, (w, b) in enumerate(zip(model.coef_, model.intercept_)):
        own = model.classes_[1 if len(model.coef_) == 1 else number]
        hinge = np.maximum(0, 1 - np.where(y == own, 1, -1) * (X @ w + b))
        found.append(0.5 * (w @ w + b * b) + C * (weights * hinge**2).sum())
    return np.array(found)


def scaled(loader):
    X, y = loader(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.mark.parametrize("solver", ["dual", "newton"])
@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("loader", [load_iris, load_digits])
def test_the_minimum_is_scikit_learns(loader, C, solver):
    X, y = scaled(loader)
    reference = Reference(C=C, dual=False, tol=1e-10, max_iter=10_000).fit(X, y)
    model = LinearSVC(C=C, solver=solver, tol=1e-4, max_iter=20_000, random_state=1).fit(X, y)
    found, expected = objective(X, y, model, C), objective(X, y, reference, C)
    assert (found <= expected * (1 + 2e-4)).all()
    np.testing.assert_allclose(found, model.objective_, rtol=1e-4)
    assert (model.dual_gap_ <= 1e-4).all() and (model.dual_gap_ >= -1e-6).all()
    assert abs(model.score(X, y) - reference.score(X, y)) < 0.01


@pytest.mark.parametrize("solver", ["dual", "newton"])
def test_sparse_and_dense_rows_and_labels_of_any_kind_are_the_same(solver):
    X, y = make_classification(300, 20, n_informative=8, n_classes=3, random_state=3)
    X[np.abs(X) < 0.7] = 0
    names = np.array(["ash", "beech", "oak"], dtype=object)[y]
    dense = LinearSVC(solver=solver, random_state=0).fit(X, names)
    for convert in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        rows = LinearSVC(solver=solver, random_state=0).fit(convert(X), names)
        np.testing.assert_array_equal(rows.coef_, dense.coef_)
        assert (rows.predict(convert(X)) == dense.predict(X)).all()
    assert set(dense.predict(X)) <= set(names) and dense.score(X, names) > 0.5
    twice = sparse.csr_array((np.r_[X[0] / 2, X[0] / 2], np.r_[np.arange(20), np.arange(20)], [0, 40]), shape=(1, 20))
    merged = sparse.vstack([twice, sparse.csr_array(X[1:])]).tocsr()
    np.testing.assert_allclose(
        LinearSVC(solver=solver, random_state=0).fit(merged, names).coef_, dense.coef_, atol=1e-3
    )


@pytest.mark.parametrize("solver", ["dual", "newton"])
def test_weights_of_samples_and_classes_count_in_the_objective(solver):
    X, y = make_classification(400, 12, n_informative=6, weights=[0.9], random_state=4)
    weights = np.random.default_rng(0).uniform(0, 3, len(y)).round(1)
    model = LinearSVC(class_weight={1: 7.0}, solver=solver, max_iter=50_000, random_state=0)
    model.fit(X, y, sample_weight=weights)
    total = weights * np.where(y == 1, 7.0, 1.0)
    reference = Reference(dual=False, tol=1e-10).fit(X, y, sample_weight=total)
    found, expected = objective(X, y, model, 1.0, total), objective(X, y, reference, 1.0, total)
    assert (found <= expected * (1 + 2e-4)).all()
    balanced = LinearSVC(class_weight="balanced", solver=solver, max_iter=50_000, random_state=0).fit(X, y, weights)
    reference = Reference(class_weight="balanced", dual=False, tol=1e-10).fit(X, y, weights)
    near = 2e-3 if solver == "newton" else 5e-2
    np.testing.assert_allclose(balanced.decision_function(X), reference.decision_function(X), atol=near)
    plain = LinearSVC(solver=solver, random_state=0).fit(X, y)
    assert (model.predict(X) == 1).sum() > (plain.predict(X) == 1).sum()
    balanced = LinearSVC(class_weight="balanced", solver=solver, max_iter=50_000, random_state=0).fit(X, y)
    assert (balanced.predict(X) == 1).sum() > (plain.predict(X) == 1).sum()


@pytest.mark.parametrize("criterion", ["gap", "gradient"])
@pytest.mark.parametrize("solver", ["dual", "newton"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_class_of_weight_0_has_no_loss_of_its_own(solver, criterion, n_classes):
    X, y = make_classification(300, 8, n_informative=6, n_classes=n_classes, random_state=6)
    model = LinearSVC(class_weight={0: 0}, solver=solver, criterion=criterion, tol=1e-3, random_state=0, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert np.isfinite(model.coef_).all() and (model.dual_gap_ <= 1e-2).all()
    if n_classes == 2:
        assert (model.predict(X) == 1).all()
        return
    assert (model.decision_function(X)[:, 0] < 0).all()
    # The other problems are those without weights, in which the class is among the rest.
    plain = LinearSVC(solver=solver, criterion=criterion, tol=1e-3, random_state=0, max_iter=20_000).fit(X, y)
    np.testing.assert_allclose(model.coef_[1:], plain.coef_[1:], atol=1e-2)
    np.testing.assert_allclose(model.objective_[1:], plain.objective_[1:], rtol=5e-3)


def test_the_intercept_is_left_out_or_held_less():
    X, y = make_classification(200, 5, random_state=1)
    X += 5
    without = LinearSVC(fit_intercept=False, random_state=0).fit(X, y)
    assert (without.intercept_ == 0).all()
    free = LinearSVC(intercept_scaling=100.0, random_state=0).fit(X, y)
    held = LinearSVC(random_state=0).fit(X, y)
    assert np.abs(free.intercept_).item() > np.abs(held.intercept_).item() > 0


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    X, y = scaled(load_digits)
    for solver in ("dual", "newton"):
        one, two = (LinearSVC(solver=solver, random_state=5, n_threads=n).fit(X, y) for n in (1, 3))
        np.testing.assert_array_equal(one.coef_, two.coef_)
        again = LinearSVC(solver=solver, random_state=5).fit(X, y)
        np.testing.assert_array_equal(one.coef_, again.coef_)


def test_what_is_not_solved_is_told():
    X, y = make_classification(200, 5, random_state=1)
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        LinearSVC(solver="dual", C=1e4, tol=1e-8, max_iter=2).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearSVC(tol=1e-3).fit(X, y)


def test_it_is_searched_and_cloned():
    X, y = scaled(load_iris)
    search = GridSearchCV(LinearSVC(random_state=0), {"C": [0.01, 1.0], "criterion": ["gap", "gradient"], "solver": ["dual", "newton"]}, cv=3)
    assert search.fit(X, y).best_score_ > 0.9


@pytest.mark.parametrize(
    "parameters, sentence",
    [
        ({"C": 0.0}, "'C' parameter"),
        ({"C": float("nan")}, "'C' parameter"),
        ({"C": "1"}, "'C' parameter"),
        ({"tol": -1.0}, "'tol' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"max_iter": 10**30}, "'max_iter' parameter"),
        ({"solver": "primal"}, "'solver' parameter"),
        ({"criterion": "loss"}, "'criterion' parameter"),
        ({"intercept_scaling": -1.0}, "'intercept_scaling' parameter"),
        ({"n_threads": 0}, "n_threads must be"),
        ({"n_threads": True}, "n_threads must be"),
        ({"n_threads": 10**6}, "n_threads must be"),
        ({"class_weight": {0: -1.0, 1: 1.0}}, "class_weight of .*0.* is -1"),
        ({"class_weight": {0: float("nan"), 1: 1.0}}, "class_weight of .*0.* is nan"),
        ({"class_weight": {0: 0.0, 1: 0.0}}, "all classes have the weight 0"),
        ({"random_state": -1}, "'random_state' parameter"),
    ],
)
def test_bad_parameters_are_value_errors_with_a_sentence(parameters, sentence):
    X, y = make_classification(50, 5, random_state=1)
    with pytest.raises(ValueError, match=sentence):
        LinearSVC(**parameters).fit(X, y)


def test_bad_weights_of_samples_are_refused():
    X, y = make_classification(50, 5, random_state=1)
    for weights, sentence in ((np.zeros(50), "non-zero|the weight 0"), (np.full(50, -1.0), "weight of row 0"), (np.ones(3), "sample_weight.shape")):
        with pytest.raises(ValueError, match=sentence):
            LinearSVC().fit(X, y, sample_weight=weights)
