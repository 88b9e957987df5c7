"""Derivatives of functions: products with the Jacobian and the Hessian, and both matrices
themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from ..engine.backward import sequence as as_tuple
from ..engine.border import public
from ..engine.device import functional
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from .gradients import grad
from .modes import enable_grad


def detached(out: Any) -> Any:
    """A function's result, one Tensor or several, without its graph."""
    return out.detach() if isinstance(out, Tensor) else tuple(o.detach() for o in out)


def variables(inputs: Any, create_graph: bool) -> tuple:
    """The inputs to differentiate by: nodes of their own if they are in a graph to extend, so that
    what func's closure does with them does not count; else copies.
    """
    return tuple(
        functional.alias(x)
        if create_graph and x.requires_grad
        else x.detach().clone().requires_grad_()
        for x in as_tuple(inputs)
    )


@public
def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False) -> tuple:
    """(func(inputs), v^T J): the product of a cotangent with the Jacobian."""
    xs = tuple(
        x.detach().clone().requires_grad_() if not create_graph else functional.alias(x)
        for x in as_tuple(inputs)
    )
    with enable_grad():
        out = func(*xs)
        gs = grad(
            as_tuple(out),
            xs,
            v,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
    value = out if create_graph else detached(out)
    return value, gs[0] if isinstance(inputs, Tensor) else gs


@public
def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), J v): the product of the Jacobian with a tangent, by two backward passes.

    v^T J is linear in v, and its formulas can be differentiated: the gradient of <v^T J, tangent>
    with respect to v is J tangent.
    """
    xs = variables(inputs, create_graph)
    tangents = tuple(F.ones_like(x) for x in xs) if v is None else as_tuple(v)
    if v is None and any(x.numel() != 1 for x in xs):
        raise ShapeError(
            "jvp: v must be given unless every input holds one number, got None. Give a tangent of"
            " each input's shape."
        )
    if len(tangents) != len(xs) or any(t.shape != x.shape for t, x in zip(tangents, xs)):
        raise ShapeError(
            f"jvp: v must have the inputs' shapes {[x.shape for x in xs]}, got"
            f" {[t.shape for t in tangents]}. Give one tangent per input."
        )
    with enable_grad():
        out = func(*xs)
        products = pushed(as_tuple(out), xs, tangents, create_graph)
    value = out if create_graph else detached(out)
    return value, products[0] if isinstance(out, Tensor) else tuple(products)


def pushed(ys: tuple, xs: tuple, tangents: tuple, create_graph: bool) -> list:
    """J v for each of ys; zeros where an output does not depend on the inputs."""
    products = [F.zeros_like(y) for y in ys]
    live = [i for i, y in enumerate(ys) if y.requires_grad]
    if not live:
        return products
    probes = [F.zeros_like(ys[i]).requires_grad_() for i in live]
    gs = grad([ys[i] for i in live], xs, probes, create_graph=True, allow_unused=True)
    terms = [F.sum(g * t) for g, t in zip(gs, tangents) if g is not None and g.requires_grad]
    if not terms:
        return products
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    found = grad(
        total, probes, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    for i, product in zip(live, found):
        products[i] = product
    return products


@public
def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), H v) of a scalar function: its Hessian times a vector, without the Hessian."""
    xs = variables(inputs, create_graph)
    vs = tuple(F.ones_like(x) for x in xs) if v is None else as_tuple(v)
    with enable_grad():
        out = func(*xs)
        if out.numel() != 1:
            raise ShapeError(
                f"hvp: func must return one number, got shape {out.shape}. Sum it first."
            )
        gs = grad(out, xs, create_graph=True, allow_unused=True, materialize_grads=True)
        live = [(g, t) for g, t in zip(gs, vs) if g.requires_grad]
        if live:
            products = grad(
                [g for g, _ in live],
                xs,
                [t for _, t in live],
                create_graph=create_graph,
                allow_unused=True,
                materialize_grads=True,
            )
        else:
            products = tuple(F.zeros_like(x) for x in xs)
    return out if create_graph else out.detach(), (
        products[0] if isinstance(inputs, Tensor) else products
    )


vhp = hvp  # the Hessian is symmetric: v^T H and H v are the same numbers


@public
def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
) -> Any:
    """d func(inputs)_i / d inputs_j, shape (*output, *input): one backward pass per output
    element.
    """
    single = isinstance(inputs, Tensor)
    xs = variables(inputs, create_graph)
    with enable_grad():
        out = func(*xs)
        outs = as_tuple(out)
        rows: list = []
        for y in outs:
            flat = F.reshape(y, (-1,))
            per_input: list = [[] for _ in xs]
            for i in range(flat.shape[0]):
                if flat.node is None:
                    gs = [F.zeros_like(x) for x in xs]
                else:
                    gs = list(
                        grad(
                            flat[i],
                            xs,
                            retain_graph=True,
                            create_graph=create_graph,
                            allow_unused=True,
                            materialize_grads=True,
                        )
                    )
                for column, g in zip(per_input, gs):
                    column.append(g)
            rows.append(
                tuple(
                    (
                        F.reshape(F.stack(c), (*y.shape, *x.shape))
                        if c
                        else F.zeros((*y.shape, *x.shape), dtype=x.dtype)
                    )
                    for c, x in zip(per_input, xs)
                )
            )
    result = [r[0] if single else r for r in rows]
    return result[0] if isinstance(out, Tensor) else tuple(result)


@public
def hessian(func: Callable, inputs: Any, create_graph: bool = False) -> Any:
    """Second derivatives of a scalar function, shape (*input, *input)."""
    if isinstance(inputs, Tensor):
        return jacobian(lambda x: jacobian(func, x, create_graph=True), inputs, create_graph)
    return jacobian(lambda *xs: jacobian(func, xs, create_graph=True), inputs, create_graph)
