"""The linear SVM."""

from __future__ import annotations

import inspect
import warnings
from numbers import Integral, Real
from typing import Any, Dict, Optional, TypeVar, Union

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model._base import LinearClassifierMixin, SparseCoefMixin
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, validate_data

from . import _engine
from ._constraints import options
from ._samples import in_order, seed_of, threads_of
from ._types import Matrix, Seed
from ._watch import Watcher

_Own = TypeVar("_Own", bound="LinearSVC")

# Rows times features times classes for which threads cost more time than they save.
SMALL = 100_000


class LinearSVC(LinearClassifierMixin, SparseCoefMixin, BaseEstimator):
    """Linear support vector classification: one class against the rest, squared hinge.

    The objective is that of ``sklearn.svm.LinearSVC(loss="squared_hinge", penalty="l2")``. By the dual, up
    to eight classes are solved in lockstep on each pass over a row, in ``float32``, and groups of classes
    side by side on all threads. Features that are 0 cost nothing, in dense matrices too. Few features are
    solved by Newton's method instead, to the minimum whatever their scale.

    Of scikit-learn's parameters, ``penalty``, ``loss``, ``dual`` and ``multi_class`` are not there: the
    norm of the weights is squared and so is the hinge, for which both solvers are made; ``solver`` says
    which; and classes are always solved one against the rest.

    Parameters
    ----------
    C : float, default=1.0
        The weight of the loss.
    tol : float, default=1e-4
        A class is solved when its objective is proven to be within this share of the minimum (the duality
        gap).
    criterion : {"gap", "gradient"}, default="gap"
        With ``gradient``, ``tol`` is what the projected gradients of the dual may differ by, as in
        scikit-learn: a measure that depends on the scale of the loss, and asks for many times as many passes.
    solver : {"auto", "dual", "newton"}, default="auto"
        Coordinate descent on the dual, for many features; Newton's method on the primal, for few; or the
        one that is likely to be faster. The dual refuses rows whose norm is more than 1e6, which
        ``float32`` would not solve: scale such features.
    fit_intercept : bool, default=True
        Whether there is an intercept.
    intercept_scaling : float, default=1.0
        The constant feature whose weight the intercept is; the larger, the less it is held down.
    class_weight : dict or "balanced", default=None
        What classes weigh; a class of the weight 0 has no loss of its own.
    max_iter : int, default=1000
        The most passes over the samples, or steps of Newton's method.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of the samples.
    n_threads : int, default=None
        Threads; None for one on each processor. Their number does not change a bit of the result.
    verbose : int, default=0
        Whether to show progress.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
        Weights.
    intercept_ : ndarray of shape (n_classes,), or (1,)
        Intercepts.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_iter_ : int
        Passes over the samples, or steps of Newton's method, of the class that took most.
    objective_ : ndarray of shape (n_classes,), or (1,)
        The objective of each class.
    dual_gap_ : ndarray of shape (n_classes,), or (1,)
        How far it is above its minimum at most, as a share of it.
    n_features_in_ : int
        Features of a sample.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wta_learn import LinearSVC
    >>> X, y = load_iris(return_X_y=True)
    >>> LinearSVC(C=1.0, random_state=1).fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints = {
        "C": [Interval(Real, 1e-9, 1e9, closed="both")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "criterion": [options("gap", "gradient")],
        "solver": [options("auto", "dual", "newton")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, 1e6, closed="right")],
        "class_weight": [None, dict, options("balanced")],
        "max_iter": [Interval(Integral, 1, 2**63 - 1, closed="both")],
        "random_state": ["random_state"],
        "n_threads": "no_validation",
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        C: float = 1.0,
        *,
        tol: float = 1e-4,
        criterion: str = "gap",
        solver: str = "auto",
        fit_intercept: bool = True,
        intercept_scaling: float = 1.0,
        class_weight: Union[Dict[Any, float], str, None] = None,
        max_iter: int = 1000,
        random_state: Seed = None,
        n_threads: Optional[int] = None,
        verbose: int = 0,
    ) -> None:
        self.C = C
        self.tol = tol
        self.criterion = criterion
        self.solver = solver
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_threads = n_threads
        self.verbose = verbose

    def fit(self: _Own, X: Matrix, y: ArrayLike, sample_weight: Optional[ArrayLike] = None) -> _Own:
        """Fit to labelled samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,), default=None
            What samples weigh; 0 leaves a sample out.

        Returns
        -------
        self : LinearSVC
            The fitted classifier.
        """
        self._validate_params()
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float32, order="C")
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "LinearSVC needs samples of at least 2 classes in the data, but the data contains only one class: "
                f"{self.classes_[0]!r}"
            )
        if len(self.classes_) > 1 << 16:
            raise ValueError(f"LinearSVC takes at most 65536 classes, got {len(self.classes_)}")
        row_weights = None
        if sample_weight is not None:
            row_weights = _check_sample_weight(sample_weight, X, dtype=np.float32)
            check_consistent_length(X, row_weights)
        class_weights = []
        if self.class_weight is not None:
            class_weights = self._class_weights(y, row_weights)
        threads, watcher = threads_of(self.n_threads), Watcher(self.verbose)
        if threads == 0 and X.shape[0] * X.shape[1] * len(self.classes_) < SMALL:
            threads = 1
        two = len(self.classes_) == 2
        try:
            weights, biases, report = _engine.svc_fit(
                self._rows(X, threads), labels.astype(np.uint16), len(self.classes_),
                solver=self.solver, c=float(self.C), by_gap=self.criterion == "gap", tolerance=float(self.tol),
                max_epochs=int(self.max_iter),
                seed=seed_of(self.random_state),
                intercept=float(self.intercept_scaling) if self.fit_intercept else 0.0,
                row_weights=row_weights, class_weights=class_weights, threads=threads,
                watcher=watcher if self.verbose else None,
            )
        finally:
            watcher.close()
        # Of two classes, both problems are the same one.
        kept = slice(1, 2) if two else slice(None)
        self.coef_ = weights[kept].astype(np.float64)
        self.intercept_ = biases[kept].astype(np.float64)
        primal, dual, passes, solved = (np.array(column) for column in zip(*report[kept]))
        self.objective_ = primal
        self.dual_gap_ = np.where(primal > 0, (primal - dual) / np.where(primal > 0, primal, 1.0), 0.0)
        self.n_iter_ = int(passes.max())
        if not solved.all():
            warnings.warn(
                f"LinearSVC has not converged in {self.n_iter_} passes: raise max_iter, lower C, or scale the "
                "features",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _class_weights(self, y, row_weights):
        more = {}
        # "balanced" counts weights, where scikit-learn's own LinearSVC does.
        if row_weights is not None and "sample_weight" in inspect.signature(compute_class_weight).parameters:
            more["sample_weight"] = row_weights
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y, **more).tolist()
        for label, weight in zip(self.classes_, weights):
            if weight != 0 and not 1e-9 <= weight <= 1e9:
                raise ValueError(f"class_weight of {label!r} is {weight}, but must be 0, or from 1e-9 to 1e9")
        return weights

    @staticmethod
    def _rows(X, threads):
        if not sparse.issparse(X):
            return _engine.SvmRows.dense(in_order(X), threads)
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return _engine.SvmRows.sparse(
            X.indptr.astype(np.int64, copy=False), X.indices.astype(np.uint32), X.data, X.shape[1]
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
