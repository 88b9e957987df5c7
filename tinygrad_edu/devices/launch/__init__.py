"""How each kernel is launched, one family a file, as in kernels/.

Importing this package fills `ladders`, which needs the ops to be declared.
"""

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
    order,
    pooling,
    recurrent,
    reductions,
    shape,
    softmax,
    update,
)
