#!/usr/bin/env python3
"""Train a sparse autoencoder with plain PyTorch, as a reference to compare with.

Written the usual way: dense float32 matrix products, torch.topk, autograd,
torch.optim.Adam. Packages: torch (run with 2.15.0), numpy; safetensors only
for --initial and --save.

    python3 in_pytorch.py --train train.npy --test test.npy --units 3072 \\
        --selection batch --k 32 --batch 1024 --epochs 2 --rate 1e-3 --json out.json

The model, x being B rows of inputs, W_enc and W_dec units x inputs:

    z        = relu((x - b_dec) W_enc' + b_enc)   --centred (without: x W_enc' + b_enc)
    s        = selected z, 0 elsewhere
    sample:    the k largest of each row
    batch:     the k B largest of the whole batch
    lifetime:  of each unit the max(1, round(share B)) largest of the batch
               (share: --share, by default k / units, so that L0 is k)
    y        = s W_dec + b_dec
    loss     = mean over rows of |x - y|^2 / 2

The rows of W_dec (atoms) are scaled to norm 1 after each step; the gradient is
not projected. --tied: W_enc is W_dec, one parameter. A unit counts as selected
in a row if it was chosen there with z > 0. A unit is dead if it was selected
in none of the last --dead-after training rows before the present batch. With
--aux-weight > 0 there is added, as soon as a unit is dead,

    weight * mean over rows of |r - a W_dec|^2 / 2,   r = (x - y), detached,
    a = the --aux-units largest z of the dead units in each row

Adam (0.9, 0.999, 1e-8). Step t = 0 ... T-1 has the learning rate
rate * min(1, (t + 1) / (rise T), (T - t) / (fall T)), rise T and fall T rounded.

Initially the atoms are random directions (normal, torch's generator with the
seed), W_enc the same, b_enc 0, b_dec the mean of the first 10,000 training
rows. --initial FILE gives all four instead, in safetensors: encoder.0.weight
[units, inputs], encoder.0.bias [units], decoder.weight [inputs, units],
decoder.bias [inputs] (torch.nn.Linear's layout), float32, taken as they are.
--save FILE writes the same.

Epoch e takes the training rows in the order
numpy.random.default_rng([seed, e]).permutation(rows), e = 0, 1, ...; the rows
left over from whole batches at its end are left out.

Per epoch it prints the mean training loss (without and with the auxiliary
one), on the test rows the FVU (sum of squared errors / sum of squared
deviations from their mean) with the same selection over batches of the same
size (a smaller last one included) and L0, the share of dead units, the share
of units selected in no test row, and the seconds of training alone.
"""

import argparse
import json
import platform
import time

import numpy as np
import torch


class Dictionary(torch.nn.Module):
    def __init__(self, units, inputs, selection, k, share, centred, tied):
        super().__init__()
        self.selection, self.k, self.share, self.centred = selection, k, share, centred
        atoms = torch.randn(units, inputs)
        atoms /= atoms.norm(dim=1, keepdim=True)
        self.W_dec = torch.nn.Parameter(atoms)
        self.W_enc = self.W_dec if tied else torch.nn.Parameter(atoms.clone())
        self.b_enc = torch.nn.Parameter(torch.zeros(units))
        self.b_dec = torch.nn.Parameter(torch.zeros(inputs))

    def codes(self, x):
        if self.centred:
            x = x - self.b_dec
        return torch.relu(x @ self.W_enc.T + self.b_enc)

    def select(self, z):
        if self.selection == "sample":
            top = z.topk(self.k, dim=1, sorted=False)
            return torch.zeros_like(z).scatter(1, top.indices, top.values)
        if self.selection == "batch":
            flat = z.flatten()
            top = flat.topk(self.k * len(z), sorted=False)
            return torch.zeros_like(flat).scatter(0, top.indices, top.values).view_as(z)
        count = max(1, round(self.share * len(z)))
        top = z.topk(count, dim=0, sorted=False)
        return torch.zeros_like(z).scatter(0, top.indices, top.values)

    def forward(self, x):
        z = self.codes(x)
        s = self.select(z)
        return s @ self.W_dec + self.b_dec, s, z

    @torch.no_grad()
    def renormalise(self):
        self.W_dec /= self.W_dec.norm(dim=1, keepdim=True)


def half_squares(error):
    return 0.5 * error.pow(2).sum(dim=1).mean()


def auxiliary(model, residual, z, dead, aux_units):
    """How badly the dead units reconstruct what the others left over."""
    z = z[:, dead]
    top = z.topk(min(aux_units, z.shape[1]), dim=1, sorted=False)
    a = torch.zeros_like(z).scatter(1, top.indices, top.values)
    return half_squares(residual - a @ model.W_dec[dead])


@torch.no_grad()
def evaluate(model, test, batch):
    mean = np.asarray(test, dtype=np.float64).mean(0)
    errors = deviations = selected = 0.0
    used = torch.zeros(len(model.b_enc), dtype=torch.bool)
    for start in range(0, len(test), batch):
        rows = np.asarray(test[start : start + batch], dtype=np.float32)
        y, s, _ = model(torch.from_numpy(rows))
        errors += ((rows - y.numpy()).astype(np.float64) ** 2).sum()
        deviations += ((rows.astype(np.float64) - mean) ** 2).sum()
        on = s > 0
        selected += on.sum().item()
        used |= on.any(dim=0)
    return {
        "fvu": errors / deviations,
        "l0": selected / len(test),
        "unused": 1 - used.float().mean().item(),
    }


def load(model, path, tied):
    from safetensors.torch import load_file

    given = load_file(path)
    values = {
        "W_enc": given["encoder.0.weight"],
        "b_enc": given["encoder.0.bias"],
        "W_dec": given["decoder.weight"].T,
        "b_dec": given["decoder.bias"],
    }
    if tied and not torch.equal(values["W_enc"], values["W_dec"]):
        raise SystemExit(f"{path}: --tied, but the encoder is not the decoder transposed")
    with torch.no_grad():
        for name, value in values.items():
            own = getattr(model, name)
            if own.shape != value.shape:
                raise SystemExit(f"{path}: {name} is {list(value.shape)}, "
                                 f"not {list(own.shape)}")
            own.copy_(value)


def save(model, path):
    from safetensors.torch import save_file

    save_file(
        {
            "encoder.0.weight": model.W_enc.detach().clone(),
            "encoder.0.bias": model.b_enc.detach().clone(),
            "decoder.weight": model.W_dec.detach().T.contiguous(),
            "decoder.bias": model.b_dec.detach().clone(),
        },
        path,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True, help=".npy, float16 or float32")
    parser.add_argument("--test", required=True, help=".npy, float16 or float32")
    parser.add_argument("--units", type=int, required=True)
    parser.add_argument("--selection", choices=["sample", "batch", "lifetime"], default="sample")
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--share", type=float, help="lifetime: default k / units")
    parser.add_argument("--batch", type=int, default=1024)
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--epochs", type=int, default=1)
    much.add_argument("--steps", type=int, help="instead of --epochs")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--rise", type=float, default=0.05, help="share of the steps")
    parser.add_argument("--fall", type=float, default=0.2, help="share of the steps")
    parser.add_argument("--centred", action=argparse.BooleanOptionalAction, default=True,
                        help="b_dec is taken off the input")
    parser.add_argument("--tied", action="store_true")
    parser.add_argument("--aux-units", type=int, default=256)
    parser.add_argument("--aux-weight", type=float, default=0.0, help="0: none")
    parser.add_argument("--dead-after", type=int, default=100_000, help="rows")
    parser.add_argument("--fused", action="store_true", help="torch's fused Adam")
    parser.add_argument("--initial", help="safetensors with the initial weights")
    parser.add_argument("--save", help="safetensors to write the weights to")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="file for the results")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    train = np.load(args.train, mmap_mode="r")
    test = np.load(args.test, mmap_mode="r")
    rows, inputs = train.shape
    per_epoch = rows // args.batch
    if per_epoch == 0:
        parser.error("--batch is larger than the training rows")
    steps = args.steps or args.epochs * per_epoch
    share = args.share if args.share is not None else args.k / args.units

    model = Dictionary(args.units, inputs, args.selection, args.k, share, args.centred, args.tied)
    if args.initial:
        load(model, args.initial, args.tied)
    else:
        with torch.no_grad():
            model.b_dec.copy_(torch.from_numpy(train[:10_000].astype(np.float32).mean(0)))
    # A tied matrix is one parameter: parameters() gives it once.
    optimiser = torch.optim.Adam(model.parameters(), lr=args.rate, betas=(0.9, 0.999), eps=1e-8,
                                 fused=args.fused or None)
    rise, fall = round(args.rise * steps), round(args.fall * steps)

    def rate(step):
        up = (step + 1) / rise if rise else 1.0
        down = (steps - step) / fall if fall else 1.0
        return args.rate * min(1.0, up, down)

    since = torch.zeros(args.units, dtype=torch.int64)  # rows since a unit was last selected
    results, step, trained = [], 0, 0.0
    for epoch in range(-(-steps // per_epoch)):
        began = time.perf_counter()
        order = np.random.default_rng([args.seed, epoch]).permutation(rows)
        losses, aux_losses, count = 0.0, 0.0, 0
        for at in range(min(per_epoch, steps - step)):
            x = train[order[at * args.batch : (at + 1) * args.batch]]
            x = torch.from_numpy(x.astype(np.float32))
            y, s, z = model(x)
            loss = total = half_squares(x - y)
            if args.aux_weight > 0:
                dead = (since >= args.dead_after).nonzero().flatten()
                if len(dead):
                    residual = (x - y).detach()
                    aux = args.aux_weight * auxiliary(model, residual, z, dead, args.aux_units)
                    total = loss + aux
                    aux_losses += aux.item()
            for group in optimiser.param_groups:
                group["lr"] = rate(step)
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
            model.renormalise()
            since += len(x)
            since[(s.detach() > 0).any(dim=0)] = 0
            losses += loss.item()
            step += 1
            count += 1
        seconds = time.perf_counter() - began
        trained += seconds
        result = {
            "epoch": epoch + 1,
            "step": step,
            "loss": losses / count,
            "loss_with_aux": (losses + aux_losses) / count,
            **evaluate(model, test, args.batch),
            "dead": (since >= args.dead_after).float().mean().item(),
            "seconds": seconds,
        }
        results.append(result)
        print(f"epoch {epoch + 1} step {step}/{steps} loss {result['loss']:.6f} "
              f"with aux {result['loss_with_aux']:.6f} FVU {result['fvu']:.6f} "
              f"L0 {result['l0']:.3f} dead {result['dead']:.4f} "
              f"unused {result['unused']:.4f} seconds {seconds:.2f}", flush=True)

    if args.save:
        save(model, args.save)
    if args.json:
        about = {
            "options": vars(args),
            "rows": rows,
            "inputs": inputs,
            "steps": steps,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "threads": torch.get_num_threads(),
            "seconds": trained,
            "epochs": results,
        }
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(about, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
