"""One scale for all features."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._types import Matrix, Rows

_Own = TypeVar("_Own", bound="UnitAverageNorm")


class UnitAverageNorm(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """One factor for all features, so that samples have a norm of 1 on the average.

    Features keep their proportions, and zeros stay zeros. A linear SVM then needs neither a large nor a
    tiny ``C``, and converges in few passes. The program ``wta`` scales so before it classifies.

    Attributes
    ----------
    scale_ : float
        The factor.
    n_features_in_ : int
        Features of a sample.

    Examples
    --------
    >>> import numpy as np
    >>> from wta_learn import UnitAverageNorm
    >>> X = UnitAverageNorm().fit_transform([[3.0, 4.0], [0.0, 15.0]])
    >>> bool(np.isclose(np.linalg.norm(X, axis=1).mean(), 1.0))
    True
    """

    def fit(self: _Own, X: Matrix, y: Any = None) -> _Own:
        """Learn the factor.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : Ignored
            Not used.

        Returns
        -------
        self : UnitAverageNorm
            The fitted transformer.
        """
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32))
        with np.errstate(over="ignore"):
            norm = self._norm(X)
            if norm == 0 or not np.isfinite(norm):
                # Squares may be beyond the numbers of float32.
                norm = self._norm(X.astype(np.float64))
            scale = 1.0 / norm if norm > 0 else 1.0
            as_used = X.dtype.type(scale)
        if as_used == 0 or not np.isfinite(as_used):
            size = "large" if norm > 1 else "small"
            raise ValueError(f"X holds numbers that are too {size} for UnitAverageNorm: scale them first")
        self.scale_ = scale
        return self

    @staticmethod
    def _norm(X):
        squares = X.multiply(X).sum(axis=1) if sparse.issparse(X) else np.einsum("ij,ij->i", X, X)
        return float(np.sqrt(np.asarray(squares, dtype=np.float64)).mean())

    def transform(self, X: Matrix) -> Rows:
        """Scale features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        X_new : {ndarray, sparse matrix} of shape (n_samples, n_features)
            New features.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), reset=False)
        return X * X.dtype.type(self.scale_)

    def inverse_transform(self, X: Matrix) -> Rows:
        """Undo the scaling.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Scaled features.

        Returns
        -------
        X_new : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Features.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), reset=False)
        return X / X.dtype.type(self.scale_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
