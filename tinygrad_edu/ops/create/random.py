"""Random numbers, and dropout, whose mask is made from a key and never stored."""

from __future__ import annotations

from typing import Any, Unpack

from ...engine.border import public, silent
from ...engine.case import Case
from ...engine.composite import composite
from ...engine.device import Generator, current_generator, functional, get_device
from ...engine.dtype import as_dtype
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .sizes import AnyDevice, AnyDType, AnySize, Named, count, kind, made, place, sizes


def source(generator: Generator | None) -> Any:
    return (current_generator() if generator is None else generator).numpy


def make(array: Any, dtype: AnyDType, device: AnyDevice, requires_grad: bool) -> Tensor:
    """Numbers drawn on the CPU as a new tensor."""
    where, wanted = place(device), kind(dtype)
    if hasattr(array, "astype"):
        array = array.astype(wanted, copy=False)
    return made(where.asarray(array, dtype=wanted), where, requires_grad)


def precision(dtype: AnyDType) -> str:
    """What to draw in: float64 only if that is asked for."""
    return "float64" if dtype is not None and as_dtype(dtype).name == "float64" else "float32"


@public
def rand(
    *given: AnySize,
    generator: Generator | None = None,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
    **named: Unpack[Named],
) -> Tensor:
    """Uniform in [0, 1)."""
    shape = sizes("rand", given, named)
    drawn = source(generator).random(shape, dtype=precision(dtype))
    return make(drawn, dtype, device, requires_grad)


@public
def randn(
    *given: AnySize,
    generator: Generator | None = None,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
    **named: Unpack[Named],
) -> Tensor:
    """Standard normal."""
    shape = sizes("randn", given, named)
    drawn = source(generator).standard_normal(shape, dtype=precision(dtype))
    return make(drawn, dtype, device, requires_grad)


@public
def randint(
    low: Any = 0,
    high: AnySize | None = None,
    size: AnySize | None = None,
    *,
    generator: Generator | None = None,
    dtype: AnyDType = "int64",
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers in [low, high); `randint(high, size)` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if high is None or high <= low:
        raise ShapeError(
            f"randint: high must be greater than low, got {low} and {high}. Swap or change them."
        )
    drawn = source(generator).integers(low, high, sizes("randint", (size,)))
    return make(drawn, dtype, device, requires_grad)


@public
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: AnyDType = "int64",
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers 0 .. n-1 in random order."""
    drawn = source(generator).permutation(count("randperm", "n", n))
    return make(drawn, dtype, device, requires_grad)


@public
def rand_like(
    input: Tensor,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in [0, 1). Shape, dtype and device of `input`."""
    return rand(
        *input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


@public
def randn_like(
    input: Tensor,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Standard normal. Shape, dtype and device of `input`."""
    return randn(
        *input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


@public
def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
) -> Tensor:
    """Integers in [low, high). Shape, dtype and device of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(
        low, high, input.shape, dtype=dtype or input.dtype, device=device or input.device
    )


@public
def normal(
    mean: float | Tensor = 0.0,
    std: float | Tensor = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: AnyDType = None,
    device: AnyDevice = None,
) -> Tensor:
    """Normal numbers; mean and std may be tensors."""
    tensors = [v for v in (mean, std) if isinstance(v, Tensor)]
    if size is None:
        size = functional.add(mean, std).shape if tensors else ()
    if dtype is None and tensors:
        dtype = tensors[0].dtype
    shape = sizes("normal", (tuple(size),))
    return randn(*shape, generator=generator, dtype=dtype, device=device) * std + mean


@public
def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Ones with the given probabilities, else zeros."""
    raw = input.device.to_host(input.array)
    if raw.size and not ((raw >= 0) & (raw <= 1)).all():
        raise ShapeError(
            f"bernoulli: probabilities must be in [0, 1], got values from {raw.min()} to"
            f" {raw.max()}. Use sigmoid() first."
        )
    return make(source(generator).random(raw.shape) < raw, input.dtype, input.device, False)


@public
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Row-wise class numbers drawn with the given weights (which need not add up to one)."""
    weights = input.device.to_host(input.array).astype("float64")
    rows = weights.reshape(-1, weights.shape[-1])
    if (rows < 0).any() or not (rows.sum(-1) > 0).all():
        raise ShapeError(
            "multinomial: weights must be non-negative with a positive sum in each row, got others."
            " Use softmax() first."
        )
    if not replacement and num_samples > int((rows > 0).sum(-1).min()):
        raise ShapeError(
            "multinomial: without replacement num_samples must be at most the number of non-zero"
            f" weights, got {num_samples}. Draw fewer or set replacement=True."
        )
    rng = source(generator)
    drawn = [rng.choice(rows.shape[-1], num_samples, replacement, row / row.sum()) for row in rows]
    return make(
        get_device("cpu").asarray(drawn).reshape(*weights.shape[:-1], num_samples),
        "int64",
        input.device,
        False,
    )


@public
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers with the given rates."""
    raw = input.device.to_host(input.array)
    if raw.dtype.kind != "f" or not (raw >= 0).all():
        raise ShapeError(
            f"poisson: rates must be floating-point and 0 or more, got {input.dtype.name}. Correct"
            " them."
        )
    return make(source(generator).poisson(raw), input.dtype, input.device, False)


def drawn(name, text, check, draw):
    """A method that fills a tensor with numbers of one distribution."""

    def fill(self, *args, generator=None, **names):
        given = check(*args, **names)
        numbers = self.device.xp.asarray(draw(source(generator), self.shape, *given))
        return self.copy_(Tensor(numbers.astype(self.array.dtype), self.device))

    fill.__name__, fill.__doc__ = name, text
    setattr(Tensor, name, public(silent(fill)))


def above_zero(name, parameter, value):
    if not value > 0:
        raise ShapeError(f"{name}: {parameter} must be above 0, got {value}. Correct it.")
    return value


drawn(
    "exponential_",
    "Fill with exponential numbers of rate `lambd`.",
    lambda lambd=1.0: (above_zero("exponential_", "lambd", lambd),),
    lambda rng, shape, rate: rng.exponential(1 / rate, shape),
)
drawn(
    "log_normal_",
    "Fill with exp of normal numbers.",
    lambda mean=1.0, std=2.0: (mean, above_zero("log_normal_", "std", std)),
    lambda rng, shape, mean, std: rng.lognormal(mean, std, shape),
)
drawn(
    "cauchy_",
    "Fill with Cauchy numbers.",
    lambda median=0.0, sigma=1.0: (median, above_zero("cauchy_", "sigma", sigma)),
    lambda rng, shape, median, sigma: rng.standard_cauchy(shape) * sigma + median,
)
drawn(
    "geometric_",
    "Fill with how many trials of probability p it takes to succeed.",
    lambda p: (above_zero("geometric_", "p", p),),
    lambda rng, shape, p: rng.geometric(p, shape),
)


@public
def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with normal numbers."""
    return self.copy_(
        randn(*self.shape, generator=generator, dtype=self.dtype, device=self.device) * std + mean
    )


@public
def uniform_(
    self: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    *,
    generator: Generator | None = None,
    **names: float,
) -> Tensor:
    """Fill with numbers uniform in [a, b)."""
    a, b = names.get("from", a), names.get("to", b)
    return self.copy_(
        rand(*self.shape, generator=generator, dtype=self.dtype, device=self.device) * (b - a) + a
    )


@public
def bernoulli_(
    self: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None
) -> Tensor:
    """Fill with ones (probability p) and zeros."""
    return self.copy_(rand(*self.shape, generator=generator, device=self.device) < p)


@public
def random_(
    self: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Fill with integers in [low, high)."""
    low, high = (0, low) if high is None and low else (low, 2**24 if high is None else high)
    return self.copy_(randint(low, high, self.shape, generator=generator, device=self.device))


for _f in (normal_, uniform_, bernoulli_, random_):
    setattr(Tensor, _f.__name__, _f)
for _drawn in (rand, rand_like, randn_like):
    setattr(functional, _drawn.__name__, _drawn)  # composites reach them through F
Tensor.bernoulli, Tensor.multinomial = bernoulli, multinomial  # type: ignore[assignment, method-assign]


@piece(cases=[Case([3, 4], 0.5, 1234), Case([7], 0.2, 99)])
def dropout_keyed(xp, input: Array, p: float, key: int):
    """Zero each element with probability p, scale the rest by 1 / (1 - p). The mask is a function
    of the key alone.

    Math:   out = input m / (1 - p), m = [u >= p], u from Philox4x64-10 with that key;
            d input = dropout_keyed(g), same key
    Note:   element i takes the i-th 32-bit word of the stream, low half first; u = word / 2^32
    Reference: N. Srivastava et al., 2014, "Dropout"; J. Salmon et al., 2011, "Parallel random
               numbers: as easy as 1, 2, 3"
    """
    if p == 1:
        return input * 0
    words = xp.random.Philox(key=key).random_raw((input.size + 1) // 2).view("uint32")
    kept = words[: input.size].reshape(input.shape) >= min(int(p * 2**32), 2**32 - 1)
    return xp.multiply(input, xp.asarray(kept)) * input.dtype.type(1 / (1 - p))


dropout_keyed.vjp(input=lambda F, g, p, key: F.dropout_keyed(g, p, key))


def check_p(name, p):
    if not 0.0 <= p <= 1.0:
        raise ShapeError(
            f"{name}: p must be in [0, 1], got {p}. It is the probability of dropping an element."
        )


@composite(method=False, cases=[Case([3, 4], 0.5, False), Case([3, 4], 0.0, True)])
def dropout(
    F, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero elements at random when training.

    Math:   out = input m / (1 - p)
    Reference: N. Srivastava et al., 2014, "Dropout: a simple way to prevent neural networks from
               overfitting"
    """
    check_p("dropout", p)
    if not training or p == 0.0:
        return input
    out = F.dropout_keyed(input, p, current_generator().next_key())
    return input.copy_(out) if inplace and input.grad_fn is not None else out


def channels_dropped(F, name, input, p, training, dims):
    """Dropout of whole channels; the last `dims` dims of one share a mask element."""
    check_p(name, p)
    if not training or p == 0.0:
        return input
    lead = input.shape[: input.ndim - dims]
    ones = Tensor(input.device.xp.ones((*lead, *(1,) * dims), input.array.dtype), input.device)
    return input * F.dropout_keyed(ones, p, current_generator().next_key())


@composite(method=False, cases=[Case([2, 3, 2], 0.5, False)])
def dropout1d(
    F, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of sequences at random when training.

    Math:   out = input m / (1 - p), one m per channel
    Reference: J. Tompson et al., 2015, "Efficient object localization using convolutional networks"
    """
    return channels_dropped(F, "dropout1d", input, p, training, 1)


@composite(method=False, cases=[Case([2, 3, 2, 2], 0.5, False)])
def dropout2d(
    F, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of images at random when training.

    Math:   out = input m / (1 - p), one m per channel
    Reference: J. Tompson et al., 2015, "Efficient object localization using convolutional networks"
    """
    return channels_dropped(F, "dropout2d", input, p, training, 2)


@composite(method=False, cases=[Case([2, 3, 2, 2, 2], 0.5, False)])
def dropout3d(
    F, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of volumes at random when training.

    Math:   out = input m / (1 - p), one m per channel
    Reference: J. Tompson et al., 2015, "Efficient object localization using convolutional networks"
    """
    return channels_dropped(F, "dropout3d", input, p, training, 3)


def alpha_dropped(F, name, input, p, training, shape):
    check_p(name, p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return input * 0
    s = -1.7580993408473766
    a = ((1 - p) * (1 + p * s * s)) ** -0.5
    ones = Tensor(input.device.xp.ones(shape, input.array.dtype), input.device)
    m = F.dropout_keyed(ones, p, current_generator().next_key()) * (1 - p)
    return (input * m + (1 - m) * s) * a - a * p * s


@composite(method=False, cases=[Case([3, 4], 0.5, False)])
def alpha_dropout(
    F, input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of self-normalising networks.

    Math:   out = a (input m + s (1 - m)) + b, s = -1.7580993
    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks"
    """
    return alpha_dropped(F, "alpha_dropout", input, p, training, input.shape)


@composite(method=False, cases=[Case([2, 3, 4], 0.5, False)])
def feature_alpha_dropout(
    F, input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels (dim 1).

    Math:   out = a (input m + s (1 - m)) + b, one m per channel
    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks"
    """
    return alpha_dropped(
        F, "feature_alpha_dropout", input, p, training, (*input.shape[:2], *(1,) * (input.ndim - 2))
    )
