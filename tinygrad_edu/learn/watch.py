"""watch(): the health of a training, measured by hooks.

For each step: how large the outputs of every layer are, how large the gradients that reach them,
and how much each weight changes. `findings.py` says what that means.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autograd import is_grad_enabled
from ..engine.errors import DTypeError, ShapeError
from ..engine.hooks import RemovableHandle
from ..engine.tensor import Tensor
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from .findings import Report, report

FLAT = {"Tanh": (-0.97, 0.97), "Sigmoid": (0.03, 0.97)}  # outputs beyond these hardly react
LARGE = 65_536  # numbers
BY_ROWS = ("Linear", "Conv1d", "Conv2d", "Conv3d", "Bilinear")  # a row of the weight is one unit


@dataclass
class LayerNumbers:
    """One layer in one step. `grads`: the norm of the gradient at the output of each call."""

    rms: float = 0.0
    zeros: float = 0.0  # share of outputs that are 0
    flat: float = 0.0  # share of outputs where tanh or sigmoid hardly reacts
    calls: int = 0
    bad: bool = False  # NaN or infinity among the outputs
    grads: list[float] = field(default_factory=list)


@dataclass
class WeightNumbers:
    """One parameter in one step; `grad` is None where none arrived."""

    rms: float = 0.0
    grad: float | None = None
    update: float = 0.0  # RMS of the change
    bad: bool = False


@dataclass
class Step:
    """All of one step."""

    number: int
    layers: dict[str, LayerNumbers]
    weights: dict[str, WeightNumbers] = field(default_factory=dict)
    kept: float = 0.0  # share of `.grad` that earlier steps left there


def watch(model: Module, optimizer: Optimizer | None = None, every: int = 1) -> Health:
    """Measure a training from now on: `health = watch(model, optimizer)`, train,
    `print(health.report())`.

    Args:   optimizer: its `step` ends a step. Without it, a step ends where the model is called
                again with other weights.
            every: measure each so many steps.
    Note:   it watches calls in training mode that record a graph, and changes no number. A measured
            step passes over all outputs, their gradients and the weights, and copies the weights:
            1.5 to 2 times the time of a plain step on small networks. A step that is not measured
            costs the calls of the hooks. `remove()`, or leaving a `with` block, takes all away.
    """
    if not isinstance(model, Module):
        raise DTypeError(
            f"watch: model must be a Module, got {type(model).__name__}. Give the network that is"
            " trained."
        )
    if every < 1:
        raise ShapeError(f"watch: every must be 1 or more, got {every}. Use 1 for each step.")
    return Health(model, optimizer, every)


class Health:
    """What `watch` returns."""

    def __init__(self, model: Module, optimizer: Optimizer | None, every: int):
        self.model, self.optimizer, self.every = model, optimizer, every
        self.steps: list[Step] = []
        self.count = 0  # steps so far, measured or not
        self.kinds = {n: type(m).__name__ for n, m in model.named_modules() if measured(m)}
        self.shapes = {n: tuple(p.shape) for n, p in model.named_parameters() if p.requires_grad}
        self.rows = {n: layer for n, layer in by_rows(model) if n in self.shapes}
        self.quiet: dict[str, np.ndarray] = {}  # for how many measured steps rows had no gradient
        self.layers: dict[str, LayerNumbers] = {}
        self.before: dict[str, np.ndarray] = {}
        self.gradients: dict[str, float] = {}
        self.alive: dict[str, np.ndarray] = {}
        self.arrived: Any = None  # gradients that reached the probe in this step
        self.fresh()
        self.probe = min(self.parameters().items(), key=lambda item: item[1].numel(), default=None)
        self.handles: list[RemovableHandle] = []
        self.add_hooks()

    def parameters(self) -> dict[str, Tensor]:
        return {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    def left_out(self) -> list[str]:
        """Parameters that the optimizer does not have."""
        if self.optimizer is None:
            return []
        held = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        return [n for n, p in self.parameters().items() if id(p) not in held]

    # ---- hooks ----

    def add_hooks(self) -> None:
        add = self.handles.append
        add(self.model.register_forward_pre_hook(self.before_call))
        for name, module in self.model.named_modules():
            if name in self.kinds:
                add(module.register_forward_hook(self.after_layer(name)))
        if self.probe:
            add(self.probe[1].register_hook(self.at_probe))
        if self.optimizer is not None:
            add(self.optimizer.register_step_pre_hook(lambda *_: self.before_step()))
            add(self.optimizer.register_step_post_hook(lambda *_: self.after_step()))
            return
        for name, p in self.parameters().items():
            add(p.register_post_accumulate_grad_hook(self.after_gradient(name)))

    def remove(self) -> None:
        """Take all hooks away; what was measured stays."""
        self.finish()
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    def __enter__(self) -> Health:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def measures(self) -> bool:
        return self.count % self.every == 0

    def before_call(self, module: Module, args: tuple) -> None:
        if self.optimizer is None and module.training and is_grad_enabled():
            self.finish()
            if self.measures() and not self.before:
                self.before = {n: host(p).copy() for n, p in self.parameters().items()}

    def after_layer(self, name: str) -> Callable:
        me = weakref.ref(self)  # no circle: the model may live longer

        def hook(module: Module, args: tuple, out: Any) -> None:
            health = me()
            if health and module.training and is_grad_enabled() and health.measures():
                tensor = first_tensor(out)
                if tensor is not None:
                    health.note_output(name, tensor)

        return hook

    def note_output(self, name: str, out: Tensor) -> None:
        numbers = self.layers.setdefault(name, LayerNumbers())
        x = host(out)
        if x.dtype.kind != "f" or not x.size:
            return
        with np.errstate(all="ignore"):
            share = 1 / (numbers.calls + 1)
            size = rms(x)  # finite only if all of x is
            numbers.bad |= not math.isfinite(size) and not np.isfinite(x).all()
            numbers.rms += share * (size - numbers.rms)
            numbers.zeros += share * (1 - np.count_nonzero(x) / x.size - numbers.zeros)
            if self.kinds[name] in FLAT:
                low, high = FLAT[self.kinds[name]]
                flat = float(np.mean((x < low) | (x > high)))
                numbers.flat += share * (flat - numbers.flat)
        numbers.calls += 1
        if out.requires_grad and out.grad_fn is not None:
            call = len(numbers.grads)
            numbers.grads.append(math.nan)
            out.register_hook(lambda g: numbers.grads.__setitem__(call, norm(host(g))))

    def at_probe(self, g: Tensor) -> None:
        if self.measures():
            self.arrived = host(g) + (0 if self.arrived is None else self.arrived)

    def after_gradient(self, name: str) -> Callable:
        me = weakref.ref(self)

        def hook(p: Tensor) -> None:
            health = me()
            if health and health.measures():
                health.note_gradient(name, p)

        return hook

    def note_gradient(self, name: str, p: Tensor) -> None:
        """The gradient of a parameter, as it is now."""
        if p.grad is None:
            return
        g = host(p.grad)
        self.gradients[name] = rms(g)
        if name in self.rows:
            self.alive[name] = np.any(g.reshape(g.shape[0], -1) != 0, axis=1)
        if self.probe and name == self.probe[0]:
            self.kept = kept_share(g, self.arrived)

    # ---- steps ----

    def fresh(self) -> None:
        """Begin a step."""
        self.layers, self.before, self.gradients, self.alive = {}, {}, {}, {}
        self.kept, self.arrived = 0.0, None

    def before_step(self) -> None:
        if self.measures():
            for name, p in self.parameters().items():
                self.note_gradient(name, p)
                self.before[name] = host(p).copy()

    def after_step(self) -> None:
        if self.measures():
            self.end_step()
        self.count += 1
        self.fresh()

    def finish(self) -> None:
        """Without an optimizer: end the step if the weights have changed since it began."""
        if self.optimizer is not None:
            return
        if not self.measures():
            self.count += 1
            self.fresh()
        elif self.gradients and self.before:
            now = self.parameters()
            if any(not same(b, host(now[n])) for n, b in self.before.items() if n in now):
                self.after_step()

    def end_step(self) -> None:
        step = Step(self.count, self.layers, kept=self.kept)
        for name, p in self.parameters().items():
            if name not in self.before:  # came later
                continue
            now, old = host(p), self.before[name]
            numbers = WeightNumbers(rms(old), self.gradients.get(name), rms(now - old))
            numbers.bad = not np.isfinite(now).all()
            step.weights[name] = numbers
        for name, alive in self.alive.items():
            quiet = self.quiet.setdefault(name, np.zeros(alive.shape, int))
            self.quiet[name] = np.where(alive, 0, quiet + 1)
        self.steps.append(step)

    # ---- what users read ----

    def report(self) -> Report:
        """A table of the layers, and in plain words what stands out and what to try."""
        self.finish()
        return report(self)

    def plot(self, path: Any) -> None:
        """Write a picture of the curves: outputs, gradients and changes over the steps.

        Raises: ImportError without Matplotlib.
        """
        self.finish()
        try:
            from .curves import curves
        except ImportError as error:
            raise ImportError(
                "plot: needs Matplotlib, got none. Install it with pip install 'tinygrad_edu[cli]'."
            ) from error
        curves(self, path)


def measured(module: Module) -> bool:
    """Layers: what has no modules inside, or parameters of its own."""
    return not module._modules or any(p is not None for p in module._parameters.values())


def by_rows(model: Module) -> list[tuple[str, str]]:
    """(weight, layer) of layers whose weight has a row for each unit."""
    return [
        (f"{name}.weight" if name else "weight", name)
        for name, module in model.named_modules()
        if type(module).__name__ in BY_ROWS
    ]


def first_tensor(out: Any) -> Tensor | None:
    items = out if isinstance(out, (tuple, list)) else (out,)
    return next((x for x in items if isinstance(x, Tensor)), None)


def host(t: Tensor) -> np.ndarray:
    return np.asarray(t.device.to_host(t.array))


def rms(x: np.ndarray) -> float:
    return norm(x) / math.sqrt(x.size) if x.size else 0.0


def norm(x: np.ndarray) -> float:
    """The root of the sum of squares; large float32 arrays are summed as they are if that fits."""
    flat = x.reshape(-1)
    with np.errstate(all="ignore"):
        if x.dtype == np.float32 and x.size > LARGE:
            total = float(flat @ flat)
            if 1e-30 < total < math.inf:
                return math.sqrt(total)
        flat = flat.astype(np.float64)
        return float(np.sqrt(flat @ flat))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def kept_share(g: np.ndarray, arrived: np.ndarray | None) -> float:
    """How much of `.grad` did not arrive in this step, from 0 to 1, whatever both are scaled by."""
    if arrived is None:
        return 0.0
    a, b = g.reshape(-1).astype(np.float64), arrived.reshape(-1).astype(np.float64)
    with np.errstate(all="ignore"):
        cosine = a @ b / math.sqrt((a @ a) * (b @ b)) if a.any() and b.any() else 1.0
    return float(math.sqrt(max(1 - cosine * cosine, 0.0))) if math.isfinite(cosine) else 0.0
