"""Winner-take-all autoencoders: one network, and stacks of them."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple, TypeVar, Union

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from ._constraints import COMMON, COUNT, PAIR, POSITIVE, RATE, SHARE, TRAINING, options, pool_of, size
from ._encoder import Encoder, recipe_of
from ._types import Callback, Floats, SampleShape, Seed, Size

_Own = TypeVar("_Own", bound="WTAAutoencoder")


class WTAAutoencoder(Encoder):
    """Winner-take-all autoencoder, fully connected or convolutional.

    With ``kernel_size=None`` it is FC-WTA: each unit learns from the samples of the batch on which it is
    most active (lifetime sparsity). With a kernel it is CONV-WTA: each feature map keeps its largest
    activation in a sample (spatial sparsity), and of these the largest over the batch.

    Parameters
    ----------
    n_components : int, default=100
        Units, or feature maps of each layer.
    kernel_size : int or (int, int), default=None
        Rows and columns of the encoder's kernels; None for a fully connected network. On signals, steps.
    n_layers : int, default=1
        Layers of the encoder, each of ``n_components`` units or maps.
    decoder_kernel_size : int or (int, int), default=None
        Rows and columns of an atom; by default what the encoder's layers see together, but no more than a
        sample has.
    strides : int or (int, int), default=1
        From one position of a kernel to the next.
    lifetime : float, default=0.05
        The share of each unit's or map's activations over the batch that lives; None for all.
    per_sample : int, default=None
        Instead: how many of each sample's winners live (k-sparse autoencoders, TopK), at most
        ``n_components`` of a fully connected network.
    per_batch : int, default=None
        Instead: how many of each sample's winners live on average, the largest of the batch (BatchTopK).
    spatial : bool or int or (int, int), default=True
        Rows and columns of windows that each feature map is cut into, with one winner each; True is one
        window.
    tied : bool, default=False
        Whether the decoder is the encoder transposed.
    centred : bool, default=False
        Whether the decoder's bias is taken off the samples before they are encoded; it begins as their
        mean. For a fully connected network of one layer, as the next two and ``dead_units``.
    unit_atoms : bool, default=False
        Whether atoms have a norm of 1, also on feature maps.
    thresholds : bool, default=False
        Whether features are cut at thresholds, which as many activations exceed on average as survive in
        training: a sparse code that does not depend on the samples beside it.
    dead_units : int, default=None
        How many dead units learn from what the winners leave of each sample (AuxK). Needs ``per_sample``
        or ``per_batch``.
    dead_after : int, default=100000
        A unit is dead that has survived in none of so many samples.
    dead_weight : float, default=0.03125
        The weight of the dead units' loss.
    signs : {"positive", "both"}, default="positive"
        Which signs of a response become features.
    threshold : {"none", "triangle"}, default="none"
        What is taken off the activations before they become features.
    root : bool, default=False
        Whether features are the square roots of activations.
    pool : (int, int) or None, default=None
        The side of the windows in which features are the largest activation, and the stride.
    average : bool, default=False
        Whether they are the mean of a window instead.
    initial : {"he", "patches", "transposed"} or float, default="he"
        Initial weights: He's random ones, patches of the samples, atoms of norm 1 with filters that are the
        same, or normal ones of this deviation.
    optimizer : {"adam", "sgd"}, default="adam"
        The optimizer.
    learning_rate : float, default=1e-3
        Its rate.
    momentum : float, default=0.9
        Of ``sgd``.
    schedule : {"constant", "linear"} or (float, float), default="constant"
        How the rate goes on: it stays, or falls to 0; or the shares of all steps in which it rises and
        falls.
    weight_decay : float, default=0.0
        L2 penalty on weights.
    revive : bool, default=False
        Whether units that never win get new weights after each epoch.
    epochs : int, default=10
        Passes over the samples.
    batch_size : int, default=100
        Samples of a step; at most as many as there are.
    sample_shape : tuple, default=None
        The shape of a sample if rows of a matrix are images, ``(channels, rows, columns)``, or signals,
        ``(channels, steps)``.
    random_state : int, RandomState instance or None, default=None
        Seed of weights and order. With an int, the weights are those of the program ``wta``.
    n_threads : int, default=None
        Threads; None for one on each processor. Their number does not change a bit of the result.
    callback : callable, default=None
        Called after each epoch with a dict of its results.
    verbose : int, default=0
        Whether to show progress.

    Attributes
    ----------
    components_ : ndarray
        The dictionary: ``(n_components, n_features)``, or ``(maps, channels, rows, columns)``.
    intercept_ : ndarray
        The decoder's bias.
    thresholds_ : ndarray or None
        The activation that each unit has to exceed, with ``thresholds``.
    feature_shape_ : tuple
        The shape of a sample's features.
    history_ : list of dict
        The results of each epoch: ``loss``, ``unexplained``, ``active``, ``dead_share``, ``seconds``.
    loss_ : float
        The loss of the last epoch.
    n_iter_ : int
        Epochs done.
    n_features_in_ : int
        Numbers of a sample.
    recipe_ : str
        The recipe, as the program ``wta`` reads it.
    checksum_ : str
        CRC-32 of the weights, as the program ``wta`` prints it.

    See Also
    --------
    StackedWTA : Several, one on the other.
    WTARBM : A restricted Boltzmann machine.

    References
    ----------
    A. Makhzani and B. Frey, "Winner-Take-All Autoencoders", NIPS 2015.

    Examples
    --------
    >>> from wta_learn import WTAAutoencoder, load_digits
    >>> X, y = load_digits("test")
    >>> encoder = WTAAutoencoder(32, lifetime=0.1, epochs=3, random_state=1).fit(X / 255.0)
    >>> encoder.components_.shape, encoder.transform(X[:5] / 255.0).shape
    ((32, 784), (5, 32))
    """

    _parameter_constraints = {
        **COMMON,
        **TRAINING,
        "n_components": [COUNT],
        "kernel_size": [None, COUNT, *PAIR],
        "n_layers": [COUNT],
        "decoder_kernel_size": [None, COUNT, *PAIR],
        "strides": [COUNT, *PAIR],
        "lifetime": [None, SHARE],
        "per_sample": [None, COUNT],
        "per_batch": [None, COUNT],
        "centred": ["boolean"],
        "unit_atoms": ["boolean"],
        "thresholds": ["boolean"],
        "dead_units": [None, COUNT],
        "dead_after": [COUNT],
        "dead_weight": [RATE],
        "spatial": ["boolean", COUNT, *PAIR],
        "tied": ["boolean"],
        "signs": [options("positive", "both")],
        "threshold": [options("none", "triangle")],
        "root": ["boolean"],
        "pool": [None, *PAIR],
        "average": ["boolean"],
        "initial": [options("he", "patches", "transposed"), POSITIVE],
        "optimizer": [options("adam", "sgd")],
        "schedule": [options("constant", "linear"), *PAIR],
        "revive": ["boolean"],
        "sample_shape": "no_validation",
    }

    def __init__(
        self,
        n_components: int = 100,
        *,
        kernel_size: Optional[Size] = None,
        n_layers: int = 1,
        decoder_kernel_size: Optional[Size] = None,
        strides: Size = 1,
        lifetime: Optional[float] = 0.05,
        per_sample: Optional[int] = None,
        per_batch: Optional[int] = None,
        spatial: Union[bool, Size] = True,
        tied: bool = False,
        centred: bool = False,
        unit_atoms: bool = False,
        thresholds: bool = False,
        dead_units: Optional[int] = None,
        dead_after: int = 100_000,
        dead_weight: float = 0.03125,
        signs: str = "positive",
        threshold: str = "none",
        root: bool = False,
        pool: Optional[Tuple[Size, Size]] = None,
        average: bool = False,
        initial: Union[str, float] = "he",
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        momentum: float = 0.9,
        schedule: Union[str, Tuple[float, float]] = "constant",
        weight_decay: float = 0.0,
        revive: bool = False,
        epochs: int = 10,
        batch_size: int = 100,
        sample_shape: SampleShape = None,
        random_state: Seed = None,
        n_threads: Optional[int] = None,
        callback: Callback = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.kernel_size = kernel_size
        self.n_layers = n_layers
        self.decoder_kernel_size = decoder_kernel_size
        self.strides = strides
        self.lifetime = lifetime
        self.per_sample = per_sample
        self.per_batch = per_batch
        self.spatial = spatial
        self.tied = tied
        self.centred = centred
        self.unit_atoms = unit_atoms
        self.thresholds = thresholds
        self.dead_units = dead_units
        self.dead_after = dead_after
        self.dead_weight = dead_weight
        self.signs = signs
        self.threshold = threshold
        self.root = root
        self.pool = pool
        self.average = average
        self.initial = initial
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.revive = revive
        self.epochs = epochs
        self.batch_size = batch_size
        self.sample_shape = sample_shape
        self.random_state = random_state
        self.n_threads = n_threads
        self.callback = callback
        self.verbose = verbose

    def _tables(self, shape, n_samples, seed):
        initial = self.initial if isinstance(self.initial, str) else {"normal": float(self.initial)}
        if self.per_sample is not None and self.per_batch is not None:
            raise ValueError("per_sample and per_batch are two ways to choose winners: give one of them")
        competes = self.per_sample is not None or self.per_batch is not None
        lifetime = None if competes or self.lifetime is None else float(self.lifetime)
        sparsity = {"lifetime": lifetime, "per-sample": self.per_sample, "per-batch": self.per_batch}
        self._expect_kernels(shape)
        if self.kernel_size is None:
            network = {"kind": "fully-connected", "units": [self.n_components] * self.n_layers}
        else:
            layer = {
                "maps": self.n_components,
                "kernel": size("kernel_size", self.kernel_size),
                "stride": size("strides", self.strides),
            }
            network = {
                "kind": "convolutional",
                "encoder": [layer] * self.n_layers,
                "decoder_kernel": self._decoder_kernel(shape),
            }
            sparsity["grid"] = None if self.spatial is True else size("spatial", self.spatial)
        sgd = {"sgd": {"momentum": float(self.momentum)}}
        pool = pool_of(self.pool)
        if pool is not None:
            pool["average"] = bool(self.average)
        return {
            "name": "wta-learn",
            "about": "by wta_learn",
            "data": {"set": "memory"},
            "network": {**network, "tied": bool(self.tied), "initial": initial},
            "sparsity": sparsity,
            "training": {
                "epochs": self.epochs,
                "batch": min(self.batch_size, n_samples),
                "optimizer": sgd if self.optimizer == "sgd" else self.optimizer,
                "rate": float(self.learning_rate),
                "schedule": self._schedule(),
                "decay": float(self.weight_decay),
                "revive": True if self.revive else None,
                "seed": seed,
            },
            "dictionary": self._dictionary(),
            "features": {
                "root": bool(self.root),
                "signs": self.signs,
                "threshold": self.threshold,
                "pool": pool,
            },
        }

    def _schedule(self):
        if isinstance(self.schedule, str):
            return self.schedule
        try:
            rise, fall = (float(share) for share in self.schedule)
        except (TypeError, ValueError):
            rise = fall = float("nan")
        if not (rise >= 0 and fall >= 0 and rise + fall <= 1):
            raise ValueError(
                f"schedule must be a word or two shares of all steps, together at most 1, got {self.schedule!r}"
            )
        return {"ramps": {"rise": rise, "fall": fall}}

    def _dictionary(self):
        dead = None
        if self.dead_units is not None:
            dead = {
                "units": self.dead_units, "after": self.dead_after, "weight": float(self.dead_weight)
            }
            if self.per_sample is None and self.per_batch is None:
                raise ValueError("dead_units needs per_sample or per_batch: with lifetime, units do not compete")
        one_layer = self.kernel_size is None and self.n_layers == 1
        for name in ("centred", "thresholds", "dead_units"):
            if getattr(self, name) and not one_layer:
                raise ValueError(f"{name} is for a fully connected network of one layer")
        return {
            "centred": bool(self.centred),
            "unit_atoms": bool(self.unit_atoms),
            "thresholds": bool(self.thresholds),
            "dead_units": dead,
        }

    def _expect_kernels(self, shape):
        """Refuses what has no effect, or none that can be meant."""
        if self.average and self.pool is None:
            raise ValueError("average needs pool: without windows there is no mean of one")
        if self.kernel_size is None:
            for name, default in (("strides", 1), ("decoder_kernel_size", None), ("spatial", True), ("pool", None)):
                value = getattr(self, name)
                if value is not default and not (isinstance(value, (int, np.integer)) and value == default):
                    raise ValueError(f"{name} needs kernel_size: a fully connected network has no feature maps")
            if self.tied and self.n_layers > 1:
                raise ValueError(f"tied needs n_layers=1, got {self.n_layers}")
            return
        if self.spatial is False:
            raise ValueError("spatial must be True, or the windows of a map: a map has a winner in each")
        if shape is not None:
            self._expect_strides(shape)

    def _expect_strides(self, shape):
        """Refuses strides that leave out all of a sample but its beginning."""
        sides = np.array(shape[1:])
        strides = np.broadcast_to(size("strides", self.strides), 2)
        # On a signal, one number counts along the steps.
        strides = np.where(sides == 1, 1, strides) if np.isscalar(self.strides) else strides
        for _ in range(self.n_layers):
            if (strides > sides).any():
                raise ValueError(
                    f"strides is {self.strides!r}, but a layer sees only {sides[0]} rows and {sides[1]} columns"
                )
            sides = -(-sides // strides)

    def _decoder_kernel(self, shape):
        if self.decoder_kernel_size is not None:
            return size("decoder_kernel_size", self.decoder_kernel_size)
        if self.tied:
            return size("kernel_size", self.kernel_size)

        def seen(kernel, stride):
            # A position of the last layer sees so many pixels; an atom has as many in each direction.
            reach, step = 1, 1
            for _ in range(self.n_layers):
                reach, step = reach + (kernel - 1) * step, step * stride
            return reach

        both = (size("kernel_size", self.kernel_size), size("strides", self.strides))
        sizes = [np.broadcast_to(np.asarray(each), 2) for each in both]
        both = [seen(int(kernel), int(stride)) for kernel, stride in zip(*sizes)]
        if shape is not None:
            # No larger than a sample, and odd, so that an atom has a centre.
            both = [min(each, side - 1 + side % 2) for each, side in zip(both, shape[1:])]
        return both[0] if both[0] == both[1] else both

    def partial_fit(self: _Own, X: ArrayLike, y: Any = None) -> _Own:
        """Learn on from samples, in one pass over them in their order.

        Weights and the optimizer's moments are kept from call to call; :meth:`fit` begins anew. The first
        call sets all parameters (the rate must be constant, as nobody knows how many steps there will be), and
        the batch: ``batch_size`` samples, or as many as there are. What is left of the samples after the last
        whole batch is left out. After :meth:`fit`, the first call begins with its weights, and without moments.
        Each call counts as an epoch; ``epochs`` has no meaning here.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or as in :meth:`fit`
            Samples, at least as many as a batch has.
        y : Ignored
            Not used.

        Returns
        -------
        self : WTAAutoencoder
            The estimator.
        """
        return self._learn_on(X)

    def inverse_transform(self, X: ArrayLike) -> Floats:
        """Samples from features of a fully connected network: the sum of the atoms, by their activations.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Features, as :meth:`transform` gives them. Of ``signs="both"`` and ``threshold="triangle"``
            there is no inverse.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features), float32
            Samples.
        """
        from sklearn.utils.validation import check_array, check_is_fitted

        check_is_fitted(self)
        if self.components_.ndim != 2:
            raise ValueError("inverse_transform is for fully connected networks, not feature maps: see reconstruct")
        for name, only in (("signs", "positive"), ("threshold", "none")):
            if getattr(self, name) != only:
                raise ValueError(f"inverse_transform needs {name}={only!r}: others have no inverse; see reconstruct")
        X = check_array(X, accept_sparse="csr", dtype=np.float32)
        if X.shape[1] != len(self.components_):
            raise ValueError(f"X has {X.shape[1]} features, but there are {len(self.components_)} atoms")
        activations = X if not self.root else X.power(2) if issparse(X) else np.square(X)
        return activations @ self.components_ + self.intercept_


class StackedWTA(Encoder):
    """A stack: each network learns from the features of the one below.

    Parameters
    ----------
    layers : list of WTAAutoencoder
        The networks, from the lowest up. Their ``sample_shape``, ``random_state``, ``n_threads`` and
        ``verbose`` are those of the stack. Their callbacks are called after their own epochs.
    sample_shape : tuple, default=None
        The shape of a sample, as for :class:`WTAAutoencoder`.
    random_state : int, RandomState instance or None, default=None
        Seed of all layers.
    n_threads : int, default=None
        Threads; None for one on each processor.
    callback : callable, default=None
        Called after each epoch of each layer with a dict of its results.
    verbose : int, default=0
        Whether to show progress.

    Attributes
    ----------
    components_ : ndarray
        The dictionary of the last layer, over the features below.
    feature_shape_ : tuple
        The shape of a sample's features.
    history_ : list of dict
        The results of each epoch, layer after layer.
    n_features_in_ : int
        Numbers of a sample.

    Examples
    --------
    >>> from wta_learn import StackedWTA, WTAAutoencoder, load_digits
    >>> X, y = load_digits("test")
    >>> below = WTAAutoencoder(16, kernel_size=5, pool=(5, 3), lifetime=0.2, epochs=1)
    >>> above = WTAAutoencoder(32, kernel_size=3, pool=(3, 2), lifetime=0.2, epochs=1)
    >>> stack = StackedWTA([below, above], sample_shape=(1, 28, 28), random_state=1).fit(X / 255.0)
    >>> stack.feature_shape_
    (32, 5, 5)
    """

    _parameter_constraints = {**COMMON, "layers": [list, tuple, None], "sample_shape": "no_validation"}

    def __init__(
        self,
        layers: Optional[Sequence[WTAAutoencoder]] = None,
        *,
        sample_shape: SampleShape = None,
        random_state: Seed = None,
        n_threads: Optional[int] = None,
        callback: Callback = None,
        verbose: int = 0,
    ) -> None:
        self.layers = layers
        self.sample_shape = sample_shape
        self.random_state = random_state
        self.n_threads = n_threads
        self.callback = callback
        self.verbose = verbose

    def _tables(self, shape, n_samples, seed):
        layers = [WTAAutoencoder(), WTAAutoencoder()] if self.layers is None else list(self.layers)
        if len(layers) < 2:
            raise ValueError(f"a stack has at least two layers, got {len(layers)}")
        below = None
        for number, layer in enumerate(layers, 1):
            if not isinstance(layer, WTAAutoencoder):
                raise ValueError(f"the layers of a stack are WTAAutoencoder, got {type(layer).__name__}")
            layer._validate_params()
            # What a layer above sees has another shape.
            tables = layer._tables(shape if below is None else None, n_samples, seed)
            if below is not None and layer.kernel_size is not None:
                layer._expect_strides(recipe_of(below).feature_shape(shape))
            tables["name"] = f"wta-learn-{number}"
            tables["below"] = below
            below = tables
        return below

    def _callbacks(self):
        layers = [] if self.layers is None else self.layers
        return {f"wta-learn-{number}": layer.callback for number, layer in enumerate(layers, 1)}
