"""Restricted Boltzmann machines with winner-take-all sparsity."""

from __future__ import annotations

from typing import Any, Optional, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._constraints import COMMON, COUNT, POSITIVE, SHARE, TRAINING
from ._encoder import Encoder
from ._types import Callback, Path, Seed

_Own = TypeVar("_Own", bound="WTARBM")


class WTARBM(Encoder):
    """Restricted Boltzmann machine with lifetime sparsity, by contrastive divergence.

    It learns from numbers between 0 and 1, as they are. Samples with others are first brought there, by the
    smallest and the largest number of all samples it is fitted on. Features are the hidden probabilities.

    Parameters
    ----------
    n_components : int, default=256
        Hidden units.
    lifetime : float, default=0.3
        The share of each unit's probabilities over the batch that lives; None for a plain RBM.
    start : float, default=None
        The share at the first step, from where it falls to ``lifetime``.
    gibbs_steps : int, default=1
        The k of CD-k.
    persistent : bool, default=False
        Whether the Markov chains go on from one step to the next.
    mean_bias : bool, default=False
        Whether the visible biases begin at the mean of the samples.
    initial : float, default=0.01
        The deviation of the initial weights.
    learning_rate : float, default=0.05
        The rate.
    momentum : float, default=0.9
        The momentum.
    weight_decay : float, default=0.0
        L2 penalty on weights.
    root : bool, default=False
        Whether features are the square roots of probabilities.
    epochs : int, default=10
        Passes over the samples.
    batch_size : int, default=100
        Samples of a step; at most as many as there are.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, order and chains.
    n_threads : int, default=None
        Threads; None for one on each processor.
    callback : callable, default=None
        Called after each epoch with a dict of its results.
    verbose : int, default=0
        Whether to show progress.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The weights.
    intercept_ : ndarray of shape (n_features,)
        The visible biases.
    range_ : tuple
        The numbers that became 0 and 1.
    history_ : list of dict
        The results of each epoch.
    n_features_in_ : int
        Numbers of a sample.

    Examples
    --------
    >>> from wta_learn import WTARBM, load_digits
    >>> X, y = load_digits("test")
    >>> WTARBM(20, epochs=2, random_state=1).fit_transform(X / 255.0).shape
    (1000, 20)
    """

    _parameter_constraints = {
        **COMMON,
        **TRAINING,
        "n_components": [COUNT],
        "lifetime": [None, SHARE],
        "start": [None, SHARE],
        "gibbs_steps": [COUNT],
        "persistent": ["boolean"],
        "mean_bias": ["boolean"],
        "initial": [POSITIVE],
        "root": ["boolean"],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        lifetime: Optional[float] = 0.3,
        start: Optional[float] = None,
        gibbs_steps: int = 1,
        persistent: bool = False,
        mean_bias: bool = False,
        initial: float = 0.01,
        learning_rate: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        root: bool = False,
        epochs: int = 10,
        batch_size: int = 100,
        random_state: Seed = None,
        n_threads: Optional[int] = None,
        callback: Callback = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.lifetime = lifetime
        self.start = start
        self.gibbs_steps = gibbs_steps
        self.persistent = persistent
        self.mean_bias = mean_bias
        self.initial = initial
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.root = root
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.n_threads = n_threads
        self.callback = callback
        self.verbose = verbose

    def _into_range(self, X, fit=False):
        if fit:
            low, high = float(X.min()), float(X.max())
            inside = low >= 0.0 and high <= 1.0
            if not high - low < float(np.finfo(np.float32).max):
                raise ValueError(f"X has numbers from {low:g} to {high:g}, too far apart for WTARBM: scale them first")
            self.range_ = (0.0, 1.0) if inside else (low, high if high > low else low + 1.0)
        low, high = self.range_
        return X if (low, high) == (0.0, 1.0) and fit else np.clip((X - low) / np.float32(high - low), 0.0, 1.0)

    def _out_of_range(self, X):
        low, high = self.range_
        return X * np.float32(high - low) + np.float32(low)

    def partial_fit(self: _Own, X: ArrayLike, y: Any = None) -> _Own:
        """Learn on from samples, in one pass over them in their order.

        Weights, moments, Markov chains and the range of the first samples are kept from call to call;
        numbers beyond that range are clipped. :meth:`fit` begins anew. The first call sets all parameters,
        and the batch: ``batch_size`` samples, or as many as there are. What is left of the samples after
        the last whole batch is left out. After :meth:`fit`, the first call begins with its weights, and
        without moments. Each call counts as an epoch; ``epochs`` has no meaning here.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or as in :meth:`fit`
            Samples, at least as many as a batch has.
        y : Ignored
            Not used.

        Returns
        -------
        self : WTARBM
            The estimator.
        """
        return self._learn_on(X)

    def save(self, folder: Path) -> None:
        """Write a run folder, which the program ``wta`` and :func:`wta_learn.load` read.

        Parameters
        ----------
        folder : path-like
            A new or empty folder.

        Raises
        ------
        ValueError
            If the samples were not between 0 and 1: a run folder has no place for their range.
        """
        check_is_fitted(self)
        if self.range_ != (0.0, 1.0):
            raise ValueError("the samples were not between 0 and 1, which a run folder cannot say: scale them first")
        super().save(folder)

    def _tables(self, shape, n_samples, seed):
        return {
            "name": "wta-learn",
            "about": "by wta_learn",
            "data": {"set": "memory"},
            "network": {
                "kind": "rbm",
                "hidden": self.n_components,
                "gibbs_steps": self.gibbs_steps,
                "persistent": True if self.persistent else None,
                "mean_bias": True if self.mean_bias else None,
                "initial": {"normal": float(self.initial)},
            },
            "sparsity": {
                "lifetime": None if self.lifetime is None else float(self.lifetime),
                "start": None if self.start is None else float(self.start),
            },
            "training": {
                "epochs": self.epochs,
                "batch": min(self.batch_size, n_samples),
                "optimizer": {"sgd": {"momentum": float(self.momentum)}},
                "rate": float(self.learning_rate),
                "decay": float(self.weight_decay),
                "seed": seed,
            },
            "features": {"root": bool(self.root)},
        }
