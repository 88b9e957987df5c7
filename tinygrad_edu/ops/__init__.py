"""Every op, one family a file. Importing this package fills the registry."""
from ..core.device import registry
from ..core.op import Op
from . import (  # noqa: F401  # imported for what they register
    activation,
    adaptive,
    aliases,  # noqa: E402, F401  # when all are there
    arithmetic,
    attention,
    compare,
    conversion,
    convolution,
    creation,
    ctc,
    diagonal,
    distance,
    elementwise,
    embedding,
    factorization,
    fold,
    grid,
    image,
    indexing,
    joining,
    linalg,
    loss,
    matmul,
    normalization,
    norms,
    order,
    padding,
    pooling,
    random,
    recurrent,
    reduction,
    resample,
    scan,
    scatter,
    shape,
    smooth,
    softmax,
    special,
    transcendental,
)

aliases.install()
_unfinished = [name for name, op in registry.items() if isinstance(op, Op) and op.rules is None]
if _unfinished:
    raise TypeError(f"op: {_unfinished} have neither .vjp(...) nor differentiable=False. Add one.")
