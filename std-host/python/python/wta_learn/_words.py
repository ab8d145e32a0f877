"""The engine's sentences, which are about recipes, in the words of estimators."""

import re
from contextlib import contextmanager

# What a recipe calls a thing, and what an estimator calls it. All that are found in a sentence are replaced,
# in this order.
WORDS = [
    (r"^recipe wta-learn-(\d+)[:,] ", r"layer \1 of the stack: "),
    (r"^recipe wta-learn[:,] ", ""),
    (
        "network: tied weights need one encoder layer with the decoder's kernel",
        "tied needs n_layers=1, and a decoder_kernel_size that is kernel_size",
    ),
    ("network: an encoder may have at most 8 layers", "n_layers must be at most 8"),
    ("network: a kernel is larger", "kernel_size or decoder_kernel_size: a kernel is larger"),
    ("network: a kernel or a stride has", "kernel_size, decoder_kernel_size or strides: a kernel or a stride has"),
    ("network: a layer", "n_components: a layer"),
    ("features: a pooling window is larger", "pool: a window is larger"),
    ("sparsity: a grid of winners is finer than the feature maps", "spatial: there are more windows than positions"),
    ("training: a learning rate", "learning_rate"),
    ("training: weight decay is 0", "weight_decay is 0"),
    ("training: momentum", "momentum"),
    ("use fewer maps or a smaller batch", "lower n_components or batch_size"),
    ("below is nested too deeply", "layers"),
    ("sparsity.start needs lifetime or per-sample to fall to", "start needs lifetime to fall to"),
    (r"sparsity\.(start|lifetime)", r"\1"),
    (
        "; scale them by data.divide_by, or by the preprocess step standardise; if they are a few, clip them by "
        "training.clip_inputs",
        "; scale them first",
    ),
    (r"preprocess step zca: its patch", "patch_size: a patch"),
    (r"preprocess step zca has learnt", "ZCA has learnt"),
    (r"preprocess step zca", "ZCA"),
    ("give a larger regulariser", "raise regularization"),
    (r"(preprocess step local-contrast: |preprocess\.0\.)", ""),
    ("regulariser", "regularization"),
    (r"\b(dictionary|network|features|training|sparsity)\.(centred|thresholds|dead_units|initial|threshold|signs|revive)\b", r"\2"),
    (
        r"\bsparsity\.per-(sample|batch) is (\d+), but a code has (\d+) units",
        r"per_\1=\2 winners of a sample are more than n_components=\3",
    ),
    (r"\bsparsity\.(lifetime|per-sample|per-batch)\b", r"\1"),
    (r"\bper-(sample|batch)\b", r"per_\1"),
]

RULES = [(re.compile(found if "\\" in found or "^" in found else re.escape(found)), said) for found, said in WORDS]


def in_own_words(sentence):
    """A sentence of the engine about a recipe that an estimator has made."""
    for found, said in RULES:
        sentence = found.sub(said, sentence)
    return sentence


@contextmanager
def own_words():
    """Errors of the engine about a recipe that the caller has not written, in the caller's words."""
    try:
        yield
    except (ValueError, RuntimeError, MemoryError) as error:
        said = in_own_words(str(error))
        if said == str(error):
            raise
        raise type(error)(said) from None
