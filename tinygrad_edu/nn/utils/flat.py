"""All parameters in one piece of memory, so that an optimiser's step is one call over it, and one
launch where there are kernels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...autograd import no_grad
from ...engine.errors import DTypeError, GraphError, ShapeError
from ...engine.tensor import Tensor
from ...functional import zeros
from ..parameter import Parameter

ALIGN = 16  # elements: each parameter begins where vector loads may begin


class FlatParameter(Parameter):
    """One parameter whose memory holds others: they become views of it, and their gradients views
    of its gradient.

        flat = nn.utils.FlatParameter(model.parameters())
        optimizer = optim.AdamW([flat], lr=1e-3)

    The rest of a training loop stays as it is: the model's own parameters keep their names, shapes
    and values, `zero_grad` of the optimiser or of the model clears them, clipping flat's gradient
    clips all. All parameters share the settings of one group, as one tensor does; methods that look
    at shapes (Muon) want the parameters themselves.

    Args:   parameters: tensors of one dtype on one device that require gradients
    Shape:  (n,): the elements one after another, each parameter begun at a multiple of 16 elements,
            zeros between them
    Raises: GraphError at the next step if a parameter got other memory (model.to(...), p.data =
            ...): make a new one then
    """

    def __init__(self, parameters: Iterable[Tensor]):
        self.parts = list(parameters)
        if not self.parts or any(
            not isinstance(p, Tensor) or not p.requires_grad or not p.is_leaf for p in self.parts
        ):
            raise GraphError(
                "FlatParameter: parameters must be leaves that require gradients, and at least one,"
                " got others. Pass model.parameters(), before any is frozen."
            )
        if len({id(p) for p in self.parts}) < len(self.parts):
            raise ShapeError(
                "FlatParameter: each parameter must appear once, got one twice. Remove one of them."
            )
        first = self.parts[0]
        if any(p.dtype != first.dtype or p.device is not first.device for p in self.parts):
            raise DTypeError(
                "FlatParameter: parameters must have one dtype and one device, got several. Make"
                " one for each."
            )
        self.starts = []
        length = 0
        for p in self.parts:
            self.starts.append(length)
            length += math.ceil(p.numel() / ALIGN) * ALIGN
        super().__init__(zeros(length, dtype=first.dtype, device=first.device))
        self.buffer = zeros(length, dtype=first.dtype, device=first.device)  # of gradients
        with no_grad():
            for p, start in zip(self.parts, self.starts):
                here = self.data[start : start + p.numel()].view(p.shape)
                here.copy_(p)
                p.data = here
        self._gather()

    def _gather(self) -> None:
        """Every gradient that backward left elsewhere comes into the buffer."""
        with no_grad():
            for p, start in zip(self.parts, self.starts):
                if p.data_ptr() != self.array_at(self, start):
                    raise GraphError(
                        "FlatParameter: a parameter must stay in the flat memory, got one with"
                        " memory of its own (model.to(...), p.data = ...). Make a new FlatParameter"
                        " and a new optimiser."
                    )
                if p.grad is None or p.grad.data_ptr() != self.array_at(self.buffer, start):
                    here = self.buffer[start : start + p.numel()].view(p.shape)
                    if p.grad is None:
                        here.zero_()
                    else:
                        here.copy_(p.grad)
                    p.grad = here

    @staticmethod
    def array_at(of: Tensor, start: int) -> int:
        return of.data_ptr() + start * of.element_size()

    @property
    def grad(self) -> Tensor:
        """All gradients, those of parameters without one as zeros."""
        self._gather()
        return self.buffer

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            self.buffer.zero_()
        elif value is not self.buffer:
            with no_grad():
                self.buffer.copy_(value)
