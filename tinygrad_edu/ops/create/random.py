"""Random numbers, and dropout, whose mask is made from a key and never stored."""

from __future__ import annotations

from ...engine.case import Case
from ...engine.device import current_generator, get_device
from ...engine.dtype import as_dtype, get_default_dtype
from ...engine.errors import ShapeError
from ...engine.op import composite, op
from ...engine.tensor import Tensor


def source(generator):
    return (current_generator() if generator is None else generator).numpy


def sizes(size):
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else tuple(size)


def make(array, dtype, device, requires_grad):
    where = get_device(device or "cpu")
    wanted = (get_default_dtype() if dtype is None else as_dtype(dtype)).numpy
    t = Tensor(
        where.asarray(
            array.astype(wanted, copy=False) if hasattr(array, "astype") else array, dtype=wanted
        ),
        where,
    )
    return t.requires_grad_() if requires_grad else t


def rand(*size, generator=None, dtype=None, device=None, requires_grad=False):
    """Uniform in [0, 1)."""
    kind = "float64" if dtype is not None and as_dtype(dtype).name == "float64" else "float32"
    return make(source(generator).random(sizes(size), dtype=kind), dtype, device, requires_grad)


def randn(*size, generator=None, dtype=None, device=None, requires_grad=False):
    """Standard normal."""
    kind = "float64" if dtype is not None and as_dtype(dtype).name == "float64" else "float32"
    return make(
        source(generator).standard_normal(sizes(size), dtype=kind), dtype, device, requires_grad
    )


def randint(low, high=None, size=None, *, generator=None, dtype="int64", device=None):
    """Integers in [low, high); `randint(high, size)` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    if high is None or high <= low:
        raise ShapeError(
            f"randint: high must be greater than low, got {low} and {high}. Swap or change them."
        )
    return make(source(generator).integers(low, high, tuple(size)), dtype, device, False)


def randperm(n, *, generator=None, dtype="int64", device=None):
    """The numbers 0 .. n-1 in random order."""
    return make(source(generator).permutation(n), dtype, device, False)


def like(function):
    def new(input, *, dtype=None, device=None, requires_grad=False, generator=None):
        return function(
            *input.shape,
            dtype=dtype or input.dtype,
            device=device or input.device,
            requires_grad=requires_grad,
            generator=generator,
        )

    new.__name__, new.__doc__ = (
        f"{function.__name__}_like",
        f"{function.__doc__} Shape, dtype and device of `input`.",
    )
    return new


rand_like, randn_like = like(rand), like(randn)


def randint_like(input, low, high=None, *, dtype=None, device=None):
    """Integers in [low, high). Shape, dtype and device of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(
        low, high, input.shape, dtype=dtype or input.dtype, device=device or input.device
    )


def normal(mean=0.0, std=1.0, size=None, *, generator=None, dtype=None, device=None):
    """Normal numbers; mean and std may be tensors."""
    shape = (
        size
        if size is not None
        else (mean + std).shape
        if isinstance(mean, Tensor) or isinstance(std, Tensor)
        else ()
    )
    kind = dtype or next((v.dtype for v in (mean, std) if isinstance(v, Tensor)), None)
    return randn(*shape, generator=generator, dtype=kind, device=device) * std + mean


def bernoulli(input, *, generator=None):
    """Ones with the given probabilities, else zeros."""
    raw = input.device.to_host(input.array)
    if raw.size and not ((raw >= 0) & (raw <= 1)).all():
        raise ShapeError(
            f"bernoulli: probabilities must be in [0, 1], got values from {raw.min()} to"
            f" {raw.max()}. Use sigmoid() first."
        )
    return make(source(generator).random(raw.shape) < raw, input.dtype, input.device, False)


def multinomial(input, num_samples, replacement=False, *, generator=None):
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


def poisson(input, generator=None):
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
        wanted = self.array.dtype
        return self.copy_(
            Tensor(
                self.device.asarray(
                    self.device.xp.asarray(draw(source(generator), self.shape, *given)).astype(
                        wanted
                    )
                ),
                self.device,
            )
        )

    fill.__name__, fill.__doc__ = name, text
    setattr(Tensor, name, fill)


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


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal numbers."""
    return self.copy_(
        randn(*self.shape, generator=generator, dtype=self.dtype, device=self.device) * std + mean
    )


def uniform_(self, a=0.0, b=1.0, *, generator=None, **names):
    """Fill with numbers uniform in [a, b)."""
    a, b = names.get("from", a), names.get("to", b)
    return self.copy_(
        rand(*self.shape, generator=generator, dtype=self.dtype, device=self.device) * (b - a) + a
    )


def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with ones (probability p) and zeros."""
    return self.copy_(rand(*self.shape, generator=generator, device=self.device) < p)


def random_(self, low=0, high=None, *, generator=None):
    """Fill with integers in [low, high)."""
    low, high = (0, low) if high is None and low else (low, 2**24 if high is None else high)
    return self.copy_(randint(low, high, self.shape, generator=generator, device=self.device))


for _f in (normal_, uniform_, bernoulli_, random_):
    setattr(Tensor, _f.__name__, _f)
Tensor.bernoulli, Tensor.multinomial = bernoulli, multinomial  # type: ignore[attr-defined]


@op(method=False, cases=[Case([3, 4], 0.5, 1234, torch=False), Case([7], 0.2, 99, torch=False)])
def dropout_keyed(xp, x, /, p, key):
    """Zero each element with probability p, scale the rest by 1 / (1 - p). The mask is a function
    of key alone.

    Math:   out = x m / (1 - p), m = [u >= p], u from Philox4x64-10 with that key;   d x =
            dropout_keyed(g), same key
    Note:   element i takes the i-th 32-bit word of the stream, low half first; u = word / 2^32
    Reference: N. Srivastava et al., 2014, "Dropout"; J. Salmon et al., 2011, "Parallel random
               numbers: as easy as 1, 2, 3"
    """
    words = (
        xp.random.Philox(key=key)
        .random_raw((x.size + 1) // 2)
        .view("uint32")[: x.size]
        .reshape(x.shape)
    )
    return (
        xp.multiply(x, xp.asarray(words >= min(int(p * 2**32), 2**32 - 1)))
        * x.dtype.type(1 / (1 - p))
        if p < 1
        else x * 0
    )


dropout_keyed.vjp(x=lambda F, g, p, key: F.dropout_keyed(g, p, key))


def check_p(name, p):
    if not 0.0 <= p <= 1.0:
        raise ShapeError(
            f"{name}: p must be in [0, 1], got {p}. It is the probability of dropping an element."
        )


@composite(method=False, cases=[Case([3, 4], 0.5, False), Case([3, 4], 0.0, True)])
def dropout(F, input, p=0.5, training=True, inplace=False):
    """Zero elements at random when training.

    Math:   out = x m / (1 - p)
    Reference: N. Srivastava et al., 2014, "Dropout: a simple way to prevent neural networks from
               overfitting"
    """
    check_p("dropout", p)
    if not training or p == 0.0:
        return input
    out = F.dropout_keyed(input, p, current_generator().next_key())
    return input.copy_(out) if inplace and input.grad_fn is not None else out


def channel_dropout(n, cases):
    def body(F, input, p=0.5, training=True, inplace=False):
        check_p(body.__name__, p)
        if not training or p == 0.0:
            return input
        lead = input.ndim - n
        ones = Tensor(
            input.device.xp.ones((*input.shape[:lead], *(1,) * n), input.array.dtype), input.device
        )
        return input * F.dropout_keyed(ones, p, current_generator().next_key())

    body.__name__ = f"dropout{n}d"
    body.__doc__ = (
        f"Zero whole channels ({n} spatial dim(s)) at random when training.\n\nMath:   out = x m /"
        ' (1 - p), one m per channel\nReference: J. Tompson et al., 2015, "Efficient object'
        ' localization using convolutional networks"'
    )
    composite(body, method=False, cases=cases)


for _n in (1, 2, 3):
    channel_dropout(_n, [Case([2, 3, *(2,) * _n], 0.5, False)])


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
def alpha_dropout(F, input, p=0.5, training=False, inplace=False):
    """Dropout that keeps mean and variance of self-normalising networks.

    Math:   out = a (x m + s (1 - m)) + b, s = -1.7580993
    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks"
    """
    return alpha_dropped(F, "alpha_dropout", input, p, training, input.shape)


@composite(method=False, cases=[Case([2, 3, 4], 0.5, False)])
def feature_alpha_dropout(F, input, p=0.5, training=False, inplace=False):
    """alpha_dropout of whole channels (dim 1).

    Math:   out = a (x m + s (1 - m)) + b, one m per channel
    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks"
    """
    return alpha_dropped(
        F, "feature_alpha_dropout", input, p, training, (*input.shape[:2], *(1,) * (input.ndim - 2))
    )
