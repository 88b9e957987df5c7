"""@composite: a function made only of other ops.

    @composite(cases=[Case([2, 3], [2, 3])])
    def view_as(F, input: Tensor, other: Tensor) -> Tensor:  # F: the table of functions
        return F.view(input, other.shape)

The body is all there is: no formula, no node of its own. It runs on Tensors and, inside formulas,
on raw arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .border import UNPLANNED, explain, planned
from .call import sizes
from .device import Device, functional
from .into import into
from .names import check_names
from .op import Declared, decorator, register
from .signatures import CompositeDecorator


class Composite(Declared):
    """What tests, docs and devices know of a composite."""

    inputs: tuple = ()
    keeps_input = differentiable = True
    elementwise = False

    def bind(self, device: Device) -> Callable:
        return partial(self.forward, device.F)


def composed(composite: Composite) -> Callable:
    """The function of a composite: its body on Tensors, with errors in its own words."""
    body, order, parameters = composite.forward, composite.order, composite.parameters
    at = next((i for i, p in enumerate(parameters) if str(p.annotation) == "Sizes"), None)
    keywords = any(p.kind is p.VAR_KEYWORD for p in parameters)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not keywords and not kwargs.keys() <= {*order}:
            out = kwargs.pop("out", None)
            if out is not None:
                again = partial(call, *args, **kwargs)
                return into(composite.name, out, again, (*args, *kwargs.values()))
            renamed = composite.renamed
            kwargs = {renamed.get(k, k) if k not in order else k: v for k, v in kwargs.items()}
            check_names(composite, kwargs)
        if at is not None and len(args) > at:
            args = (*args[:at], sizes(args[at] if len(args) == at + 1 else args[at:]))
        try:
            return body(functional, *args, **kwargs)
        except UNPLANNED as error:
            worded = explain(composite.name, {**dict(zip(order, args)), **kwargs}, error)
            if worded is error or planned(error):
                raise
            raise worded from error

    return call


def declare(body: Callable, **options: Any) -> Any:
    """Make and register the function of a composite."""
    declared = Composite(body, **options)
    return register(declared, composed(declared))


composite: CompositeDecorator = decorator(declare)  # options: those of `Declared`
