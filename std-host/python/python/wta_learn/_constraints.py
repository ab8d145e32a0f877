"""What parameters of estimators may be, in scikit-learn's own terms."""

import numbers

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

# What the engine counts.
MOST = 2**31 - 1

COUNT = Interval(numbers.Integral, 1, MOST, closed="both")
SHARE = Interval(numbers.Real, 0, 1, closed="right")
POSITIVE = Interval(numbers.Real, 0, None, closed="neither")
RATE = Interval(numbers.Real, 0, 1e6, closed="right")
NOT_NEGATIVE = Interval(numbers.Real, 0, 1e6, closed="both")
EPOCHS = Interval(numbers.Integral, 0, 10**9, closed="both")
MOMENTUM = Interval(numbers.Real, 0, 1, closed="left")
PAIR = [tuple, list, np.ndarray]

#: Of all networks.
COMMON = {
    "n_threads": "no_validation",
    "callback": [callable, None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}

#: Of how they are trained.
TRAINING = {
    "learning_rate": [RATE],
    "momentum": [MOMENTUM],
    "weight_decay": [NOT_NEGATIVE],
    "epochs": [EPOCHS],
    "batch_size": [COUNT],
}


def options(*names):
    """One of these words."""
    return StrOptions(set(names))


def size(name, value):
    """A number of at least 1, or rows and columns, for the engine."""
    if value is None or (isinstance(value, numbers.Integral) and 1 <= value <= MOST):
        return None if value is None else int(value)
    try:
        sides = [int(side) for side in value if isinstance(side, numbers.Integral) and 1 <= side <= MOST]
        if len(sides) == len(value) == 2:
            return sides
    except TypeError:
        pass
    raise ValueError(f"{name} must be a number of at least 1, or rows and columns, got {value!r}")


def pool_of(value):
    """The windows of pooling and their stride, for the engine."""
    if value is None:
        return None
    try:
        kernel, stride = value
    except (TypeError, ValueError):
        raise ValueError(f"pool must be (side of the windows, stride), got {value!r}") from None
    return {"kernel": size("pool", kernel), "stride": size("pool", stride)}
