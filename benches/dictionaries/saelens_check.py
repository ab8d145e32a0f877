#!/usr/bin/env python3
"""Load a sparse autoencoder with SAELens' own loader and compare what it computes.

Packages: sae-lens (run with 6.54.12; it brings torch), numpy.

    python3 saelens_check.py FOLDER --inputs x.npy --codes z.npy --reconstructions y.npy

FOLDER holds cfg.json and sae_weights.safetensors as SAELens 6 lays them out.
x is rows x d_in, z rows x d_sae (dense: 0 where nothing is active), y rows x
d_in; z and y are what is expected. SAE.load_from_disk loads the folder; z is
compared with encode(x), y with decode(encode(x)), and decode(z) with y too.
Prints the versions, the configuration as SAELens understood it and the largest
differences. Exit status 1 if a difference is above --tolerance (relative to
the largest expected absolute value) or a different number of codes is active
than --flips allows (a value at the threshold's edge may fall to either side).
"""

import argparse
import json
import sys

import numpy as np


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--reconstructions", required=True)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--flips", type=int, default=0,
                        help="codes that may be active on one side only (default 0)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    import sae_lens
    import safetensors
    import torch

    torch.set_num_threads(args.threads)
    sae = sae_lens.SAE.load_from_disk(args.folder)
    print(f"sae-lens {sae_lens.__version__}, torch {torch.__version__}, "
          f"safetensors {safetensors.__version__}, numpy {np.__version__}")
    print(f"{type(sae).__name__}: {json.dumps(sae.cfg.to_dict(), default=str)}")
    for name, value in sae.state_dict().items():
        print(f"  {name} {list(value.shape)} {str(value.dtype).removeprefix('torch.')}")

    inputs = np.load(args.inputs, mmap_mode="r")
    codes = np.load(args.codes, mmap_mode="r")
    reconstructions = np.load(args.reconstructions, mmap_mode="r")
    rows = len(inputs)
    for name, array, shape in (
        ("inputs", inputs, (rows, sae.cfg.d_in)),
        ("codes", codes, (rows, sae.cfg.d_sae)),
        ("reconstructions", reconstructions, (rows, sae.cfg.d_in)),
    ):
        if array.shape != shape:
            sys.exit(f"{name}: {array.shape}, not {shape}")

    flips, active = 0, 0
    largest = dict.fromkeys(("codes", "reconstructions"), 0.0)
    apart = dict.fromkeys(("codes", "reconstructions", "decoded codes"), 0.0)

    def compare(name, found, expected, same):
        difference = np.abs(found.astype(np.float64) - expected)[same]
        if np.isnan(difference).any():
            apart[name] = float("inf")
        elif difference.size:
            apart[name] = max(apart[name], float(difference.max()))

    for start in range(0, rows, args.batch):
        part = slice(start, start + args.batch)
        x = torch.from_numpy(inputs[part].astype(np.float32))
        z = codes[part].astype(np.float32)
        y = reconstructions[part].astype(np.float32)
        with torch.inference_mode():
            found = sae.encode(x)
            back = sae.decode(found).float().numpy()
            other = sae.decode(torch.from_numpy(z).to(found.dtype)).float().numpy()
            found = found.float().numpy()
        flipped = (found != 0) != (z != 0)
        flips += int(flipped.sum())
        active += int((found != 0).sum())
        largest["codes"] = max(largest["codes"], float(np.abs(z).max()))
        largest["reconstructions"] = max(largest["reconstructions"], float(np.abs(y).max()))
        # A code active on one side only is counted as a flip; it and its row's
        # reconstruction are left out of the differences.
        same_row = ~flipped.any(axis=1)
        compare("codes", found, z, ~flipped)
        compare("reconstructions", back, y, same_row)
        compare("decoded codes", other, y, slice(None))

    print(f"{rows} rows, active per row {active / max(rows, 1):.3f}, "
          f"active on one side only {flips}")
    good = flips <= args.flips
    for name, value in apart.items():
        scale = largest["codes" if name == "codes" else "reconstructions"] or 1.0
        fine = value <= args.tolerance * scale
        good = good and fine
        print(f"{name}: largest difference {value:.3e}, {value / scale:.3e} of the "
              f"largest value {scale:.6g}{'' if fine else '  TOO LARGE'}")
    print("agrees" if good else "DOES NOT AGREE")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
