"""What each op is measured on, one family a file, as in devices/launch/.

An op without an entry is measured on the largest of its own cases.
"""

from . import (
    attention,
    convolution,
    cross_entropy,
    dropout,
    elementwise,
    embedding,
    matmul,
    normalization,
    order,
    pooling,
    recurrent,
    reductions,
    shape,
    softmax,
    update,
)
from .work import Sizes, Work, parse_shape, works, works_of
