"""The engine, in Rust. See std-host/python/src."""

from os import PathLike
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

_Shape = Tuple[int, int, int]
_Path = Union[str, "PathLike[str]"]
_Watcher = Callable[..., Any]

class Recipe:
    name: str
    about: str
    @staticmethod
    def of_json(json: str) -> Recipe: ...
    @staticmethod
    def parse(text: str, origin: str) -> Recipe: ...
    @staticmethod
    def load(name_or_path: str) -> Recipe: ...
    @staticmethod
    def names() -> List[str]: ...
    def feature_shape(self, shape: _Shape) -> _Shape: ...
    def toml(self) -> str: ...

class Network:
    shape: _Shape
    recipe: Recipe
    classes: List[str]
    checksum: int
    below: Optional[Network]
    @staticmethod
    def train(
        recipe: Recipe,
        array: NDArray[np.float32],
        shape: _Shape,
        *,
        labels: Optional[NDArray[np.uint16]],
        run: Optional[_Path],
        resume: bool,
        begin: Optional[_Path],
        memory: Optional[int],
        threads: int,
        watcher: Optional[_Watcher],
    ) -> Network: ...
    @staticmethod
    def load(folder: _Path, shape: Optional[_Shape]) -> Network: ...
    def save(self, folder: _Path) -> None: ...
    def files(self) -> Dict[str, bytes]: ...
    @staticmethod
    def of_files(files: Dict[str, bytes]) -> Network: ...
    def encode(self, array: NDArray[np.float32], shape: _Shape, threads: int) -> NDArray[np.float32]: ...
    def codes(self, array: NDArray[np.float32], shape: _Shape, threads: int) -> NDArray[np.float32]: ...
    def reconstruct(self, array: NDArray[np.float32], shape: _Shape, threads: int) -> NDArray[np.float32]: ...
    def export(self, path: _Path, format: str) -> Optional[str]: ...
    def parameters(self) -> Dict[str, NDArray[np.float32]]: ...
    def feature_dimensions(self) -> List[int]: ...

class Trainer:
    def __init__(self, recipe: Recipe, shape: _Shape, begin: Optional[Network]) -> None: ...
    @staticmethod
    def of_state(
        recipe: Recipe, shape: _Shape, parameters: List[float], moments: List[float],
        notes: Tuple[List[float], List[int]], steps: int, calls: int,
    ) -> Trainer: ...
    def learn(
        self, array: NDArray[np.float32], shape: _Shape, *, threads: int, watcher: Optional[_Watcher]
    ) -> Network: ...

class Steps:
    @staticmethod
    def fit(recipe: Recipe, array: NDArray[np.float32], shape: _Shape, *, threads: int) -> Steps: ...
    @staticmethod
    def of_numbers(recipe: Recipe, shape: _Shape, numbers: Dict[str, List[float]]) -> Steps: ...
    def numbers(self) -> Dict[str, NDArray[np.float32]]: ...
    def apply(self, array: NDArray[np.float32], shape: _Shape, *, threads: int) -> NDArray[np.float32]: ...

class SvmRows:
    @staticmethod
    def dense(matrix: NDArray[np.float32], threads: int) -> SvmRows: ...
    @staticmethod
    def sparse(
        starts: NDArray[np.int64], columns: NDArray[np.uint32], values: NDArray[np.float32], features: int
    ) -> SvmRows: ...

def svc_fit(
    rows: SvmRows,
    labels: NDArray[np.uint16],
    classes: int,
    *,
    solver: str,
    c: float,
    by_gap: bool,
    tolerance: float,
    max_epochs: int,
    seed: int,
    intercept: float,
    row_weights: Optional[NDArray[np.float32]],
    class_weights: Sequence[float],
    threads: int,
    watcher: Optional[_Watcher],
) -> Tuple[NDArray[np.float32], NDArray[np.float32], List[Tuple[float, float, int, bool]]]: ...
def digits(test: bool) -> Tuple[NDArray[np.float32], NDArray[np.uint16]]: ...
def predict(
    folder: _Path, from_: NDArray[np.float32], shape: _Shape, threads: int
) -> Tuple[List[str], NDArray[np.float32]]: ...
def export_run(folder: _Path, path: _Path, format: str) -> Optional[str]: ...
def instruction_set() -> str: ...
