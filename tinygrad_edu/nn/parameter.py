"""Parameter: a tensor that a module registers as something to learn."""

from __future__ import annotations

from ..engine.errors import DTypeError
from ..engine.graph import Leaf
from ..engine.tensor import Tensor
from ..left_out import explain_missing as _explain_missing


class Parameter(Tensor):
    """A leaf tensor that `Module.parameters()` finds when it is assigned as an attribute of a
    module.

    Args: data: the tensor whose memory the parameter shares; requires_grad: whether to learn it
          (default True).
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True):
        if data is None:
            from ..functional import empty

            data = empty(0)
        if not isinstance(data, Tensor):
            raise DTypeError(
                f"Parameter: data must be a Tensor, got {type(data).__name__}. Make one with"
                " tensor(...)."
            )
        super().__init__(data.array, data.device)
        if requires_grad:
            if not data.is_floating_point():
                raise DTypeError(
                    "Parameter: must be a floating-point tensor to have a gradient, got"
                    f" {data.dtype.name}. Convert it with x.float(), or pass requires_grad=False."
                )
            self.node = Leaf(self)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that a module registers as state that is not learnt, when it is assigned as an
    attribute.

    Args: data: the tensor whose memory the buffer shares; persistent: whether `state_dict` holds it
          (default True).
    """

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True):
        if not isinstance(data, Tensor):
            raise DTypeError(
                f"Buffer: data must be a Tensor, got {type(data).__name__}. Make one with"
                " tensor(...)."
            )
        super().__init__(data.array, data.device)
        self.persistent = persistent


_explain_missing(__name__)
