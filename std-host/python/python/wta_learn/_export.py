"""Networks for other programs."""

from __future__ import annotations

import os
import warnings
from typing import Optional, Union

from sklearn.utils.validation import check_is_fitted

from . import _engine
from ._encoder import Encoder
from ._runs import Run
from ._samples import path_of
from ._types import Path
from ._words import in_own_words

#: Formats by the end of a path.
ENDS = {".wta": "wta", ".onnx": "onnx"}

FORMATS = ("wta", "onnx", "saelens")


def export(network: Union[Encoder, Run], path: Path, format: Optional[str] = None) -> None:
    """Write a network for other programs.

    Parameters
    ----------
    network : WTAAutoencoder, StackedWTA, WTARBM or Run
        A fitted estimator, or a run; of a run folder with a classifier, this is written, too.
    path : path-like
        The file to write, or for ``"saelens"`` the folder.
    format : {"wta", "onnx", "saelens"}, default=None
        ``"wta"`` is ``model.wta`` for firmware, ``"onnx"`` a graph for onnxruntime and others, and
        ``"saelens"`` a dictionary as SAELens reads it. By default what the end of the path says.

    Examples
    --------
    >>> import tempfile
    >>> from wta_learn import WTAAutoencoder, export, load_digits
    >>> X, y = load_digits("test")
    >>> encoder = WTAAutoencoder(8, epochs=1, random_state=1).fit(X / 255.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(encoder, folder + "/model.wta")
    """
    path = path_of(path)
    if format is None:
        format = ENDS.get(os.path.splitext(path)[1])
        if format is None:
            raise ValueError(f"{path} does not say the format: end it with .wta or .onnx, or give format")
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    if isinstance(network, Run):
        if network.folder is not None:
            note = _engine.export_run(network.folder, path, format)
        else:
            note = network._network.export(path, format)
    elif isinstance(network, Encoder):
        check_is_fitted(network)
        note = network._network.export(path, format)
    else:
        raise ValueError(f"network must be a fitted estimator or a run, got {type(network).__name__}")
    if note is not None:
        warnings.warn(in_own_words(note), UserWarning, stacklevel=2)
