"""How each kernel is launched, one family a file, as in kernels/. Importing this package fills the ladders."""
from . import attention, convolution, cross_entropy, dropout, elementwise, embedding, matmul, normalization, order, pooling, reductions, shape, softmax, update  # noqa: F401  # imported for what it registers
