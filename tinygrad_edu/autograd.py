"""Gradients as functions: `grad`, grad modes, your own ops (`Function`), numerical checks, Jacobians and Hessians."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import functional as F
from .base.errors import DTypeError, GraphError, ShapeError
from .core.autograd import Node, Output, clock, freed, mode, walk
from .core.tensor import Tensor

__all__ = ["Function", "backward", "detect_anomaly", "enable_grad", "grad", "gradcheck", "gradgradcheck", "hessian", "inference_mode",
           "is_grad_enabled", "is_inference_mode_enabled", "jacobian", "no_grad", "set_detect_anomaly", "set_grad_enabled", "vjp"]

# ---- grad modes ---------------------------------------------------------------------------------------------------


class _Switch:
    """Sets a mode of this thread inside a `with` block, or inside every call of a decorated function."""

    def __init__(self, **values: Any):
        self.values, self.before = values, []  # type: ignore[var-annotated]

    def __enter__(self) -> _Switch:
        self.before.append({name: getattr(mode, name) for name in self.values})
        for name, value in self.values.items():
            setattr(mode, name, value)
        return self

    def __exit__(self, *exc: object) -> None:
        for name, value in self.before.pop().items():
            setattr(mode, name, value)

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with _Switch(**self.values):
                return function(*args, **kwargs)
        return switched


def _switch(values: Callable[[bool], dict], function: Any) -> Any:
    if callable(function):  # @no_grad without parentheses
        return _Switch(**values(True))(function)
    return _Switch(**values(True if function is None else bool(function)))


def no_grad(function: Any = None) -> Any:
    """Record nothing: `with no_grad(): ...`, `@no_grad()` or `@no_grad`. Only this thread is concerned."""
    return _switch(lambda on: {"recording": False}, function)


def enable_grad(function: Any = None) -> Any:
    """Record again, inside no_grad."""
    return _switch(lambda on: {"recording": "anomaly" if mode.anomaly else True}, function)


def inference_mode(function: Any = None) -> Any:
    """no_grad under the name that says why; results may be used in later graphs as constants."""
    return _switch(lambda on: {"recording": False, "inference": True} if on else {"inference": False}, function)


class set_grad_enabled(_Switch):  # noqa: N801  # PyTorch's name
    """Recording on or off, from now on or for a `with` block."""

    def __init__(self, enabled: bool):
        super().__init__(recording=("anomaly" if mode.anomaly else True) if enabled else False)
        self.before.append({"recording": mode.recording})
        mode.recording = self.values["recording"]
        self.entered = False

    def __enter__(self) -> _Switch:
        return self


def is_grad_enabled() -> bool:
    return bool(mode.recording)


def is_inference_mode_enabled() -> bool:
    return mode.inference


def detect_anomaly(check_nan: bool = True) -> Any:
    """In this block nodes remember the line that recorded them, and a NaN made forward or backward is an error that names it."""
    return _Switch(anomaly=True, recording="anomaly" if mode.recording else False)


def set_detect_anomaly(enabled: bool) -> None:
    """`detect_anomaly` from now on, or no longer."""
    mode.anomaly = bool(enabled)
    mode.recording = ("anomaly" if enabled else True) if mode.recording else False  # type: ignore[assignment]


# ---- gradients ----------------------------------------------------------------------------------------------------


def _tuple(x: Any) -> tuple:
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _roots(outputs: tuple, grad_outputs: Any, create_graph: bool) -> list:
    given = (None,) * len(outputs) if grad_outputs is None else (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    if len(given) != len(outputs):
        raise ShapeError(f"grad: needs one cotangent per output, got {len(given)} for {len(outputs)}. Use None where it is 1.")
    roots = []
    for y, g in zip(outputs, given):
        if y.node is None:
            raise GraphError("grad: outputs must depend on a tensor with requires_grad=True, got one without a graph. Set requires_grad before the forward pass.")
        g = y._cotangent(g)
        roots.append((y.node, g if create_graph else g.array))
    return roots


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
         only_inputs: bool = True, allow_unused: bool = False, is_grads_batched: bool = False, materialize_grads: bool = False) -> tuple:
    """d(outputs)/d(inputs), one Tensor per input; `.grad` stays as it is.

    Args: as PyTorch's torch.autograd.grad. Raises: GraphError if an input was not used (unless allow_unused).
    """
    if is_grads_batched:
        raise GraphError("grad: is_grads_batched is not supported, got True. Loop over the cotangents, or use jacobian().")
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    for i, x in enumerate(inputs):
        if x.node is None:
            raise GraphError(f"grad: input {i} must require gradients, got one that does not. Call requires_grad_() before the forward pass.")
    keep = create_graph if retain_graph is None else retain_graph
    found = dict(walk(_roots(outputs, grad_outputs, create_graph), create_graph, bool(keep), {x.node for x in inputs}))
    results = []
    for i, x in enumerate(inputs):
        g = found.get(x.node)
        if g is None and materialize_grads:
            g = F.zeros_like(x)
        if g is None and not allow_unused:
            raise GraphError(f"grad: input {i} of shape {x.shape} must have been used for the outputs, got one that was not. "
                             "Pass allow_unused=True to get None for it.")
        results.append(g if g is None or isinstance(g, Tensor) else Tensor(x.device.asarray(g), x.device))
    return tuple(results)


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None) -> None:
    """`Tensor.backward` for several tensors."""
    tensors = _tuple(tensors)
    given = (None,) * len(tensors) if grad_tensors is None else _tuple(grad_tensors)
    for i, (t, g) in enumerate(zip(tensors, given)):
        last = i == len(tensors) - 1
        t.backward(g, retain_graph if last else True, create_graph, inputs)


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False) -> tuple:
    """(func(inputs), v^T J): the product of a cotangent with the Jacobian."""
    xs = tuple(x.detach().clone().requires_grad_() if not create_graph else x for x in _tuple(inputs))
    with enable_grad():
        out = func(*xs)
        gs = grad(_tuple(out), xs, v, create_graph=create_graph, allow_unused=True, materialize_grads=True)
    value = out if create_graph else out.detach() if isinstance(out, Tensor) else tuple(o.detach() for o in out)
    return value, gs[0] if isinstance(inputs, Tensor) else gs


def jacobian(func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False) -> Any:
    """d func(inputs)_i / d inputs_j, shape (*output, *input), one backward pass per output element."""
    single = isinstance(inputs, Tensor)
    xs = tuple(x if create_graph and x.requires_grad else x.detach().clone().requires_grad_() for x in _tuple(inputs))
    with enable_grad():
        out = func(*xs)
        outs = _tuple(out)
        rows: list = []
        for y in outs:
            flat = F.reshape(y, (-1,))
            per_input: list = [[] for _ in xs]
            for i in range(flat.shape[0]):
                if flat.node is None:
                    gs = [F.zeros_like(x) for x in xs]
                else:
                    gs = list(grad(flat[i], xs, retain_graph=True, create_graph=create_graph, allow_unused=True, materialize_grads=True))
                for column, g in zip(per_input, gs):
                    column.append(g)
            rows.append(tuple(F.reshape(F.stack(c), (*y.shape, *x.shape)) if c else F.zeros((*y.shape, *x.shape), dtype=x.dtype) for c, x in zip(per_input, xs)))
    result = [r[0] if single else r for r in rows]
    return result[0] if isinstance(out, Tensor) else tuple(result)


def hessian(func: Callable, inputs: Any, create_graph: bool = False) -> Any:
    """Second derivatives of a scalar function, shape (*input, *input)."""
    if isinstance(inputs, Tensor):
        return jacobian(lambda x: jacobian(func, x, create_graph=True), inputs, create_graph)
    return jacobian(lambda *xs: jacobian(func, xs, create_graph=True), inputs, create_graph)


# ---- your own ops -------------------------------------------------------------------------------------------------


class _Context:
    """What a Function's forward leaves for its backward."""

    def __init__(self, needs: tuple):
        self.needs_input_grad, self.kept, self.non_differentiable = needs, (), ()  # type: ignore[var-annotated]
        self.materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs; `saved_tensors` gives them back, and an in-place change of one is noticed."""
        self.kept = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        self.materialize = value

    def mark_dirty(self, *tensors: Tensor) -> None:
        for t in tensors:
            t.bump_version()


class _UserOp:
    """A Function as the walk sees it."""

    keeps = True

    def __init__(self, function: type[Function], context: _Context, inputs: list, outputs: tuple):
        self.name, self.function, self.context = function.__name__, function, context
        self.inputs, self.results, self.many = inputs, [(o.shape, o.dtype) for o in outputs], len(outputs) > 1
        self.places = [next((i for i, o in enumerate(outputs) if o is t), None) for t in context.kept]
        self.kept = [None if place is not None else t for t, place in zip(context.kept, self.places)]  # outputs are kept as raw arrays by the node
        self.saved_names = [f"saved tensor {i}" for i in range(len(context.kept))]

    def input_name(self, i: int) -> str:
        return f"input {i}"

    def pullback(self, node: Node, F_: Any, g: Any, create_graph: bool) -> list:
        device = node.device
        if node.saved is None:
            raise freed(self)
        ends = [node if not self.many else Output(node, p) if p is not None else None for p in self.places]
        tensors = [t if p is None else Tensor(a, device, end if create_graph else None) for t, p, a, end in zip(self.kept, self.places, node.saved, ends)]
        self.context.saved_tensors = tuple(tensors)  # type: ignore[attr-defined]
        given = g if self.many else {0: g}
        gs = []
        for i, (shape, dtype) in enumerate(self.results):
            gi = given.get(i)
            gs.append((F.zeros(shape, dtype=dtype) if self.context.materialize else None) if gi is None else gi if create_graph else Tensor(device.asarray(gi), device))
        out = self.function.backward(self.context, *gs)
        pieces = list(out) if isinstance(out, tuple) else [out]
        while len(pieces) > len(node.parents) and pieces[-1] is None:
            pieces.pop()
        if len(pieces) != len(node.parents):
            raise GraphError(f"{self.name}: backward must return one gradient per input of forward ({len(node.parents)}), got {len(pieces)}. Return None where there is none.")
        for i, p in enumerate(pieces):
            if p is not None and not isinstance(p, Tensor):
                raise DTypeError(f"{self.name}: backward must return Tensors or None, got {type(p).__name__} for input {i}. Wrap it with tensor().")
        return [p if p is None or create_graph else p.array for p in pieces]


class Function:
    """Base of your own ops: static methods `forward(ctx, *args)` and `backward(ctx, *grads)`; call `MyOp.apply(...)`.

    Both receive Tensors. Build backward from differentiable ops and it can be differentiated again. As in newer PyTorch,
    `forward(*args)` with a separate `setup_context(ctx, inputs, output)` works too.
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        raise TypeError("Function: forward must be defined, got none. Write `@staticmethod def forward(ctx, ...)`.")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise TypeError("Function: backward must be defined, got none. Write `@staticmethod def backward(ctx, *grads)`.")

    setup_context: Any = None

    @classmethod
    def apply(cls, *args: Any) -> Any:
        tensors = [a for a in args if isinstance(a, Tensor)]
        parents = tuple(a.node if isinstance(a, Tensor) else None for a in args)
        context = _Context(tuple(p is not None for p in parents))
        with no_grad():
            if cls.setup_context is None:
                out = cls.forward(context, *args)
            else:
                out = cls.forward(*args)
                cls.setup_context(context, args, out)
        outputs = _tuple(out)
        if not mode.recording or all(p is None for p in parents):
            return out
        device = tensors[0].device
        outputs = tuple(o.detach() if any(o is a for a in args) else o for o in outputs)
        user = _UserOp(cls, context, list(args), outputs)
        saved = tuple(t.array if isinstance(t, Tensor) else t for t in context.kept)
        node = Node(user, parents, tuple(getattr(a, "shape", ()) for a in args), saved, {}, device, clock.now)
        for i, o in enumerate(outputs):
            if o.array.dtype.kind == "f" and not any(o is t for t in context.non_differentiable):
                o.node = Output(node, i) if user.many else node
        return outputs[0] if isinstance(out, Tensor) else outputs


# ---- numerical checks ---------------------------------------------------------------------------------------------


def _numerical(function: Callable, arrays: list[np.ndarray], k: int, weights: list[np.ndarray], eps: float) -> np.ndarray:
    """Central differences of sum(weights * function) with respect to array k."""
    def value() -> float:
        with no_grad():
            outs = _tuple(function(*[Tensor(F.tensor(a).array, F.tensor(a).device) if isinstance(a, np.ndarray) else a for a in arrays]))
        return float(sum((w * o.array).sum() for w, o in zip(weights, (o for o in outs if o.is_floating_point()))))

    x, slope = arrays[k], np.zeros(arrays[k].shape)
    for i in np.ndindex(x.shape):
        before = x[i]
        x[i] = before + eps
        up = value()
        x[i] = before - eps
        slope[i] = (up - value()) / (2 * eps)
        x[i] = before
    return slope


def gradcheck(func: Callable, inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True,
              nondet_tol: float = 0.0, check_kinks: bool = True) -> bool:
    """Compare backward with central differences, for a random weighting of all outputs.

    Inputs that require gradients must be float64. An entry where steps `eps` and `eps/2` disagree is a kink (|x| at 0, ties
    of max): no derivative exists there, and the report says so instead of blaming the formula.
    Raises: GraphError with the worst entry, both values and its place (or returns False if not raise_exception).
    """
    inputs = list(_tuple(inputs))
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise GraphError("gradcheck: at least one input must require gradients, got none. Use tensor(..., dtype=float64, requires_grad=True).")
    for i in wanted:
        if inputs[i].array.dtype != np.float64:
            raise DTypeError(f"gradcheck: inputs must be float64, got {inputs[i].dtype.name} for input {i}. Differences need the precision: use x.double().")
    fresh = [x.detach().clone().requires_grad_() if i in wanted else x for i, x in enumerate(inputs)]
    outs = [o for o in _tuple(func(*fresh)) if isinstance(o, Tensor) and o.is_floating_point()]
    rng = np.random.default_rng(0)
    weights = [np.asarray(rng.uniform(0.5, 1.5, o.shape) * rng.choice([-1.0, 1.0], o.shape)) for o in outs]
    live = [(o, w) for o, w in zip(outs, weights) if o.requires_grad]
    xs = [fresh[i] for i in wanted]
    if live:
        gs = grad([o for o, _ in live], xs, [Tensor(o.device.asarray(w), o.device) for o, w in live], allow_unused=True, materialize_grads=True)
    else:
        gs = tuple(F.zeros_like(x) for x in xs)
    arrays = [np.array(x.device.to_host(x.array)) if isinstance(x, Tensor) and i in wanted else x for i, x in enumerate(inputs)]
    for i, g in zip(wanted, gs):
        found, expected = g.device.to_host(g.array), _numerical(func, arrays, i, weights, eps)
        error = np.abs(found - expected) - (atol + rtol * np.abs(expected))
        if not error.size or (error <= 0).all():
            continue
        bad = np.unravel_index(int(np.where(np.isnan(error), np.inf, error).argmax()), error.shape)
        place = f"input {i}{list(map(int, bad))}"
        text = f"gradcheck: backward must agree with finite differences, got {found[bad]:.8g} instead of {expected[bad]:.8g} at {place} (worst of {int((~(error <= 0)).sum())} entries)."
        if check_kinks:
            finer = _numerical(func, arrays, i, weights, eps / 2)[bad]
            if abs(finer - expected[bad]) > 10 * (atol + rtol * abs(finer)):
                text += f" A step half as long gives {finer:.8g}: the function has a kink or a jump there. Choose inputs away from it."
            else:
                text += " Check the formula of that input."
        else:
            text += " Check the formula of that input."
        if raise_exception:
            raise GraphError(text)
        return False
    return True


def gradgradcheck(func: Callable, inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
                  raise_exception: bool = True) -> bool:
    """`gradcheck` of the first derivative: checks the second order, with respect to inputs and cotangents."""
    inputs = list(_tuple(inputs))
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    fresh = [x.detach().clone().requires_grad_() if i in wanted else x for i, x in enumerate(inputs)]
    outs = [o for o in _tuple(func(*fresh)) if isinstance(o, Tensor) and o.requires_grad]
    if not outs:
        return True
    rng = np.random.default_rng(1)
    given = [F.tensor(rng.uniform(0.5, 1.5, o.shape)).requires_grad_() for o in outs] if grad_outputs is None else list(_tuple(grad_outputs))

    def first(*args: Tensor) -> tuple:
        xs, vs = list(args[:len(inputs)]), args[len(inputs):]
        with enable_grad():
            xs = [x if not isinstance(x, Tensor) or i not in wanted or x.requires_grad else x.detach().requires_grad_() for i, x in enumerate(xs)]
            ys = [o for o in _tuple(func(*xs)) if isinstance(o, Tensor) and o.requires_grad]
            return grad(ys, [xs[i] for i in wanted], vs, create_graph=True, allow_unused=True, materialize_grads=True)

    return gradcheck(first, [*inputs, *given], eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)
