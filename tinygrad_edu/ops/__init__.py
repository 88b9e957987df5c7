"""Every op, one family a file. Importing this package fills the registry."""

from ..engine.declarations import unfinished
from .create import conversion, creation, gamma_random, random
from .elementwise import (
    activation,
    arithmetic,
    bessel,
    bounds,
    choosing,
    compare,
    gamma,
    operators,
    special,
    transcendental,
)
from .image import grid, resample, resize
from .indexing import embedding, indexing, scatter, slices
from .layers import (
    adaptive,
    attention,
    class_loss,
    convolution,
    ctc,
    fractional_pooling,
    loss,
    margin_loss,
    normalization,
    pooling,
    recurrent,
    unpooling,
)
from .linalg import distance, factorization, linalg, matmul
from .reduction import counting, norms, order, quantile, reduction, scan, softmax
from .shape import copies, diagonal, fold, joining, padding, views

if unfinished():
    raise TypeError(f"op: {unfinished()} have neither .vjp(...) nor differentiable=False. Add one.")
