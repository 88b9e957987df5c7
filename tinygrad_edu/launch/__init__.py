"""How each kernel is launched, one family a file, as in kernels/. Importing this package fills the ladders."""
from . import elementwise, softmax  # noqa: F401  # imported for what it registers
