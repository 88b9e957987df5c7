"""How each kernel is launched, one family a file, as in kernels/. Importing this package fills the ladders."""
from . import cross_entropy, elementwise, embedding, normalization, order, reductions, softmax  # noqa: F401  # imported for what it registers
