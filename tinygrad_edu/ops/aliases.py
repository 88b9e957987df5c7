"""Second names of ops, as PyTorch has them: `subtract` is `sub`, `concat` is `cat`."""

from __future__ import annotations

from ..engine.backward import functional
from ..engine.device import registry
from ..engine.tensor import Tensor


def alias(name, of):
    """`name` as another name of the op `of`, as function, method and in-place form."""
    registry[name] = known = registry[of]
    setattr(functional, name, known.function)
    if known.is_method or name in METHODS:
        setattr(Tensor, name, known.function)
    if hasattr(known, "inplace"):
        setattr(Tensor, name + "_", known.inplace)


METHODS = "inverse det slogdet".split()  # of ops whose own name is not one


def install():
    """Register them all; called when every family is there."""
    for op in list(registry.values()):
        for name in getattr(op, "alias", ()):
            alias(name, op.name)
