"""Transforms of functions under the names of `torch.func`: `grad(f)` is the function that computes
f's gradient, and so on.

They nest: `grad(grad(f))` is the second derivative. `vmap` calls the function once per example and
stacks the results: right for every op, not faster than a loop. Write batched code with broadcasting
where speed matters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from . import functional as F
from .autograd import enable_grad, is_grad_enabled, no_grad
from .autograd import functional as derivatives
from .autograd import grad as gradients_of
from .engine.border import public
from .engine.device import functional as declared
from .engine.errors import DTypeError, ShapeError
from .engine.tensor import Tensor
from .left_out import explain_missing as _explain_missing

P = ParamSpec("P")
R = TypeVar("R")
__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "stack_module_state",
    "vjp",
    "vmap",
]


def leaves(tree: Any) -> list:
    """The Tensors of nested tuples, lists and dicts, in order."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        return [t for v in tree.values() for t in leaves(v)]
    return [t for v in tree for t in leaves(v)] if isinstance(tree, (tuple, list)) else []


def rebuild(tree: Any, new: Any) -> Any:
    """The same nesting, its Tensors replaced by the next of the iterator `new`."""
    if isinstance(tree, Tensor):
        return next(new)
    if isinstance(tree, dict):
        return {k: rebuild(v, new) for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(rebuild(v, new) for v in tree))
    return type(tree)(rebuild(v, new) for v in tree) if isinstance(tree, (tuple, list)) else tree


def fresh(x: Tensor) -> Tensor:
    """x as a node of its own: a derivative with respect to it is not one with respect to other uses
    of x.
    """
    return (
        declared.alias(x) if x.requires_grad and is_grad_enabled() else x.detach().requires_grad_()
    )


@public
def grad_and_value(func: Callable, argnums: int | tuple = 0, has_aux: bool = False) -> Callable:
    """The function that returns (gradient, value): gradients of the one number that func returns,
    with respect to the arguments `argnums`.

    An argument may be a nested tuple, list or dict of Tensors (such as a module's parameters).
    has_aux: func returns (number, anything), and value is that pair.
    """

    def compute(*args: Any, **kwargs: Any) -> tuple:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        nested = is_grad_enabled() and any(t.requires_grad for t in leaves((args, kwargs)))
        args_ = list(args)
        for i in numbers:
            args_[i] = rebuild(args[i], iter([fresh(t) for t in leaves(args[i])]))
        with enable_grad():
            out = func(*args_, **kwargs)
            value = out[0] if has_aux else out
            if not isinstance(value, Tensor) or value.numel() != 1 or value.ndim:
                raise ShapeError(
                    "grad: func must return one number (a 0-d tensor), got"
                    f" {tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__}."
                    " Sum it first."
                )
            wanted = [t for i in numbers for t in leaves(args_[i])]
            if value.requires_grad:
                gs = gradients_of(
                    value, wanted, create_graph=nested, allow_unused=True, materialize_grads=True
                )
            else:
                gs = tuple(F.zeros_like(t) for t in wanted)
        it = iter(gs)
        found = tuple(rebuild(args_[i], it) for i in numbers)
        plain = out if nested else rebuild(out, iter([t.detach() for t in leaves(out)]))
        return found[0] if isinstance(argnums, int) else found, plain

    return compute


@public
def grad(func: Callable, argnums: int | tuple = 0, has_aux: bool = False) -> Callable:
    """The function that returns func's gradient (has_aux: and what else func returns)."""
    both = grad_and_value(func, argnums, has_aux)

    def compute(*args: Any, **kwargs: Any) -> Any:
        g, value = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return compute


@public
def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(func(*primals), the function from a cotangent to the tuple of cotangents of the primals)."""
    xs = tuple(rebuild(p, iter([fresh(t) for t in leaves(p)])) for p in primals)
    nested = is_grad_enabled() and any(t.requires_grad for t in leaves(primals))
    with enable_grad():
        out = func(*xs)
    out, aux = out if has_aux else (out, None)

    def pull(*cotangents: Any) -> tuple:
        given = leaves(cotangents)
        ys = [(y, g) for y, g in zip(leaves(out), given) if y.requires_grad]
        wanted = leaves(xs)
        if len(given) != len(leaves(out)):
            raise ShapeError(
                f"vjp: needs one cotangent per output ({len(leaves(out))}), got {len(given)}. Give"
                " them in the outputs' structure."
            )
        with enable_grad():
            gs = (
                gradients_of(
                    [y for y, _ in ys],
                    wanted,
                    [g for _, g in ys],
                    retain_graph=True,
                    create_graph=nested or any(g.requires_grad for g in given),
                    allow_unused=True,
                    materialize_grads=True,
                )
                if ys
                else [F.zeros_like(t) for t in wanted]
            )
        return rebuild(xs, iter(gs))

    plain = out if nested else rebuild(out, iter([t.detach() for t in leaves(out)]))
    return (plain, pull, aux) if has_aux else (plain, pull)


@public
def jvp(func: Callable, primals: tuple, tangents: tuple, *, has_aux: bool = False) -> tuple:
    """(func(*primals), the directional derivative along tangents)."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise DTypeError(
            f"jvp: primals and tangents must be tuples, got {type(primals).__name__} and"
            f" {type(tangents).__name__}. Write (x,)."
        )
    kept: list = []

    def plain(*xs: Any) -> Any:
        out = func(*xs)
        if has_aux:
            kept.append(out[1])
            return out[0]
        return out

    nested = is_grad_enabled() and any(t.requires_grad for t in leaves((primals, tangents)))
    value, product = derivatives.jvp(plain, primals, tangents, create_graph=nested)
    return (value, product, kept[-1]) if has_aux else (value, product)


def of_argument(matrix: Callable, func: Callable, argnums: int | tuple) -> Callable:
    def compute(*args: Any) -> Any:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

        def of_those(*chosen: Any) -> Any:
            filled = list(args)
            for i, value in zip(numbers, chosen):
                filled[i] = value
            return func(*filled)

        chosen = tuple(args[i] for i in numbers)
        nested = is_grad_enabled() and any(t.requires_grad for t in leaves(args))
        if not all(isinstance(value, Tensor) for value in chosen):

            def of_leaves(*ts: Tensor) -> Any:
                return of_those(*rebuild(chosen, iter(ts)))

            found = iter(matrix(of_leaves, tuple(leaves(chosen)), create_graph=nested))
            whole = rebuild(chosen, found)
            return whole[0] if isinstance(argnums, int) else whole
        return matrix(
            of_those, chosen[0] if isinstance(argnums, int) else chosen, create_graph=nested
        )

    return compute


@public
def jacrev(func: Callable, argnums: int | tuple = 0) -> Callable:
    """The function that returns func's Jacobian, shape (*output, *input), one backward pass per
    output element.
    """
    return of_argument(derivatives.jacobian, func, argnums)


def columns(func: Callable, inputs: Any, create_graph: bool = False) -> Any:
    """The Jacobian with respect to one Tensor, one directional derivative per input element."""
    if not isinstance(inputs, Tensor):
        raise DTypeError(
            "jacfwd: argnums must be one int here, got several. Use jacrev for several arguments."
        )
    found = []
    for i in range(inputs.numel()):
        direction = F.reshape(
            declared.cast_like(F.arange(inputs.numel(), device=inputs.device) == i, inputs),
            inputs.shape,
        )
        found.append(derivatives.jvp(func, inputs, direction, create_graph)[1])
    if not found:
        return derivatives.jacobian(func, inputs, create_graph)
    return F.reshape(F.stack(found, -1), (*found[0].shape, *inputs.shape))


@public
def jacfwd(func: Callable, argnums: int | tuple = 0) -> Callable:
    """The function that returns func's Jacobian, one directional derivative per input element: for
    more outputs than inputs.
    """
    return of_argument(columns, func, argnums)


@public
def hessian(func: Callable, argnums: int = 0) -> Callable:
    """The function that returns func's second derivatives, shape (*output, *input, *input)."""
    return jacrev(jacrev(func, argnums), argnums)


@public
def vmap(
    func: Callable[P, R],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[P, R]:
    """The function that runs func over a batch dim of its arguments: once per example, the results
    stacked. Gradients flow through.

    Args:   in_dims: the dim to run over, for each argument (None: the argument is the same for
            all); one number for all arguments.
            out_dims: where the batch dim of each output goes. randomness, chunk_size: accepted;
            each example draws its own numbers
    """

    def compute(*args: P.args, **kwargs: P.kwargs) -> Any:
        dims = (
            (in_dims,) * len(args)
            if in_dims is None or isinstance(in_dims, int)
            else tuple(in_dims)
        )
        if len(dims) != len(args):
            raise ShapeError(
                f"vmap: in_dims must have one entry per argument ({len(args)}), got {len(dims)}."
                " Use None where an argument is shared."
            )
        sizes = {
            t.shape[d] for a, d in zip(args, dims) if d is not None for t in leaves(a) if t.ndim
        }
        if len(sizes) != 1:
            raise ShapeError(
                f"vmap: the batch dims must have one size, got {sorted(sizes)}. Check in_dims."
            )
        outs = []
        for i in range(sizes.pop()):
            example = [
                a if d is None else rebuild(a, iter([F.select(t, d, i) for t in leaves(a)]))
                for a, d in zip(args, dims)
            ]
            outs.append(func(*example, **kwargs))  # type: ignore[arg-type]  # a part of each argument
        if not outs:
            raise ShapeError(
                "vmap: the batch must not be empty, got size 0. Give at least one example."
            )
        places = iter(
            [out_dims] * len(leaves(outs[0])) if isinstance(out_dims, int) else list(out_dims)
        )
        return rebuild(
            outs[0],
            iter(
                [F.stack(list(column), next(places)) for column in zip(*(leaves(o) for o in outs))]
            ),
        )

    return compute


@public
def functional_call(
    module: Any, parameters: Any, args: Any = (), kwargs: dict | None = None
) -> Any:
    """module(*args, **kwargs) with these parameters and buffers (by name) in place of its own.

    Args: parameters: a dict, or a tuple of dicts, for example of parameters and of buffers.
    """
    if isinstance(parameters, (tuple, list)):
        parameters = {name: value for part in parameters for name, value in part.items()}
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    unknown = set(parameters) - set(own)
    if unknown:
        raise ShapeError(
            "functional_call: names must be of the module's parameters or buffers, got"
            f" {sorted(unknown)}. Compare with module.state_dict()."
        )
    places = []
    try:
        for name, value in parameters.items():
            path, _, last = name.rpartition(".")
            owner = module.get_submodule(path)
            table = owner._parameters if last in owner._parameters else owner._buffers
            places.append((table, last, table[last]))
            table[last] = value
        return module(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for table, last, value in reversed(places):
            table[last] = value


@public
def stack_module_state(models: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of several modules of one kind, by name, stacked along a new first dim.

    With `functional_call` and `vmap` they run as one ensemble.
    """
    models = list(models)
    if not models or any(type(m) is not type(models[0]) for m in models):
        raise ShapeError(
            "stack_module_state: needs modules of one class, got"
            f" {[type(m).__name__ for m in models]}. Give several of the same."
        )
    with no_grad():
        stacked = []
        for named in ("named_parameters", "named_buffers"):
            parts = [dict(getattr(m, named)()) for m in models]
            stacked.append({name: F.stack([p[name] for p in parts]) for name in parts[0]})
    parameters, buffers = stacked
    return {name: p.detach().requires_grad_() for name, p in parameters.items()}, buffers


_explain_missing(__name__)
