"""Every op, one family a file. Importing this package fills the registry."""
from ..core.device import registry
from ..core.op import Op
from . import (  # noqa: F401  # imported for what they register
    activation,
    attention,
    adaptive,
    arithmetic,
    compare,
    conversion,
    convolution,
    creation,
    elementwise,
    fold,
    grid,
    image,
    indexing,
    loss,
    matmul,
    normalization,
    padding,
    pooling,
    random,
    reduction,
    resample,
    shape,
    smooth,
    softmax,
    special,
    transcendental,
)

_unfinished = [name for name, op in registry.items() if isinstance(op, Op) and op.rules is None]
if _unfinished:
    raise TypeError(f"op: {_unfinished} have neither .vjp(...) nor differentiable=False. Add one.")
