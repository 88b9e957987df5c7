"""Images resized and rearranged: interpolation is separable, one `resample` per dim."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor
from .resample import Line

SPATIAL = {
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
}
RULE = {
    "linear": "linear",
    "bilinear": "linear",
    "trilinear": "linear",
    "bicubic": "cubic",
    "nearest": "nearest",
    "nearest-exact": "nearest-exact",
}


def per_dim(name, value, n):
    """One number or n of them as a tuple of n."""
    value = (value,) * n if isinstance(value, (int, float)) else tuple(value)
    if len(value) != n:
        raise ShapeError(
            f"interpolate: {name} must be one number or {n}, got {value}. Give one per spatial dim."
        )
    return value


def check_interpolate(input, size, scale_factor, mode, align_corners, recompute, antialias):
    n = input.ndim - 2
    if mode not in SPATIAL:
        raise ShapeError(
            f"interpolate: mode must be one of {', '.join(SPATIAL)}, got {mode!r}. Use one of"
            " these."
        )
    if n not in SPATIAL[mode]:
        raise ShapeError(
            f"interpolate: mode {mode!r} needs an input with"
            f" {' or '.join(str(k + 2) for k in SPATIAL[mode])} dims (N, C, sizes), got shape"
            f" {tuple(input.shape)}. Use another mode, or unsqueeze."
        )
    if align_corners is not None and not mode.endswith(("linear", "cubic")):
        raise ShapeError(
            "interpolate: align_corners is for linear, bilinear, bicubic and trilinear, got it"
            f" with mode {mode!r}. Omit it."
        )
    if (size is None) == (scale_factor is None):
        raise ShapeError(
            "interpolate: needs either size or scale_factor, got"
            f" {'neither' if size is None else 'both'}. Give one of them."
        )
    if recompute and size is not None:
        raise ShapeError(
            "interpolate: recompute_scale_factor is for scale_factor, got size. Omit it."
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ShapeError(
            f"interpolate: antialias is for bilinear and bicubic, got mode {mode!r}. Omit it."
        )
    kinds = ("f", "u") if mode.startswith("nearest") else ("f",)
    if getattr(input, "array", input).dtype.kind not in kinds:
        raise DTypeError(
            f"interpolate: mode {mode!r} needs a floating-point"
            f" input{' or uint8' if 'u' in kinds else ''}, got {input.dtype}. Convert it with"
            " x.float()."
        )


def stride(n, m, scale, align_corners, rule, dims):
    """Inputs per output."""
    if align_corners:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    # where PyTorch takes the ratio of the sizes although a scale is given
    unchanged = n == m and rule not in ("cubic", "nearest", "nearest-exact")
    doubled = m in (n, 2 * n) and rule == "nearest" and dims == 2
    return n / m if scale is None or unchanged or doubled else 1 / scale


@composite(
    method=False,
    cases=[
        Case([1, 2, 3, 4], (5, 7)),
        Case([1, 2, 3], None, 2.5),
        Case([2, 3, 4, 5], None, (0.5, 1.7), "nearest-exact"),
        Case([1, 1, 2, 3, 2], 4),
        Case([2, 2, 4], 7, mode="linear"),
        Case([2, 1, 4, 3], (3, 7), None, "bilinear"),
        Case([2, 1, 4, 3], (3, 7), None, "bilinear", True),
        Case([1, 2, 3, 3], None, 2.3, "bilinear", False),
        Case([1, 2, 3, 3], None, 2.3, "bilinear", recompute_scale_factor=True),
        Case([1, 2, 5, 4], (3, 6), None, "bicubic"),
        Case([1, 1, 3, 4], None, 2, "bicubic", True),
        Case([1, 1, 2, 3, 2], (3, 2, 4), None, "trilinear"),
        Case([1, 2, 7, 5], (3, 4), mode="area"),
        Case([1, 2, 9, 7], (4, 5), mode="bilinear", antialias=True),
        Case([1, 1, 9, 7], (4, 9), mode="bicubic", antialias=True),
    ],
)
def interpolate(
    F,
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize to `size`, or by `scale_factor`, in 1, 2 or 3 spatial dims.

    Math:   out = input resampled along one dim after the other (see resample); area: the mean of
            windows as in adaptive_avg_pool
    Shape:  input (N, C, *), out (N, C, *size), size = floor(scale_factor * input size)
    Args:   mode: nearest (PyTorch's, off by half an element), nearest-exact, linear, bilinear,
            bicubic, trilinear, area.
            align_corners: corner elements keep their places; recompute_scale_factor: use the ratio
            of the sizes instead of scale_factor; antialias (bilinear, bicubic): when shrinking,
            average over all inputs that an output covers.
    """
    check_interpolate(
        input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias
    )
    sizes = tuple(input.shape[2:])
    n = len(sizes)
    if size is not None:
        scales, target = (None,) * n, per_dim("size", size, n)
    else:
        scales = per_dim("scale_factor", scale_factor, n)
        target = tuple(int(s * scale // 1) for s, scale in zip(sizes, scales))
    if min(sizes) < 1 or min(target) < (0 if mode == "area" else 1):
        raise ShapeError(
            f"interpolate: sizes must be at least 1, got {sizes} to {target}. Choose a larger size"
            " or scale_factor."
        )
    if mode == "area":
        return getattr(F, f"adaptive_avg_pool{n}d")(input, target)
    if recompute_scale_factor:
        scales = (None,) * n
    rule = RULE[mode] + "-antialias" * antialias
    out = input
    for i in reversed(range(n)):
        step = stride(sizes[i], target[i], scales[i], align_corners, rule, n)
        if sizes[i] != target[i] or step != 1:
            line = Line(rule, sizes[i], target[i], step, align=bool(align_corners))
            out = F.resample(out, i + 2, line)
    return F.clone(input) if out is input else out


@composite(
    method=False, cases=[Case([1, 2, 3, 4], (5, 7)), Case([1, 2, 3, 3], None, 2, "bilinear", True)]
)
def upsample(
    F,
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its old name.

    Math:   out = interpolate(input, size, scale_factor, mode, align_corners)
    """
    return F.interpolate(input, size, scale_factor, mode, align_corners)


@composite(method=False, cases=[Case([1, 2, 3, 4], None, 2), Case([1, 2, 3], 5)])
def upsample_nearest(
    F,
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode "nearest", an older name.

    Math:   out = interpolate(input, size, scale_factor, "nearest")
    """
    return F.interpolate(input, size, scale_factor, "nearest")


@composite(method=False, cases=[Case([1, 2, 3, 4], None, 2), Case([1, 2, 3, 3], (5, 4))])
def upsample_bilinear(
    F,
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode "bilinear" and aligned corners, an older name.

    Math:   out = interpolate(input, size, scale_factor, "bilinear", align_corners=True)
    """
    return F.interpolate(input, size, scale_factor, "bilinear", True)


def check_factor(name, what, factor, size):
    if factor < 1 or size % factor:
        raise ShapeError(
            f"{name}: {what} must be a multiple of a factor of at least 1, got {size} and {factor}."
            " Change one of them."
        )


@composite(
    method=False, cases=[Case([1, 8, 2, 3], 2), Case([9, 1, 2], 3), Case([2, 1, 4, 2, 2], 1)]
)
def pixel_shuffle(F, input: Tensor, upscale_factor: int) -> Tensor:
    """Rearrange groups of r^2 channels into an image r times as high and wide.

    Math:   out[c, r h + i, r w + j] = input[c r^2 + i r + j, h, w]
    Shape:  (*, C r^2, H, W) to (*, C, r H, r W)
    Reference: W. Shi et al., 2016, "Real-time single image and video super-resolution using an
               efficient sub-pixel convolutional neural network"
    """
    r = upscale_factor
    if input.ndim < 3:
        raise ShapeError(
            "pixel_shuffle: input must have at least 3 dims (C, H, W), got shape"
            f" {tuple(input.shape)}. Add the missing dims with unsqueeze."
        )
    *lead, c, h, w = input.shape
    check_factor("pixel_shuffle", "the number of channels", r * r if r > 0 else r, c)
    k = len(lead)
    split = F.reshape(input, (*lead, c // (r * r), r, r, h, w))
    turned = F.permute(split, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return F.reshape(F.clone_contiguous(turned), (*lead, c // (r * r), h * r, w * r))


@composite(method=False, cases=[Case([1, 2, 4, 6], 2), Case([1, 3, 6], 3)])
def pixel_unshuffle(F, input: Tensor, downscale_factor: int) -> Tensor:
    """Rearrange blocks of r by r elements into r^2 channels: undoes pixel_shuffle.

    Math:   out[c r^2 + i r + j, h, w] = input[c, r h + i, r w + j]
    Shape:  (*, C, r H, r W) to (*, C r^2, H, W)
    """
    r = downscale_factor
    if input.ndim < 3:
        raise ShapeError(
            "pixel_unshuffle: input must have at least 3 dims (C, H, W), got shape"
            f" {tuple(input.shape)}. Add the missing dims with unsqueeze."
        )
    *lead, c, h, w = input.shape
    check_factor("pixel_unshuffle", "the height", r, h)
    check_factor("pixel_unshuffle", "the width", r, w)
    k = len(lead)
    split = F.reshape(input, (*lead, c, h // r, r, w // r, r))
    turned = F.permute(split, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return F.reshape(F.clone_contiguous(turned), (*lead, c * r * r, h // r, w // r))


@composite(method=False, cases=[Case([1, 6, 2, 2], 3), Case([2, 4, 3], 2)])
def channel_shuffle(F, input: Tensor, groups: int) -> Tensor:
    """Interleave the channels of the groups: one of each group in turn.

    Math:   out[c groups + k] = input[k C / groups + c]
    Shape:  (N, C, *), unchanged
    Reference: X. Zhang et al., 2018, "ShuffleNet"
    """
    if input.ndim < 3:
        raise ShapeError(
            "channel_shuffle: input must have at least 3 dims (N, C, *), got shape"
            f" {tuple(input.shape)}. Add the missing dims with unsqueeze."
        )
    n, c, *rest = input.shape
    check_factor("channel_shuffle", "the number of channels", groups, c)
    split = F.reshape(input, (n, groups, c // groups, *rest))
    return F.reshape(F.clone_contiguous(F.transpose(split, 1, 2)), (n, c, *rest))
