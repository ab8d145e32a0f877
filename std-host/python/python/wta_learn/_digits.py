"""The digits that come with the package."""

from __future__ import annotations

from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from . import _engine


def load_digits(split: str = "train") -> Tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A small part of MNIST: 4,800 digits to train with, 1,000 to test with.

    Parameters
    ----------
    split : {"train", "test"}, default="train"
        Which part.

    Returns
    -------
    X : ndarray of shape (n_samples, 1, 28, 28), float32
        Pixels from 0 to 255.
    y : ndarray of shape (n_samples,), int64
        Labels.

    Examples
    --------
    >>> from wta_learn import load_digits
    >>> X, y = load_digits("test")
    >>> X.shape, y[:3].tolist()
    ((1000, 1, 28, 28), [5, 0, 0])
    """
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", got {split!r}')
    pixels, labels = _engine.digits(split == "test")
    return pixels, labels.astype(np.int64)
