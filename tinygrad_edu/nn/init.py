"""Initial values of parameters. Every function changes its tensor in place, outside the graph, and
returns it.

`generator` is the source of random numbers; without one the default generator is used (see
`manual_seed`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from .. import functional as F
from .. import notes
from ..autograd import no_grad
from ..engine.border import public
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..left_out import explain_missing as _explain_missing

GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
    **dict.fromkeys(
        ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        1.0,
    ),
}


def outside_graph(fill: Callable) -> Any:
    """Run `fill` without recording, so that it may write to leaves."""

    fill = public(fill)

    @wraps(fill)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        with no_grad():
            return fill(*args, **kwargs)

    return call


@public
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the spread of values through that nonlinearity; `param` is leaky_relu's
    negative slope.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else float(param)) ** 2))
    if nonlinearity not in GAINS:
        raise ShapeError(
            f"calculate_gain: nonlinearity must be leaky_relu, {', '.join(GAINS)}, got"
            f" {nonlinearity!r}. Use one of those."
        )
    return GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs feed one output of a weight (out, in, *kernel), and how many outputs one
    input feeds.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            "init: fan in and fan out need a tensor with at least 2 dims, got shape"
            f" {tensor.shape}. Use uniform_ or normal_ for vectors."
        )
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ShapeError(
            f"init: mode must be 'fan_in' or 'fan_out', got {mode!r}. Use one of those."
        )
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


@outside_graph
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@outside_graph
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with that mean and standard deviation."""
    return tensor.normal_(mean, std, generator=generator)


@outside_graph
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal, restricted to [a, b].

    Note: by rejection. Proposals are normal where [a, b] holds much of the mass, else uniform over
          the part of [a, b] that is within 10 standard deviations of its likeliest point.
    """
    if not a < b or std <= 0:
        raise ShapeError(
            f"trunc_normal_: needs a < b and std > 0, got a={a}, b={b}, std={std}. Correct the"
            " range."
        )
    low, high = (a - mean) / std, (b - mean) / std
    mass = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    peak = min(max(0.0, low), high)
    low, high = max(low, peak - 10), min(high, peak + 10)
    pieces, missing = [], tensor.numel()
    while missing:
        n = int(missing / max(mass, 0.1)) + 8
        x = F.empty(n, dtype=tensor.dtype, device=tensor.device)
        if mass > 0.25:
            x.normal_(generator=generator)
            x = x[(x >= low) & (x <= high)]
        else:
            x.uniform_(low, high, generator=generator)
            height = F.empty(n, dtype=tensor.dtype, device=tensor.device).uniform_(
                generator=generator
            )
            x = x[height < F.exp((peak * peak - x * x) / 2)]
        pieces.append(x[:missing])
        missing -= len(pieces[-1])
    if pieces:
        # clamp: rounding may step over an end
        tensor.copy_((F.cat(pieces).reshape(tensor.shape) * std + mean).clamp(a, b))
    return tensor


@outside_graph
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`."""
    return tensor.fill_(val)


@outside_graph
def ones_(tensor: Tensor) -> Tensor:
    """Every element 1."""
    return tensor.fill_(1.0)


@outside_graph
def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0."""
    return tensor.zero_()


@outside_graph
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: ones on the diagonal, zeros elsewhere."""
    if tensor.ndim != 2:
        raise ShapeError(
            f"eye_: needs a tensor with 2 dims, got shape {tensor.shape}. Use dirac_ for"
            " convolutions."
        )
    tensor.zero_()
    for i in range(min(tensor.shape)):
        tensor[i, i] = 1
    return tensor


@outside_graph
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution weight that passes its inputs through: 1 at the centre of the kernel from
    channel i to channel i of each group.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(
            f"dirac_: needs a convolution weight with 3, 4 or 5 dims, got shape {tensor.shape}. Use"
            " eye_ for matrices."
        )
    if tensor.shape[0] % groups:
        raise ShapeError(
            f"dirac_: the first size must be divisible by groups, got {tensor.shape[0]} and"
            f" groups={groups}. Change one of them."
        )
    per_group = tensor.shape[0] // groups
    centre = tuple(k // 2 for k in tensor.shape[2:])
    tensor.zero_()
    for group in range(groups):
        for i in range(min(per_group, tensor.shape[1])):
            tensor[(group * per_group + i, i, *centre)] = 1
    return tensor


@outside_graph
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in ±gain·√(6 / (fan_in + fan_out)).

    Reference: X. Glorot, Y. Bengio, 2010, "Understanding the difficulty of training deep
               feedforward neural networks", eq. 16.
    """
    bound = gain * math.sqrt(6 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return tensor.uniform_(-bound, bound, generator=generator)


@outside_graph
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with standard deviation gain·√(2 / (fan_in + fan_out)).

    Reference: see `xavier_uniform_`.
    """
    return tensor.normal_(
        0.0, gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor))), generator=generator
    )


@outside_graph
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform in ±gain·√(3 / fan), gain for the nonlinearity that follows; `a` is leaky_relu's
    negative slope.

    Reference: K. He et al., 2015, "Delving deep into rectifiers", eq. 10 and 14.
    """
    if not tensor.numel():
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / _fan(tensor, mode))
    return tensor.uniform_(-bound, bound, generator=generator)


@outside_graph
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal with standard deviation gain / √fan. Reference: see `kaiming_uniform_`."""
    if not tensor.numel():
        return tensor
    return tensor.normal_(
        0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator=generator
    )


@outside_graph
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """A random matrix with orthonormal rows or columns (whichever are fewer) times `gain`; trailing
    dims are flattened.

    Note: from the QR decomposition of a normal matrix, signs fixed by R's diagonal so that it is
          uniform over all such matrices.
    Reference: A. Saxe et al., 2013, "Exact solutions to the nonlinear dynamics of learning in deep
               linear neural networks".
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"orthogonal_: needs a tensor with at least 2 dims, got shape {tensor.shape}. Use"
            " normal_ for vectors."
        )
    if not tensor.numel():
        return tensor
    rows, cols = tensor.shape[0], tensor.numel() // tensor.shape[0]
    tall = (rows, cols) if rows >= cols else (cols, rows)
    normal = F.empty(*tall, dtype=tensor.dtype, device=tensor.device).normal_(generator=generator)
    xp = tensor.device.xp
    q, r = xp.linalg.qr(normal.array)
    q = q * xp.sign(xp.diagonal(r)) * gain
    tensor.array[...] = (q if rows >= cols else q.T).reshape(tensor.shape)
    tensor.bump_version()
    return tensor


@outside_graph
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal(0, std), with the fraction `sparsity` of each column set to zero.

    Reference: J. Martens, 2010, "Deep learning via Hessian-free optimization".
    """
    if tensor.ndim != 2:
        raise ShapeError(
            f"sparse_: needs a tensor with 2 dims, got shape {tensor.shape}. Flatten it first."
        )
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0.0, std, generator=generator)
    for col in range(cols):
        tensor[F.randperm(rows, generator=generator)[:zeros], col] = 0
    return tensor


_calculate_correct_fan = _fan  # PyTorch's name


def older(fill: Callable) -> Callable:
    """The name without its underscore, which PyTorch keeps for old scripts."""

    @wraps(fill)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        notes.say_once(f"init: {fill.__name__[:-1]} is an old name. Use {fill.__name__}.")
        return fill(*args, **kwargs)

    return call


uniform, normal, constant = older(uniform_), older(normal_), older(constant_)
eye, dirac, sparse, orthogonal = older(eye_), older(dirac_), older(sparse_), older(orthogonal_)
xavier_uniform, xavier_normal = older(xavier_uniform_), older(xavier_normal_)
kaiming_uniform, kaiming_normal = older(kaiming_uniform_), older(kaiming_normal_)

_explain_missing(__name__)
