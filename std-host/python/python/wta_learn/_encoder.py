"""What all networks have in common as estimators."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from . import _engine
from ._samples import channels_last, expect_shape, flat, folder_of, seed_of, shape_of, threads_of
from ._types import Floats, Path
from ._watch import Watcher
from ._words import own_words


def without_none(tables):
    """Tables of a recipe without the keys that are not set."""
    if isinstance(tables, dict):
        return {key: without_none(value) for key, value in tables.items() if value is not None}
    if isinstance(tables, (list, tuple)):
        return [without_none(value) for value in tables]
    if isinstance(tables, np.generic):
        return tables.item()
    return tables


def recipe_of(tables):
    """The recipe of these tables, which no caller has written."""
    with own_words():
        return _engine.Recipe.of_json(json.dumps(without_none(tables)))

_Own = TypeVar("_Own", bound="Encoder")


class Encoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A network that is fitted by a recipe which its parameters describe."""

    def _tables(self, shape, n_samples, seed):
        """The recipe for samples of this shape."""
        raise NotImplementedError

    def fit(self: _Own, X: ArrayLike, y: Any = None) -> _Own:
        """Learn from samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, channels, steps) or \
                (n_samples, channels, rows, columns)
            Vectors, signals or images.
        y : Ignored
            Not used; there for the sake of pipelines.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._validate_params()
        # A fit that does not come to its end leaves nothing of the one before, which was for other samples.
        for name in ("_network", "_trainer"):
            self.__dict__.pop(name, None)
        X, own = flat(self, X, reset=True, min_samples=2)
        X = self._into_range(X, fit=True)
        shape = shape_of(own, getattr(self, "sample_shape", None))
        threads = threads_of(self.n_threads)
        recipe = recipe_of(self._tables(shape, len(X), seed_of(self.random_state)))
        watcher = Watcher(self.verbose, self.callback, self._callbacks())
        try:
            with own_words():
                self._network = _engine.Network.train(
                    recipe, channels_last(X, shape), shape, labels=None, run=None, resume=False, begin=None,
                    memory=None, threads=threads, watcher=watcher,
                )
        finally:
            watcher.close()
        self.sample_shape_ = shape
        self.history_ = watcher.history
        self.n_iter_ = len(watcher.history)
        self.loss_ = watcher.history[-1]["loss"] if watcher.history else float("nan")
        self._set_learnt()
        return self

    def _learn_on(self, X):
        """One pass over samples, from where the last call has ended."""
        trainer = self.__dict__.get("_trainer")
        is_first = not hasattr(self, "_network")
        if trainer is None:
            self._validate_params()
            for name, only in (("schedule", "constant"), ("revive", False), ("start", None)):
                if getattr(self, name, only) != only:
                    raise ValueError(f"partial_fit needs {name}={only!r}: nobody knows how many steps there will be")
        X, own = flat(self, X, reset=is_first, min_samples=2 if is_first else 1)
        shape = shape_of(own, getattr(self, "sample_shape", None)) if is_first else self.sample_shape_
        expect_shape(self, own, shape)
        X = self._into_range(X, fit=is_first)
        threads = threads_of(self.n_threads)
        if trainer is None:
            recipe = recipe_of(self._tables(shape, len(X), seed_of(self.random_state)))
            batch = min(self.batch_size, len(X))
            with own_words():
                trainer = _engine.Trainer(recipe, shape, None if is_first else self._network)
        else:
            batch = self._batch
        if len(X) < batch:
            raise ValueError(f"partial_fit needs at least the {batch} samples of a batch, got {len(X)}")
        watcher = Watcher(self.verbose, self.callback)
        try:
            with own_words():
                network = trainer.learn(channels_last(X, shape), shape, threads=threads, watcher=watcher)
        finally:
            watcher.close()
        self._network, self._trainer, self._batch, self.sample_shape_ = network, trainer, batch, shape
        self.history_ = (getattr(self, "history_", []) + watcher.history) if not is_first else watcher.history
        self.n_iter_ = len(self.history_)
        self.loss_ = watcher.history[-1]["loss"]
        self._set_learnt()
        return self

    def _callbacks(self):
        """Callbacks for the epochs of single layers, by the names of their recipes."""
        return {}

    def _into_range(self, X, fit=False):
        """Samples as the network takes them."""
        return X

    def _out_of_range(self, X):
        """The other way round."""
        return X

    def _set_learnt(self):
        """The attributes that come from the weights."""
        network = self._network
        parameters = network.parameters()
        self.feature_shape_ = tuple(network.feature_dimensions())
        self._n_features_out = int(np.prod(self.feature_shape_))
        atoms = parameters.get("decoder.weight")
        if atoms is None:
            # A tied network has one matrix for both ways.
            atoms = parameters["encoder.0.weight"]
        elif atoms.ndim == 2:
            atoms = np.ascontiguousarray(atoms.T)
        self.components_ = atoms
        self.intercept_ = parameters.get("decoder.bias")
        self.thresholds_ = parameters.get("thresholds")

    def _encoded(self, X, what):
        check_is_fitted(self)
        X, own = flat(self, X, reset=False)
        shape = self.sample_shape_
        expect_shape(self, own, shape)
        X = channels_last(self._into_range(X), shape)
        return getattr(self._network, what)(X, shape, threads_of(self.n_threads))

    def transform(self, X: ArrayLike) -> Floats:
        """The features of samples: the dense code, pooled if the estimator pools.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or as in :meth:`fit`
            Samples.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features_out), float32
            The features; maps come one after the other. ``feature_shape_`` says their shape.
        """
        features = self._encoded(X, "encode")
        return features.reshape(len(features), -1)

    def codes(self, X: ArrayLike) -> csr_array:
        """The sparse codes of samples, with exactly the winners of training.

        Lifetime sparsity is over batches of ``batch_size`` samples, in their order.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or as in :meth:`fit`
            Samples.

        Returns
        -------
        codes : csr_array of shape (n_samples, n_codes), float32
            A row for each sample; maps come one after the other.
        """
        codes = self._encoded(X, "codes")
        return csr_array(codes.reshape(len(codes), -1))

    def reconstruct(self, X: ArrayLike) -> Floats:
        """What the network makes of samples, from their winners.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or as in :meth:`fit`
            Samples.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features), float32
            Reconstructions, in the layout of the samples.
        """
        made = self._encoded(X, "reconstruct")
        return self._out_of_range(made.reshape(len(made), -1))

    def save(self, folder: Path) -> None:
        """Write a run folder, which the program ``wta`` and :func:`wta_learn.load` read.

        Parameters
        ----------
        folder : path-like
            A new or empty folder.
        """
        check_is_fitted(self)
        self._network.save(folder_of(folder))

    @property
    def recipe_(self) -> str:
        """The recipe, as the text of a TOML file."""
        check_is_fitted(self)
        return self._network.recipe.toml()

    @property
    def checksum_(self) -> str:
        """CRC-32 of the weights, as the program ``wta`` prints it."""
        check_is_fitted(self)
        return f"{self._network.checksum:08x}"

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_network")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
