"""Whitening and local contrast."""

from __future__ import annotations

from typing import Any, Optional, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted

from . import _engine
from ._constraints import COUNT, NOT_NEGATIVE, PAIR, POSITIVE, size
from ._encoder import recipe_of
from ._samples import (
    channels_first, channels_last, expect_finite, expect_shape, flat, seed_of, shape_of, threads_of,
)
from ._types import Floats, SampleShape, Seed, Size
from ._words import own_words

_White = TypeVar("_White", bound="ZCA")
_Local = TypeVar("_Local", bound="LocalContrast")


class _Step(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A step of a recipe's preprocessing."""

    def _step(self):
        raise NotImplementedError

    def _recipe(self):
        tables = {
            "name": "wta-learn",
            "about": "by wta_learn",
            "data": {"set": "memory"},
            "preprocess": [self._step()],
            # No network is made of this.
            "network": {"kind": "convolutional", "encoder": [{"maps": 1, "kernel": 1}], "decoder_kernel": 1,
                        "initial": "he"},
            "sparsity": {},
            "training": {"epochs": 1, "batch": 1, "optimizer": "adam", "rate": 1e-3,
                         "seed": seed_of(getattr(self, "random_state", 1))},
        }
        return recipe_of(tables)

    def _fit(self, X, min_samples):
        self._validate_params()
        # A fit that does not come to its end leaves nothing of the one before.
        self.__dict__.pop("_state", None)
        X, own = flat(self, X, reset=True, min_samples=min_samples)
        self._expect_enough(len(X))
        self.sample_shape_ = shape_of(own, self.sample_shape)
        recipe, shape = self._recipe(), self.sample_shape_
        threads = threads_of(self.n_threads)
        with own_words():
            self._state = _engine.Steps.fit(recipe, channels_last(X, shape), shape, threads=threads)
        return self

    def _expect_enough(self, count):
        """Refuses too few samples."""

    def transform(self, X: ArrayLike) -> Floats:
        """The samples as the step leaves them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or as in :meth:`fit`
            Samples.

        Returns
        -------
        X_new : ndarray of the shape of X, float32
            New samples.
        """
        check_is_fitted(self)
        X, own = flat(self, X, reset=False)
        shape = self.sample_shape_
        expect_shape(self, own, shape)
        container = _get_output_config("transform", estimator=self)["dense"]
        if container != "default" and len(own) > 1:
            raise ValueError(
                f"set_output(transform={container!r}) is for rows of a matrix, but samples have the shape {own}: give "
                "them as rows, and their shape as sample_shape"
            )
        made = self._state.apply(channels_last(X, shape), shape, threads=threads_of(self.n_threads))
        made = channels_first(expect_finite(made, f"for {type(self).__name__}"), shape)
        return made.reshape(len(made), *own)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_state")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class ZCA(_Step):
    """Whitening that stays as near to the samples as it can (zero-phase component analysis).

    ``W (x - mean)`` with ``W = U diag(1 / sqrt(s + regularization)) U^T``, where ``U`` and ``s`` are
    eigenvectors and eigenvalues of the covariance of the samples, or of patches of them.

    Parameters
    ----------
    regularization : float, default=0.1
        Added to the eigenvalues: the larger, the less faint directions are amplified.
    patch_size : int or (int, int), default=None
        Learn from patches of so many rows and columns, and whiten each pixel with its surroundings.
    n_samples : int, default=None
        Learn from so many samples, drawn by ``random_state``; None for all.
    sample_shape : tuple, default=None
        The shape of a sample if rows of a matrix are images or signals.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.
    n_threads : int, default=None
        Threads; None for one on each processor.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        The mean of the samples, or of patches, channels last.
    whitening_ : ndarray of shape (n_features, n_features)
        ``W``, over numbers in the order of ``mean_``.

    Examples
    --------
    >>> import numpy as np
    >>> from wta_learn import ZCA
    >>> X = np.random.default_rng(0).normal(size=(500, 3)) @ [[3, 1, 0], [0, 2, 1], [0, 0, 1]]
    >>> white = ZCA(regularization=1e-6).fit_transform(X)
    >>> np.allclose(np.cov(white, rowvar=False), np.eye(3), atol=1e-2)
    True
    """

    _parameter_constraints = {
        "regularization": [POSITIVE],
        "patch_size": [None, COUNT, *PAIR],
        "n_samples": [None, COUNT],
        "sample_shape": "no_validation",
        "random_state": ["random_state"],
        "n_threads": "no_validation",
    }

    def __init__(
        self,
        regularization: float = 0.1,
        *,
        patch_size: Optional[Size] = None,
        n_samples: Optional[int] = None,
        sample_shape: SampleShape = None,
        random_state: Seed = None,
        n_threads: Optional[int] = None,
    ) -> None:
        self.regularization = regularization
        self.patch_size = patch_size
        self.n_samples = n_samples
        self.sample_shape = sample_shape
        self.random_state = random_state
        self.n_threads = n_threads

    def _step(self):
        return {
            "step": "zca",
            "regulariser": float(self.regularization),
            "samples": self.n_samples,
            "patch": size("patch_size", self.patch_size),
        }

    def _expect_enough(self, count):
        if self.n_samples is not None and self.n_samples > count:
            raise ValueError(f"n_samples is {self.n_samples}, but X has only {count} samples")

    def fit(self: _White, X: ArrayLike, y: Any = None) -> _White:
        """Learn mean and matrix.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, channels, steps) or \
                (n_samples, channels, rows, columns)
            Samples.
        y : Ignored
            Not used.

        Returns
        -------
        self : ZCA
            The fitted transformer.
        """
        self._fit(X, 2)
        learnt = self._state.numbers()
        self.mean_, self.whitening_ = learnt["0.zca.mean"].ravel(), learnt["0.zca.matrix"]
        return self

    def inverse_transform(self, X: ArrayLike) -> Floats:
        """The samples that were whitened to these; of whole samples only, not of patches.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or as in :meth:`fit`
            Whitened samples.

        Returns
        -------
        X_new : ndarray of the shape of X, float32
            Samples.
        """
        check_is_fitted(self)
        if self.patch_size is not None:
            raise ValueError("whitening by patches has no inverse")
        X, own = flat(self, X, reset=False)
        expect_shape(self, own, self.sample_shape_)
        rows = channels_last(X, self.sample_shape_).astype(np.float64)
        solved = np.linalg.solve(self.whitening_.astype(np.float64), rows.T).T + self.mean_
        with np.errstate(over="ignore"):
            solved = expect_finite(solved.astype(np.float32), "to come back from whitening")
        return channels_first(solved, self.sample_shape_).reshape(len(X), *own)


class LocalContrast(_Step):
    """Local contrast normalisation: ``(x - m) / sqrt(1 + m2)`` in each channel of an image.

    ``m`` and ``m2`` are the means of ``x`` and ``x ** 2`` in a Gaussian window.

    Parameters
    ----------
    window : int, default=21
        Rows and columns of the window, odd.
    deviation : float, default=None
        The Gaussian's deviation in pixels; a sixth of the window by default.
    sample_shape : tuple, default=None
        The shape of a sample if rows of a matrix are images or signals.
    n_threads : int, default=None
        Threads; None for one on each processor.

    Examples
    --------
    >>> from wta_learn import LocalContrast, load_digits
    >>> X, y = load_digits("test")
    >>> LocalContrast(window=9).fit_transform(X).shape
    (1000, 1, 28, 28)
    """

    _parameter_constraints = {
        "window": [COUNT],
        "deviation": [None, NOT_NEGATIVE],
        "sample_shape": "no_validation",
        "n_threads": "no_validation",
    }

    def __init__(
        self,
        window: int = 21,
        *,
        deviation: Optional[float] = None,
        sample_shape: SampleShape = None,
        n_threads: Optional[int] = None,
    ) -> None:
        self.window = window
        self.deviation = deviation
        self.sample_shape = sample_shape
        self.n_threads = n_threads

    def _step(self):
        deviation = None if self.deviation is None else float(self.deviation)
        return {"step": "local-contrast", "window": self.window, "deviation": deviation}

    def fit(self: _Local, X: ArrayLike, y: Any = None) -> _Local:
        """Take note of the shape of the samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, channels, steps) or \
                (n_samples, channels, rows, columns)
            Samples.
        y : Ignored
            Not used.

        Returns
        -------
        self : LocalContrast
            The transformer.
        """
        return self._fit(X, 1)
