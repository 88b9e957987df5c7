"""The workloads of models.py, the same lines for this engine and for PyTorch; `lib` is either."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any


def tiny(lib: Any) -> Callable[[], Any]:
    x, w = (lib.tensor([0.1 * i for i in range(16)], requires_grad=True) for _ in range(2))

    def step() -> Any:
        x.grad = w.grad = None
        y = x
        for _ in range(20):
            y = y * w + x
        loss = y.sum()
        loss.backward()
        return loss

    return step


def mlp(nn: Any, *sizes: int) -> Any:
    layers: list[Any] = []
    for i, o in itertools.pairwise(sizes):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mnist(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def pooled(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(3136, 10)),
    )


def residual(nn: Any) -> Any:
    class Block(nn.Module):
        def __init__(self, inside: int, width: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(inside, width, 3, stride=stride, padding=1, bias=False)
            self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
            self.way = nn.Conv2d(inside, width, 1, stride=stride) if stride > 1 else nn.Identity()

        def forward(self, x: Any) -> Any:
            out = self.norms[0](self.first(x)).relu()
            return (self.norms[1](self.second(out)) + self.way(x)).relu()

    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


def recurrent(nn: Any, kind: str) -> Any:
    class Characters(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.out = nn.Embedding(65, 64), nn.Linear(128, 65)
            self.cell = getattr(nn, kind)(64, 128, batch_first=True)

        def forward(self, tokens: Any) -> Any:
            return self.out(self.cell(self.table(tokens))[0]).reshape(-1, 65)  # (B T, V)

    return Characters()


def attention_layers(lib: Any, steps: int) -> Any:
    nn = lib.nn

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.LayerNorm(128), nn.LayerNorm(128)
            self.qkv, self.out = nn.Linear(128, 384), nn.Linear(128, 128)
            self.up, self.down = nn.Linear(128, 512), nn.Linear(512, 128)

        def forward(self, x: Any, cache: Any = None) -> Any:
            B, T, _ = x.shape
            q, k, v = self.qkv(self.first(x)).reshape(B, T, 3, 4, 32).permute(2, 0, 3, 1, 4)
            if cache is not None:  # keys and values of all tokens so far
                k, v = (lib.cat([a, b], dim=2) for a, b in zip(cache, (k, v))) if cache else (k, v)
                cache[:] = [k, v]
            F = nn.functional
            y = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
            x = x + self.out(y.transpose(1, 2).reshape(B, T, 128))
            return x + self.down(F.gelu(self.up(self.second(x))))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.places = nn.Embedding(65, 128), nn.Embedding(steps, 128)
            self.layers = nn.ModuleList([Layer() for _ in range(4)])
            self.norm, self.out = nn.LayerNorm(128), nn.Linear(128, 65)

        def forward(self, tokens: Any, caches: Any = None, at: int = 0) -> Any:
            x = self.table(tokens) + self.places(lib.arange(at, at + tokens.shape[1]))
            for i, layer in enumerate(self.layers):
                x = layer(x, caches[i] if caches else None)
            return self.out(self.norm(x)).reshape(-1, 65)  # (B T, V)

    return GPT()


def translator(lib: Any) -> Any:
    nn = lib.nn

    class Translator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.out = nn.Embedding(65, 128), nn.Linear(128, 65)
            self.body = nn.Transformer(128, 4, 2, 2, 512, dropout=0.0, batch_first=True)
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(32))

        def forward(self, tokens: Any) -> Any:
            x = self.table(tokens)
            return self.out(self.body(x, x, tgt_mask=self.mask)).reshape(-1, 65)  # (B T, V)

    return Translator()


def model_of(lib: Any, name: str) -> Any:
    nn = lib.nn
    return {
        "b": lambda: mnist(nn),
        "c": lambda: pooled(nn),
        "d": lambda: mlp(nn, 784, 256, 10),
        "e": lambda: recurrent(nn, "LSTM"),
        "f": lambda: attention_layers(lib, 64),
        "g": lambda: translator(lib),
        "h": lambda: attention_layers(lib, 200),
        "j": lambda: residual(nn),
        "k": lambda: recurrent(nn, "GRU"),
        "n": lambda: mlp(nn, 784, 1024, 1024, 10),
    }[name]()


SHAPES = {  # of the input; characters where there are two
    "b": (64, 1, 28, 28),
    "c": (128, 1, 28, 28),
    "d": (128, 784),
    "e": (32, 64),
    "f": (12, 64),
    "g": (32, 32),
    "j": (32, 3, 32, 32),
    "k": (32, 64),
    "n": (256, 784),
}
CHARACTERS = {"e", "f", "g", "k"}


def batch(lib: Any, name: str) -> tuple[Any, Any]:
    import numpy as np

    rng, shape = np.random.default_rng(0), SHAPES[name]
    if name in CHARACTERS:
        tokens = rng.integers(0, 65, shape)
        return lib.from_numpy(tokens), lib.from_numpy(np.roll(tokens, -1, 1).reshape(-1).copy())
    x = rng.standard_normal(shape, dtype=np.float32)
    labels = lib.from_numpy(rng.integers(0, 10, shape[0]))
    return lib.from_numpy(x).to(lib.get_default_dtype()), labels


def generator(lib: Any, model: Any) -> Callable[[], Any]:
    """200 tokens, the likeliest each; the "loss" is the mean of the last scores."""

    def step() -> Any:
        caches: list[list] = [[] for _ in range(4)]
        token = lib.zeros(1, 1, dtype=lib.int64)
        with lib.no_grad():
            for at in range(200):
                scores = model(token, caches, at)
                token = scores.argmax(-1, keepdim=True)
        return scores.square().mean()

    return step


def trainer(lib: Any, name: str, weights: Path, compiled: bool) -> Callable[[], Any]:
    """One step of the workload, from the weights in the file (written if it is not there)."""
    import numpy as np

    if name == "a":
        return tiny(lib)
    lib.manual_seed(0)
    model = model_of(lib, name)
    if weights.exists():
        with np.load(weights) as found:
            model.load_state_dict({k: lib.from_numpy(found[k]) for k in found.files})
    else:
        np.savez(weights, **{k: v.numpy() for k, v in model.state_dict().items()})
    if name == "h":
        return generator(lib, model.eval())
    optim = importlib.import_module(f"{lib.__name__}.optim")
    rates = {"lr": 1e-3} if name in "fg" else {"lr": 0.05, "momentum": 0.9}
    optimizer = (optim.AdamW if name in "fg" else optim.SGD)(model.parameters(), **rates)
    x, y = batch(lib, name)
    called = lib.compile(model) if compiled else model

    def step() -> Any:
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(called(x), y)
        loss.backward()
        if name in "ef":
            lib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step
