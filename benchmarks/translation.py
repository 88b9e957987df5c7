"""The `translate` recipe beside PyTorch: the same model from the same weights, the same batches and
rates; one epoch here, one there, in turn.

    python benchmarks/translation.py [--data FOLDER] [--epochs 12] [--limit PAIRS] [--threads 1]
    [--out benchmarks/results/translation.json]

FOLDER holds Multi30k (train.de.gz ...). Dropout's masks differ, so the losses agree in their
course, not to the digit; tests/layers/test_sequence_parity.py compares without dropout. Both sets
of weights are decoded by the recipe's own beam search and scored by sacrebleu. Needs torch and
sacrebleu.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

import tinygrad_edu
from tinygrad_edu import optim
from tinygrad_edu import storage as io
from tinygrad_edu.models import translator
from tinygrad_edu.nn import utils
from tinygrad_edu.recipes import translate as recipe
from tinygrad_edu.text import BPETokenizer, bleu, pair_loader, trim_padding
from tinygrad_edu.train.sources.pairs import multi30k

SMOOTHING, BETAS, EPS, CLIP = 0.1, (0.9, 0.98), 1e-9, 1.0


class Translator(torch.nn.Module):
    """The recipe's model in PyTorch, parameter by parameter of the same name."""

    def __init__(
        self,
        vocabulary: int,
        pad: int,
        width: int,
        heads: int,
        layers: int,
        inside: int,
        dropout: float,
        positions: torch.Tensor,
    ) -> None:
        super().__init__()
        self.pad, self.width, self.dropout = pad, width, torch.nn.Dropout(dropout)
        self.tokens = torch.nn.Embedding(vocabulary, width, padding_idx=pad)
        self.places = torch.nn.Module()
        self.places.register_buffer("pe", positions)
        self.layers = torch.nn.Transformer(
            width, heads, layers, layers, inside, dropout, batch_first=True, norm_first=True
        )

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.dropout(
            self.tokens(tokens) * math.sqrt(self.width) + self.places.pe[: tokens.shape[1]]
        )

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        closed = source == self.pad
        memory = self.layers.encoder(self.embed(source), src_key_padding_mask=closed)
        mask = torch.nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        return self.layers.decoder(
            self.embed(target),
            memory,
            tgt_mask=mask,
            tgt_is_causal=True,
            memory_key_padding_mask=closed,
        )

    def loss(
        self, source: torch.Tensor, target: torch.Tensor, smoothing: float
    ) -> tuple[torch.Tensor, int]:
        wanted = target[:, 1:].flatten()
        there = (wanted != self.pad).nonzero()[:, 0]
        states = self(source, target[:, :-1]).flatten(0, 1).index_select(0, there)
        scores = torch.nn.functional.linear(states, self.tokens.weight)
        return torch.nn.functional.cross_entropy(
            scores, wanted[there], label_smoothing=smoothing
        ), len(there)


class Ours:
    name = "tinygrad_edu"

    def __init__(self, model: Any, lr: float) -> None:
        self.model, self.optimizer = (
            model,
            optim.Adam(model.parameters(), lr=lr, betas=BETAS, eps=EPS),
        )

    def step(self, source: Any, target: Any, lr: float) -> float:
        self.optimizer.param_groups[0]["lr"] = lr
        loss, _ = recipe.loss_of(self.model, source, target, SMOOTHING)
        self.optimizer.zero_grad()
        loss.backward()
        utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        return loss.item()

    def check(self, loader: Any, pad: int) -> float:
        return recipe.evaluate(self.model, loader, pad)

    def weights(self) -> dict:
        return {name: value.numpy() for name, value in self.model.state_dict().items()}


class PyTorchs:
    name = "PyTorch"

    def __init__(self, model: Translator, lr: float) -> None:
        self.model, self.optimizer = (
            model,
            torch.optim.Adam(model.parameters(), lr=lr, betas=BETAS, eps=EPS),
        )

    def step(self, source: Any, target: Any, lr: float) -> float:
        self.optimizer.param_groups[0]["lr"] = lr
        loss, _ = self.model.loss(
            torch.from_numpy(source.numpy()), torch.from_numpy(target.numpy()), SMOOTHING
        )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def check(self, loader: Any, pad: int) -> float:
        self.model.eval()
        total = seen = 0.0
        for source, target in loader:
            loss, count = self.model.loss(
                torch.from_numpy(trim_padding(source, pad).numpy()),
                torch.from_numpy(trim_padding(target, pad).numpy()),
                0.0,
            )
            total, seen = total + loss.item() * count, seen + count
        return total / seen

    def weights(self) -> dict:
        return {name: value.numpy() for name, value in self.model.state_dict().items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("TINYGRAD_EDU_DATA", "data"))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--limit", type=int)
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="of PyTorch; ours follows OMP_NUM_THREADS / OPENBLAS_NUM_THREADS",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "translation.json"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    parts = multi30k(args.data, "de", "en")
    if parts is None:
        raise SystemExit(
            f"--data must be a folder with Multi30k (train.de.gz, ...), got {args.data!r}. Give"
            " another folder."
        )
    pairs, settings = parts["train"][: args.limit], recipe.RECIPE
    tokenizer = BPETokenizer.train(
        (text for pair in pairs for text in pair), min(4000, 260 + len(pairs))
    )
    pad, bos, eos = tokenizer.pad, tokenizer.bos, tokenizer.eos
    ids = {
        name: [(tokenizer.encode(a), [bos, *tokenizer.encode(b), eos]) for a, b in part]
        for name, part in {**parts, "train": pairs}.items()
    }
    loaders = {
        name: pair_loader(
            [a for a, _ in ids[name]],
            [b for _, b in ids[name]],
            pad,
            settings.batch_size,
            tinygrad_edu.Generator().manual_seed(0),
        )
        for name in ("train", "val")
    }

    tinygrad_edu.manual_seed(0)
    torch.manual_seed(0)
    model: Any = translator.Translator(len(tokenizer), pad, *recipe.SIZES["small"])
    theirs = Translator(
        len(tokenizer),
        pad,
        *recipe.SIZES["small"],
        torch.from_numpy(model.places.pe.numpy().copy()),
    )
    theirs.load_state_dict(
        {name: torch.from_numpy(value.numpy().copy()) for name, value in model.state_dict().items()}
    )
    sides = [Ours(model, settings.lr), PyTorchs(theirs, settings.lr)]
    warm = max(1, min(800, args.epochs * len(loaders["train"]) // 5))
    curves: dict[str, list[dict]] = {side.name: [] for side in sides}
    best: dict[str, tuple[float, dict]] = {}
    step = 0
    for epoch in range(1, args.epochs + 1):
        batches = [
            (trim_padding(source, pad), trim_padding(target, pad))
            for source, target in loaders["train"]
        ]
        for side in sides if epoch % 2 else sides[::-1]:
            side.model.train()
            start, losses = time.perf_counter(), []
            for i, (source, target) in enumerate(batches):
                losses.append(side.step(source, target, recipe.rate(step + i, settings.lr, warm)))
            seconds = time.perf_counter() - start
            checked = side.check(loaders["val"], pad)
            curves[side.name].append(
                {
                    "epoch": epoch,
                    "train_loss": sum(losses) / len(losses),
                    "val_loss": checked,
                    "seconds": round(seconds, 1),
                }
            )
            print(side.name, curves[side.name][-1], flush=True)
            if side.name not in best or checked < best[side.name][0]:
                best[side.name] = (
                    checked,
                    {name: value.copy() for name, value in side.weights().items()},
                )
        step += len(batches)

    rows = {}
    wanted = [b for _, b in parts["test_2016_flickr"]]
    for side in sides:
        model.load_state_dict(
            {name: tinygrad_edu.tensor(value) for name, value in best[side.name][1].items()}
        )
        score = bleu(
            recipe.translate(model, tokenizer, [a for a, _ in ids["test_2016_flickr"]], 4), wanted
        )
        rows[side.name] = {
            "bleu": score,
            "best_val_loss": best[side.name][0],
            "training_seconds": round(sum(row["seconds"] for row in curves[side.name])),
            "epochs": curves[side.name],
        }
        print(side.name, {key: value for key, value in rows[side.name].items() if key != "epochs"})
    ratio = rows["tinygrad_edu"]["training_seconds"] / rows["PyTorch"]["training_seconds"]
    print(f"time, ours / PyTorch's: {ratio:.2f}")
    result = {
        "what": (
            "translate (Multi30k de-en, small Transformer): the same training here and in PyTorch,"
            " epoch by epoch in turn"
        ),
        "pairs": len(pairs),
        "threads": args.threads,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "time_ratio": round(ratio, 3),
        **rows,
    }
    io.write_atomically(str(args.out), (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
