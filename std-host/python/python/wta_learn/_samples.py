"""Arrays of any layout as the engine wants them: ``float32`` without gaps, channels last."""

import math
import operator
import os

import numpy as np
from sklearn.utils.validation import check_array, validate_data

# More do not help, and a million of them hold up the whole machine.
MOST_THREADS = 1024


def shape_of(own, sample_shape=None):
    """Channels, rows and columns of samples whose arrays are of the shape ``own``.

    Without ``sample_shape``, rows of a matrix are vectors, ``n x channels x steps`` are signals and
    ``n x channels x rows x columns`` images. ``sample_shape`` says what the rows of a matrix are.
    """
    if sample_shape is None:
        return sides(own)
    given = checked_shape(sample_shape)
    if math.prod(given) != math.prod(own):
        raise ValueError(f"a sample has {math.prod(own)} numbers, which are not of the shape {given}")
    return given


def checked_shape(sample_shape):
    """Channels, rows and columns from what a caller says."""
    problem = f"sample_shape must be (channels, rows, columns), (channels, steps) or (numbers,), got {sample_shape!r}"
    try:
        given = tuple(operator.index(side) for side in sample_shape)
    except TypeError:
        raise ValueError(problem) from None
    if not 1 <= len(given) <= 3 or not all(1 <= side < 1 << 31 for side in given):
        raise ValueError(problem)
    return sides(given)


def sides(shape):
    """Channels, rows and columns of a vector, a signal or an image."""
    if len(shape) == 1:
        return (1, 1, shape[0])
    if len(shape) == 2:
        return (shape[0], 1, shape[1])
    return tuple(shape)


def flat(estimator, X, *, reset, min_samples=1):
    """``X`` checked as scikit-learn checks, as a matrix of a row for each sample, in ``float32``.

    Returns the matrix and the array's own shape of a sample.
    """
    X = X if hasattr(X, "__array_interface__") or hasattr(X, "iloc") or hasattr(X, "dtype") else _array(X)
    sample = tuple(getattr(X, "shape", ())[1:])
    if len(sample) > 1:
        if len(sample) > 3:
            raise ValueError(f"samples have 1 to 3 dimensions, but these have {len(sample)}")
        X = check_array(X, dtype=np.float32, allow_nd=True, estimator=estimator)
        X = X.reshape(len(X), -1)
    X = validate_data(
        estimator, X, reset=reset, dtype=np.float32, order="C", ensure_min_samples=min_samples, accept_sparse=False
    )
    return in_order(X), sample if len(sample) > 1 else (X.shape[1],)


def path_of(path, name="path", kind="file"):
    """A path as text."""
    path = os.fspath(path)
    if not path:
        raise ValueError(f"{name} must be the path of a {kind}, got an empty one")
    return path


def folder_of(path, name="folder"):
    """The path of a folder as text."""
    return path_of(path, name, "folder")


def expect_shape(estimator, own, shape):
    """Refuses arrays whose samples have another shape than those that the estimator was fitted on."""
    if len(own) > 1 and shape_of(own) != shape:
        raise ValueError(f"X has samples of the shape {own}, but {type(estimator).__name__} was fitted on {shape}")


def expect_finite(made, what):
    """Refuses numbers that have grown beyond those of ``float32``."""
    if not np.isfinite(made).all():
        raise ValueError(f"X holds numbers that are too large {what}: scale them first")
    return made


def in_order(X):
    """The same array, or a copy that is aligned and without gaps."""
    return np.require(X, requirements=("C", "A"))


def _array(X):
    """A list as an array; what is none is told by scikit-learn."""
    try:
        return np.asarray(X)
    except ValueError:
        return X


def channels_last(X, shape):
    """Rows of channels, rows and columns as rows of rows, columns and channels, without gaps."""
    channels, height, width = shape
    if channels == 1 or height * width == 1:
        return in_order(X)
    images = X.reshape(len(X), channels, height, width)
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)).reshape(len(X), -1)


def channels_first(X, shape):
    """The other way round."""
    channels, height, width = shape
    if channels == 1 or height * width == 1:
        return X
    images = X.reshape(len(X), height, width, channels)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(X), -1)


def seed_of(random_state):
    """A seed for the engine: an int stays as it is."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, (int, np.integer)) and 0 <= random_state < 1 << 63:
        return int(random_state)
    return int(check_random_state(random_state).randint(1, np.iinfo(np.int32).max))


def threads_of(n_threads):
    """The number of threads for the engine; 0 is one for each processor."""
    if n_threads is None:
        return 0
    is_number = isinstance(n_threads, (int, np.integer)) and not isinstance(n_threads, (bool, np.bool_))
    if not is_number or not 1 <= n_threads <= MOST_THREADS:
        raise ValueError(f"n_threads must be None, or from 1 to {MOST_THREADS}, got {n_threads!r}")
    return int(n_threads)
