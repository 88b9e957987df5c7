"""Every op and composite as a function, by name: `functional.matmul(a, b)`; and the functions that
make tensors.
"""

from . import ops as _ops  # noqa: F401  # fills the registry
from .engine.device import functional as _functions
from .ops.create.conversion import can_cast, is_complex, is_floating_point, is_nonzero, is_same_size  # noqa: F401
from .ops.create.creation import (  # noqa: F401
    arange,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from .ops.create.random import (
    bernoulli,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)  # noqa: F401
from .ops.shape.diagonal import tril_indices, triu_indices  # noqa: F401

for _name in (f for f in vars(_functions)):
    globals()[_name] = getattr(_functions, _name)
for _name in (
    "empty_like",
    "eye",
    "rand",
    "rand_like",
    "randn_like",
    "zeros_like",
    "ones_like",
    "zeros",
    "ones",
    "full",
    "tensor",
    "arange",
    "full_like",
):
    setattr(_functions, _name, globals()[_name])  # composites reach them through F
__all__ = sorted([n for n in globals() if not n.startswith("_")])
