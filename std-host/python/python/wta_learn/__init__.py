"""Winner-take-all autoencoders for scikit-learn.

Estimators that learn sparse features from vectors, signals and images (Makhzani and Frey,
"Winner-Take-All Autoencoders", NIPS 2015), a fast linear SVM, and whitening. What is learnt here and
what the program ``wta`` learns are the same, to the bit: :func:`load` reads its run folders.

>>> from wta_learn import LinearSVC, UnitAverageNorm, WTAAutoencoder, load_digits
>>> from sklearn.pipeline import make_pipeline
>>> X, y = load_digits("train")
>>> model = make_pipeline(
...     WTAAutoencoder(16, kernel_size=5, n_layers=2, spatial=True, lifetime=0.2, pool=(5, 3), epochs=1,
...                    random_state=1),
...     UnitAverageNorm(),
...     LinearSVC(C=10.0))
>>> model.fit(X / 255.0, y).score(X / 255.0, y) > 0.9
True
"""

from ._autoencoder import StackedWTA, WTAAutoencoder
from ._digits import load_digits
from ._engine import instruction_set
from ._export import export
from ._preprocessing import LocalContrast, ZCA
from ._rbm import WTARBM
from ._runs import Recipe, Run, load, train
from ._scaling import UnitAverageNorm
from ._svc import LinearSVC

__version__ = "0.1.0"

__all__ = [
    "LinearSVC",
    "LocalContrast",
    "Recipe",
    "Run",
    "StackedWTA",
    "UnitAverageNorm",
    "WTAAutoencoder",
    "WTARBM",
    "ZCA",
    "export",
    "instruction_set",
    "load",
    "load_digits",
    "train",
]
