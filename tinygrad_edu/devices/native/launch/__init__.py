"""How each C++ kernel is started, one family a file. Importing this package fills `ladders`."""

from ..rungs import ladders  # noqa: F401  # now complete
from . import (  # noqa: F401  # imported for what it registers
    attention,
    convolution,
    cross_entropy,
    dropout,
    elementwise,
    embedding,
    matmul,
    normalization,
    pooling,
    recurrent,
    reductions,
    shape,
    softmax,
    update,
)
