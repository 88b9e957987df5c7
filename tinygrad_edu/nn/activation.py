"""Activation functions as layers.

The formulas stand with the functions of the same name in `ops/`.
"""

from __future__ import annotations

from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..functional import full
from . import functional as F
from .declared import Declared
from .module import Module
from .parameter import Parameter


class Threshold(Declared):
    """x where x > threshold, else value."""

    function = "threshold"
    threshold: float
    value: float
    inplace: bool = False


class ReLU(Declared):
    """max(x, 0)."""

    function = "relu"
    inplace: bool = False


class ReLU6(Declared):
    """min(max(x, 0), 6)."""

    function = "relu6"
    inplace: bool = False


class LeakyReLU(Declared):
    """x where x > 0, else negative_slope·x."""

    function = "leaky_relu"
    negative_slope: float = 0.01
    inplace: bool = False


class PReLU(Module):
    """x where x > 0, else w·x with w learnt.

    Args: num_parameters: 1, or the number of channels for one w each; init: w at the start (default
          0.25).
    Reference: K. He et al., 2015, "Delving deep into rectifiers".
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Declared):
    """x where x > 0, else s·x: s random in [lower, upper) for each element in training, its mean in
    evaluation.
    """

    function = "rrelu"
    lower: float = 1 / 8
    upper: float = 1 / 3
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, inplace=self.inplace)


class ELU(Declared):
    """x where x > 0, else alpha·(eˣ − 1)."""

    function = "elu"
    alpha: float = 1.0
    inplace: bool = False


class SELU(Declared):
    """ELU scaled so that mean 0 and variance 1 are kept through deep networks (with `lecun_normal`
    weights).
    """

    function = "selu"
    inplace: bool = False


class CELU(Declared):
    """x where x > 0, else alpha·(e^(x/alpha) − 1)."""

    function = "celu"
    alpha: float = 1.0
    inplace: bool = False


class GELU(Declared):
    """x·Φ(x), Φ the normal distribution function; approximate="tanh" uses the tanh formula."""

    function = "gelu"
    approximate: str = "none"


class SiLU(Declared):
    """x·sigmoid(x)."""

    function = "silu"
    inplace: bool = False


class Mish(Declared):
    """x·tanh(softplus(x))."""

    function = "mish"
    inplace: bool = False


class Sigmoid(Declared):
    """1 / (1 + e⁻ˣ)."""

    function = "sigmoid"


class LogSigmoid(Declared):
    """log(sigmoid(x)), without overflow."""

    function = "logsigmoid"


class Hardsigmoid(Declared):
    """(x + 3) / 6 held in [0, 1]."""

    function = "hardsigmoid"
    inplace: bool = False


class Hardswish(Declared):
    """x·hardsigmoid(x)."""

    function = "hardswish"
    inplace: bool = False


class Hardtanh(Declared):
    """x held in [min_val, max_val]."""

    function = "hardtanh"
    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False

    def __post_init__(self) -> None:
        if self.min_val >= self.max_val:
            raise ShapeError(
                f"Hardtanh: min_val must be less than max_val, got {self.min_val} and"
                f" {self.max_val}. Swap them."
            )


class Hardshrink(Declared):
    """x where |x| > lambd, else 0."""

    function = "hardshrink"
    lambd: float = 0.5

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    """x moved towards 0 by lambd, and 0 where |x| ≤ lambd."""

    function = "softshrink"


class Tanhshrink(Declared):
    """x − tanh(x)."""

    function = "tanhshrink"


class Softplus(Declared):
    """log(1 + e^(beta·x)) / beta; x itself where beta·x > threshold."""

    function = "softplus"
    beta: float = 1.0
    threshold: float = 20.0


class Softsign(Declared):
    """x / (1 + |x|)."""

    function = "softsign"


class Tanh(Declared):
    """tanh(x)."""

    function = "tanh"


class GLU(Declared):
    """The first half along dim, gated by the sigmoid of the second half."""

    function = "glu"
    dim: int = -1


class Softmax(Declared):
    """eˣ along dim, divided by its sum along dim."""

    function = "softmax"
    dim: int | None = None


class LogSoftmax(Declared):
    """log(softmax(x)) along dim, without overflow."""

    function = "log_softmax"
    dim: int | None = None


class Softmin(Declared):
    """softmax(−x) along dim."""

    function = "softmin"
    dim: int | None = None


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W), at each position."""

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(
                f"Softmax2d: needs (N, C, H, W) or (C, H, W), got shape {input.shape}. Use"
                " Softmax(dim)."
            )
        return F.softmax(input, dim=-3)
