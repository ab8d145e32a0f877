"""Recipes and run folders, as the program ``wta`` has them."""

from __future__ import annotations

import json
import math
import os
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.utils.validation import check_array

from . import _engine
from ._encoder import without_none
from ._samples import channels_last, checked_shape, folder_of, shape_of, threads_of
from ._types import Callback, Floats, Path, SampleShape
from ._watch import Watcher


class Recipe:
    """A recipe: preprocessing, network, training, features, classifier.

    Parameters
    ----------
    source : str, path-like or dict
        The name of a built-in recipe, the path of a TOML file, or its tables.

    Examples
    --------
    >>> from wta_learn import Recipe
    >>> Recipe("mnist-fc2000").name
    'mnist-fc2000'
    >>> "digits-demo" in Recipe.names()
    True
    """

    def __init__(self, source: Union[Path, Dict[str, Any]]) -> None:
        if isinstance(source, dict):
            tables = without_none(source)
            _expect_tables(tables)
            self._engine = _engine.Recipe.of_json(json.dumps(tables))
        elif isinstance(source, (str, os.PathLike)):
            self._engine = _engine.Recipe.load(os.fspath(source))
        else:
            raise TypeError(f"a recipe is a name, a path or a dict of tables, got {source!r}")

    @staticmethod
    def names() -> List[str]:
        """The names of the built-in recipes."""
        return _engine.Recipe.names()

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self._engine.name

    def to_toml(self) -> str:
        """The text of its TOML file."""
        return self._engine.toml()

    def __repr__(self):
        return f"Recipe({self.name!r}): {self._engine.about}"


def _expect_tables(value, key=""):
    """Refuses what a recipe's file cannot hold, by its key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise ValueError(f"the keys of a recipe are strings, got {name!r}")
            _expect_tables(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _expect_tables(inner, f"{key}.{index}")
    elif not isinstance(value, (str, bool, int, float)) or (isinstance(value, float) and not
    math.isfinite(value)):
        raise ValueError(f"{key} is {value!r}, which is no value of a recipe")


class Run:
    """A trained network: what :func:`train` and :func:`load` return.

    Attributes
    ----------
    folder : str or None
        The run folder, if there is one.
    sample_shape : tuple
        Channels, rows and columns of a sample.
    history : list of dict
        The results of each epoch, if it was trained here.
    """

    def __init__(
        self, network: _engine.Network, folder: Optional[str] = None, history: Sequence[Dict[str, Any]] = ()
    ) -> None:
        self._network = network
        self.folder = folder
        self.history = list(history)
        self.sample_shape = tuple(network.shape)

    @property
    def recipe(self) -> str:
        """The recipe, as the text of a TOML file."""
        return self._network.recipe.toml()

    @property
    def checksum(self) -> str:
        """CRC-32 of the weights, as the program prints it."""
        return f"{self._network.checksum:08x}"

    @property
    def classes(self) -> List[str]:
        """The names of the classes of the samples."""
        return self._network.classes

    def parameters(self) -> Dict[str, Floats]:
        """The weights of the last layer by name, in the layouts of ``torch.nn``."""
        return self._network.parameters()

    def transform(self, X: ArrayLike, n_threads: Optional[int] = None) -> Floats:
        """The features of samples: an array of n x maps x rows x columns, or n x units."""
        return self._encoded(X, "encode", n_threads)

    def codes(
        self, X: ArrayLike, n_threads: Optional[int] = None, *, sparse: bool = False
    ) -> Union[Floats, csr_array]:
        """The codes of samples with exactly the winners of training.

        They are an array, or with ``sparse`` a CSR matrix with a row for each sample.
        """
        codes = self._encoded(X, "codes", n_threads)
        return csr_array(codes.reshape(len(codes), -1)) if sparse else codes

    def reconstruct(self, X: ArrayLike, n_threads: Optional[int] = None) -> Floats:
        """What the network makes of samples, from their winners."""
        return self._encoded(X, "reconstruct", n_threads)

    def predict(self, X: ArrayLike, n_threads: Optional[int] = None) -> NDArray[np.str_]:
        """The classes of samples, by the classifier of the run folder's last evaluation."""
        return np.asarray(self._predicted(X, n_threads)[0])

    def decision_function(self, X: ArrayLike, n_threads: Optional[int] = None) -> Floats:
        """The score of each class for each sample, by the classifier of the last evaluation."""
        return self._predicted(X, n_threads)[1]

    def save(self, folder: Path) -> None:
        """Write a run folder."""
        self._network.save(folder_of(folder))

    def _predicted(self, X, n_threads):
        if self.folder is None:
            raise ValueError("this run has no folder, and so no classifier; see LinearSVC")
        X, shape = _samples(X, self.sample_shape)
        return _engine.predict(self.folder, X, shape, threads_of(n_threads))

    def _encoded(self, X, what, n_threads):
        X, shape = _samples(X, self.sample_shape)
        return getattr(self._network, what)(X, shape, threads_of(n_threads))

    def __repr__(self):
        return f"Run({self._network.recipe.name!r}, weights {self.checksum})"


def load(folder: Path, sample_shape: SampleShape = None) -> Run:
    """Load the network of a run folder.

    Parameters
    ----------
    folder : path-like
        What ``wta train``, :func:`train` or ``save`` has written.
    sample_shape : tuple, default=None
        Channels, rows and columns of samples, if they are larger than those it learnt from.

    Returns
    -------
    run : Run
        The network.
    """
    folder = folder_of(folder)
    shape = None if sample_shape is None else checked_shape(sample_shape)
    return Run(_engine.Network.load(folder, shape), folder)


def train(
    recipe: Union[Recipe, Path, Dict[str, Any]],
    X: ArrayLike,
    y: Optional[ArrayLike] = None,
    *,
    run: Optional[Path] = None,
    resume: bool = False,
    begin: Optional[Path] = None,
    sample_shape: SampleShape = None,
    n_threads: Optional[int] = None,
    callback: Callback = None,
    verbose: int = 0,
) -> Run:
    """Train a recipe, to the bits of ``wta train``.

    Parameters
    ----------
    recipe : Recipe, str, path-like or dict
        The recipe.
    X : array-like of shape (n_samples, n_features), (n_samples, channels, steps) or \
            (n_samples, channels, rows, columns)
        Samples, as they are in files: the recipe divides and preprocesses them.
    y : array-like of shape (n_samples,), default=None
        Labels from 0. Nothing is learnt from them; the run folder keeps the number of classes.
    run : path-like, default=None
        A run folder to write, with checkpoints.
    resume : bool, default=False
        Whether to go on from its checkpoint.
    begin : path-like, default=None
        A run folder whose weights to begin with.
    sample_shape : tuple, default=None
        The shape of a sample if rows of a matrix are images or signals.
    n_threads : int, default=None
        Threads; None for one on each processor.
    callback : callable, default=None
        Called after each epoch with a dict of its results.
    verbose : int, default=0
        Whether to show progress.

    Returns
    -------
    run : Run
        The trained network.

    Examples
    --------
    >>> from wta_learn import load_digits, train
    >>> X, y = load_digits("train")
    >>> train("digits-demo", X, y).sample_shape
    (1, 28, 28)
    """
    if resume and run is None:
        raise ValueError("resume needs run: the folder with the checkpoint to go on from")
    recipe = recipe if isinstance(recipe, Recipe) else Recipe(recipe)
    X, shape = _samples(X, sample_shape)
    labels = None if y is None else _labels(y)
    watcher = Watcher(verbose, callback)
    folder = None if run is None else folder_of(run, "run")
    try:
        network = _engine.Network.train(
            recipe._engine, X, shape, labels=labels, run=folder, resume=bool(resume),
            begin=None if begin is None else folder_of(begin, "begin"), memory=None, threads=threads_of(n_threads),
            watcher=watcher,
        )
    finally:
        watcher.close()
    return Run(network, folder, watcher.history)


def _labels(y):
    y = np.asarray(y)
    if y.ndim != 1 or y.dtype.kind not in "iub" or (len(y) and not (0 <= y.min() and y.max() < 1 << 16)):
        raise ValueError("y must be whole numbers from 0 to 65535, one for each sample")
    return np.ascontiguousarray(y.astype(np.uint16))


def _samples(X, sample_shape):
    X = check_array(X, dtype=np.float32, allow_nd=True)
    if X.ndim > 4:
        raise ValueError(f"samples have 1 to 3 dimensions, but these have {X.ndim - 1}")
    shape = shape_of(X.shape[1:], sample_shape)
    return channels_last(X.reshape(len(X), -1), shape), shape
