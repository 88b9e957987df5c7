"""The limits of dtypes, under PyTorch's names."""

from __future__ import annotations

import numpy as np

from .dtype import as_dtype, get_default_dtype
from .errors import DTypeError


class finfo:  # noqa: N801  # PyTorch's name
    """Limits of a floating-point dtype (the default one if none is given): eps, max, min, tiny,
    smallest_normal, resolution, bits.
    """

    def __init__(self, type: object = None):
        d = get_default_dtype() if type is None else as_dtype(type)
        if not d.is_floating_point:
            raise DTypeError(
                f"finfo: must be a floating-point dtype, got {d}. Use iinfo for integers."
            )
        limits = np.finfo(d.numpy)
        self.dtype, self.bits = d.name, limits.bits
        self.eps, self.max, self.min, self.resolution = (
            float(v) for v in (limits.eps, limits.max, limits.min, limits.resolution)
        )
        self.tiny = self.smallest_normal = float(limits.smallest_normal)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution}, min={self.min}, max={self.max}, eps={self.eps},"
            f" smallest_normal={self.smallest_normal}, tiny={self.tiny}, dtype={self.dtype})"
        )


class iinfo:  # noqa: N801  # PyTorch's name
    """Limits of an integer dtype: max, min, bits."""

    def __init__(self, type: object):
        d = as_dtype(type)
        if d.numpy.kind not in "iu":
            raise DTypeError(
                f"iinfo: must be an integer dtype, got {d}. Use finfo for floating-point dtypes."
            )
        limits = np.iinfo(d.numpy)
        self.dtype, self.bits, self.max, self.min = (
            d.name,
            limits.bits,
            int(limits.max),
            int(limits.min),
        )

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
