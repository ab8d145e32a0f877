"""Types of parameters."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

#: Channels, rows and columns of a sample, or fewer of them.
SampleShape = Optional[Sequence[int]]
#: The same number of rows and columns, or both.
Size = Union[int, Tuple[int, int]]
Seed = Union[int, np.random.RandomState, None]
Callback = Optional[Callable[[Dict[str, Any]], Any]]
Path = Union[str, "os.PathLike[str]"]
Floats = NDArray[np.float32]
#: Rows of a dense or a sparse matrix.
Matrix = Union[ArrayLike, sparse.spmatrix, sparse.csr_array]
Rows = Union[NDArray[Any], sparse.spmatrix, sparse.csr_array]
