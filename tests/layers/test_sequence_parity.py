"""Sequence models train as PyTorch trains them: from the same weights and batches the loss stays
the same over 100 steps.
"""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.models import gpt as gpt_module

torch = pytest.importorskip("torch")
STEPS, VOCABULARY, T, B = 100, 17, 9, 8


def recurrent(lib, kind, dtype):
    class Model(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.words = lib.nn.Embedding(VOCABULARY, 12, dtype=dtype)
            self.cells = getattr(lib.nn, kind)(
                12, 16, num_layers=2, batch_first=True, bidirectional=kind == "GRU", dtype=dtype
            )
            self.head = lib.nn.Linear(32 if kind == "GRU" else 16, VOCABULARY, dtype=dtype)

        def forward(self, x):
            return self.head(self.cells(self.words(x))[0])

    return Model()


def transformer(lib, dtype):
    class Model(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places = (
                lib.nn.Embedding(VOCABULARY, 16, dtype=dtype),
                lib.nn.Embedding(T, 16, dtype=dtype),
            )
            self.layers = lib.nn.Transformer(
                16, 4, 2, 2, 32, dropout=0.0, batch_first=True, dtype=dtype
            )
            self.head = lib.nn.Linear(16, VOCABULARY, dtype=dtype)

        def forward(self, x):
            places = self.places(lib.arange(T))
            mask = self.layers.generate_square_subsequent_mask(T, dtype=dtype)
            return self.head(
                self.layers(self.words(x.flip(1)) + places, self.words(x) + places, tgt_mask=mask)
            )

    return Model()


def gpt(lib, dtype):
    """The package's own classes, run on either library: its text only says `torch`."""
    scope = {"torch": lib, "nn": lib.nn, "F": lib.nn.functional, "Tensor": lib.Tensor, "math": math}
    for part in (gpt_module.Attention, gpt_module.Block, gpt_module.GPT):
        exec(
            compile(
                "from __future__ import annotations\n" + inspect.getsource(part), "gpt", "exec"
            ),
            scope,
        )  # noqa: S102
    model = scope["GPT"](VOCABULARY, layers=2, heads=2, width=16, context=T)
    return model.to(dtype)


MODELS = {
    "LSTM": lambda lib, d: recurrent(lib, "LSTM", d),
    "GRU": lambda lib, d: recurrent(lib, "GRU", d),
    "Transformer": transformer,
    "GPT": gpt,
}


def losses(lib, model, batches):
    optimizer = lib.optim.AdamW(model.parameters(), lr=3e-3)
    found = []
    for x in batches:
        x = lib.tensor(x)
        logits = model(x[:, :T])
        loss = lib.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), x[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        lib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-8), ("float32", 1e-4)])
def test_loss_follows_pytorchs_over_100_steps(name, dtype, tolerance):
    torch.manual_seed(0)
    theirs = MODELS[name](torch, getattr(torch, dtype))
    ours = MODELS[name](tg, getattr(tg, dtype))
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    starts = rng.integers(0, VOCABULARY, (STEPS, B, 1))
    # counting in steps of one, two or three
    batches = (starts + np.arange(T + 1) * rng.integers(1, 4, (STEPS, B, 1))) % VOCABULARY
    a, b = losses(tg, ours, batches), losses(torch, theirs, batches)
    assert b[-1] < 0.8 * b[0]  # it learns
    np.testing.assert_allclose(a, b, atol=tolerance)
