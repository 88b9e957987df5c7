"""How long a training step of a CNN, an LSTM and a small GPT takes, beside PyTorch.

    python benchmarks/training_steps.py gpt --device cuda --out steps.json
    python benchmarks/training_steps.py cnn --device emu --quick

First the engines train side by side from the same weights on the same data, and their losses must
agree. Then steps are timed by the wall clock, in groups between two waits for the GPU: ours as it
is, ours captured as a graph, PyTorch as it is and compiled. SGD with momentum, no dropout: a
captured step repeats the numbers that Python gave it, so a rule that counts its steps in Python
(Adam's) would repeat one step's factors. float32, TF32 off.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import tinygrad_edu
from tinygrad_edu.bench.timing import quantiles

SIZES = {  # model: for a GPU, quick
    "cnn": ({"batch": 256, "channels": 32, "image": 28}, {"batch": 2, "channels": 2, "image": 8}),
    "lstm": (
        {"batch": 64, "time": 64, "width": 256, "vocabulary": 96},
        {"batch": 2, "time": 3, "width": 4, "vocabulary": 7},
    ),
    "gpt": (
        {"batch": 32, "time": 128, "width": 256, "vocabulary": 96, "layers": 4, "heads": 4},
        {"batch": 2, "time": 4, "width": 8, "vocabulary": 7, "layers": 1, "heads": 2},
    ),
}


def build(lib: Any, name: str, size: dict[str, int]) -> Any:
    """The model, the same lines for both libraries."""
    nn = importlib.import_module(f"{lib.__name__}.nn")
    if name == "cnn":
        c, side = size["channels"], size["image"] // 4
        return nn.Sequential(
            nn.Conv2d(1, c, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(c, 2 * c, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * c * side * side, 10),
        )
    v, d = size["vocabulary"], size["width"]

    class LSTM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.lstm, self.out = (
                nn.Embedding(v, d),
                nn.LSTM(d, d, batch_first=True),
                nn.Linear(d, v),
            )

        def forward(self, tokens: Any) -> Any:
            return self.out(self.lstm(self.table(tokens))[0]).reshape(-1, v)  # (B T, V)

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(
                d,
                size["heads"],
                4 * d,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            self.table, self.out = nn.Embedding(v, d), nn.Linear(d, v)
            self.place = nn.Parameter(lib.zeros(size["time"], d))
            self.layers = nn.TransformerEncoder(layer, size["layers"], enable_nested_tensor=False)
            self.register_buffer(
                "mask", nn.Transformer.generate_square_subsequent_mask(size["time"])
            )

        def forward(self, tokens: Any) -> Any:
            return self.out(self.layers(self.table(tokens) + self.place, mask=self.mask)).reshape(
                -1, v
            )

    return LSTM() if name == "lstm" else GPT()


def data(name: str, size: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if name == "cnn":
        return rng.standard_normal(
            (size["batch"], 1, size["image"], size["image"]), dtype=np.float32
        ), rng.integers(0, 10, size["batch"])
    return rng.integers(0, size["vocabulary"], (size["batch"], size["time"])), rng.integers(
        0, size["vocabulary"], size["batch"] * size["time"]
    )


def trainer(
    lib: Any, name: str, size: dict[str, int], device: str, weights: dict[str, np.ndarray] | None
) -> tuple[Any, Callable[[Any], Any]]:
    """The model on the device, and its training step."""
    functional = importlib.import_module(f"{lib.__name__}.nn.functional")
    model = build(lib, name, size)
    if weights is not None:
        model.load_state_dict({k: lib.from_numpy(v.copy()) for k, v in weights.items()})
    model = model.to(device)
    x, y = (lib.from_numpy(a).to(device) for a in data(name, size))
    optimizer = importlib.import_module(f"{lib.__name__}.optim").SGD(
        model.parameters(), lr=0.05, momentum=0.9
    )

    def step(call: Any = model) -> Any:
        optimizer.zero_grad()
        loss = functional.cross_entropy(call(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def timed(
    step: Callable[[], Any], wait: Callable[[], None], seconds: float, quick: bool
) -> dict[str, Any]:
    """Milliseconds a step: the quantiles over groups of steps, each between two waits."""
    for _ in range(1 if quick else 10):
        step()
    wait()
    group, samples, begun = 1 if quick else 10, [], time.perf_counter()
    while len(samples) < (2 if quick else 20) or (
        time.perf_counter() - begun < seconds and len(samples) < 200
    ):
        start = time.perf_counter()
        for _ in range(group):
            step()
        wait()
        samples.append((time.perf_counter() - start) / group * 1e3)
        if time.perf_counter() - begun > 4 * seconds + 1:
            break
    return {"ms": quantiles(samples), "groups": len(samples), "steps_a_group": group}


def measure(
    name: str, device: str, quick: bool, seconds: float, save: Callable[[dict], None]
) -> dict[str, Any]:
    size = SIZES[name][quick]
    row: dict[str, Any] = {
        "model": name,
        "device": device,
        "size": size,
        "optimizer": "SGD, momentum 0.9",
        "dtype": "float32",
        "tf32": False,
        "engines": {},
    }
    place = tinygrad_edu.device(device)
    tinygrad_edu.manual_seed(0)
    model, step = trainer(tinygrad_edu, name, size, device, None)
    weights = {k: v.cpu().numpy().copy() for k, v in model.state_dict().items()}
    ours = [step().item() for _ in range(3)]
    row["losses"] = {"tinygrad_edu": ours}
    row["engines"]["tinygrad_edu"] = timed(step, place.synchronize, seconds, quick)
    save(row)
    if place.type == "cuda":
        row["parameters"] = sum(v.size for v in weights.values())
        try:
            with place.capture() as graph:
                loss = step()
            before = [loss.item() for _ in range(3) if graph.replay() is None]
            # goes on from where the timed steps ended
            row["losses"]["tinygrad_edu, captured"] = before
            row["engines"]["tinygrad_edu, captured"] = timed(
                graph.replay, place.synchronize, seconds, quick
            )
            row["captured_is_finite"] = bool(np.isfinite(before).all())
        except tinygrad_edu.TinygradEduError as error:
            row["engines"]["tinygrad_edu, captured"] = {
                "failed": " ".join(str(error).split())[:300]
            }
        row["memory"] = place.memory()
        save(row)
    try:
        import torch
    except ImportError:
        row["torch"] = "not installed"
        return row
    theirs = device if device.startswith("cuda") and torch.cuda.is_available() else "cpu"
    if place.type == "cuda" and theirs == "cpu":
        row["torch"] = "without CUDA"
        return row
    row["torch"] = f"{torch.__version__} on {theirs}"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    wait = torch.cuda.synchronize if theirs != "cpu" else lambda: None
    model, step = trainer(torch, name, size, theirs, weights)
    row["losses"]["PyTorch"] = [step().item() for _ in range(3)]
    row["losses_agree"] = bool(np.allclose(ours, row["losses"]["PyTorch"], rtol=1e-3))
    row["engines"]["PyTorch"] = timed(step, wait, seconds, quick)
    save(row)
    if theirs != "cpu":
        try:
            compiled = torch.compile(model)
            row["engines"]["PyTorch, compiled"] = timed(
                lambda: step(compiled), wait, seconds, quick
            )
        except Exception as error:  # noqa: BLE001  # no compiler on the machine: the rest counts
            row["engines"]["PyTorch, compiled"] = {"failed": " ".join(str(error).split())[:300]}
        save(row)
    return row


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", choices=SIZES)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--out", type=Path)
    flags = parser.parse_args()

    def save(row: dict) -> None:
        if flags.out:
            flags.out.write_text(json.dumps(row) + "\n", encoding="utf-8")

    row = measure(
        flags.model, flags.device, flags.quick, 0.0 if flags.quick else flags.seconds, save
    )
    save(row)
    for engine, figures in row["engines"].items():
        low, middle, high = figures.get("ms", (0, 0, 0))
        print(
            f"{flags.model:6s}{engine:26s}"
            + (
                f"{middle:10.3f} ms a step ({low:.3f}-{high:.3f})"
                if "ms" in figures
                else f"  failed: {figures['failed']}"
            ),
            flush=True,
        )
    print(
        "losses agree with PyTorch's"
        if row.get("losses_agree")
        else (
            "losses DIFFER from PyTorch's"
            if "losses_agree" in row
            else f"PyTorch: {row.get('torch')}"
        )
    )
    return 1 if row.get("losses_agree") is False else 0


if __name__ == "__main__":
    sys.exit(main())
